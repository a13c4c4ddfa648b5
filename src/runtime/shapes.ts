import { BnnqError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** `axis` counted from the front; a negative one counts from the back. `extent` is the rank, or rank + 1 where a new axis may be made. */
export function axisOf(axis: number, extent: number): number {
  const positive = axis < 0 ? axis + extent : axis;
  if (positive < 0 || positive >= Math.max(extent, 1))
    throw new BnnqError('mismatch', `axis ${axis} is outside a tensor of rank ${extent}`);
  return positive;
}

/** Row-major strides in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i]!;
  }
  return strides;
}

/** Product of the dimensions from `start` up to, not including, `end`. */
export function sizeBetween(shape: readonly number[], start: number, end: number): number {
  let size = 1;
  for (let i = start; i < end; i++) size *= shape[i]!;
  return size;
}

/** Throws for what is no shape: dimensions that operands and attributes give may be any numbers. */
export function expectShape(shape: readonly number[]): void {
  for (const dim of shape)
    if (!(Number.isSafeInteger(dim) && dim >= 0))
      throw new BnnqError(
        'mismatch',
        `a tensor of shape ${shapeText(shape)}, expected dimensions of 0 or more`,
      );
}

/**
 * Throws for a list that would be too long. Lists are in the memory of JavaScript: where that ends, the process does, while
 * a tensor that is too large is an error.
 */
export function expectAtMost(most: number, count: number, what: string): void {
  if (!(count <= most)) throw new BnnqError('limit', `${count} ${what}, at most ${most} are possible`);
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The elements of a numeric tensor as JavaScript numbers: shapes, axes, indices. */
export function numbersOf(tensor: Tensor): number[] {
  const numbers = new Array<number>(tensor.data.length);
  for (let i = 0; i < numbers.length; i++) numbers[i] = Number(tensor.data[i]);
  return numbers;
}

/** The only element of a tensor of one element. */
export function numberOf(tensor: Tensor): number {
  if (tensor.data.length !== 1)
    throw new BnnqError('mismatch', `expected one element, got shape [${tensor.shape.join(',')}]`);
  return Number(tensor.data[0]);
}

/** An INT64 tensor of one axis, or a scalar when `shape` is []. */
export function int64s(values: readonly number[], shape: readonly number[] = [values.length]): Tensor {
  return { dtype: 'INT64', shape, data: BigInt64Array.from(values, (value) => BigInt(value)) };
}

/** Shape as it is written in messages. */
export function shapeText(shape: readonly (number | string | null)[]): string {
  return `[${shape.map((dim) => dim ?? '?').join(',')}]`;
}
