import type { BinaryName } from '../contract.ts';
import type { Workspace } from '../wasm/workspace.ts';

/** Codes of `binary` (binary.as.ts). */
const CODES: Record<BinaryName, number> = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  max: 4,
  min: 5,
  pow: 6,
  prelu: 7,
};

/** y = f(a, b) over [outer, channels, inner], as `binaryReference`. */
export function binarySimd(
  workspace: Workspace,
  name: BinaryName,
  a: Float32Array,
  b: Float32Array,
  y: Float32Array,
  outer: number,
  channels: number,
  inner: number,
  swapped = false,
): void {
  const { exports } = workspace;
  workspace.call(y, [a, b], 0, (yAt, _scratch, [aAt, bAt]) => {
    exports.binary(CODES[name], aAt!, bAt!, yAt, outer, channels, inner, swapped ? 1 : 0);
  });
}

/** y = clamp(x · scale[c] + shift[c]) over [outer, channels, inner], as `affineReference`. */
export function affineSimd(
  workspace: Workspace,
  x: Float32Array,
  scale: Float32Array,
  shift: Float32Array,
  y: Float32Array,
  outer: number,
  channels: number,
  inner: number,
  low: number = Number.NEGATIVE_INFINITY,
  high: number = Number.POSITIVE_INFINITY,
): void {
  const { exports } = workspace;
  workspace.call(y, [x, scale, shift], 0, (yAt, _scratch, [xAt, scaleAt, shiftAt]) => {
    exports.affine(xAt!, scaleAt!, shiftAt!, yAt, outer, channels, inner, low, high);
  });
}
