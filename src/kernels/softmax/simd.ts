import type { Workspace } from '../wasm/workspace.ts';

/** Softmax over the middle axis of [outer, length, inner], as `softmaxReference`. */
export function softmaxSimd(
  workspace: Workspace,
  x: Float32Array,
  y: Float32Array,
  outer: number,
  length: number,
  inner: number,
  logarithm = false,
): void {
  workspace.call(y, [x], 0, (yAt, _scratch, [xAt]) => {
    workspace.exports.softmax(xAt!, yAt, outer, length, inner, logarithm ? 1 : 0);
  });
}
