import { BnnqError } from '../../errors.ts';
import { DATA_TYPES, type DataType, isHalf } from '../../tensor/dtype.ts';
import { numberToBfloat16, numberToFloat16 } from '../../tensor/float16.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Operator } from '../call.ts';
import { declaredType } from '../declared-type.ts';
import { widen } from '../widen.ts';
import { targetOf } from './cast.ts';
import type { OperatorTable } from './operator-table.ts';

/**
 * The same bits as another type of the same width. Half precision is held as FLOAT: its bits are made again from the
 * values, which a NaN does not allow.
 * @throws unsupported for STRING, complex types, and a NaN of half precision
 */
const bitCast: Operator = (call) => {
  const x = call.input(0);
  const target = targetOf(call);
  const isHalved = x.dtype === 'FLOAT' && DATA_TYPES[target].bits === 16;
  const source = isHalved ? declaredType(call, 0)! : x.dtype;
  const isUntold = isHalved && source === 'FLOAT';
  if (source === 'STRING' || target === 'STRING' || isUntold)
    throw new BnnqError('unsupported', `the bits of ${source} as ${target}`);
  const [from, to] = [DATA_TYPES[source].bits, DATA_TYPES[target].bits];
  if (from !== to)
    throw new BnnqError(
      'mismatch',
      `${source} has ${from} bits and ${target} ${to}, expected the same number`,
    );
  const bits = bitsOf(x, source);
  if (isHalf(target)) {
    const widened = widen({ dtype: target, shape: x.shape, data: new Uint16Array(bits.slice().buffer) });
    const y = call.allocate('FLOAT', x.shape);
    (y.data as Float32Array).set(widened.data as Float32Array);
    return y;
  }
  const y = call.allocate(target, x.shape);
  const data = y.data as Uint8Array;
  if (to < 8) for (let i = 0; i < data.length; i++) data[i] = narrow(bits[i]!, target);
  else if (target === 'BOOL') for (let i = 0; i < data.length; i++) data[i] = bits[i] === 0 ? 0 : 1;
  else new Uint8Array(data.buffer, data.byteOffset, data.byteLength).set(bitsOf(x, source));
  return y;
};

/** The bytes of the elements, little-endian (see tensor/decode.ts); types below 8 bits have a byte each. */
function bitsOf(x: Tensor, source: DataType): Uint8Array {
  const data = x.data as Float32Array;
  if (!isHalf(source)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data.some(Number.isNaN))
    throw new BnnqError('unsupported', `the bits of a NaN of type ${source}, which are not kept`);
  const bits = Uint16Array.from(data, source === 'FLOAT16' ? numberToFloat16 : numberToBfloat16);
  return new Uint8Array(bits.buffer);
}

/** An element below 8 bits from the bits of another. */
function narrow(bits: number, target: DataType): number {
  if (target === 'INT4') return (bits << 28) >> 28;
  if (target === 'INT2') return (bits << 30) >> 30;
  return target === 'UINT2' ? bits & 3 : bits & 15;
}

export const BIT_CASTS: OperatorTable = { BitCast: { 26: bitCast } };
