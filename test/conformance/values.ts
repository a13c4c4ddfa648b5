import { readFileSync } from 'node:fs';
import { readTensorProto } from '../../src/formats/onnx/stored-tensor.ts';
import { FieldReader, fieldsOf, type Span, wholeOf } from '../../src/formats/onnx/wire.ts';
import type { ValueType } from '../../src/ir/graph.ts';
import { EmptyOptional, type RuntimeValue, TensorSequence } from '../../src/runtime/values.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** Fields of SequenceProto and OptionalProto, which share their numbers. Source: onnx/onnx-data.proto. */
const DATA = { elementType: 2, tensor: 3, sequence: 5, optional: 7 } as const;

/**
 * Reads a value of the test data: a TensorProto, or a SequenceProto or OptionalProto where the model says so, in files
 * that do not say themselves what they are.
 */
export function readValueFile(path: string, type: ValueType): RuntimeValue {
  return readValue(wholeOf(readFileSync(path)), type);
}

function readValue(span: Span, type: ValueType): RuntimeValue {
  const { container } = type;
  if (container === undefined) return readTensor(span);
  const read = new FieldReader(span.bytes, `the ${container.kind}`);
  const held: RuntimeValue[] = [];
  for (const field of fieldsOf(span, read.what)) {
    const { number } = field;
    if (number === DATA.tensor) held.push(readTensor(read.message(field)));
    else if (number === DATA.sequence || number === DATA.optional)
      held.push(readValue(read.message(field), container.element));
    else if (number > DATA.elementType) throw new Error(`${read.what} holds field ${number}`);
  }
  if (container.kind === 'optional') return held[0] ?? new EmptyOptional();
  return new TensorSequence(container.element.dtype, held as Tensor[]);
}

function readTensor(span: Span): Tensor {
  const external = () => {
    throw new Error('external data');
  };
  const context = { problems: [], external, tensors: [], cuts: new Map() };
  return readTensorProto(span, context, (name) => `tensor "${name}"`).read();
}
