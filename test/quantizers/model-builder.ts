import type { Attribute, Graph, Initializer, Model, Node } from '../../src/ir/graph.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { floats, sizeOf } from '../../src/tensor/tensor.ts';

/** An initializer over a tensor that is at hand; `reads` counts how often it is read. */
export function constant(name: string, tensor: Tensor): Initializer & { reads: number } {
  const initializer = {
    name,
    dtype: tensor.dtype,
    shape: tensor.shape,
    byteLength: 4 * sizeOf(tensor.shape),
    reads: 0,
    read: () => {
      initializer.reads++;
      return tensor;
    },
  };
  return initializer;
}

/** A FLOAT initializer; its elements count from 1 where none are given. */
export function weight(
  name: string,
  shape: readonly number[],
  data?: Float32Array,
): ReturnType<typeof constant> {
  const elements =
    data ?? Float32Array.from({ length: sizeOf(shape) }, (_, i) => (i + 1) * (i % 3 ? 0.01 : -0.01));
  return constant(name, floats(shape, elements));
}

export function shapeConstant(name: string, dims: readonly number[]): ReturnType<typeof constant> {
  return constant(name, { dtype: 'INT64', shape: [dims.length], data: BigInt64Array.from(dims, BigInt) });
}

export const int = (value: number): Attribute => ({ type: 'INT', value });

export function node(
  opType: string,
  inputs: string[],
  output: string,
  attributes: Record<string, Attribute> = {},
  name = `${output}_node`,
): Node {
  return {
    name,
    opType,
    domain: '',
    inputs,
    outputs: [output],
    attributes: new Map(Object.entries(attributes)),
  };
}

export function graphOf(nodes: Node[], initializers: Initializer[], outputs: string[] = []): Graph {
  return {
    name: 'test',
    inputs: [{ name: 'x' }],
    outputs: outputs.map((name) => ({ name })),
    nodes,
    initializers: new Map(initializers.map((initializer) => [initializer.name, initializer])),
    valueInfo: new Map(),
  };
}

export function modelOf(nodes: Node[], initializers: Initializer[], outputs: string[] = []): Model {
  return {
    irVersion: 8,
    opsets: new Map([['', 13]]),
    producer: 'test',
    metadata: new Map(),
    graph: graphOf(nodes, initializers, outputs),
    functions: [],
    source: { format: 'memory' },
  };
}
