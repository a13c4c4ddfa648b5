import { describe, expect, it } from 'vitest';
import type { Attribute, Model, Node } from '../../src/ir/graph.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, type Tensor } from '../../src/tensor/tensor.ts';
import { constant, modelOf } from '../quantizers/model-builder.ts';

const f = Math.fround;
const text = (value: string): Attribute => ({ type: 'STRING', value });
const int = (value: number): Attribute => ({ type: 'INT', value });
const float = (value: number): Attribute => ({ type: 'FLOAT', value: f(value) });
const scalar = (value: number): Tensor => floats([], Float32Array.of(value));

/** What an operator gives for x and constants. */
function run(
  opType: string,
  x: Tensor,
  operands: readonly Tensor[],
  attributes: Record<string, Attribute> = {},
  domain = 'qonnx.custom_op.general',
): number[] {
  const names = operands.map((_, i) => `c${i}`);
  const node: Node = {
    name: 'n',
    opType,
    domain,
    inputs: ['x', ...names],
    outputs: ['y'],
    attributes: new Map(Object.entries(attributes)),
  };
  const base = modelOf(
    [node],
    operands.map((tensor, i) => constant(names[i]!, tensor)),
    ['y'],
  );
  const model: Model = {
    ...base,
    graph: { ...base.graph, inputs: [{ name: 'x', dtype: 'FLOAT', shape: x.shape }] },
  };
  const session = createSession(model);
  try {
    return [...(session.run(new Map([['x', x]])).get('y')!.data as Float32Array)];
  } finally {
    session.dispose();
  }
}

const row = (...values: number[]): Tensor => floats([values.length], Float32Array.from(values));

describe('Quant and IntQuant', () => {
  const wide = [scalar(1), scalar(0), scalar(8)];

  // The table of rounding modes of QONNX's intquant_v1.md.
  it.each([
    ['ROUND', [6, 2, 2, 1, 1, -1, -1, -2, -2, -6]],
    ['half_even', [6, 2, 2, 1, 1, -1, -1, -2, -2, -6]],
    ['CEIL', [6, 3, 2, 2, 1, -1, -1, -1, -2, -5]],
    ['FLOOR', [5, 2, 1, 1, 1, -1, -2, -2, -3, -6]],
    ['UP', [6, 3, 2, 2, 1, -1, -2, -2, -3, -6]],
    ['DOWN', [5, 2, 1, 1, 1, -1, -1, -1, -2, -5]],
    ['ROUND_TO_ZERO', [5, 2, 1, 1, 1, -1, -1, -1, -2, -5]],
    ['HALF_UP', [6, 3, 2, 1, 1, -1, -1, -2, -3, -6]],
    ['HALF_DOWN', [5, 2, 2, 1, 1, -1, -1, -2, -2, -5]],
  ])('rounds as the mode %s says', (mode, expected) => {
    const x = row(5.5, 2.5, 1.6, 1.1, 1.0, -1.0, -1.1, -1.6, -2.5, -5.5);
    expect(run('IntQuant', x, wide, { rounding_mode: text(mode) })).toEqual(expected);
  });

  it.each([
    [1, 0, [-128, 127]],
    [1, 1, [-127, 127]],
    [0, 0, [0, 255]],
    [0, 1, [0, 254]],
  ])('clamps to the range of signed %i and narrow %i', (signed, narrow, expected) => {
    expect(run('Quant', row(-1e6, 1e6), wide, { signed: int(signed), narrow: int(narrow) })).toEqual(
      expected,
    );
  });

  it('takes signed integers of one bit as −1 and +1', () => {
    const operands = [scalar(0.5), scalar(0), scalar(1)];
    expect(run('Quant', row(-3, -0, 0, 0.1), operands, { signed: int(1) })).toEqual([-0.5, 0.5, 0.5, 0.5]);
  });

  it('divides, shifts, shifts back and multiplies in float32, each step rounded', () => {
    const [s, z] = [f(0.1), 3];
    const values = [0.34999, 0.35, 1.23456, -0.2];
    const expected = values.map((value) => {
      const y = f(f(f(value) / s) + z);
      const low = Math.floor(y);
      const rounded = y - low > 0.5 || (y - low === 0.5 && low % 2 === 1) ? low + 1 : low;
      return f(f(Math.min(15, Math.max(0, rounded)) - z) * s);
    });
    expect(run('Quant', row(...values), [scalar(s), scalar(z), scalar(4)], { signed: int(0) })).toEqual(
      expected,
    );
  });

  it('takes a scale, a zero point and a width for every channel', () => {
    const x = floats([2, 2], Float32Array.of(10, -10, 10, -10));
    const column = (...values: number[]): Tensor => floats([2, 1], Float32Array.from(values));
    expect(run('IntQuant', x, [column(1, 0.5), column(0, 1), column(3, 4)])).toEqual([3, -4, 3, -4.5]);
  });

  it('gives the same bits with one scale for all elements as with a scale each', () => {
    const x = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1e-40, -1e-40, 3e38];
    for (let i = -300; i <= 300; i++) x.push(i / 8, f(i / 7));
    for (const bits of [1, 2, 4, 8, 24, 33, 64])
      for (const zero of [0, -0, 3, 0.25])
        for (const signed of [0, 1])
          for (const mode of ['ROUND', 'FLOOR']) {
            const attributes = { signed: int(signed), rounding_mode: text(mode) };
            const fast = run('Quant', row(...x), [scalar(0.3), scalar(zero), scalar(bits)], attributes);
            const each = x.map(() => 0.3);
            const slow = run('Quant', row(...x), [row(...each), scalar(zero), scalar(bits)], attributes);
            expect(fast, `${bits} bits, zero point ${zero}`).toEqual(slow);
          }
  });

  it('is found under the names of all domains, whether or not the model imports them', () => {
    for (const domain of [
      'onnx.brevitas',
      'qonnx.custom_op',
      'qonnx.custom_op.general',
      'finn.custom_op.general',
    ])
      expect(run('Quant', row(1.4), wide, {}, domain)).toEqual([1]);
  });

  it('refuses modes that it does not know and widths that are no whole numbers', () => {
    expect(() => run('Quant', row(1), wide, { rounding_mode: text('STOCHASTIC') })).toThrow(
      /n.*Quant.*rounding_mode "STOCHASTIC": expected one of ROUND/,
    );
    expect(() => run('Quant', row(1), [scalar(1), scalar(0), scalar(2.5)])).toThrow(
      'bit width: expected a whole number from 1 to 64, got 2.5',
    );
  });
});

