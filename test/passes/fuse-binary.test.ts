import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/ir/graph.ts';
import { createReferenceKernels } from '../../src/kernels/reference.ts';
import { fuseAffine } from '../../src/passes/fuse-affine.ts';
import { fuseBinary } from '../../src/passes/fuse-binary.ts';
import { fuseResidual } from '../../src/passes/fuse-residual.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { rewriteForExecution } from '../../src/runtime/rewrite.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { Random } from '../kernels/support/random.ts';
import { buildModel, type ShortModel, type ShortNode } from '../runtime/build-model.ts';
import { randomFloats } from '../runtime/random.ts';

/** ±size of the row; rows are the first axis. */
function signWeights(shape: readonly number[], sizes: readonly number[] = [1], seed = 1): Tensor {
  const random = new Random(seed);
  const columns = sizeOf(shape) / shape[0]!;
  const sizeAt = (i: number): number => sizes[Math.floor(i / columns) % sizes.length]!;
  return floats(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => (random.chance(0.5) ? 1 : -1) * sizeAt(i)),
  );
}

const node = (
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: ShortNode['attributes'] = {},
): ShortNode => ({ op, inputs, outputs: [output], attributes });

const bipolar = (input: string, output: string): ShortNode => ({
  ...node('BipolarQuant', [input, 'one'], output),
  domain: 'qonnx.custom_op.general',
});

const multiThreshold = (input: string, output: string): ShortNode => ({
  ...node('MultiThreshold', [input, 'none'], output, { out_scale: { float: 2 }, out_bias: { float: -1 } }),
  domain: 'finn.custom_op.general',
});

/** One node at a time: what Larq's sign is made of. */
const larq = (input: string, output: string): readonly ShortNode[] => [
  node('GreaterOrEqual', [input, 'zero'], `${output}?`),
  node('Where', [`${output}?`, 'one', 'minus'], output),
];

const PADDED = { pads: [1, 1, 1, 1] };
const IMAGE: ShortModel['inputs'] = { x: ['FLOAT', ['N', 5, 9, 8]] };
const image = (batch = 3, seed = 3): Tensor => floats([batch, 5, 9, 8], randomFloats(batch * 360, seed));

function operatorsOf(model: Model): string[] {
  return runPasses(model, [fuseAffine, fuseBinary, fuseResidual]).model.graph.nodes.map(
    ({ opType }) => opType,
  );
}

/** What the network gives with every value kept, so that nothing is fused, and as it is executed by both sets of kernels. */
function runs(model: Model, x: Tensor): { plain: Float32Array; reference: Float32Array; simd: Float32Array } {
  const [output] = model.graph.outputs;
  const run = (kernels: 'reference' | 'simd', keep: readonly string[]): Float32Array => {
    const session = createSession(model, { kernels, keep });
    const y = session.run({ x }).get(output!.name)!.data as Float32Array;
    session.dispose();
    return y;
  };
  const all = model.graph.nodes.flatMap(({ outputs }) => outputs);
  return { plain: run('reference', all), reference: run('reference', []), simd: run('simd', []) };
}

/** Checks that maps change nothing, to the bit. */
function expectSame(model: Model, x: Tensor): void {
  const { plain, reference, simd } = runs(model, x);
  expect(reference).toEqual(plain);
  expect(simd).toEqual(plain);
}

const BN = { g: [0.5, -0.7, 0, 2, -1, 0.3, 1], b: [0.1, 0.2, -0.3, 0, 1, -2, 0.4] };

/** Convolutions, BatchNormalization of both signs and γ = 0, pooling, and fully connected layers behind. */
type Quantizer = (input: string, output: string) => ShortNode | readonly ShortNode[];

