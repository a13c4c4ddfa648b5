import type { LevelRule } from '../../ir/levels.ts';
import { type QuantizedTensor, tableCount } from '../../ir/quantized-tensor.ts';

/**
 * The parameters of a table all levels of which are `scale` times as large: a of a·q^j and Δ of (code − z)·Δ scale alone, the
 * parameters of other rules all together.
 * @param width parameters of a table
 */
export function scaleParams(
  rule: LevelRule,
  width: number,
  params: Float32Array,
  scale: number,
): Float32Array {
  const alone = rule === 'geometric' || rule === 'geometric-zero' || rule === 'affine';
  return params.map((value, i) => (i % width === 0 || !alone ? value * scale : value));
}

/**
 * A discretized weight every row of which is as many times as large as `scales` says; undefined where rows share a table, so
 * that they cannot be scaled apart.
 */
export function scaleRows(quantized: QuantizedTensor, scales: Float64Array): QuantizedTensor | undefined {
  const { rule, granularity, rows, params } = quantized;
  if (granularity === 'tensor') return undefined;
  const width = params.length / tableCount(quantized);
  const perRow = params.length / rows;
  const scaled = new Float32Array(params.length);
  for (let row = 0; row < rows; row++)
    scaled.set(
      scaleParams(rule, width, params.subarray(row * perRow, (row + 1) * perRow), scales[row]!),
      row * perRow,
    );
  return { ...quantized, params: scaled };
}
