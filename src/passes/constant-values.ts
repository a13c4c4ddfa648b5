import type { Attribute, Initializer, Node } from '../ir/graph.ts';
import type { DataType } from '../tensor/dtype.ts';
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from '../tensor/float16.ts';
import { sizeOf, type Tensor } from '../tensor/tensor.ts';

/** Values of a floating-point constant (FLOAT, FLOAT16, BFLOAT16) as numbers; undefined for other types, for codes and for nothing. */
export function floatValues(constant: Initializer | undefined): Float64Array | undefined {
  if (constant === undefined || constant.quantized !== undefined) return undefined;
  const { dtype } = constant;
  if (dtype === 'FLOAT') return Float64Array.from(constant.read().data as Float32Array);
  if (dtype === 'FLOAT16') return Float64Array.from(constant.read().data as Uint16Array, float16ToNumber);
  if (dtype === 'BFLOAT16') return Float64Array.from(constant.read().data as Uint16Array, bfloat16ToNumber);
  return undefined;
}

/** A tensor of a type that `floatValues` reads; every value is rounded to it once (for BFLOAT16 by way of float32). */
export function floatTensor(dtype: DataType, shape: readonly number[], values: ArrayLike<number>): Tensor {
  if (dtype === 'FLOAT16') return { dtype, shape, data: Uint16Array.from(values, numberToFloat16) };
  if (dtype === 'BFLOAT16') return { dtype, shape, data: Uint16Array.from(values, numberToBfloat16) };
  return { dtype: 'FLOAT', shape, data: Float32Array.from(values) };
}

/** Values of an integer constant as numbers. */
export function integerValues(constant: Initializer | undefined): number[] | undefined {
  if (constant === undefined || (constant.dtype !== 'INT64' && constant.dtype !== 'INT32')) return undefined;
  return Array.from(constant.read().data as BigInt64Array, Number);
}

/** The value of a constant of one element. */
export function scalarValue(constant: Initializer | undefined): number | undefined {
  if (constant === undefined || sizeOf(constant.shape) !== 1) return undefined;
  return floatValues(constant)?.[0] ?? integerValues(constant)?.[0];
}

/** A number attribute of a node. */
export function numberAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'INT' || attribute?.type === 'FLOAT' ? attribute.value : fallback;
}

export function textAttribute(node: Node, name: string, fallback: string): string {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'STRING' ? attribute.value : fallback;
}

export function numbersAttribute(node: Node, name: string): readonly number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'INTS' ? attribute.value : undefined;
}

/** Attributes with some replaced or added. */
export function withAttributes(
  attributes: ReadonlyMap<string, Attribute>,
  changes: Readonly<Record<string, Attribute>>,
): Map<string, Attribute> {
  return new Map([...attributes, ...Object.entries(changes)]);
}
