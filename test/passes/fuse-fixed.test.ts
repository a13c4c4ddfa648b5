import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/ir/graph.ts';
import { MOST_FIXED } from '../../src/kernels/integer/fixed-contract.ts';
import { fuseAffine } from '../../src/passes/fuse-affine.ts';
import { fuseClamp } from '../../src/passes/fuse-clamp.ts';
import { fuseFixed } from '../../src/passes/fuse-fixed.ts';
import { fuseInteger } from '../../src/passes/fuse-integer.ts';
import { fuseResidual } from '../../src/passes/fuse-residual.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { fixedValues } from '../../src/runtime/ops/integer/requantize.ts';
import { floats } from '../../src/tensor/tensor.ts';
import type { ShortModel, ShortNode } from '../runtime/build-model.ts';
import {
  bias,
  codes,
  expectSame,
  image,
  networkOf,
  node,
  PADDED,
  quant,
  runs,
  scalar,
} from './integer-networks.ts';
import { residualNetwork, roundedNetwork } from './trunk-networks.ts';

function fused(model: Model): Model {
  return runPasses(model, [fuseAffine, fuseResidual, fuseClamp, fuseInteger, fuseFixed]).model;
}

/** The unit of each layer that gives fixed-point values. */
function unitsOf(model: Model): number[] {
  return fused(model).graph.nodes.flatMap(({ attributes }) => {
    const unit = attributes.get('y_unit');
    return unit?.type === 'FLOAT' ? [unit.value] : [];
  });
}

const TAIL = { w: codes('w', [5, 5, 3, 3]), b: bias(5) };

/** A block whose sum s is rounded and read by a layer. */
function block(nodes: readonly ShortNode[] = [], constants: ShortModel['constants'] = {}): Model {
  return networkOf(
    [
      quant('x', 'q1', 'shifted'),
      node('Conv', ['q1', 'w', 'b'], 'c1', PADDED),
      quant('c1', 'q2', 'shifted'),
      node('Conv', ['q2', 'w', 'b'], 'c2', PADDED),
      node('Add', ['c2', 'c1'], 's'),
      quant('s', 'q3', 'second'),
      node('Conv', ['q3', 'w', 'b'], 'y', PADDED),
      ...nodes,
    ],
    { ...TAIL, second_scale: scalar(1 / 8), second_zero: scalar(100), ...constants },
  );
}

describe('residual trunks', () => {
  it('are integers from the first codes to the last layer: sums, clamps, pools, slices, pads, parts side by side', () => {
    const model = residualNetwork();
    expect(fused(model).graph.nodes.map(({ opType }) => opType)).toEqual([
      ...['Codes', 'IntegerConv', 'FixedCodes', 'IntegerConv', 'FixedCodes', 'Slice', 'Pad', 'IntegerConv'],
      ...[
        'FixedPool',
        'FixedPool',
        'FixedAdd',
        'FixedAdd',
        'Concat',
        'FixedAdd',
        'FixedCodes',
        'IntegerConv',
        'FixedPool',
      ],
      ...['FixedAdd', 'FixedAdd', 'FixedPool', 'FixedCodes', 'IntegerLinear'],
    ]);
    expectSame(model);
  });

  it('have 4,096 to 8,192 units to the smallest step that they end in', () => {
    expect(unitsOf(block())).toEqual([2 ** -16, 2 ** -16]);
    expect(unitsOf(block([], { second_scale: scalar(0.03) }))).toEqual([2 ** -18, 2 ** -18]);
    expectSame(block());
  });

  it('have coarser units where the largest range needs it, and stay floats where units would be coarser than a 1,024th', () => {
    // The other step is 1/16, and 155 steps of 16 are more than 2^26 units of 2^-15.
    expect(unitsOf(block([], { second_scale: scalar(16) }))).toEqual([2 ** -14, 2 ** -14]);
    expect(unitsOf(block([], { second_scale: scalar(32) }))).toEqual([]);
  });

  it.each([
    ['is an output', { outputs: ['y', 's'] }],
    ['is read by an operator on floats', { nodes: [node('Sigmoid', ['s'], 'z')], outputs: ['y', 'z'] }],
    ['is added to a constant', { nodes: [node('Add', ['s', 'low'], 'z')], outputs: ['y', 'z'] }],
  ])(
    'stay floats where a value %s',
    (_, { nodes = [], outputs }: { nodes?: ShortNode[]; outputs: string[] }) => {
      const model = block(nodes, { low: scalar(-1) });
      const watched = { ...model, graph: { ...model.graph, outputs: outputs.map((name) => ({ name })) } };
      expect(unitsOf(watched)).toEqual([]);
      expectSame(watched);
    },
  );

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('stay floats where a bias is %d', (value) => {
    expect(unitsOf(block([], { b: floats([5], Float32Array.of(0, 0, value, 0, 0)) }))).toEqual([]);
  });

  it('stay floats where a range is that of the run', () => {
    const model = networkOf(
      [
        quant('x', 'q1', 'shifted'),
        node('Conv', ['q1', 'w', 'b'], 'c1', PADDED),
        { op: 'DynamicQuantizeLinear', inputs: ['c1'], outputs: ['k', 'scale', 'zero'] },
        node('DequantizeLinear', ['k', 'scale', 'zero'], 'q2'),
        node('Conv', ['q2', 'w', 'b'], 'c2', PADDED),
        node('Add', ['c2', 'c1'], 's'),
        quant('s', 'q3', 'shifted'),
        node('Conv', ['q3', 'w', 'b'], 'y', PADDED),
      ],
      TAIL,
    );
    expect(unitsOf(model)).toEqual([]);
  });

  it('begin and end at values that are rounded and added, as in networks that were trained so', () => {
    const model = roundedNetwork();
    expect(fused(model).graph.nodes.map(({ opType }) => opType)).toEqual([
      ...['Codes', 'FixedOfCodes', 'IntegerConv', 'FixedOfCodes', 'FixedAdd', 'FixedAdd'],
      ...['FixedCodes', 'FixedOfCodes', 'IntegerConv', 'FixedCodes', 'IntegerConv'],
    ]);
    expectSame(model);
  });

  it('do so where QuantizeLinear and DequantizeLinear round, a pair for each reader', () => {
    const pair = (from: string, readers: readonly string[]): ShortNode[] => [
      node('QuantizeLinear', [from, 'scale', 'zero'], `${from}_codes`),
      ...readers.map((reader) => node('DequantizeLinear', [`${from}_codes`, 'scale', 'zero'], reader)),
    ];
    const model = networkOf(
      [
        ...pair('x', ['d1', 'e1']),
        node('Conv', ['d1', 'w', 'b'], 'c1', PADDED),
        ...pair('c1', ['d2']),
        node('Add', ['d2', 'e1'], 's1'),
        ...pair('s1', ['d3']),
        node('Conv', ['d3', 'w', 'b'], 'y', PADDED),
      ],
      { ...TAIL, scale: scalar(1 / 16), zero: { dtype: 'UINT8', shape: [], data: Uint8Array.of(100) } },
    );
    expect(fused(model).graph.nodes.map(({ opType }) => opType)).toEqual([
      ...['Codes', 'FixedOfCodes', 'IntegerConv', 'FixedOfCodes', 'FixedAdd', 'FixedCodes', 'IntegerConv'],
    ]);
    expectSame(model);
  });

  it('differ from floats in less than a twentieth of the outputs where scales are no powers of two', () => {
    const model = block([], { shifted_scale: scalar(0.061), second_scale: scalar(0.11) });
    const { plain, reference, simd } = runs(model, image());
    expect(simd).toEqual(reference);
    const far = plain.filter((value, i) => Math.abs(value - reference[i]!) > 1e-4).length;
    expect(far).toBeLessThan(plain.length / 20);
  });

  it('hold what lies far outside of all ranges, up to 2^30 units, and cut off beyond', () => {
    const huge = floats([5], Float32Array.of(1e30, -1e30, 3000, -3000, 0));
    const { plain, reference, simd } = runs(block([], { b: huge }), image());
    expect(simd).toEqual(reference);
    expect(reference.every(Number.isFinite)).toBe(true);
    // All codes are the first or the last of their grid in both.
    const [, , third] = [0, 1, 2].map((c) => reference.slice(c * 72, (c + 1) * 72));
    expect(third).toEqual(plain.slice(2 * 72, 3 * 72));
  });
});

