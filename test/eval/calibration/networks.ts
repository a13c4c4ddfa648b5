import type { Dataset, Sample } from '../../../src/formats/datasets/dataset.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { numberToFloat16 } from '../../../src/tensor/float16.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { sampleOf } from '../../quantizers/samples.ts';
import { buildModel, type ShortNode } from '../../runtime/build-model.ts';

/** Samples as they are given, each of as many values. */
export function valuesOf(samples: readonly Float32Array[]): Dataset {
  return {
    spec: 'values',
    count: samples.length,
    labels: undefined,
    classNames: undefined,
    fingerprint: `values ${samples.length}`,
    nameOf: (index) => `row ${index}`,
    sample: (index): Sample => ({ kind: 'values', values: samples[index]! }),
  };
}

/** Random samples whose values have something in common. */
export function randomValues(count: number, elements: number, seed = 1): Dataset {
  return valuesOf(
    Array.from({ length: count }, (_, i) => {
      const own = sampleOf('gauss', elements, seed * 1000 + i);
      return own.map((v, j) => v + 0.7 * own[(j + 1) % elements]! + 0.5 * own[0]! + 0.3);
    }),
  );
}

/** A weight of a few rows, small enough that outputs stay about 1. */
export function randomWeight(shape: number[], seed: number): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const columns = count / shape[0]!;
  return floats(
    shape,
    sampleOf('laplace', count, seed).map((v) => v / Math.sqrt(columns)),
  );
}

/** BatchNormalization constants of some channels, by the name of the node's value. */
function norm(name: string, channels: number, seed: number): Record<string, Tensor> {
  const of = (offset: number, spread: number, at: number): Tensor =>
    floats(
      [channels],
      sampleOf('uniform', channels, seed + at).map((v) => offset + spread * v),
    );
  return {
    [`${name}.gamma`]: of(1, 0.4, 1),
    [`${name}.beta`]: of(0.1, 0.3, 2),
    [`${name}.mean`]: of(0, 0.3, 3),
    [`${name}.variance`]: of(1, 0.5, 4),
  };
}

const normed = (input: string, output: string): ShortNode => ({
  op: 'BatchNormalization',
  inputs: [input, ...['gamma', 'beta', 'mean', 'variance'].map((part) => `${output}.${part}`)],
  outputs: [output],
});
const SAME = { pads: [1, 1, 1, 1] };

/**
 * [N, 3, 6, 6] to [N, 5]: Conv with BatchNormalization and Relu; a residual block of two Convs, the first depthwise, the
 * second with a bias; average pooling; a Gemm.
 */
export function residualNetwork(): Model {
  return buildModel({
    inputs: { x: ['FLOAT', ['N', 3, 6, 6]] },
    outputs: ['logits'],
    constants: {
      w1: randomWeight([8, 3, 3, 3], 1),
      ...norm('n1', 8, 10),
      w2: randomWeight([8, 1, 3, 3], 2),
      ...norm('n2', 8, 20),
      w3: randomWeight([8, 8, 1, 1], 3),
      b3: floats([8], sampleOf('gauss', 8, 4)),
      w4: randomWeight([5, 8], 5),
      b4: floats([5], sampleOf('gauss', 5, 6)),
    },
    nodes: [
      { op: 'Conv', inputs: ['x', 'w1'], outputs: ['c1'], attributes: SAME },
      normed('c1', 'n1'),
      { op: 'Relu', inputs: ['n1'], outputs: ['r1'] },
      { op: 'Conv', inputs: ['r1', 'w2'], outputs: ['c2'], attributes: { ...SAME, group: 8 } },
      normed('c2', 'n2'),
      { op: 'Relu', inputs: ['n2'], outputs: ['r2'] },
      { op: 'Conv', inputs: ['r2', 'w3', 'b3'], outputs: ['c3'] },
      { op: 'Add', inputs: ['c3', 'r1'], outputs: ['s'] },
      { op: 'Relu', inputs: ['s'], outputs: ['r3'] },
      { op: 'GlobalAveragePool', inputs: ['r3'], outputs: ['g'] },
      { op: 'Flatten', inputs: ['g'], outputs: ['f'] },
      { op: 'Gemm', inputs: ['f', 'w4', 'b4'], outputs: ['logits'], attributes: { transB: 1 } },
    ],
  });
}

/** Its floating-point constants as FLOAT16, all values FLOAT16. */
export function inHalf(model: Model): Model {
  const initializers = new Map(
    [...model.graph.initializers].map(([name, initializer]) => {
      const data = Uint16Array.from(initializer.read().data as Float32Array, numberToFloat16);
      const tensor: Tensor = { dtype: 'FLOAT16', shape: initializer.shape, data };
      return [
        name,
        { ...initializer, dtype: 'FLOAT16' as const, byteLength: data.byteLength, read: () => tensor },
      ];
    }),
  );
  const half = <T extends { name: string }>(value: T): T => ({ ...value, dtype: 'FLOAT16' });
  const { graph } = model;
  const valueInfo = new Map(
    graph.nodes.flatMap(({ outputs }) => outputs.map((name) => [name, half({ name })] as const)),
  );
  return {
    ...model,
    graph: {
      ...graph,
      initializers,
      inputs: graph.inputs.map(half),
      outputs: graph.outputs.map(half),
      valueInfo,
    },
  };
}
