import { type DataType, isHalf } from '../tensor/dtype.ts';
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from '../tensor/float16.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** All 65,536 binary16 values: 256 KiB, made on first use. */
let float16Values: Float32Array | undefined;

function float16Table(): Float32Array {
  if (float16Values === undefined) {
    float16Values = new Float32Array(65536);
    for (let bits = 0; bits < 65536; bits++) float16Values[bits] = float16ToNumber(bits);
  }
  return float16Values;
}

/**
 * FLOAT16 and BFLOAT16 are storage types here: whatever is of these types is computed as FLOAT. Widens such a tensor
 * (exact), returns any other as it is.
 */
export function widen(tensor: Tensor): Tensor {
  if (!isHalf(tensor.dtype)) return tensor;
  const bits = tensor.data as Uint16Array;
  const data = new Float32Array(bits.length);
  if (tensor.dtype === 'FLOAT16') {
    const table = float16Table();
    for (let i = 0; i < bits.length; i++) data[i] = table[bits[i]!]!;
  } else for (let i = 0; i < bits.length; i++) data[i] = bfloat16ToNumber(bits[i]!);
  return { dtype: 'FLOAT', shape: tensor.shape, data };
}

/** The type that elements of a type are held and computed in. */
export function heldType(dtype: DataType): DataType {
  return isHalf(dtype) ? 'FLOAT' : dtype;
}

/** What rounds a number to half precision of the type; undefined for all other types. */
export function halfRounding(dtype: DataType | undefined): ((value: number) => number) | undefined {
  if (dtype === 'FLOAT16') return roundToFloat16;
  return dtype === 'BFLOAT16' ? roundToBfloat16 : undefined;
}

/** The nearest value that FLOAT16 has, ties to even. */
function roundToFloat16(value: number): number {
  return float16ToNumber(numberToFloat16(value));
}

/** The nearest value that BFLOAT16 has, ties to even. */
function roundToBfloat16(value: number): number {
  return bfloat16ToNumber(numberToBfloat16(value));
}
