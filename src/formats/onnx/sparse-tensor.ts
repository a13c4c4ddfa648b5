import { BnnqError } from '../../errors.ts';
import type { Initializer } from '../../ir/graph.ts';
import { type NumericArray, sizeOf, type Tensor, zeros } from '../../tensor/tensor.ts';
import { MAX_DENSE_ELEMENTS } from '../limits.ts';
import { SPARSE_TENSOR } from './schema.ts';
import { checkShape, readTensorProto, type TensorContext } from './stored-tensor.ts';
import { FieldReader, fieldsOf, type Span } from './wire.ts';

/**
 * A SparseTensorProto: `values` [n] and `indices`, [n] positions in row-major order or [n, rank] coordinates, ascending;
 * everything else is 0. It becomes dense when it is read. Source: onnx.proto3, SparseTensorProto.
 * @param name the name to give it; that of its values where absent
 */
export function readSparseTensor(span: Span, context: TensorContext, name?: string): Initializer {
  const read = new FieldReader(span.bytes, 'a sparse tensor');
  const shape: number[] = [];
  let values: Initializer | undefined;
  let indices: Initializer | undefined;
  const part = (what: string) => (own: string) => `${what} of the sparse tensor "${name ?? own}"`;
  for (const field of fieldsOf(span, read.what)) {
    if (field.number === SPARSE_TENSOR.dims) read.ints(field, shape);
    else if (field.number === SPARSE_TENSOR.values)
      values = readTensorProto(read.message(field), context, part('values'));
    else if (field.number === SPARSE_TENSOR.indices)
      indices = readTensorProto(read.message(field), context, part('indices'));
  }
  const given = name ?? values?.name ?? '';
  const where = `onnx: sparse tensor "${given}"`;
  const refuse = (text: string, code: 'malformed' | 'limit' = 'malformed') =>
    new BnnqError(code, `${where}: ${text}`, { tensor: given, offset: span.start });
  try {
    checkShape(shape, where);
  } catch (thrown) {
    context.problems.push(thrown as BnnqError);
  }
  return {
    name: given,
    dtype: values?.dtype ?? 'FLOAT',
    shape,
    byteLength: span.end - span.start,
    read() {
      if (values === undefined || indices === undefined) throw refuse('it has no values or no indices');
      if (sizeOf(shape) > MAX_DENSE_ELEMENTS)
        throw refuse(`it has ${sizeOf(shape)} elements, at most ${MAX_DENSE_ELEMENTS} are unpacked`, 'limit');
      return dense(shape, values.read(), indices.read(), refuse);
    },
  };
}

function dense(
  shape: readonly number[],
  values: Tensor,
  indices: Tensor,
  refuse: (text: string) => BnnqError,
): Tensor {
  const count = values.data.length;
  const rank = shape.length;
  const width = indices.shape.length === 2 ? rank : 1;
  if (indices.dtype !== 'INT64' || indices.data.length !== count * width)
    throw refuse(
      `its indices are [${indices.shape.join(',')}] of ${indices.dtype}, expected [${count}] or [${count},${rank}] of INT64`,
    );
  const tensor = zeros(values.dtype, shape);
  const size = sizeOf(shape);
  let before = -1;
  for (let i = 0; i < count; i++) {
    let position = 0;
    for (let axis = 0; axis < width; axis++) {
      const index = Number(indices.data[i * width + axis]);
      const bound = width === 1 ? size : shape[axis]!;
      if (!(index >= 0 && index < bound)) throw refuse(`index ${index} is not below ${bound}`);
      position = width === 1 ? index : position * bound + index;
    }
    if (position <= before) throw refuse(`its indices are not ascending: ${position} after ${before}`);
    (tensor.data as NumericArray)[position] = values.data[i] as never;
    before = position;
  }
  return tensor;
}
