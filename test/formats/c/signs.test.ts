import { describe, expect, it } from 'vitest';
import { exportC } from '../../../src/eval/export-c.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { floats, sizeOf, type Tensor } from '../../../src/tensor/tensor.ts';
import { Random } from '../../kernels/support/random.ts';
import { buildModel, type ShortAttribute, type ShortNode } from '../../runtime/build-model.ts';
import { randomFloats } from '../../runtime/random.ts';
import { expectSame, randomSamples, runtimeOutputs } from './same-bits.ts';
import { compile, HAS_GCC, runProgram } from './toolchain.ts';

const weight = (shape: readonly number[], seed: number, low = -1, high = 1): Tensor =>
  floats(shape, randomFloats(sizeOf(shape), seed, low, high));

function signWeights(shape: readonly number[], seed: number): Tensor {
  const random = new Random(seed);
  return floats(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => (random.chance(0.5) ? 0.25 : -0.25)),
  );
}

const node = (
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, ShortAttribute>> = {},
): ShortNode => ({ op, inputs, outputs: [output], attributes });

const bipolar = (input: string, output: string): ShortNode => ({
  ...node('BipolarQuant', [input, 'one'], output),
  domain: 'qonnx.custom_op.general',
});

const batchNorm = (input: string, output: string, name: string): ShortNode =>
  node(
    'BatchNormalization',
    [input, ...['scale', 'bias', 'mean', 'variance'].map((part) => `${name}_${part}`)],
    output,
  );

/** Scales of both signs and 0. */
function statistics(name: string, channels: number): Record<string, Tensor> {
  const scale = weight([channels], channels);
  (scale.data as Float32Array)[0] = 0;
  return {
    [`${name}_scale`]: scale,
    [`${name}_bias`]: weight([channels], channels + 1),
    [`${name}_mean`]: weight([channels], channels + 2),
    [`${name}_variance`]: weight([channels], channels + 3, 0.5, 2),
  };
}

/** Three convolutions, padded, with a pool and normalizations between, and two matrices; channels that fill no word, and more than one. */
function network(sign: (input: string, output: string) => ShortNode): Model {
  return buildModel({
    inputs: { x: ['FLOAT', ['N', 3, 9, 8]] },
    outputs: ['y'],
    constants: {
      ...{ one: floats([], Float32Array.of(1)), w1: weight([5, 3, 3, 3], 1) },
      ...{ w2: signWeights([40, 5, 3, 3], 2), w3: signWeights([70, 40, 3, 2], 3) },
      ...{ w4: signWeights([33, 70 * 12], 4), w5: signWeights([33, 7], 5) },
      ...{ ...statistics('n2', 40), ...statistics('n3', 70), ...statistics('n4', 33) },
    },
    nodes: [
      node('Conv', ['x', 'w1'], 'c1'),
      sign('c1', 's1'),
      node('Conv', ['s1', 'w2'], 'c2', { pads: [1, 1, 1, 1] }),
      batchNorm('c2', 'b2', 'n2'),
      sign('b2', 's2'),
      node('MaxPool', ['s2'], 'p2', { kernel_shape: [2, 2], strides: [2, 1], pads: [0, 1, 1, 0] }),
      node('Conv', ['p2', 'w3'], 'c3', { pads: [1, 0, 1, 1], strides: [1, 2], dilations: [1, 1] }),
      batchNorm('c3', 'b3', 'n3'),
      sign('b3', 's3'),
      node('Flatten', ['s3'], 'f'),
      node('Gemm', ['f', 'w4'], 'g4', { transB: 1 }),
      batchNorm('g4', 'b4', 'n4'),
      sign('b4', 's4'),
      node('Gemm', ['s4', 'w5'], 'y'),
    ],
  });
}

describe.skipIf(!HAS_GCC)('layers of signs in C (needs gcc)', () => {
  it('give the bits of the runtime where 0 counts as +1', () => {
    const model = network(bipolar);
    const { files } = expectSame(model, randomSamples(model, 20));
    const text = files.get('net.c')!;
    expect(text.match(/ {4}(conv|pool)_signs\(|conv_f32_signs\(&/g)).toHaveLength(5);
  });

  it('give the bits of the runtime where values have signs of their own', () => {
    const model = network((input, output) => node('Sign', [input], output));
    expectSame(model, randomSamples(model, 20));
  });

  it('give the bits of the runtime where values are compared with thresholds of their channel, and read as floats besides', () => {
    const greater = (input: string, output: string, bound: string): readonly ShortNode[] => [
      node('Sub', [input, bound], `${output}-`),
      node('GreaterOrEqual', [`${output}-`, 'zero'], `${output}?`),
      node('Where', [`${output}?`, 'one', 'minus'], output),
    ];
    const model = buildModel({
      inputs: { x: ['FLOAT', ['N', 9, 6, 5]] },
      outputs: ['y'],
      constants: {
        ...{ one: floats([], Float32Array.of(1)), minus: floats([], Float32Array.of(-1)) },
        ...{
          zero: floats([], Float32Array.of(0)),
          t1: weight([9, 1, 1], 1),
          t2: weight([10, 1, 1], 2, -4, 4),
        },
        ...{ w1: signWeights([10, 9, 3, 3], 3), w2: signWeights([6, 10, 1, 1], 4) },
      },
      nodes: [
        ...greater('x', 's1', 't1'),
        node('Conv', ['s1', 'w1'], 'c1', { pads: [1, 1, 1, 1] }),
        ...greater('c1', 's2', 't2'),
        node('MaxPool', ['s2'], 'm', { kernel_shape: [2, 2] }),
        node('Conv', ['m', 'w2'], 'c2'),
        node('GlobalAveragePool', ['m'], 'p'),
        node('Concat', ['c2', 'c2'], 'd', { axis: 1 }),
        node('GlobalAveragePool', ['d'], 'q'),
        node('Concat', ['p', 'q'], 'y', { axis: 1 }),
      ],
    });
    const { files } = expectSame(model, randomSamples(model, 10));
    expect(files.get('net.c')).toMatch(/ {4}sign_floats\(/);
  });

  it('hold no floats between two of them: a map takes a bit an element', () => {
    // The convolution before the first signs gives 5 · 7 · 6 floats, 840 bytes. Most is alive when 40 channels are pooled, 2 words a pixel.
    const { size } = exportC(network(bipolar), { name: 'net' });
    expect(size.arenaBytes).toBe(4 * 2 * (7 * 6 + 4 * 6));
  });

  it('take +1 for 0 and −1 for NaN where the graph says so', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', ['N', 4]] },
      outputs: ['y'],
      constants: { one: floats([], Float32Array.of(1)), w: signWeights([3, 4], 1) },
      nodes: [bipolar('x', 's'), node('Gemm', ['s', 'w'], 'y', { transB: 1 })],
    });
    expectSame(model, Float32Array.of(0, -0, Number.NaN, 1, -1, 0, 2, -3));
  });

  it('tell by what they return that a value has no sign, and go on with the next sample', () => {
    const model = network((input, output) => node('Sign', [input], output));
    const samples = randomSamples(model, 3);
    samples.fill(0, 216, 432);
    const made = runProgram(compile(exportC(model, { name: 'net' })), samples);
    const expected = runtimeOutputs(model, samples);
    expect([...made.subarray(7, 14)].every(Number.isNaN)).toBe(true);
    expect([...made.subarray(0, 7), ...made.subarray(14)]).toEqual([
      ...expected.subarray(0, 7),
      ...expected.subarray(14),
    ]);
  });
});
