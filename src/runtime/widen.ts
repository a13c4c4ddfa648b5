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
  if (tensor.dtype !== 'FLOAT16' && tensor.dtype !== 'BFLOAT16') return tensor;
  const bits = tensor.data as Uint16Array;
  const data = new Float32Array(bits.length);
  if (tensor.dtype === 'FLOAT16') {
    const table = float16Table();
    for (let i = 0; i < bits.length; i++) data[i] = table[bits[i]!]!;
  } else for (let i = 0; i < bits.length; i++) data[i] = bfloat16ToNumber(bits[i]!);
  return { dtype: 'FLOAT', shape: tensor.shape, data };
}

/** The nearest value that FLOAT16 has, ties to even. */
export function roundToFloat16(value: number): number {
  return float16ToNumber(numberToFloat16(value));
}

/** The nearest value that BFLOAT16 has, ties to even. */
export function roundToBfloat16(value: number): number {
  return bfloat16ToNumber(numberToBfloat16(value));
}
