import { describe, expect, it } from 'vitest';
import type { Initializer } from '../../src/ir/graph.ts';
import { floats, type Tensor } from '../../src/tensor/tensor.ts';
import type { ShortNode } from '../runtime/build-model.ts';
import { randomFloats } from '../runtime/random.ts';
import {
  bias,
  codes,
  expectSame,
  image,
  networkOf,
  node,
  operatorsOf,
  PADDED,
  quant,
  runs,
  scalar,
} from './integer-networks.ts';

/** What is other than in a layer that runs on codes. */
interface Change {
  readonly weight?: Tensor | Initializer;
  readonly width?: number;
  readonly scale?: Tensor;
  readonly zero?: number;
  readonly attributes?: ShortNode['attributes'];
  readonly group?: number;
  readonly channels?: number;
}

describe('integer layers', () => {
  it('run on codes from end to end, with padding, clamps, depthwise layers and a matrix behind', () => {
    const model = networkOf(
      [
        quant('x', 'q1', 'shifted'),
        node('Conv', ['q1', 'w1', 'b1'], 'c1', PADDED),
        node('Relu', ['c1'], 'r1'),
        quant('r1', 'q2'),
        node('Conv', ['q2', 'w2', 'b2'], 'c2', { group: 16, strides: [2, 1], ...PADDED }),
        quant('c2', 'q3', 'shifted'),
        node('Conv', ['q3', 'w3', 'b3'], 'c3', PADDED),
        quant('c3', 'q4', 'signed', {}),
        node('Flatten', ['q4'], 'f'),
        node('Gemm', ['f', 'w4', 'b4'], 'y', { transB: 1 }),
      ],
      {
        w1: codes('w1', [16, 5, 3, 3]),
        b1: bias(16),
        w2: codes('w2', [16, 1, 3, 3]),
        b2: bias(16),
        w3: codes('w3', [6, 16, 3, 3], { bits: 1 }),
        b3: bias(6),
        w4: codes('w4', [7, 6 * 5 * 8], { granularity: 'tensor' }),
        b4: bias(7),
      },
    );
    expect(operatorsOf(model)).toEqual([
      'Codes',
      'IntegerConv',
      'IntegerConv',
      'IntegerConv',
      'IntegerLinear',
    ]);
    expectSame(model);
  });

  it('take codes before poolings and concatenations, whose parts give them themselves', () => {
    const model = networkOf(
      [
        quant('x', 'q1'),
        node('Conv', ['q1', 'w1', 'b1'], 'a'),
        node('Conv', ['q1', 'w2', 'b2'], 'b', PADDED),
        node('Relu', ['a'], 'ra'),
        node('Relu', ['b'], 'rb'),
        node('Concat', ['ra', 'rb'], 'ab', { axis: 1 }),
        node('MaxPool', ['ab'], 'p', { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
        quant('p', 'q2'),
        node('Conv', ['q2', 'w3', 'b3'], 'y'),
      ],
      {
        w1: codes('w1', [3, 5, 1, 1]),
        b1: bias(3),
        w2: codes('w2', [6, 5, 3, 3]),
        b2: bias(6),
        w3: codes('w3', [4, 9, 1, 1]),
        b3: bias(4),
      },
    );
    const expected = ['Codes', 'IntegerConv', 'IntegerConv', 'Concat', 'CodePool', 'IntegerConv'];
    expect(operatorsOf(model)).toEqual(expected);
    expectSame(model);
  });

  it('leave floats to who else reads a value: a residual sum, an output', () => {
    const model = networkOf(
      [
        quant('x', 'q1'),
        node('Conv', ['q1', 'w1', 'b1'], 'c1', PADDED),
        node('Add', ['c1', 'q1'], 's'),
        node('Relu', ['s'], 'r'),
        quant('r', 'q2'),
        node('Conv', ['q2', 'w1', 'b1'], 'c2', PADDED),
        node('Add', ['c2', 'r'], 'y'),
      ],
      { w1: codes('w1', [5, 5, 3, 3]), b1: bias(5) },
    );
    expect(operatorsOf(model)).toEqual(['Codes', 'Quant', 'IntegerConv', 'Codes', 'IntegerConv']);
    expectSame(model);
  });

  it('fold BatchNormalization of either sign and clamps at both ends into the codes', () => {
    const model = networkOf(
      [
        quant('x', 'q1', 'shifted'),
        node('Conv', ['q1', 'w1'], 'c1', PADDED),
        node('BatchNormalization', ['c1', 'g', 'b', 'm', 'v'], 'n', { epsilon: 0 }),
        node('Clip', ['n', 'low', 'high'], 'k'),
        quant('k', 'q2', 'shifted'),
        node('Conv', ['q2', 'w2'], 'y'),
      ],
      {
        w1: codes('w1', [6, 5, 3, 3]),
        w2: codes('w2', [2, 6, 1, 1]),
        g: floats([6], Float32Array.of(0.5, -0.5, 1, 0, -2, 0.25)),
        b: floats([6], Float32Array.of(0.26, -1.01, 2.02, 0.7, 0.011, 0.013)),
        m: floats([6], Float32Array.of(0.125, 0.25, -2, 0, 1, 0.5)),
        v: floats([6], new Float32Array(6).fill(1)),
        low: scalar(-1),
        high: scalar(1.5),
      },
    );
    expect(operatorsOf(model)).toEqual(['Codes', 'IntegerConv', 'IntegerConv']);
    const { plain, reference, simd } = runs(model, image());
    expect(simd).toEqual(reference);
    // Biases that are no multiples of a step make the float sums inexact: a code may fall to the other side of a half.
    const differ = plain.filter((value, i) => value !== reference[i]).length;
    expect(differ).toBeLessThan(plain.length / 100);
  });

  it('take a matrix whose rows are the second axis', () => {
    const model = networkOf(
      [quant('x', 'q', 'signed', { narrow: 1 }), node('Gemm', ['q', 'w', 'b'], 'y', { beta: { float: 1 } })],
      { w: codes('w', [20, 6], { isTransposed: true }), b: bias(6) },
      { x: ['FLOAT', ['N', 20]] },
    );
    expect(operatorsOf(model)).toEqual(['Codes', 'IntegerLinear']);
    expectSame(model, floats([4, 20], randomFloats(80, 5)));
  });

  it.each([
    ['exponential', 'geometric', 4, [1.7, 0.61]],
    ['free', 'table', 2, [-0.9, -0.2, 0.33, 1.4]],
    ['many exponential', 'geometric', 8, [0.7, 0.97]],
    ['of several bases', 'bases', 3, [0.5, 0.21, 0.11]],
  ] as const)('round %s levels to a 2,047th of the largest', (_, rule, bits, params) => {
    const model = networkOf([quant('x', 'q', 'shifted'), node('Conv', ['q', 'w'], 'y', PADDED)], {
      w: codes('w', [8, 5, 3, 3], { rule, bits, params }),
    });
    const { plain, reference, simd } = runs(model, image());
    expect(simd).toEqual(reference);
    const largest = Math.max(...params.map(Math.abs)) * (rule === 'bases' ? 2 : 1);
    // Each of 45 products is off by half a unit times the input at most.
    const bound = 45 * (largest / 2047 / 2) * (155 / 16);
    const worst = Math.max(...plain.map((value, i) => Math.abs(value - reference[i]!)));
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThan(bound / 4);
  });

  it('give floats, and codes of these, where a sum of 1 is more than half a step', () => {
    const model = networkOf(
      [
        quant('x', 'q1', 'shifted'),
        node('Conv', ['q1', 'w1', 'b1'], 'c1'),
        quant('c1', 'q2', 'unsigned'),
        node('Conv', ['q2', 'w1', 'b1'], 'y'),
      ],
      { w1: codes('w1', [5, 5, 1, 1], { bits: 1, params: [16] }), b1: bias(5) },
    );
    expect(operatorsOf(model)).toEqual(['Codes', 'IntegerConv', 'IntegerConv']);
    const { plain, reference, simd } = runs(model, image());
    expect(simd).toEqual(reference);
    expect(reference).toEqual(plain);
  });

  it.each([
    ['weights that are floats', { weight: floats([4, 5, 1, 1], randomFloats(20, 1)) }],
    ['more than 8 bits', { width: 9 }],
    ['a scale for each channel', { scale: floats([5, 1, 1], Float32Array.of(1, 2, 1, 2, 1)) }],
    ['a zero that is no whole number', { zero: 0.5 }],
    ['another rounding', { attributes: { signed: 0, rounding_mode: 'FLOOR' } }],
    ['groups of several channels', { weight: codes('w', [4, 1, 1, 1]), group: 2, channels: 2 }],
    ['levels for groups of columns', { weight: codes('w', [4, 5, 1, 1], { granularity: 'group:3' }) }],
  ] as const)('leave floats alone: %s', (_, change: Change) => {
    const channels = change.channels ?? 5;
    const model = networkOf(
      [
        {
          ...quant('x', 'q', 'own', change.attributes),
          inputs: ['x', 'own_scale', 'own_zero', 'width'],
        },
        node('Conv', ['q', 'w'], 'y', { group: change.group ?? 1 }),
      ],
      {
        width: scalar(change.width ?? 8),
        own_scale: change.scale ?? scalar(0.25),
        own_zero: scalar(change.zero ?? 3),
        w: change.weight ?? codes('w', [4, 5, 1, 1]),
      },
      { x: ['FLOAT', ['N', channels, 9, 8]] },
    );
    expect(operatorsOf(model)).toContain('Quant');
    expect(operatorsOf(model)).not.toContain('IntegerConv');
  });

  it('leave depthwise layers with several outputs to a channel alone', () => {
    const model = networkOf([quant('x', 'q'), node('Conv', ['q', 'w'], 'y', { group: 5 })], {
      w: codes('w', [10, 1, 1, 1]),
    });
    expect(operatorsOf(model)).toContain('Quant');
  });
});
