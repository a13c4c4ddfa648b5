import { roundHalfEven } from './round.ts';

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** Value of an IEEE 754 binary16 bit pattern. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Nearest binary16 bit pattern, ties to even; overflow becomes infinity, as IEEE 754-2019 section 4.3.1 has it. */
export function numberToFloat16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  if (Number.isNaN(value)) return 0x7e00;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  // Multiplying by a power of two is exact in float64, so the one rounding is that to an integer.
  if (size < 2 ** -14) return sign | roundHalfEven(size * 2 ** 24);
  float[0] = size;
  let exponent = (word[0]! >> 23) - 127;
  if (2 ** exponent > size) exponent--; // fround may have rounded up across a power of two
  const bits = ((exponent + 15) << 10) + roundHalfEven(size * 2 ** (10 - exponent)) - 1024;
  return sign | bits; // a carry out of the fraction moves into the exponent, as it should
}

/** Value of a bfloat16 bit pattern: the upper half of a float32. */
export function bfloat16ToNumber(bits: number): number {
  word[0] = bits << 16;
  return float[0]!;
}

/** Nearest bfloat16 bit pattern of a float32, ties to even. */
export function numberToBfloat16(value: number): number {
  float[0] = value;
  const bits = word[0]!;
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) | 0x40) & 0xffff;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
