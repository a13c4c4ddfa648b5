import type { LayerMoments } from './moments.ts';

/**
 * var(ŷ) and cov(ŷ, y) of a row, about 0 where the moments are; columns of different blocks are taken as independent, and
 * the second is 0 where y is not known.
 * @param values of all rows, [rows, columns]
 */
export function secondMoments(
  values: Float64Array,
  { rows, columns, groups, blockEnds, inputs, cross }: LayerMoments,
  r: number,
): { variance: number; together: number } {
  const group = Math.floor((r * groups) / rows);
  let variance = 0;
  let together = 0;
  let from = 0;
  for (const [b, end] of blockEnds.entries()) {
    const width = end - from;
    const matrix = inputs[group * blockEnds.length + b]!;
    for (let j = 0; j < width; j++) {
      const value = values[r * columns + from + j]!;
      if (value === 0) continue;
      let product = 0;
      for (let k = 0; k < width; k++) product += matrix[j * width + k]! * values[r * columns + from + k]!;
      variance += value * product;
    }
    from = end;
  }
  for (let j = 0; j < columns && cross.length > 0; j++)
    together += values[r * columns + j]! * cross[r * columns + j]!;
  return { variance, together };
}
