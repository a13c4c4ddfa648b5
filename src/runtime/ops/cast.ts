import { BnnqError } from '../../errors.ts';
import { type DataType, dataTypeOf } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { roundToBfloat16, roundToFloat16 } from '../widen.ts';
import { isBig, mapInto } from './elementwise.ts';
import type { OperatorTable } from './operator-table.ts';

/**
 * Elements as another type. To FLOAT16 and BFLOAT16: rounded to what those hold and kept as FLOAT. Floats are cut
 * towards zero on their way to integers; what does not fit wraps, and a NaN becomes 0.
 */
function castTo(call: Call, x: Tensor, target: DataType): Tensor {
  if (target === 'STRING' || x.dtype === 'STRING') return castStrings(call, x, target);
  if (isTiny(target) || isTiny(x.dtype))
    throw new BnnqError('unsupported', `cast from ${x.dtype} to ${target}`);
  const held = target === 'FLOAT16' || target === 'BFLOAT16' ? 'FLOAT' : target;
  if (held === x.dtype && held === target) return call.view(x, x.shape);
  const y = call.allocate(held, x.shape);
  if (target === 'BOOL') {
    const from = x.data as Float32Array;
    const to = y.data as Uint8Array;
    for (let i = 0; i < to.length; i++) to[i] = Number(from[i]) !== 0 ? 1 : 0;
  } else if (isBig(held)) toBig(x, y.data as BigInt64Array);
  else if (isBig(x.dtype)) {
    const from = x.data as BigInt64Array;
    const to = y.data as Int32Array;
    const isFloat = held === 'FLOAT' || held === 'DOUBLE';
    for (let i = 0; i < to.length; i++) to[i] = Number(isFloat ? from[i]! : BigInt.asIntN(32, from[i]!));
  } else mapInto(x, y, wrapTo(held));
  if (target === 'FLOAT16') mapInto(y, y, roundToFloat16);
  if (target === 'BFLOAT16') mapInto(y, y, roundToBfloat16);
  return y;
}

/** 8-bit and 4-bit floats. */
function isTiny(dtype: DataType): boolean {
  return dtype.startsWith('FLOAT8') || dtype.startsWith('FLOAT4');
}

/** 4-bit integers are held in bytes, which do not wrap by themselves. */
function wrapTo(dtype: DataType): (x: number) => number {
  if (dtype === 'INT4') return (x) => (Math.trunc(x) << 28) >> 28;
  if (dtype === 'UINT4') return (x) => Math.trunc(x) & 15;
  if (dtype === 'INT2') return (x) => (Math.trunc(x) << 30) >> 30;
  if (dtype === 'UINT2') return (x) => Math.trunc(x) & 3;
  return (x) => x;
}

function toBig(x: Tensor, to: BigInt64Array): void {
  for (let i = 0; i < to.length; i++) {
    const value = x.data[i]!;
    to[i] =
      typeof value === 'bigint' ? value : Number.isFinite(value) ? BigInt(Math.trunc(value as number)) : 0n;
  }
}

function castStrings(call: Call, x: Tensor, target: DataType): Tensor {
  if (target === 'STRING') {
    const data = Array.from(x.data as Float32Array, (value) => String(value));
    return { dtype: 'STRING', shape: x.shape, data };
  }
  const y = call.allocate(target, x.shape);
  const texts = x.data as string[];
  if (isBig(target)) (y.data as BigInt64Array).set(texts.map((text) => BigInt(text)));
  else (y.data as Float32Array).set(texts.map(numberOfText));
  return y;
}

function numberOfText(text: string): number {
  const word = text.trim().toLowerCase();
  if (/^[+]?inf(inity)?$/.test(word)) return Number.POSITIVE_INFINITY;
  if (/^-inf(inity)?$/.test(word)) return Number.NEGATIVE_INFINITY;
  return Number(word);
}

const cast: Operator = (call) => {
  const number = call.int('to', 0);
  const target = dataTypeOf(number);
  if (target === undefined) throw new BnnqError('unsupported', `cast to element type ${number}`);
  return castTo(call, call.input(0), target);
};

const castLike: Operator = (call) => castTo(call, call.input(0), call.input(1).dtype);

export const CASTS: OperatorTable = { Cast: { 6: cast }, CastLike: { 15: castLike } };
