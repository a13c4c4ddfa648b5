import { BnnqError } from '../../errors.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import type { Operator } from '../call.ts';
import { expectShape, numbersOf, shapeText, stridesOf } from '../shapes.ts';
import type { OperatorTable } from './operator-table.ts';
import { eachIndex, stepsOf } from './window.ts';

/**
 * Puts every element where MaxPool found it, zeros elsewhere. Indices count through the tensor of the shape that follows
 * from kernel, strides and pads; a larger `output_shape` has that tensor in its first corner (the standard's own test).
 */
const maxUnpool: Operator = (call) => {
  const x = call.input(0);
  const indices = call.input(1);
  const kernel = call.ints('kernel_shape');
  const spatial = x.shape.slice(2);
  if (kernel === undefined || kernel.length !== spatial.length || indices.shape.join() !== x.shape.join())
    throw new BnnqError(
      'mismatch',
      `indices ${shapeText(indices.shape)} and a kernel of [${kernel ?? []}] for an input of shape ${shapeText(x.shape)}`,
    );
  const { strides, padsBegin, padsEnd } = stepsOf(call, kernel.length);
  const inferred = [
    ...x.shape.slice(0, 2),
    ...spatial.map((dim, i) => (dim - 1) * strides[i]! - padsBegin[i]! - padsEnd[i]! + kernel[i]!),
  ];
  expectShape(inferred);
  const given = call.optional(2);
  const shape = given === undefined ? inferred : numbersOf(given);
  if (shape.length !== inferred.length || shape.some((dim, i) => dim < inferred[i]!))
    throw new BnnqError(
      'unsupported',
      `MaxUnpool to [${shape}], smaller than the ${shapeText(inferred)} of its window`,
    );
  const y = call.allocate(x.dtype, shape);
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  const where = numbersOf(indices);
  const size = sizeOf(inferred);
  const strideOf = stridesOf(shape);
  const offsets = new Float64Array(size);
  eachIndex(inferred, (at, i) => {
    offsets[i] = at.reduce((sum, position, axis) => sum + position * strideOf[axis]!, 0);
  });
  to.fill(0);
  where.forEach((index, i) => {
    if (!(index >= 0 && index < size))
      throw new BnnqError(
        'unsupported',
        `MaxUnpool with index ${index} outside the ${size} elements of its window`,
      );
    to[offsets[index]!] = from[i]!;
  });
  return y;
};

export const UNPOOLS: OperatorTable = { MaxUnpool: { 9: maxUnpool } };
