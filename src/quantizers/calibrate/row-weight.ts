import type { RowLayout } from '../../ir/quantized-tensor.ts';
import type { DataType } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { inRowOrder, weightValues } from '../weight-values.ts';

/** A weight in row order, and where it belongs. */
export interface RowWeight {
  readonly values: Float32Array;
  readonly layout: RowLayout;
  readonly shape: readonly number[];
  readonly dtype: DataType;
}

/** A weight as it is stored, in row order. @throws weight for NaN and infinities */
export function rowWeight(weight: Tensor, layout: RowLayout, name: string): RowWeight {
  const { dtype, shape } = weight;
  return { values: inRowOrder(weightValues(weight, name), layout), layout, shape, dtype };
}
