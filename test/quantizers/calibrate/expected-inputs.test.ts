import { describe, expect, it } from 'vitest';
import { readModel } from '../../../src/formats/read-model.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { floatValues } from '../../../src/passes/constant-values.ts';
import { equalizeLayers } from '../../../src/passes/equalize.ts';
import {
  clippedMean,
  dataFreeShift,
  expectedInputs,
} from '../../../src/quantizers/calibrate/expected-inputs.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { floats, sizeOf, type Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, int64, type ShortModel } from '../../runtime/build-model.ts';
import { generator, randomFloats } from '../../runtime/random.ts';
import { sharedData } from '../../shared-data.ts';

const random = (shape: readonly number[], seed = 1): Tensor =>
  floats(shape, randomFloats(sizeOf(shape), seed));

/** Normal numbers, by adding twelve uniform ones. */
function normal(count: number, seed: number): Float32Array {
  const next = generator(seed);
  return Float32Array.from({ length: count }, () => {
    let total = -6;
    for (let i = 0; i < 12; i++) total += next();
    return total;
  });
}

const layer = (op: string, inputs: string[], output: string, attributes = {}): ShortModel['nodes'][0] => ({
  op,
  inputs,
  outputs: [output],
  attributes,
});

/** E[x] of the inputs of the node that makes `y`. */
function expectedAtLast(model: Model): Float64Array | undefined {
  return expectedInputs(model, model.graph.nodes.find(({ outputs }) => outputs[0] === 'y')!);
}

const beta = [0.5, -1, 0, 2];
const gamma = [1, -0.5, 2, 0];
/** Statistics such that the BatchNormalization of standard normal numbers has mean β and deviation |γ|. */
const statistics = {
  g: floats([4], gamma),
  b: floats([4], beta),
  m: floats([4], [0, 0, 0, 0]),
  v: floats([4], [1, 1, 1, 1]),
};
const bounds = {
  pads: int64([0, 0, 1, 1, 0, 0, 0, 0]),
  zero: floats([], [0]),
  six: floats([1], [1.5]),
  w: random([4, 4, 1, 1]),
};
const norm = layer('BatchNormalization', ['x', 'g', 'b', 'm', 'v'], 'n', { epsilon: { float: 0 } });

/** A network whose input is normalized, changed by some nodes to `a`, and multiplied. */
function network(between: ShortModel['nodes'], last = layer('Conv', ['a', 'w'], 'y')): ShortModel {
  return {
    inputs: { x: ['FLOAT', [1, 4, 200, 200]] },
    outputs: ['y'],
    constants: { ...statistics, ...bounds },
    nodes: [norm, ...between, last],
  };
}

describe('the mean of a clipped normal distribution', () => {
  it('is that of numerical integration, far out in the tails too', () => {
    for (const [mean, deviation] of [
      [0, 1],
      [3, 0.5],
      [-2, 1.5],
      [-8, 1],
      [12, 2],
    ] as const)
      for (const [low, high] of [
        [0, 6],
        [0, Infinity],
        [-1, 1],
        [-Infinity, 0.5],
      ] as const) {
        let total = 0;
        const steps = 40000;
        for (let i = 0; i < steps; i++) {
          const z = -10 + (20 * (i + 0.5)) / steps;
          const weight = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * (20 / steps);
          total += weight * Math.min(high, Math.max(low, mean + deviation * z));
        }
        expect(clippedMean(mean, deviation, low, high)).toBeCloseTo(total, 6);
      }
  });

  it('is the clipped mean where nothing varies', () => {
    expect(clippedMean(7, 0, 0, 6)).toBe(6);
    expect(clippedMean(-7, 0, 0, Infinity)).toBe(0);
  });
});

