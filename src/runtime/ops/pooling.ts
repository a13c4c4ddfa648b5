import { BnnqError } from '../../errors.ts';
import type { Conv2dShape } from '../../kernels/contract.ts';
import { pow } from '../../kernels/math/pow.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { shapeText } from '../shapes.ts';
import type { OperatorTable } from './operator-table.ts';
import { conv2dShape, eachIndex, eachTap, expectElements, type Window, windowOf } from './window.ts';

export interface PoolGeometry {
  readonly window: Window;
  readonly shape: readonly number[];
  readonly pool2d: Conv2dShape | undefined;
  /** Padding below and to the right, of `pool2d`. */
  readonly padsAfter: readonly [number, number];
}

export function poolGeometry(call: Call, x: readonly number[]): PoolGeometry {
  const kernel = call.ints('kernel_shape');
  if (kernel === undefined) throw new BnnqError('malformed', 'attribute "kernel_shape" is missing');
  const window = windowOf(call, x.slice(2), kernel);
  expectElements(window);
  const [batch = 0, channels = 0] = x;
  return {
    window,
    shape: [batch, channels, ...window.output],
    pool2d: conv2dShape(window, batch, channels, channels, channels),
    padsAfter: [window.padsEnd.at(-2) ?? 0, window.padsEnd.at(-1) ?? 0],
  };
}

/** One window over the whole of every channel. */
export function globalGeometry(_: Call, x: readonly number[]): PoolGeometry {
  if (x.length < 3) throw new BnnqError('mismatch', `expected [N,C,…], got ${shapeText(x)}`);
  const [batch = 0, channels = 0] = x;
  const ones = x.slice(2).map(() => 1);
  const zeros = ones.map(() => 0);
  const size = sizeOf(x.slice(2));
  const window: Window = {
    input: x.slice(2),
    output: ones,
    kernel: x.slice(2),
    strides: ones,
    dilations: ones,
    padsBegin: zeros,
    padsEnd: zeros,
  };
  const line: Window = {
    input: [size],
    output: [1],
    kernel: [size],
    strides: [1],
    dilations: [1],
    padsBegin: [0],
    padsEnd: [0],
  };
  return {
    window,
    shape: [batch, channels, ...ones],
    pool2d: conv2dShape(line, batch, channels, channels, channels),
    padsAfter: [0, 0],
  };
}

type GeometryOf = (call: Call, x: readonly number[]) => PoolGeometry;

const maxPool =
  (geometryOf: GeometryOf): Operator =>
  (call) => {
    const x = call.input(0);
    const { window, shape, pool2d } = call.memo(() => geometryOf(call, x.shape), x.shape);
    const wantsIndices = call.wants(1);
    const y = call.allocate(x.dtype, shape);
    if (pool2d !== undefined && x.dtype === 'FLOAT' && !wantsIndices) {
      call.kernels.maxPool2d(x.data as Float32Array, y.data as Float32Array, pool2d);
      return y;
    }
    const indices = wantsIndices ? call.allocate('INT64', shape) : undefined;
    maxPoolAnyRank(x, y, window, indices, call.int('storage_order', 0) === 1);
    return indices === undefined ? y : [y, indices];
  };

/** MaxPool, its window from the attributes. */
export const maxPoolOfWindows: Operator = maxPool(poolGeometry);

/** Indices count through the whole tensor, row-major or (`isColumnMajor`) with the first spatial axis fastest. */
function maxPoolAnyRank(
  x: Tensor,
  y: Tensor,
  window: Window,
  indices: Tensor | undefined,
  isColumnMajor: boolean,
): void {
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  const where = indices?.data as BigInt64Array | undefined;
  const inSize = sizeOf(window.input);
  const outSize = sizeOf(window.output);
  const planes = sizeOf(x.shape.slice(0, 2));
  eachIndex(window.output, (at, offset) => {
    const positions: number[] = [];
    eachTap(window, at, (_, position) => positions.push(position));
    for (let plane = 0; plane < planes; plane++) {
      let best = plane * inSize + (positions[0] ?? 0);
      for (const position of positions) {
        const value = from[plane * inSize + position]!;
        if (value > from[best]! || Number.isNaN(value)) best = plane * inSize + position;
      }
      to[plane * outSize + offset] = from[best]!;
      if (where !== undefined) {
        const position = best - plane * inSize;
        const index = isColumnMajor ? columnMajor(position, window.input) : position;
        where[plane * outSize + offset] = BigInt(plane * inSize + index);
      }
    }
  });
}

