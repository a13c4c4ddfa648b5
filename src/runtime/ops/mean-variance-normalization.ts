import type { Operator } from '../call.ts';
import { axisOf } from '../shapes.ts';
import type { OperatorTable } from './operator-table.ts';
import { offsetsOf } from './reduction.ts';

/** Added to the standard deviation, as in the function body of the standard: a constant stays 0. */
const EPSILON = 1e-9;

/** (x − mean) / (deviation + ε) over the axes, by default all but the channel; statistics in float64, rounded once. */
const meanVarianceNormalization: Operator = (call) => {
  const x = call.input(0);
  const axes = (call.ints('axes') ?? [0, 2, 3]).map((axis) => axisOf(axis, x.shape.length));
  const y = call.allocate(x.dtype, x.shape);
  if (y.data.length === 0) return y;
  const { kept, reduced } = call.memo(() => offsetsOf(x.shape, axes), x.shape, axes);
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  for (const start of kept) {
    let sum = 0;
    for (const offset of reduced) sum += from[start + offset]!;
    const mean = sum / reduced.length;
    let squares = 0;
    for (const offset of reduced) squares += (from[start + offset]! - mean) * (from[start + offset]! - mean);
    const deviation = Math.sqrt(squares / reduced.length) + EPSILON;
    for (const offset of reduced) to[start + offset] = (from[start + offset]! - mean) / deviation;
  }
  return y;
};

export const MEAN_VARIANCE_NORMALIZATIONS: OperatorTable = {
  MeanVarianceNormalization: { 9: meanVarianceNormalization },
};
