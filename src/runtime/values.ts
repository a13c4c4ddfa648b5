import type { DataType } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A list of tensors of one type (ONNX sequence type). Its tensors are outside of the heap, and nobody changes them. */
export class TensorSequence {
  /** Type of the elements; undefined for an empty sequence that does not say. */
  readonly dtype: DataType | undefined;
  readonly elements: readonly Tensor[];

  constructor(dtype: DataType | undefined, elements: readonly Tensor[]) {
    this.dtype = dtype;
    this.elements = elements;
  }
}

/** An optional that holds nothing. One that holds a tensor or a sequence is represented by what it holds. */
export class EmptyOptional {}

/** What a value of a graph is at run time. */
export type RuntimeValue = Tensor | TensorSequence | EmptyOptional;

/** Whether a value is a tensor. */
export function isTensor(value: RuntimeValue): value is Tensor {
  return !(value instanceof TensorSequence) && !(value instanceof EmptyOptional);
}

/** What kind of value it is, for messages. */
export function kindOf(value: RuntimeValue): string {
  if (value instanceof TensorSequence) return 'a sequence';
  return value instanceof EmptyOptional ? 'an empty optional' : 'a tensor';
}

/** A value of its own memory. */
export function copyOf(value: RuntimeValue): RuntimeValue {
  if (value instanceof TensorSequence)
    return new TensorSequence(value.dtype, value.elements.map(copyOfTensor));
  return isTensor(value) ? copyOfTensor(value) : value;
}

export function copyOfTensor(tensor: Tensor): Tensor {
  return { dtype: tensor.dtype, shape: [...tensor.shape], data: tensor.data.slice() };
}