function columnMajor(position: number, shape: readonly number[]): number {
  let rest = position;
  let index = 0;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const at = rest % shape[axis]!;
    rest = Math.floor(rest / shape[axis]!);
    index += at * sizeOf(shape.slice(0, axis));
  }
  return index;
}

const averagePool =
  (geometryOf: GeometryOf): Operator =>
  (call) => {
    const x = call.input(0);
    const { window, shape, pool2d, padsAfter } = call.memo(() => geometryOf(call, x.shape), x.shape);
    const countPadding = call.int('count_include_pad', 0) !== 0;
    const y = call.allocate(x.dtype, shape);
    if (pool2d !== undefined && x.dtype === 'FLOAT') {
      const [bottom, right] = padsAfter;
      const from = x.data as Float32Array;
      call.kernels.averagePool2d(from, y.data as Float32Array, pool2d, countPadding, bottom, right);
      return y;
    }
    reduceWindows(x, y, window, (values, at) => {
      let sum = 0;
      for (const value of values) sum += value;
      return sum / (countPadding ? paddedCount(window, at) : values.length);
    });
    return y;
  };

/** Taps of the window at `at` that lie inside the padded input. */
function paddedCount(window: Window, at: readonly number[]): number {
  let count = 1;
  at.forEach((index, axis) => {
    const start = index * window.strides[axis]! - window.padsBegin[axis]!;
    const room = window.input[axis]! + window.padsEnd[axis]! - start;
    count *= Math.min(window.kernel[axis]!, Math.max(0, Math.ceil(room / window.dilations[axis]!)));
  });
  return count;
}

/** (Σ |x|^p)^(1/p) under each window. */
const lpPool =
  (geometryOf: GeometryOf): Operator =>
  (call) => {
    const x = call.input(0);
    const { window, shape } = call.memo(() => geometryOf(call, x.shape), x.shape);
    const p = call.int('p', 2);
    const y = call.allocate(x.dtype, shape);
    reduceWindows(x, y, window, (values) => {
      let sum = 0;
      for (const value of values) sum += p === 1 ? Math.abs(value) : pow(Math.abs(value), p);
      return p === 1 ? sum : p === 2 ? Math.sqrt(sum) : pow(sum, 1 / p);
    });
    return y;
  };

/** y = f of the elements under each window, in plain loops. */
function reduceWindows(
  x: Tensor,
  y: Tensor,
  window: Window,
  f: (values: readonly number[], at: readonly number[]) => number,
): void {
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  const inSize = sizeOf(window.input);
  const outSize = sizeOf(window.output);
  const planes = sizeOf(x.shape.slice(0, 2));
  eachIndex(window.output, (at, offset) => {
    const positions: number[] = [];
    eachTap(window, at, (_, position) => positions.push(position));
    for (let plane = 0; plane < planes; plane++) {
      const values = positions.map((position) => from[plane * inSize + position]!);
      to[plane * outSize + offset] = f(values, at);
    }
  });
}

export const POOLS: OperatorTable = {
  MaxPool: { 1: maxPoolOfWindows },
  AveragePool: { 1: averagePool(poolGeometry) },
  LpPool: { 2: lpPool(poolGeometry) },
  GlobalMaxPool: { 1: maxPool(globalGeometry) },
  GlobalAveragePool: { 1: averagePool(globalGeometry) },
  GlobalLpPool: { 2: lpPool(globalGeometry) },
};
