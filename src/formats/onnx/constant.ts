import type { Attribute, Initializer, Node } from '../../ir/graph.ts';
import { byteLengthOf } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/**
 * The initializer that a Constant node stands for, under the name of its output; undefined for other nodes and for a
 * Constant whose value comes from a function's caller.
 * Source: onnx.ai/onnx/operators/onnx__Constant.html, exactly one of the value attributes is there.
 */
export function liftConstant(node: Node): Initializer | undefined {
  const name = node.outputs[0] ?? '';
  if (node.opType !== 'Constant' || node.domain !== '' || name === '') return undefined;
  for (const [key, attribute] of node.attributes) {
    if (key === 'value' && attribute.type === 'TENSOR') return { ...attribute.value, name };
    if (key === 'sparse_value' && attribute.type === 'SPARSE_TENSOR') return { ...attribute.value, name };
    const lift = LIFTS[key];
    const tensor = lift?.(attribute);
    if (tensor !== undefined)
      return {
        name,
        dtype: tensor.dtype,
        shape: tensor.shape,
        byteLength: byteLengthOf(tensor.dtype, tensor.data.length),
        read: () => tensor,
      };
  }
  return undefined;
}

const LIFTS: Record<string, (attribute: Attribute) => Tensor | undefined> = {
  value_float: (a) =>
    a.type === 'FLOAT' ? { dtype: 'FLOAT', shape: [], data: Float32Array.of(a.value) } : undefined,
  value_floats: (a) =>
    a.type === 'FLOATS'
      ? { dtype: 'FLOAT', shape: [a.value.length], data: Float32Array.from(a.value) }
      : undefined,
  value_int: (a) => (a.type === 'INT' ? { dtype: 'INT64', shape: [], data: int64s([a.value]) } : undefined),
  value_ints: (a) =>
    a.type === 'INTS' ? { dtype: 'INT64', shape: [a.value.length], data: int64s(a.value) } : undefined,
  value_string: (a) => (a.type === 'STRING' ? { dtype: 'STRING', shape: [], data: [a.value] } : undefined),
  value_strings: (a) =>
    a.type === 'STRINGS' ? { dtype: 'STRING', shape: [a.value.length], data: [...a.value] } : undefined,
};

const INT64_MAX = 2n ** 63n - 1n;

/** Attributes beyond 2^53 were rounded; what came to 2^63 was INT64_MAX. */
function int64s(values: readonly number[]): BigInt64Array {
  return BigInt64Array.from(values, (value) => {
    const whole = BigInt(value);
    return whole > INT64_MAX ? INT64_MAX : whole;
  });
}
