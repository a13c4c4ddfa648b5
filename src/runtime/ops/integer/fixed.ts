import type { Conv2dShape } from '../../../kernels/contract.ts';
import { type FixedGrid, MOST_FIXED } from '../../../kernels/integer/fixed-contract.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { broadcast, broadcastShape, eachRun } from '../../broadcast.ts';
import type { Call, Operator } from '../../call.ts';
import { sameShape } from '../../shapes.ts';
import { poolOverMap, wholeWindow } from '../map-geometry.ts';
import type { OperatorTable } from '../operator-table.ts';
import { gridOf } from './codes.ts';
import { fixedBounds } from './requantize.ts';

/** How fixed-point values become codes. */
export function fixedGridOf(call: Call): FixedGrid {
  const { scale, zero, high } = gridOf(call);
  return { multiplier: Math.round((call.float('unit', 1) / scale) * 2 ** 32), zero, high };
}

/** bnnq.FixedCodes */
const fixedCodes: Operator = (call) => {
  const x = call.input(0);
  const codes = call.allocate('UINT8', x.shape);
  call.kernels.codesOfFixed(x.data as Int32Array, codes.data as Uint8Array, fixedGridOf(call));
  return codes;
};

/** What each code stands for, in units, to the nearest. */
export function fixedTableOf(call: Call): Int32Array {
  const { scale, zero } = gridOf(call);
  const unit = call.float('unit', 1);
  return Int32Array.from({ length: 256 }, (_, code) => {
    const value = Math.floor(((code - zero) * scale) / unit + 0.5);
    return Math.min(MOST_FIXED, Math.max(-MOST_FIXED, value));
  });
}

/** bnnq.FixedOfCodes */
const fixedOfCodes: Operator = (call) => {
  const codes = call.input(0);
  const table = call.memo(() => fixedTableOf(call));
  const y = call.allocate('INT32', codes.shape);
  call.kernels.fixedOfCodes(codes.data as Uint8Array, table, y.data as Int32Array);
  return y;
};

/** Bounds of a FixedAdd: those of all values where it names none. */
export function addBoundsOf(call: Call): { low: number; high: number } {
  if (!call.hasAttribute('unit')) return { low: -MOST_FIXED, high: MOST_FIXED };
  return fixedBounds({ low: call.float('low', 0), high: call.float('high', 0) }, call.float('unit', 1));
}

/** bnnq.FixedAdd */
const fixedAdd: Operator = (call) => {
  const { low, high } = addBoundsOf(call);
  return addTensors(call, call.input(0), call.optional(1), low, high);
};

/** clamp(a + b) of values that broadcast. */
export function addTensors(call: Call, a: Tensor, b: Tensor | undefined, low: number, high: number): Tensor {
  const shape = broadcastShape(a.shape, b?.shape ?? []);
  const y = call.allocate('INT32', shape);
  const [p, q] = [a, b].map((tensor) => tensor && wholeOf(tensor, shape));
  call.kernels.addFixed(p!, q, y.data as Int32Array, low, high);
  return y;
}

/** The elements of a tensor repeated to a shape. */
function wholeOf({ shape, data }: Tensor, whole: readonly number[]): Int32Array {
  const from = data as Int32Array;
  if (sameShape(shape, whole)) return from;
  const plan = broadcast(whole, [shape]);
  const length = plan.dims.at(-1)!;
  const step = plan.strides[0]!.at(-1)!;
  const repeated = new Int32Array(whole.reduce((size, dim) => size * dim, 1));
  eachRun(plan, (to, [start]) => {
    for (let i = 0; i < length; i++) repeated[to + i] = from[start! + i * step]!;
  });
  return repeated;
}

export function fixedPoolGeometry(
  call: Call,
  map: readonly number[],
): { readonly shape: Conv2dShape; readonly outputShape: readonly number[] } {
  const [batch = 0, , , channels = 0] = map;
  if (call.int('global', 0) === 0) return poolOverMap(call, map, channels, 'fixed-point values');
  const shape = { ...wholeWindow(map, channels, channels), groups: channels };
  return { shape, outputShape: [batch, 1, 1, channels] };
}

/** bnnq.FixedPool */
const fixedPool: Operator = (call) => {
  const x = call.input(0);
  const { shape, outputShape } = call.memo(() => fixedPoolGeometry(call, x.shape), x.shape);
  const y = call.allocate('INT32', outputShape);
  const pooling = call.int('average', 0) === 0 ? 'largest' : 'average';
  call.kernels.poolFixed(x.data as Int32Array, y.data as Int32Array, shape, pooling);
  return y;
};

export const FIXED: OperatorTable = {
  FixedAdd: { 1: fixedAdd },
  FixedCodes: { 1: fixedCodes },
  FixedOfCodes: { 1: fixedOfCodes },
  FixedPool: { 1: fixedPool },
};
