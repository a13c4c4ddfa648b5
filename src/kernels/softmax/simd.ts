import type { Workspace } from '../wasm/workspace.ts';

/** Nanoseconds an element, about: mostly `exp`. */
const ELEMENT_NS = 15;

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
    const pitch = length * inner * 4;
    const log = logarithm ? 1 : 0;
    workspace.run(
      workspace
        .ranges(outer, { nanoseconds: outer * length * inner * ELEMENT_NS })
        .map(({ from, to }) => [
          ['softmax', xAt! + from * pitch, yAt + from * pitch, to - from, length, inner, log],
        ]),
    );
  });
}
