import {
  copyInRowOrder,
  type Granularity,
  type RowLayout,
  rowsAndColumns,
} from '../../ir/quantized-tensor.ts';
import { groupSizeOf } from '../../quantizers/options.ts';

/** The weights of a layer by the level tables that they share; see QuantizedTensor. */
export interface Tables {
  readonly count: number;
  /** The weights of one table; valid until the next call. */
  of(table: number): Float32Array;
}

/** @param values elements in their original order */
export function tablesOf(values: Float32Array, layout: RowLayout, granularity: Granularity): Tables {
  if (granularity === 'tensor') return { count: 1, of: () => values };
  const { rows, columns } = rowsAndColumns(layout);
  const width = Math.min(groupSizeOf(granularity, rows, columns), columns);
  const groups = Math.ceil(columns / width);
  const scratch = new Float32Array(width);
  return {
    count: rows * groups,
    of(table) {
      const [row, start] = [Math.floor(table / groups), (table % groups) * width];
      const part = scratch.subarray(0, Math.min(width, columns - start));
      copyInRowOrder(values, layout, row * columns + start, part);
      return part;
    },
  };
}

/** √(Σ w² / n); 0 for no weights. */
export function rmsOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return values.length === 0 ? 0 : Math.sqrt(sum / values.length);
}