describe('fixed-point values', () => {
  const anyTail = fc.record({
    alpha: fc.array(fc.double({ min: -1e4, max: 1e4, noNaN: true }), { minLength: 3, maxLength: 3 }),
    bias: fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 3, maxLength: 3 }),
    exponent: fc.integer({ min: -16, max: 8 }),
  });

  it('never leave 31 bits, whatever the sum', () => {
    fc.assert(
      fc.property(anyTail, ({ alpha, bias: own, exponent }) => {
        const tail = { alpha: Float64Array.from(alpha), bias: Float32Array.from(own) };
        const { multipliers, offsets, limits, shift } = fixedValues(tail, 2 ** exponent);
        const room = BigInt(MOST_FIXED) << BigInt(shift);
        for (const [r, limit] of limits.entries()) {
          const offset = offsets[r]! < 0n ? -offsets[r]! : offsets[r]!;
          expect(limit).toBeGreaterThanOrEqual(0);
          expect(BigInt(limit) * BigInt(Math.abs(multipliers[r]!)) + offset <= room).toBe(true);
        }
      }),
    );
  });

  it('are off by half a unit and the rounding of the multiplier at most', () => {
    fc.assert(
      fc.property(
        anyTail,
        fc.integer({ min: -(2 ** 20), max: 2 ** 20 }),
        ({ alpha, bias: own, exponent }, sum) => {
          const tail = { alpha: Float64Array.from(alpha), bias: Float32Array.from(own) };
          const unit = 2 ** exponent;
          const { multipliers, offsets, limits, shift } = fixedValues(tail, unit);
          for (const [r, limit] of limits.entries()) {
            const exact = (sum * alpha[r]! + tail.bias[r]!) / unit;
            if (Math.abs(sum) > limit || Math.abs(tail.bias[r]! / unit) > 2 ** 29) continue;
            const value = Number((BigInt(sum) * BigInt(multipliers[r]!) + offsets[r]!) >> BigInt(shift));
            // A double holds 2^53 parts of what is divided.
            const slack = 0.5 + (Math.abs(sum) + 2) / 2 ** (shift + 1) + Math.abs(exact) * 2 ** -40;
            expect(Math.abs(value - exact)).toBeLessThanOrEqual(slack);
          }
        },
      ),
    );
  });

  it('are refused for a sum of 1 that is 2^31 units', () => {
    expect(() => fixedValues({ alpha: Float64Array.of(2 ** 20) }, 2 ** -12)).toThrow(
      'a sum of 1 is 4294967296 units',
    );
  });
});
