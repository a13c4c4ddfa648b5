import type { DataType } from '../../tensor/dtype.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import type { Call } from '../call.ts';
import { expectAtMost, expectShape } from '../shapes.ts';
import { isBig } from './elementwise.ts';

/** Elements of any type, as the loops that only move them see them. */
export type Elements = Float32Array;

export function elementsOf(tensor: Tensor): Elements {
  return tensor.data as unknown as Elements;
}

/** Most texts of a tensor that is made. */
const MAX_TEXTS = 2 ** 22;

/** A new output for an operator that moves elements of any type, strings among them. */
export function allocateAny(call: Call, dtype: DataType, shape: readonly number[]): Tensor {
  if (dtype !== 'STRING') return call.allocate(dtype, shape);
  expectShape(shape);
  expectAtMost(MAX_TEXTS, sizeOf(shape), 'texts');
  return { dtype, shape, data: new Array<string>(sizeOf(shape)).fill('') };
}

/** The zero of a type; of STRING the empty text. */
export function zeroOf(dtype: DataType): number {
  return (isBig(dtype) ? 0n : dtype === 'STRING' ? '' : 0) as number;
}

/** Copies `count` neighbouring elements; long runs at the speed of memory. */
export function copyRun(from: Elements, at: number, to: Elements, start: number, count: number): void {
  if (count > 32 && !Array.isArray(from)) to.set(from.subarray(at, at + count), start);
  else for (let i = 0; i < count; i++) to[start + i] = from[at + i]!;
}

/**
 * Elements of `from` at `offset + Σ index·strides`, gathered row-major over `dims` into `to`: transposes, slices and
 * everything else that reads along strides.
 */
export function copyStrided(
  from: Elements,
  offset: number,
  strides: readonly number[],
  dims: readonly number[],
  to: Elements,
): void {
  const merged = mergeAxes(dims, strides);
  if (sizeOf(merged.dims) === 0) return;
  const rank = merged.dims.length;
  const length = merged.dims[rank - 1]!;
  const step = merged.strides[rank - 1]!;
  const rows = rank > 1 ? merged.dims[rank - 2]! : 1;
  const rowStep = rank > 1 ? merged.strides[rank - 2]! : 0;
  const index = new Array<number>(Math.max(rank - 2, 0)).fill(0);
  let start = offset;
  let at = 0;
  for (;;) {
    for (let row = 0, base = start; row < rows; row++, base += rowStep, at += length) {
      if (step === 1) copyRun(from, base, to, at, length);
      else for (let i = 0, p = base; i < length; i++, p += step) to[at + i] = from[p]!;
    }
    let axis = rank - 3;
    for (; axis >= 0; axis--) {
      start += merged.strides[axis]!;
      if (++index[axis]! < merged.dims[axis]!) break;
      start -= merged.strides[axis]! * merged.dims[axis]!;
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

/** Drops axes of one element and joins neighbours that run on into each other. */
function mergeAxes(
  dims: readonly number[],
  strides: readonly number[],
): { dims: number[]; strides: number[] } {
  const merged = { dims: [] as number[], strides: [] as number[] };
  dims.forEach((dim, axis) => {
    if (dim === 1) return;
    const last = merged.dims.length - 1;
    if (last >= 0 && merged.strides[last] === strides[axis]! * dim) {
      merged.dims[last]! *= dim;
      merged.strides[last] = strides[axis]!;
    } else {
      merged.dims.push(dim);
      merged.strides.push(strides[axis]!);
    }
  });
  if (merged.dims.length === 0) return { dims: [1], strides: [1] };
  return merged;
}
