import type { DataType } from './dtype.ts';
import { roundHalfEven } from './round.ts';

/**
 * The floating-point types of 8 and 4 bits, held as bit patterns, one a byte. Sources: onnx.ai/onnx/technical/float8.html
 * and float4.html, the table of Cast in the operator documentation, and the OCP specification of microscaling formats.
 */

/** Sign, exponent and mantissa fields from the top bit down. The fraction of a code below the first normal is not scaled further. */
interface Layout {
  readonly mantissaBits: number;
  readonly bias: number;
  readonly signBit: number;
  /** Largest finite code without the sign. */
  readonly maxCode: number;
  /** Code of NaN without the sign; undefined where there is none. */
  readonly nan: number | undefined;
  /** Code of infinity without the sign, and that of NaN where there is no infinity; undefined where there is neither. */
  readonly overflow: number | undefined;
  /** No −0: its code is the one NaN ("FNUZ"). */
  readonly isUnsignedZero: boolean;
}

const LAYOUTS: Partial<Record<DataType, Layout>> = {
  FLOAT8E4M3FN: layout(3, 7, 0x80, 0x7e, 0x7f, 0x7f, false),
  FLOAT8E4M3FNUZ: layout(3, 8, 0x80, 0x7f, 0x80, 0x80, true),
  FLOAT8E5M2: layout(2, 15, 0x80, 0x7b, 0x7e, 0x7c, false),
  FLOAT8E5M2FNUZ: layout(2, 16, 0x80, 0x7f, 0x80, 0x80, true),
  FLOAT4E2M1: layout(1, 1, 0x8, 0x7, undefined, undefined, false),
};

function layout(
  mantissaBits: number,
  bias: number,
  signBit: number,
  maxCode: number,
  nan: number | undefined,
  overflow: number | undefined,
  isUnsignedZero: boolean,
): Layout {
  return { mantissaBits, bias, signBit, maxCode, nan, overflow, isUnsignedZero };
}

/** How a number becomes a power of two (FLOAT8E8M0): the next larger, the next smaller, or the nearest, ties up. */
export type PowerRounding = 'up' | 'down' | 'nearest';

/** Whether the type is one of FLOAT8…, FLOAT4E2M1. */
export function isNarrowFloat(dtype: DataType): boolean {
  return dtype === 'FLOAT8E8M0' || LAYOUTS[dtype] !== undefined;
}

const tables = new Map<DataType, Float32Array>();

/** The values of all codes of a narrow type, exact in float32. Do not write to it. */
export function narrowFloatValues(dtype: DataType): Float32Array {
  let values = tables.get(dtype);
  if (values === undefined) {
    values = dtype === 'FLOAT8E8M0' ? powerValues() : layoutValues(LAYOUTS[dtype]!);
    tables.set(dtype, values);
  }
  return values;
}

/** FLOAT8E8M0: 2^(code − 127), code 255 is NaN. */
function powerValues(): Float32Array {
  return Float32Array.from({ length: 256 }, (_, code) => (code === 255 ? Number.NaN : 2 ** (code - 127)));
}

function layoutValues({ mantissaBits, bias, signBit, maxCode, overflow, nan }: Layout): Float32Array {
  const values = new Float32Array(2 * signBit);
  const ones = 2 ** mantissaBits;
  for (let code = 0; code < values.length; code++) {
    const size = code % signBit;
    const sign = code < signBit ? 1 : -1;
    const exponent = Math.floor(size / ones);
    const fraction = size % ones;
    if (size > maxCode) values[code] = size === overflow && overflow !== nan ? sign / 0 : Number.NaN;
    else if (code === nan) values[code] = Number.NaN;
    else if (exponent === 0) values[code] = sign * fraction * 2 ** (1 - bias - mantissaBits);
    else values[code] = sign * (ones + fraction) * 2 ** (exponent - bias - mantissaBits);
  }
  return values;
}

const wide = new Float64Array(1);
const words = new Uint32Array(wide.buffer);
const high = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 1 : 0;

/** The integer e with 2^e ≤ size < 2^(e+1); −1023 and less for what float64 holds as subnormal. */
function exponentOf(size: number): number {
  wide[0] = size;
  return ((words[high]! >>> 20) & 0x7ff) - 1023;
}

/**
 * The code nearest to a number, ties to even. What is too large becomes the largest finite value if `saturate`, else
 * infinity, or NaN where the type has no infinity. FLOAT4E2M1 has neither: it always saturates, and a NaN becomes −0,
 * as the published tests of Cast have it.
 */
export function numberToNarrowFloat(value: number, dtype: DataType, saturate: boolean): number {
  const { mantissaBits, bias, signBit, maxCode, nan, overflow, isUnsignedZero } = LAYOUTS[dtype]!;
  if (Number.isNaN(value)) return nan ?? signBit;
  const isNegative = value < 0 || Object.is(value, -0);
  const size = Math.abs(value);
  let code = maxCode + 1;
  if (size !== Number.POSITIVE_INFINITY) {
    const lowest = 1 - bias;
    const exponent = Math.max(exponentOf(size), lowest);
    // Scaling by a power of two is exact here; a carry out of the fraction moves into the exponent, as it should.
    const steps = roundHalfEven(size * 2 ** (mantissaBits - exponent));
    code = steps + (exponent - lowest) * 2 ** mantissaBits;
  }
  if (code > maxCode) {
    if (!saturate && overflow !== undefined) return isNegative ? overflow | signBit : overflow;
    code = maxCode;
  }
  if (!isNegative || (code === 0 && isUnsignedZero)) return code;
  return code | signBit;
}

/**
 * The FLOAT8E8M0 code of a number: its power of two. What is too small (0 too) or too large becomes the smallest or
 * largest power if `saturate`, else NaN; numbers below 0 have none and become NaN.
 */
export function numberToPowerCode(value: number, rounding: PowerRounding, saturate: boolean): number {
  if (Number.isNaN(value) || value < 0) return 255;
  if (value === 0) return saturate ? 0 : 255;
  if (value === Number.POSITIVE_INFINITY) return saturate ? 254 : 255;
  const exponent = exponentOf(value);
  const ratio = value * 2 ** -exponent;
  const isUp = rounding === 'up' ? ratio > 1 : rounding === 'nearest' && ratio >= 1.5;
  const code = exponent + 127 + (isUp ? 1 : 0);
  if (code >= 0 && code <= 254) return code;
  if (!saturate) return 255;
  return code < 0 ? 0 : 254;
}
