import onnxProto from 'onnx-proto';
import { BnnqError } from '../../errors.ts';
import type { Attribute, Graph } from '../../ir/graph.ts';
import { ATTRIBUTE } from './schema.ts';
import { readSparseTensor } from './sparse-tensor.ts';
import { readTensorProto, type TensorContext } from './stored-tensor.ts';
import { type Field, FieldReader, fieldsOf, type Span } from './wire.ts';

const { AttributeType } = onnxProto.onnx.AttributeProto;

/**
 * Reads an AttributeProto.
 * @param node names the node in errors
 * @param readGraph reads a subgraph
 */
export function readAttribute(
  span: Span,
  context: TensorContext,
  node: string,
  readGraph: (span: Span) => Graph,
): { name: string; attribute: Attribute } {
  const read = new FieldReader(span.bytes, `an attribute of ${node}`);
  const byNumber = new Map<number, Field[]>();
  for (const field of fieldsOf(span, read.what)) {
    const list = byNumber.get(field.number);
    if (list === undefined) byNumber.set(field.number, [field]);
    else list.push(field);
  }
  const all = (number: number): Field[] => byNumber.get(number) ?? [];
  const last = (number: number): Field | undefined => byNumber.get(number)?.at(-1);
  const text = (number: number): string => {
    const field = last(number);
    return field === undefined ? '' : read.string(field);
  };
  const need = (number: number): Field => {
    const field = last(number);
    if (field === undefined)
      throw new BnnqError('malformed', `onnx: ${node}: attribute "${name}" has no value`, {
        node,
        offset: span.start,
      });
    return field;
  };

  const name = text(ATTRIBUTE.name);
  const tensor = (field: Field) =>
    readTensorProto(read.message(field), context, () => `${node}: attribute "${name}"`);
  const typeField = last(ATTRIBUTE.type);
  const type = typeField === undefined ? guessType(byNumber) : read.int(typeField);
  const decode = (): Attribute => {
    if (text(ATTRIBUTE.refAttrName) !== '') return { type: 'REF', value: text(ATTRIBUTE.refAttrName) };
    switch (type) {
      // proto3 leaves a scalar that is zero or empty out
      case AttributeType.FLOAT:
        return { type: 'FLOAT', value: last(ATTRIBUTE.f) === undefined ? 0 : read.float(need(ATTRIBUTE.f)) };
      case AttributeType.INT:
        return { type: 'INT', value: last(ATTRIBUTE.i) === undefined ? 0 : read.int(need(ATTRIBUTE.i)) };
      case AttributeType.STRING:
        return { type: 'STRING', value: text(ATTRIBUTE.s) };
      case AttributeType.TENSOR:
        return { type: 'TENSOR', value: tensor(need(ATTRIBUTE.t)) };
      case AttributeType.SPARSE_TENSOR:
        return {
          type: 'SPARSE_TENSOR',
          value: readSparseTensor(read.message(need(ATTRIBUTE.sparseTensor)), context),
        };
      case AttributeType.GRAPH:
        return { type: 'GRAPH', value: readGraph(read.message(need(ATTRIBUTE.g))) };
      case AttributeType.FLOATS: {
        const value: number[] = [];
        for (const field of all(ATTRIBUTE.floats)) read.floats(field, value);
        return { type: 'FLOATS', value };
      }
      case AttributeType.INTS: {
        const value: number[] = [];
        for (const field of all(ATTRIBUTE.ints)) read.ints(field, value);
        return { type: 'INTS', value };
      }
      case AttributeType.STRINGS:
        return { type: 'STRINGS', value: all(ATTRIBUTE.strings).map((field) => read.string(field)) };
      case AttributeType.TENSORS:
        return { type: 'TENSORS', value: all(ATTRIBUTE.tensors).map(tensor) };
      case AttributeType.GRAPHS:
        return {
          type: 'GRAPHS',
          value: all(ATTRIBUTE.graphs).map((field) => readGraph(read.message(field))),
        };
      default:
        return { type: 'OTHER', value: null };
    }
  };
  return { name, attribute: decode() };
}

const BY_FIELD: readonly (readonly [number, number])[] = [
  [ATTRIBUTE.f, AttributeType.FLOAT],
  [ATTRIBUTE.i, AttributeType.INT],
  [ATTRIBUTE.s, AttributeType.STRING],
  [ATTRIBUTE.t, AttributeType.TENSOR],
  [ATTRIBUTE.g, AttributeType.GRAPH],
  [ATTRIBUTE.floats, AttributeType.FLOATS],
  [ATTRIBUTE.ints, AttributeType.INTS],
  [ATTRIBUTE.strings, AttributeType.STRINGS],
  [ATTRIBUTE.tensors, AttributeType.TENSORS],
  [ATTRIBUTE.sparseTensor, AttributeType.SPARSE_TENSOR],
  [ATTRIBUTE.graphs, AttributeType.GRAPHS],
];

/** Files of IR version 1 have no type field: the one value that is there tells it. */
function guessType(byNumber: ReadonlyMap<number, Field[]>): number {
  return BY_FIELD.find(([field]) => byNumber.has(field))?.[1] ?? AttributeType.UNDEFINED;
}