describe('BipolarQuant', () => {
  it('gives the scale its sign, plus for both zeros', () => {
    expect(run('BipolarQuant', row(-2, -0, 0, 5), [scalar(0.25)])).toEqual([-0.25, 0.25, 0.25, 0.25]);
  });

  it('takes a scale for every channel', () => {
    const x = floats([2, 2, 2], Float32Array.of(1, -1, 1, -1, -1, 1, -1, Number.NaN));
    const scales = floats([1, 2, 1], Float32Array.of(3, 5));
    expect(run('BipolarQuant', x, [scales])).toEqual([3, -3, 5, -5, -3, 3, -5, -5]);
  });
});

describe('Trunc', () => {
  it('drops the lowest bits of integers (version 1)', () => {
    const operands = [scalar(1), scalar(0), scalar(8), scalar(6)];
    expect(run('Trunc', row(7, 8, -1, 127), operands)).toEqual([1, 2, -1, 31]);
    expect(run('Trunc', row(7, 6, -1), operands, { rounding_mode: text('ROUND') })).toEqual([2, 2, -0]);
  });
  it('takes the scale of its output and clamps to the width of it (version 2)', () => {
    const operands = [scalar(0.25), scalar(0), scalar(8), scalar(1), scalar(3)];
    expect(run('Trunc', row(1.75, -1.25, 100, -100), operands)).toEqual([1, -2, 3, -4]);
    const unsigned = { signed: int(0), rounding_mode: text('CEIL') };
    expect(run('Trunc', row(1.25, -1.25, 100), operands, unsigned)).toEqual([2, 0, 7]);
  });
});

describe('FloatQuant', () => {
  const e4m3 = [scalar(1), scalar(4), scalar(3), scalar(7), scalar(448)];
  it('rounds to the nearest small float, subnormals too, and clamps to the largest', () => {
    const x = row(1, 1.0625, 1.1, 0.001, 0.0009765625, 500, -1000, 0);
    expect(run('FloatQuant', x, e4m3)).toEqual([1, 1, 1.125, 0.001953125, 0, 448, -448, 0]);
  });
  it('gives an infinity or NaN beyond the largest where it does not saturate', () => {
    const open = { saturation: int(0), has_inf: int(1) };
    expect(run('FloatQuant', row(500, -500, 448), e4m3, open)).toEqual([Infinity, -Infinity, 448]);
    expect(run('FloatQuant', row(500), e4m3, { saturation: int(0), has_nan: int(1) })).toEqual([Number.NaN]);
  });
});

describe('MultiThreshold', () => {
  const thresholds = floats([2, 3], Float32Array.of(0, 1, 2, -1, -0.5, 10));
  it('counts the thresholds that a value is not below, by channel', () => {
    const x = floats([2, 2], Float32Array.of(1, -0.5, -0.1, 10));
    expect(run('MultiThreshold', x, [thresholds])).toEqual([2, 2, 0, 3]);
  });
  it('scales and shifts the count, and takes one row of thresholds for all channels', () => {
    const x = floats([1, 2], Float32Array.of(-0.1, 0));
    const step = floats([1, 1], Float32Array.of(0));
    const attributes = { out_scale: float(2), out_bias: float(-1), out_dtype: text('BIPOLAR') };
    expect(run('MultiThreshold', x, [step], attributes, 'finn.custom_op.general')).toEqual([-1, 1]);
  });
  it('has channels on axis 1 of four, on the last one with data_layout NHWC', () => {
    const x = floats([1, 2, 1, 2], Float32Array.of(0, 1, 2, -1));
    expect(run('MultiThreshold', x, [thresholds])).toEqual([1, 2, 2, 1]);
    expect(run('MultiThreshold', x, [thresholds], { data_layout: text('NHWC') })).toEqual([1, 2, 3, 1]);
  });
  it('refuses thresholds that fit no channel', () => {
    expect(() => run('MultiThreshold', floats([1, 3], new Float32Array(3)), [thresholds])).toThrow(
      'thresholds of shape [2,3] do not fit 3 channels',
    );
  });
});