function networkOf(quantizer: Quantizer): Model {
  const channels = BN.g.length;
  return buildModel({
    inputs: IMAGE,
    outputs: ['y'],
    constants: {
      one: floats([], Float32Array.of(1)),
      minus: floats([], Float32Array.of(-1)),
      zero: floats([], Float32Array.of(0)),
      none: floats([1, 1], Float32Array.of(0)),
      w1: signWeights([channels, 5, 3, 3], [1], 1),
      g: floats([channels], Float32Array.from(BN.g)),
      b: floats([channels], Float32Array.from(BN.b)),
      m: floats(
        [channels],
        Float32Array.from(BN.b, (v) => v * 3 + 0.123),
      ),
      v: floats(
        [channels],
        Float32Array.from(BN.b, (v) => v * v + 0.5),
      ),
      w2: signWeights([70, channels, 2, 3], [1], 2),
      c2: floats([70], randomFloats(70, 9)),
      w3: signWeights([6, 70 * 3 * 2], [1], 3),
      bias3: floats([6], randomFloats(6, 10)),
      w4: signWeights([6, 4], [1], 4),
    },
    nodes: [
      quantizer('x', 's1'),
      node('Conv', ['s1', 'w1'], 'c1', PADDED),
      node('BatchNormalization', ['c1', 'g', 'b', 'm', 'v'], 'n1'),
      quantizer('n1', 's2'),
      node('MaxPool', ['s2'], 'p2', { kernel_shape: [2, 2], strides: [2, 2], pads: [1, 0, 0, 1] }),
      node('Conv', ['p2', 'w2', 'c2'], 'c3', { strides: [2, 1], pads: [1, 0, 0, 0] }),
      quantizer('c3', 's3'),
      node('MaxPool', ['s3'], 'p3', { kernel_shape: [1, 1] }),
      node('Flatten', ['p3'], 'f'),
      node('Gemm', ['f', 'w3', 'bias3'], 'g1', { transB: 1 }),
      quantizer('g1', 's4'),
      node('Gemm', ['s4', 'w4'], 'y'),
    ].flat(),
  });
}

const sign = (input: string, output: string): ShortNode => node('Sign', [input], output);