describe('expected inputs', () => {
  const cases: readonly [string, ShortModel['nodes']][] = [
    ['BatchNormalization alone', [layer('Identity', ['n'], 'a')]],
    ['Relu', [layer('Relu', ['n'], 'a')]],
    ['LeakyRelu', [layer('LeakyRelu', ['n'], 'a', { alpha: { float: 0.2 } })]],
    ['Clip', [layer('Clip', ['n', 'zero', 'six'], 'a')]],
    ['Clip without a lower bound', [layer('Clip', ['n', '', 'six'], 'a')]],
    ['a sum with what it depends on', [layer('Relu', ['n'], 'r'), layer('Add', ['r', 'n'], 'a')]],
    [
      'averages',
      [
        layer('Relu', ['n'], 'r'),
        layer('AveragePool', ['r'], 'a', { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
      ],
    ],
  ];
  for (const [name, between] of cases)
    it(`are the means that normal inputs have: ${name}`, () => {
      const model = buildModel(network(between));
      const expected = expectedAtLast(model)!;
      const session = createSession(model, { keep: ['a'] });
      const x = floats([1, 4, 200, 200], normal(160000, 3));
      const a = session.run({ x }, { fetch: ['a'] }).get('a')!;
      session.dispose();
      const size = sizeOf(a.shape) / 4;
      for (let c = 0; c < 4; c++) {
        const mean =
          (a.data as Float32Array).subarray(c * size, (c + 1) * size).reduce((s, v) => s + v, 0) / size;
        // 40,000 samples of deviation 2 at most: a standard error of .01.
        expect(Math.abs(expected[c]! - mean)).toBeLessThan(0.04);
      }
    });

  it('go through Concat, in its order', () => {
    const model = buildModel({
      ...network(
        [layer('Relu', ['n'], 'r'), layer('Concat', ['n', 'r'], 'a', { axis: 1 })],
        layer('Conv', ['a', 'k'], 'y'),
      ),
      constants: { ...statistics, k: random([2, 8, 1, 1]) },
    });
    const expected = expectedAtLast(model)!;
    expect([...expected.subarray(0, 4)]).toEqual(beta);
    expect(expected[5]).toBe(clippedMean(-1, 0.5, 0, Infinity));
  });

  it('are repeated for the positions that a Flatten makes inputs of', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', [1, 4, 3, 1]] },
      outputs: ['y'],
      constants: { ...statistics, k: random([12, 2]) },
      nodes: [norm, layer('Flatten', ['n'], 'a'), layer('Gemm', ['a', 'k'], 'y')],
    });
    expect([...expectedAtLast(model)!]).toEqual(beta.flatMap((v) => [v, v, v]));
  });

  it('are not known where the distribution is not: behind MaxPool, Pad, a second Relu, or a sum', () => {
    const unknown: ShortModel['nodes'][] = [
      [layer('MaxPool', ['n'], 'a', { kernel_shape: [2, 2] })],
      [layer('Add', ['n', 'n'], 's'), layer('Relu', ['s'], 'a')],
      [layer('Relu', ['n'], 's'), layer('Clip', ['s', 'zero', 'six'], 'a')],
      [layer('Sigmoid', ['n'], 'a')],
      [layer('Pad', ['n', 'pads'], 'a')],
      [layer('AveragePool', ['n'], 'a', { kernel_shape: [2, 2], count_include_pad: 1 })],
    ];
    for (const between of unknown) expect(expectedAtLast(buildModel(network(between)))).toBeUndefined();
    const other = network([], layer('Conv', ['x', 'w'], 'y'));
    expect(expectedAtLast(buildModel(other))).toBeUndefined();
  });

  it('are no longer told in graphs that are made to have far too many', () => {
    const doubling = Array.from({ length: 200 }, (_, i) =>
      layer('Concat', [i === 0 ? 'n' : `n${i}`, i === 0 ? 'n' : `n${i}`], `n${i + 1}`, { axis: 1 }),
    );
    const model = buildModel(network([layer('Identity', ['n'], 'a'), ...doubling]));
    expect([...expectedAtLast(model)!]).toEqual(beta);
  });

  it('are not those of another axis', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', [1, 4, 3, 4]] },
      outputs: ['y'],
      constants: { ...statistics, k: random([4, 2]) },
      nodes: [norm, layer('MatMul', ['n', 'k'], 'y')],
    });
    expect(expectedAtLast(model)).toBeUndefined();
  });
});

describe('equalization', () => {
  it('leaves what a layer is expected to give as it was', () => {
    const constants = {
      ...statistics,
      w: random([4, 3, 1, 1], 2),
      u: random([2, 4, 1, 1], 3),
      d: random([4], 4),
    };
    const model = buildModel({
      inputs: { x: ['FLOAT', [1, 3, 5, 5]] },
      outputs: ['y'],
      constants,
      nodes: [
        layer('Conv', ['x', 'w', 'd'], 'c'),
        { ...norm, inputs: ['c', 'g', 'b', 'm', 'v'] },
        layer('Relu', ['n'], 'a'),
        layer('Conv', ['a', 'u'], 'y'),
      ],
    });
    const given = (of: Model): Float64Array =>
      dataFreeShift(
        floatValues(of.graph.initializers.get('u'))!,
        new Float64Array(8),
        2,
        expectedAtLast(of)!,
        1,
      );
    const { model: equalized, pairs, rows } = equalizeLayers(model);
    expect([pairs, rows]).toEqual([1, 1]);
    given(equalized).forEach((v, row) => {
      expect(v).toBeCloseTo(given(model)[row]!, 5);
    });
  });
});

describe('the data-free shift', () => {
  it('is what a grouped convolution of constant channels loses', () => {
    const [weights, rounded] = [random([6, 2, 2, 2], 5), random([6, 2, 2, 2], 6)];
    const expected = Float64Array.of(1, -2, 0.5, 3);
    const run = (w: Tensor): Float32Array => {
      const model = buildModel({
        inputs: { x: ['FLOAT', [1, 4, 2, 2]] },
        outputs: ['y'],
        constants: { w },
        nodes: [layer('Conv', ['x', 'w'], 'y', { group: 2 })],
      });
      const session = createSession(model);
      const x = floats(
        [1, 4, 2, 2],
        Float32Array.from({ length: 16 }, (_, i) => expected[i >> 2]!),
      );
      const y = session.run({ x }).get('y')!.data as Float32Array;
      session.dispose();
      return y;
    };
    const shift = dataFreeShift(weights.data as Float32Array, rounded.data as Float32Array, 6, expected, 4);
    const [float, discretized] = [run(weights), run(rounded)];
    shift.forEach((v, row) => {
      expect(v).toBeCloseTo(float[row]! - discretized[row]!, 5);
    });
  });
});

describe('MobileNetV2', () => {
  const path = sharedData('models/mobilenet_v2_1.0_224_bn_float_hybrid.onnx');
  it.skipIf(path === undefined)(
    'tells the inputs of all layers but the first (needs ../shared/data)',
    async () => {
      const model = await readModel(path!);
      const layers = model.graph.nodes.filter(({ opType }) => opType === 'Conv' || opType === 'Gemm');
      const unknown = layers.filter((node) => expectedInputs(model, node) === undefined);
      expect(unknown).toEqual([layers[0]]);
    },
  );
});
