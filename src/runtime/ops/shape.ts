import { BnnqError } from '../../errors.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, int64s, numbersOf, shapeText, sizeBetween } from '../shapes.ts';
import { isTensor } from '../values.ts';
import { widen } from '../widen.ts';
import type { OperatorTable } from './operator-table.ts';

/** Dimensions from `start` up to `end` (opset 15), both cut to the rank. */
const shape: Operator = (call) => {
  const dims = call.input(0).shape;
  return int64s(dims.slice(call.int('start', 0), call.int('end', dims.length)));
};

const size: Operator = (call) => int64s([sizeOf(call.input(0).shape)], []);

/** 0 keeps a dimension unless `allowzero`, −1 is what remains. */
const reshape: Operator = (call) => {
  const x = call.input(0);
  const wanted = numbersOf(call.input(1));
  const allowZero = call.int('allowzero', 0) !== 0;
  const dims = wanted.map((dim, i) => (dim === 0 && !allowZero ? (x.shape[i] ?? 0) : dim));
  const open = dims.indexOf(-1);
  const total = sizeOf(x.shape);
  if (open >= 0) {
    const known = sizeBetween(dims, 0, open) * sizeBetween(dims, open + 1, dims.length);
    dims[open] = known === 0 ? 0 : total / known;
  }
  if (sizeOf(dims) !== total || dims.some((dim) => dim < 0 || !Number.isInteger(dim)))
    throw new BnnqError(
      'mismatch',
      `cannot reshape ${shapeText(x.shape)} (${total} elements) to ${shapeText(wanted)}`,
    );
  return call.view(x, dims);
};

const flatten: Operator = (call) => {
  const x = call.input(0);
  const axis = call.int('axis', 1);
  const at = axis < 0 ? axis + x.shape.length : axis;
  if (at < 0 || at > x.shape.length)
    throw new BnnqError('mismatch', `axis ${axis} is outside a tensor of rank ${x.shape.length}`);
  return call.view(x, [sizeBetween(x.shape, 0, at), sizeBetween(x.shape, at, x.shape.length)]);
};

/** Axes from input 1 (since opset 13) or from the attribute. */
export function axesOf(call: Call, inputIndex: number): readonly number[] | undefined {
  const tensor = call.optional(inputIndex);
  return tensor === undefined ? call.ints('axes') : numbersOf(tensor);
}

const squeeze: Operator = (call) => {
  const x = call.input(0);
  const axes = axesOf(call, 1)?.map((axis) => axisOf(axis, x.shape.length));
  for (const axis of axes ?? [])
    if (x.shape[axis] !== 1)
      throw new BnnqError('mismatch', `cannot squeeze axis ${axis} of shape ${shapeText(x.shape)}`);
  return call.view(
    x,
    x.shape.filter((dim, i) => (axes === undefined ? dim !== 1 : !axes.includes(i))),
  );
};

const unsqueeze: Operator = (call) => {
  const x = call.input(0);
  const given = axesOf(call, 1) ?? [];
  const rank = x.shape.length + given.length;
  const axes = given.map((axis) => axisOf(axis, rank));
  if (new Set(axes).size < axes.length)
    throw new BnnqError('mismatch', `axes [${given}] name one axis twice`);
  const rest = [...x.shape];
  return call.view(
    x,
    Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : rest.shift()!)),
  );
};

/** Of sequences and optionals, too. */
const identity: Operator = (call) => {
  const x = call.inputs[0];
  return x === undefined || isTensor(x) ? call.view(call.input(0), call.input(0).shape) : x;
};

/** Inference: the input unchanged, and a mask that keeps everything. */
const dropout: Operator = (call) => {
  const x = call.input(0);
  const ratio = call.optional(1);
  const training = call.optional(2);
  if (training !== undefined && Number(training.data[0]) !== 0 && Number(ratio?.data[0] ?? 0.5) !== 0)
    throw new BnnqError('unsupported', 'Dropout in training mode');
  const y = call.view(x, x.shape);
  if (!call.wants(1)) return y;
  const mask = call.allocate(call.opset < 10 ? x.dtype : 'BOOL', x.shape);
  (mask.data as Uint8Array).fill(1);
  return [y, mask];
};

/** The value of a Constant node; those of the main graph are lifted when a model is read. */
const constant: Operator = (call): Tensor => {
  for (const [name, attribute] of call.node.attributes) {
    if (attribute.type === 'TENSOR') return widen(attribute.value.read());
    const { value } = attribute;
    if (name === 'value_int') return int64s([value as number], []);
    if (name === 'value_ints') return int64s(value as number[]);
    if (name === 'value_float') return { dtype: 'FLOAT', shape: [], data: Float32Array.of(value as number) };
    if (name === 'value_floats') {
      const data = Float32Array.from(value as number[]);
      return { dtype: 'FLOAT', shape: [data.length], data };
    }
    if (name === 'value_string') return { dtype: 'STRING', shape: [], data: [value as string] };
    if (name === 'value_strings') {
      const data = value as string[];
      return { dtype: 'STRING', shape: [data.length], data: [...data] };
    }
  }
  throw new BnnqError('unsupported', 'Constant without a dense value');
};

export const SHAPES: OperatorTable = {
  Shape: { 1: shape },
  Size: { 1: size },
  Reshape: { 5: reshape },
  Flatten: { 1: flatten },
  Squeeze: { 1: squeeze },
  Unsqueeze: { 1: unsqueeze },
  Identity: { 1: identity },
  Dropout: { 7: dropout },
  Constant: { 1: constant },
};