describe('binary layers', () => {
  it.each<[string, Quantizer]>([
    ['Sign', sign],
    ['BipolarQuant', bipolar],
    ['the sign of Larq', larq],
    ['MultiThreshold', multiThreshold],
  ])(
    'read maps, pool them, and give signs that nothing else is wanted of, with no floats between: %s',
    (_, quantizer) => {
      expect(operatorsOf(networkOf(quantizer))).toEqual([
        'Signs',
        'BinaryConv',
        'SignPool',
        'BinaryConv',
        'SignPool',
        'BinaryLinear',
        'BinaryLinear',
      ]);
    },
  );

  it.each<[string, Quantizer]>([
    ['Sign', sign],
    ['BipolarQuant', bipolar],
    ['the sign of Larq', larq],
    ['MultiThreshold', multiThreshold],
  ])('give the bits of the network that they were, images and batches of any kind: %s', (_, quantizer) => {
    const model = networkOf(quantizer);
    for (const batch of [1, 2, 5]) expectSame(model, image(batch, batch));
    // Zeros have no sign with Sign, and count as +1 with BipolarQuant; a NaN has none.
    const x = image(2);
    const zeros = floats(
      x.shape,
      (x.data as Float32Array).map((v, i) => (i % 7 === 0 ? (i % 2 ? 0 : -0) : v)),
    );
    expectSame(model, zeros);
    if (quantizer !== sign) (zeros.data as Float32Array)[11] = Number.NaN;
    expectSame(model, zeros);
  });

  it('take one bit for each sign in memory', () => {
    const wide = buildModel({
      inputs: { x: ['FLOAT', [1, 64, 16, 16]] },
      outputs: ['y'],
      constants: {
        one: floats([], Float32Array.of(1)),
        w: signWeights([64, 64, 3, 3]),
        v: signWeights([64, 64, 3, 3], [1], 2),
      },
      nodes: [
        sign('x', 's'),
        node('Conv', ['s', 'w'], 'c', PADDED),
        bipolar('c', 't'),
        node('Conv', ['t', 'v'], 'd', PADDED),
        bipolar('d', 'y'),
      ],
    });
    const session = createSession(wide);
    const x = floats([1, 64, 16, 16], randomFloats(64 * 256, 1));
    session.run({ x });
    const map = session.run({ x }, { fetch: ['t/signs'] }).get('t/signs')!;
    expect([map.dtype, map.shape]).toEqual(['UINT8', [1, 16, 16, 8]]);
    expect(sizeOf(map.shape) * 8).toBe(64 * 256);
    session.dispose();
  });

  it('compute in float what reads signs with a 0 among them, and on maps what reads the signs behind', () => {
    const model = buildModel({
      inputs: IMAGE,
      outputs: ['y'],
      constants: {
        w: signWeights([8, 5, 3, 3]),
        bias: floats([8], new Float32Array(8).fill(0.5)),
        v: signWeights([8, 8, 3, 3], [1], 2),
      },
      nodes: [
        sign('x', 's'),
        node('Conv', ['s', 'w', 'bias'], 'c', PADDED),
        sign('c', 't'),
        node('Conv', ['t', 'v'], 'y', PADDED),
      ],
    });
    const x = image(1);
    (x.data as Float32Array)[3] = 0;
    const session = createSession(model);
    const values = session.run({ x }, { fetch: ['s/signs', 't/signs'] });
    session.dispose();
    expect(['s/signs', 't/signs'].map((name) => values.get(name)!.dtype)).toEqual(['FLOAT', 'UINT8']);
    expectSame(model, x);
  });

  it('of weights ±a differ by rounding alone, and of an a that is a power of two not at all', () => {
    const model = (sizes: readonly number[]): Model =>
      buildModel({
        inputs: IMAGE,
        outputs: ['y'],
        constants: { w: signWeights([4, 5, 3, 3], sizes), c: floats([4], randomFloats(4, 2)) },
        nodes: [sign('x', 's'), node('Conv', ['s', 'w', 'c'], 'd', PADDED), node('Relu', ['d'], 'y')],
      });
    expectSame(model([0.5, 2, 1, 0.25]), image());
    const { plain, reference, simd } = runs(model([0.3, 1.7, 11, 1e-3]), image());
    expect(simd).toEqual(reference);
    plain.forEach((value, i) => {
      expect(Math.abs(reference[i]! - value)).toBeLessThan(1e-6 * (Math.abs(value) + 45 * 11));
    });
  });

  it('leave the floats to others that read the signs, or the values before them', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', ['N', 4, 9, 8]] },
      outputs: ['y', 'z'],
      constants: { w: signWeights([4, 4, 3, 3]), v: signWeights([4, 4, 3, 3], [1], 2) },
      nodes: [
        sign('x', 's'),
        node('Conv', ['s', 'w'], 'c', PADDED),
        node('Add', ['c', 's'], 'z'),
        sign('c', 't'),
        node('Conv', ['t', 'v'], 'd', PADDED),
        node('Add', ['d', 't'], 'y'),
      ],
    });
    expect(operatorsOf(model).filter((name) => name === 'Sign')).toHaveLength(2);
    expect(operatorsOf(model).filter((name) => name === 'Signs')).toHaveLength(2);
    const x = floats([2, 4, 9, 8], randomFloats(576, 4));
    expectSame({ ...model, graph: { ...model.graph, outputs: model.graph.outputs.toReversed() } }, x);
    expectSame(model, x);
  });

  it.each<[string, Record<string, Tensor>, ShortNode]>([
    ['weights of two sizes', {}, node('Conv', ['s', 'u'], 'y')],
    [
      'pads below 0',
      { w: signWeights([4, 5, 3, 3]) },
      node('Conv', ['s', 'w'], 'y', { pads: [-1, 0, 0, 0] }),
    ],
    ['groups', { w: signWeights([5, 1, 3, 3]) }, node('Conv', ['s', 'w'], 'y', { group: 5 })],
    ['a weight that is no constant', {}, node('Conv', ['s', 'x'], 'y', { pads: [4, 4, 4, 4] })],
  ])('are not made of %s', (_, constants, layer) => {
    const u = signWeights([4, 5, 3, 3]);
    (u.data as Float32Array)[7] = 0.5;
    const model = buildModel({
      inputs: IMAGE,
      outputs: ['y'],
      constants: { u, ...constants },
      nodes: [sign('x', 's'), layer],
    });
    expect(operatorsOf(model)[0]).toBe('Sign');
  });

  it('read MultiThreshold with a threshold for each channel, values at it included, before and behind layers', () => {
    const perChannel = (input: string, bounds: string, output: string): ShortNode => ({
      ...multiThreshold(input, output),
      inputs: [input, bounds],
    });
    const model = buildModel({
      inputs: IMAGE,
      outputs: ['y'],
      constants: {
        t1: floats([5, 1], [0.5, -0.25, 0, 1, -1]),
        t2: floats(
          [70, 1],
          Float32Array.from({ length: 70 }, (_, i) => (i % 9) - 4),
        ),
        w: signWeights([70, 5, 3, 3]),
        v: signWeights([3, 70, 3, 3], [1], 2),
      },
      nodes: [
        perChannel('x', 't1', 's'),
        node('Conv', ['s', 'w'], 'c', PADDED),
        perChannel('c', 't2', 't'),
        node('Conv', ['t', 'v'], 'y'),
      ],
    });
    expect(operatorsOf(model)).toEqual(['Signs', 'BinaryConv', 'BinaryConv']);
    const x = image();
    (x.data as Float32Array).forEach((_, i, data) => {
      if (i % 5 === 0) data[i] = [0.5, -0.25, 0, 1, -1][Math.floor(i / 72) % 5]!;
    });
    expectSame(model, x);
    (x.data as Float32Array)[11] = Number.NaN;
    expectSame(model, x);
  });

  it('are made of MatMul where its input is known to be a matrix, scaled and shifted by channel behind it', () => {
    const constants = {
      none: floats([1, 1], Float32Array.of(0)),
      w: signWeights([40, 24]),
      scale: floats([], Float32Array.of(0.5)),
      shift: floats([24], randomFloats(24, 5)),
      v: signWeights([24, 7], [1], 3),
    };
    const model = (shape: readonly (number | string)[]): Model =>
      buildModel({
        inputs: { x: ['FLOAT', shape] },
        outputs: ['y'],
        constants,
        nodes: [
          multiThreshold('x', 's'),
          node('MatMul', ['s', 'w'], 'm'),
          node('Mul', ['m', 'scale'], 'n'),
          node('Add', ['n', 'shift'], 'o'),
          multiThreshold('o', 't'),
          node('MatMul', ['t', 'v'], 'y'),
        ],
      });
    const executed = (m: Model): string[] =>
      rewriteForExecution(m, createReferenceKernels(), []).graph.nodes.map(({ opType }) => opType);
    expect(executed(model(['N', 40]))).toEqual(['Signs', 'BinaryLinear', 'BinaryLinear']);
    expect(executed(model(['N', 3, 40]))).not.toContain('Signs');
    expectSame(model(['N', 40]), floats([5, 40], randomFloats(200, 4)));
    expectSame(model(['N', 3, 40]), floats([2, 3, 40], randomFloats(240, 4)));
  });

  it('give all slices in one map where their outputs are compared with several thresholds', () => {
    const channels = 24;
    const slice = (i: number): ShortNode[] => [node('Add', ['n', `t${i}`], `a${i}`), sign(`a${i}`, `s${i}`)];
    const model = buildModel({
      inputs: IMAGE,
      outputs: ['y'],
      constants: {
        w: signWeights([channels, 5, 3, 3]),
        bias: floats([channels], randomFloats(channels, 1)),
        t0: floats([1], [-2.5]),
        t1: floats([1, channels, 1, 1], randomFloats(channels, 2)),
        t2: floats([], [3.5]),
        v: signWeights([6, channels, 3, 3], [1], 2),
        u: signWeights([6, channels, 3, 3], [1], 3),
      },
      nodes: [
        sign('x', 's'),
        node('Conv', ['s', 'w', 'bias'], 'n', PADDED),
        ...[0, 1, 2].flatMap(slice),
        node('Concat', ['s0', 's1', 's2'], 'all', { axis: 1 }),
        node('Conv', ['all', 'v'], 'c', { ...PADDED, group: 3 }),
        node('Conv', ['s1', 'u'], 'd', PADDED),
        node('Add', ['c', 'd'], 'y'),
      ],
    });
    expect(operatorsOf(model)).toEqual(['Signs', 'BinaryConv', 'SignMove', 'BinaryConv', 'BinaryConv']);
    expectSame(model, image());
  });

  it('are not made where the signs are an output, or kept', () => {
    const model = buildModel({
      inputs: IMAGE,
      outputs: ['y', 's'],
      constants: { w: signWeights([4, 5, 3, 3]) },
      nodes: [sign('x', 's'), node('Conv', ['s', 'w'], 'y')],
    });
    expect(operatorsOf(model)[0]).toBe('Sign');
  });
});
