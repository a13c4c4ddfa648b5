import { BnnqError } from '../errors.ts';
import { copyInRowOrder, isInRowOrder, type RowLayout } from '../ir/quantized-tensor.ts';
import { DATA_TYPES, type DataType } from '../tensor/dtype.ts';
import { bfloat16ToNumber, float16ToNumber } from '../tensor/float16.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Types of weights that are discretized; all are taken as float32. */
const WEIGHT_TYPES: readonly DataType[] = ['FLOAT', 'FLOAT16', 'BFLOAT16', 'DOUBLE'];

export function isWeightType(dtype: DataType): boolean {
  return WEIGHT_TYPES.includes(dtype);
}

/**
 * The elements of a weight as float32, all finite. FLOAT16 and BFLOAT16 are exact, DOUBLE is rounded. The elements
 * themselves where the type is FLOAT.
 * @throws weight where an element is NaN or infinite (also: a DOUBLE beyond float32), with its index
 */
export function weightValues(weight: Tensor, name: string): Float32Array {
  const values = toFloat32(weight, name);
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i])) throw notFinite(weight, values, name, i);
  return values;
}

function toFloat32({ dtype, data }: Tensor, name: string): Float32Array {
  if (dtype === 'FLOAT') return data as Float32Array;
  if (dtype === 'DOUBLE') return Float32Array.from(data as Float64Array);
  const toNumber =
    dtype === 'FLOAT16' ? float16ToNumber : dtype === 'BFLOAT16' ? bfloat16ToNumber : undefined;
  if (toNumber === undefined)
    throw new BnnqError(
      'unsupported',
      `weight "${name}": expected ${WEIGHT_TYPES.join(', ')}, got ${dtype in DATA_TYPES ? dtype : String(dtype)}`,
      { tensor: name },
    );
  return Float32Array.from(data as Uint16Array, toNumber);
}

function notFinite(weight: Tensor, values: Float32Array, name: string, index: number): BnnqError {
  let count = 0;
  for (const value of values) if (!Number.isFinite(value)) count++;
  const value = values[index]!;
  const what =
    weight.dtype === 'DOUBLE' && Number.isFinite(weight.data[index])
      ? `${weight.data[index]}, which float32 cannot hold`
      : `${value}`;
  const more = count > 1 ? ` (${count} such elements of ${values.length})` : '';
  return new BnnqError(
    'weight',
    `weight "${name}": element ${index} is ${what}${more}; expected finite numbers`,
    {
      tensor: name,
    },
  );
}

/** The values in row order (see RowLayout): the same array where that is the order that they have. */
export function inRowOrder(values: Float32Array, layout: RowLayout): Float32Array {
  if (isInRowOrder(layout)) return values;
  const rows = new Float32Array(values.length);
  copyInRowOrder(values, layout, 0, rows);
  return rows;
}
