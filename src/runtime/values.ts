import type { DataType } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A list of tensors of one type (ONNX sequence type). The tensors are plain arrays that nobody changes. */
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
export function isTensor(value: RuntimeValue | undefined): value is Tensor {
  return value !== undefined && !(value instanceof TensorSequence) && !(value instanceof EmptyOptional);
}
