import { BnnqError } from '../../errors.ts';
import { type DataType, dataTypeOf } from '../../tensor/dtype.ts';
import {
  isNarrowFloat,
  narrowFloatValues,
  numberToNarrowFloat,
  numberToPowerCode,
  type PowerRounding,
} from '../../tensor/narrow-float.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { halfRounding, heldType } from '../widen.ts';
import { isBig, type Unary } from './elementwise.ts';
import type { OperatorTable } from './operator-table.ts';

/**
 * Elements as another type, each rounded once, ties to even. To FLOAT16 and BFLOAT16: rounded to what those hold and
 * kept as FLOAT. Floats are cut towards zero on their way to integers; what does not fit wraps, and a NaN becomes 0.
 * @throws unsupported for STRING as the target
 */
function castTo(call: Call, x: Tensor, target: DataType): Tensor {
  if (target === 'STRING') throw new BnnqError('unsupported', `cast from ${x.dtype} to STRING`);
  if (target === x.dtype) return call.view(x, x.shape);
  const held = heldType(target);
  const y = call.allocate(held, x.shape);
  const source = x.dtype === 'STRING' ? numbersOfTexts(x.data as string[], held) : x;
  if (isBig(held)) {
    toBig(source, y.data as BigInt64Array);
    return y;
  }
  const to = y.data as Float32Array;
  const store = storing(call, target);
  if (isNarrowFloat(source.dtype)) {
    const codes = source.data as Uint8Array;
    const stored = new Float64Array(narrowFloatValues(source.dtype)).map(store);
    for (let i = 0; i < to.length; i++) to[i] = stored[codes[i]!]!;
  } else if (isBig(source.dtype)) {
    const from = source.data as BigInt64Array;
    const number = isFloating(target) || target === 'BOOL' ? nearlyNumber : lowWord;
    for (let i = 0; i < to.length; i++) to[i] = store(number(from[i]!));
  } else {
    const from = source.data as Float32Array;
    for (let i = 0; i < to.length; i++) to[i] = store(from[i]!);
    if (isNarrowFloat(target)) signNans(from, y.data as Uint8Array, target);
  }
  return y;
}

function isFloating(dtype: DataType): boolean {
  return dtype.includes('FLOAT') || dtype === 'DOUBLE';
}

/** What to write into the array of the target for a number; the array itself wraps integers of 8 bits and more. */
function storing(call: Call, target: DataType): Unary {
  if (target === 'BOOL') return (x) => (x !== 0 ? 1 : 0);
  const half = halfRounding(target);
  if (half !== undefined) return half;
  if (target === 'INT4') return (x) => (Math.trunc(x) << 28) >> 28;
  if (target === 'UINT4') return (x) => Math.trunc(x) & 15;
  if (target === 'INT2') return (x) => (Math.trunc(x) << 30) >> 30;
  if (target === 'UINT2') return (x) => Math.trunc(x) & 3;
  if (!isNarrowFloat(target)) return (x) => x;
  const saturate = call.int('saturate', 1) !== 0;
  if (target !== 'FLOAT8E8M0') return (x) => numberToNarrowFloat(x, target, saturate);
  const rounding = call.text('round_mode', 'up');
  if (rounding !== 'up' && rounding !== 'down' && rounding !== 'nearest')
    throw new BnnqError('malformed', `round_mode "${rounding}", expected up, down or nearest`);
  return (x) => numberToPowerCode(x, rounding satisfies PowerRounding, saturate);
}

/** The types with a signed NaN keep its sign, which only the bits of the source show. */
function signNans(from: Float32Array | Float64Array, to: Uint8Array, target: DataType): void {
  if (target !== 'FLOAT8E4M3FN' && target !== 'FLOAT8E5M2') return;
  if (!(from instanceof Float32Array || from instanceof Float64Array)) return;
  const bytes = new Uint8Array(from.buffer, from.byteOffset, from.byteLength);
  const width = from.BYTES_PER_ELEMENT;
  for (let i = 0; i < to.length; i++)
    if (Number.isNaN(from[i]!)) to[i]! |= bytes[i * width + width - 1]! & 0x80; // little-endian, see tensor/decode.ts
}

/** A float64 that rounds to any narrower float as the integer does: beyond 53 bits its last bit is set if any after it was. */
function nearlyNumber(x: bigint): number {
  if (x <= 9007199254740992n && x >= -9007199254740992n) return Number(x);
  return Number((x >> 11n) | ((x & 0x7ffn) === 0n ? 0n : 1n)) * 2048;
}

function lowWord(x: bigint): number {
  return Number(BigInt.asIntN(32, x));
}

function toBig(x: Tensor, to: BigInt64Array): void {
  const values = isNarrowFloat(x.dtype) ? narrowFloatValues(x.dtype) : undefined;
  for (let i = 0; i < to.length; i++) {
    const value = values === undefined ? x.data[i]! : values[x.data[i] as number]!;
    to[i] =
      typeof value === 'bigint' ? value : Number.isFinite(value) ? BigInt(Math.trunc(value as number)) : 0n;
  }
}

const NUMERAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The numbers that texts stand for; whole numbers for 64-bit integers are read exactly. */
function numbersOfTexts(texts: readonly string[], target: DataType): Tensor {
  const shape = [texts.length];
  if (isBig(target) && texts.every((text) => /^\s*[+-]?\d{1,20}\s*$/.test(text)))
    return {
      dtype: 'INT64',
      shape,
      data: BigInt64Array.from(texts, (text) => BigInt(text.replace('+', ''))),
    };
  return { dtype: 'DOUBLE', shape, data: Float64Array.from(texts, numberOfText) };
}

function numberOfText(text: string): number {
  const word = text.trim().toLowerCase();
  if (word === 'nan') return Number.NaN;
  if (/^[+]?inf(inity)?$/.test(word)) return Number.POSITIVE_INFINITY;
  if (/^-inf(inity)?$/.test(word)) return Number.NEGATIVE_INFINITY;
  if (!NUMERAL.test(word)) throw new BnnqError('mismatch', `the text "${text.slice(0, 40)}" is no number`);
  return Number(word);
}

/** The element type that attribute `to` names. */
export function targetOf(call: Call): DataType {
  const number = call.int('to', 0);
  const target = dataTypeOf(number);
  if (target === undefined) throw new BnnqError('unsupported', `cast to element type ${number}`);
  return target;
}

const cast: Operator = (call) => castTo(call, call.input(0), targetOf(call));

const castLike: Operator = (call) => castTo(call, call.input(0), call.input(1).dtype);

export const CASTS: OperatorTable = { Cast: { 6: cast }, CastLike: { 15: castLike } };
