import { BnnqError } from '../../errors.ts';
import type { DataType } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { numbersOf } from '../shapes.ts';
import { widen } from '../widen.ts';
import { allocateAny, elementsOf } from './elements.ts';
import { isBig } from './elementwise.ts';
import type { OperatorTable } from './operator-table.ts';

/** The few operators of ai.onnx.ml that networks carry around them; models of that domain (trees, supports) are not networks. */

/** 1 above the threshold, else 0. */
const binarizer: Operator = (call) => {
  const x = call.input(0);
  const threshold = call.float('threshold', 0);
  const y = call.allocate(x.dtype, x.shape);
  const to = elementsOf(y);
  const [no, yes] = (isBig(x.dtype) ? [0n, 1n] : [0, 1]) as [number, number];
  for (let i = 0; i < to.length; i++) to[i] = Number(x.data[i]) > threshold ? yes : no;
  return y;
};

/** Columns of the last axis, by number. */
const arrayFeatureExtractor: Operator = (call) => {
  const x = call.input(0);
  const columns = numbersOf(call.input(1));
  const width = x.shape.at(-1) ?? 1;
  for (const column of columns)
    if (!(column >= 0 && column < width)) throw new BnnqError('mismatch', `column ${column} of ${width}`);
  const y = allocateAny(
    call,
    x.dtype,
    x.shape.length === 1 ? [1, columns.length] : x.shape.with(-1, columns.length),
  );
  const from = elementsOf(x);
  const to = elementsOf(y);
  for (let i = 0; i < to.length; i++)
    to[i] = from[Math.floor(i / columns.length) * width + columns[i % columns.length]!]!;
  return y;
};

type Label = string | number;

/** Keys or values of a LabelEncoder: the one of the four attributes that is there. */
function labels(call: Call, name: 'keys' | 'values'): { dtype: DataType; list: Label[] } {
  const tensor = call.tensor(`${name}_tensor`);
  if (tensor !== undefined) return { dtype: tensor.dtype, list: listOf(tensor) };
  for (const [kind, dtype] of [
    ['strings', 'STRING'],
    ['int64s', 'INT64'],
    ['floats', 'FLOAT'],
  ] as const) {
    const attribute = call.node.attributes.get(`${name}_${kind}`);
    if (attribute?.type === 'STRINGS' || attribute?.type === 'INTS' || attribute?.type === 'FLOATS')
      return { dtype, list: [...attribute.value] };
  }
  throw new BnnqError('malformed', `LabelEncoder without ${name}`);
}

function listOf(tensor: Tensor): Label[] {
  return Array.from(tensor.data as ArrayLike<Label | bigint>, (value) =>
    typeof value === 'bigint' ? Number(value) : value,
  );
}

/** What stands for a key that is not listed. */
function defaultOf(call: Call, dtype: DataType): Label {
  const tensor = call.tensor('default_tensor');
  if (tensor !== undefined) return listOf(tensor)[0]!;
  if (dtype === 'STRING') return call.text('default_string', '_Unused');
  return dtype === 'FLOAT' || dtype === 'DOUBLE'
    ? call.float('default_float', -0)
    : call.int('default_int64', -1);
}

/** Every element replaced by the value of its key; a NaN is a key like any other. */
const labelEncoder: Operator = (call) => {
  const x = widen(call.input(0));
  const keys = labels(call, 'keys');
  const values = labels(call, 'values');
  const whole = [keys, values].flatMap(({ dtype, list }) => (dtype === 'INT64' ? list : []));
  if (!whole.every(Number.isSafeInteger)) throw new BnnqError('unsupported', 'labels beyond 2^53');
  if (keys.list.length !== values.list.length || keys.dtype !== x.dtype)
    throw new BnnqError(
      'mismatch',
      `${keys.list.length} keys of type ${keys.dtype} and ${values.list.length} values for elements of type ${x.dtype}`,
    );
  const table = new Map<Label, Label>();
  keys.list.forEach((key, i) => {
    table.set(key, values.list[i]!); // the last of equal keys counts
  });
  const other = defaultOf(call, values.dtype);
  const y = allocateAny(call, values.dtype, x.shape);
  const isWide = isBig(y.dtype);
  for (const [i, key] of listOf(x).entries()) {
    const value = table.get(key) ?? other;
    (y.data as (Label | bigint)[])[i] = isWide ? BigInt(value) : value;
  }
  return y;
};

export const MACHINE_LEARNING: OperatorTable = {
  ArrayFeatureExtractor: { 1: arrayFeatureExtractor },
  Binarizer: { 1: binarizer },
  LabelEncoder: { 2: labelEncoder },
};
