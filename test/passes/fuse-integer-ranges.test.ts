import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../src/formats/onnx/encode.ts';
import type { Model } from '../../src/ir/graph.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import type { ShortNode } from '../runtime/build-model.ts';
import { runOnnxRuntime } from '../runtime/onnxruntime.ts';
import { expectAgreement } from '../runtime/oracle.ts';
import { randomFloats } from '../runtime/random.ts';
import {
  bias,
  codes,
  expectSame,
  networkOf,
  node,
  operatorsOf,
  PADDED,
  runs,
  scalar,
} from './integer-networks.ts';

/** Rounds by the range of the run. */
const dynamic = (input: string, output: string): ShortNode[] => {
  const coded = [`${output}_codes`, `${output}_scale`, `${output}_zero`];
  return [
    { op: 'DynamicQuantizeLinear', inputs: [input], outputs: coded },
    node('DequantizeLinear', coded, output),
  ];
};

/** Rounds to the grid of constants `scale` and `zero`. */
const pair = (input: string, output: string, scale: string, zero: string, read = scale): ShortNode[] => [
  node('QuantizeLinear', [input, scale, zero], `${output}_codes`),
  node('DequantizeLinear', [`${output}_codes`, read, zero], output),
];

const zero = (dtype: 'UINT8' | 'INT8' | 'INT16', value: number): Tensor => ({
  dtype,
  shape: [],
  data: { UINT8: Uint8Array, INT8: Int8Array, INT16: Int16Array }[dtype].of(value),
});

/** Halves of 1/32 from −101/32 to 154/32: a scale of 1/32 and an odd zero, where many values lie half way between two codes. */
const halves = (batch = 2): Tensor => {
  const data = Float32Array.from({ length: batch * 360 }, (_, i) => (((i * 37) % 511) - 202) / 64);
  data.set([-101 / 32, 154 / 32], 11);
  return floats([batch, 5, 9, 8], data);
};

const WEIGHTS = {
  w1: codes('w1', [6, 5, 3, 3]),
  b1: bias(6),
  w2: codes('w2', [6, 1, 3, 3]),
  b2: bias(6),
  w3: codes('w3', [7, 6 * 4 * 4], { granularity: 'tensor' }),
  b3: bias(7),
};

const OVER_RUN = [
  ...dynamic('x', 'q1'),
  node('Conv', ['q1', 'w1', 'b1'], 'c1', PADDED),
  node('Relu', ['c1'], 'r1'),
];

async function expectAsOnnxRuntime(model: Model, x: Tensor): Promise<void> {
  const wanted = (await runOnnxRuntime(encodeModel(model), { x })).get('y')!;
  for (const kernels of ['reference', 'simd'] as const) {
    const session = createSession(model, { kernels });
    expectAgreement(wanted, session.run({ x }).get('y')!);
    session.dispose();
  }
}

describe('layers on codes of the range of the run', () => {
  it('give what onnxruntime gives: convolutions, depthwise ones, pooling of codes, a matrix', async () => {
    const convolutions = networkOf(
      [...OVER_RUN, ...dynamic('r1', 'q2'), node('Conv', ['q2', 'w2', 'b2'], 'y', { group: 6, ...PADDED })],
      WEIGHTS,
    );
    expect(operatorsOf(convolutions)).toEqual(['DynamicCodes', 'IntegerConv', 'DynamicCodes', 'IntegerConv']);
    await expectAsOnnxRuntime(convolutions, halves());
    const matrix = networkOf(
      [
        ...OVER_RUN,
        ...dynamic('r1', 'q2'),
        node('MaxPool', ['q2'], 'p', { kernel_shape: [2, 2], strides: [2, 2] }),
        node('Flatten', ['p'], 'f'),
        node('Gemm', ['f', 'w3', 'b3'], 'y', { transB: 1 }),
      ],
      WEIGHTS,
    );
    const expected = ['DynamicCodes', 'IntegerConv', 'DynamicCodes', 'CodePool', 'IntegerLinear'];
    expect(operatorsOf(matrix)).toEqual(expected);
    await expectAsOnnxRuntime(matrix, halves());
  });

  it('give the bits of the float graph where scales are powers of two, of halves and odd zeros, too', () => {
    const model = networkOf(OVER_RUN, { ...WEIGHTS });
    expectSame({ ...model, graph: { ...model.graph, outputs: [{ name: 'r1' }] } }, halves());
  });

  it('see the range of all images of a batch, as ONNX says', () => {
    const model = networkOf([...dynamic('x', 'q'), node('Conv', ['q', 'w1', 'b1'], 'y')], WEIGHTS);
    const [small, large] = [halves(1), halves(1)];
    (large.data as Float32Array)[0] = 1000;
    const together = floats([2, 5, 9, 8], [...(small.data as Float32Array), ...(large.data as Float32Array)]);
    const alone = runs(model, small).simd;
    const shared = runs(model, together);
    expect(shared.simd).toEqual(shared.reference);
    expect(shared.simd.subarray(0, alone.length)).not.toEqual(alone);
  });

  it('take a new range in every run', () => {
    const model = networkOf([...dynamic('x', 'q'), node('Conv', ['q', 'w1', 'b1'], 'y')], WEIGHTS);
    const session = createSession(model);
    const run = (x: Tensor): Float32Array => (session.run({ x }).get('y')!.data as Float32Array).slice();
    const first = run(halves());
    const doubled = { ...halves(), data: (halves().data as Float32Array).map((value) => value * 2 - 1) };
    expect(run(doubled)).toEqual(runs(model, doubled).plain);
    expect(run(halves())).toEqual(first);
    session.dispose();
  });

  it.each([
    ['zeros alone', () => 0],
    ['negative values alone', (i: number) => -1 - (i % 3)],
    ['a value so small that the scale is 0', (i: number) => (i === 7 ? 2 ** -149 : 0)],
    ['an infinite value', (i: number) => (i === 7 ? Number.POSITIVE_INFINITY : i)],
    ['a range that float32 cannot hold', (i: number) => (i % 2 === 0 ? 3e38 : -3e38)],
  ])('give what the float graph gives for %s', (_, valueAt) => {
    const model = networkOf([...dynamic('x', 'q'), node('Conv', ['q', 'w1', 'b1'], 'y')], WEIGHTS);
    const { plain, reference, simd } = runs(
      model,
      floats(
        [1, 5, 9, 8],
        Float32Array.from({ length: 360 }, (__, i) => valueAt(i)),
      ),
    );
    expect(simd).toEqual(reference);
    expect(reference).toEqual(plain);
  });

  it('leave floats to who else reads the rounded value, and to layers without codes', () => {
    const nodes = [...OVER_RUN, node('Conv', ['q1', 'v'], 'c2', PADDED), node('Add', ['r1', 'c2'], 'y')];
    const model = networkOf(nodes, {
      ...WEIGHTS,
      v: floats([6, 5, 3, 3], new Float32Array(270).fill(1 / 4)),
    });
    const operators = operatorsOf(model);
    expect(operators).toEqual(
      expect.arrayContaining(['DynamicCodes', 'IntegerConv', 'DequantizeLinear', 'Conv']),
    );
    expectSame(model, halves());
  });
});

describe('layers on codes of QuantizeLinear', () => {
  const GRIDS = {
    unsigned: scalar(1 / 32),
    unsigned_zero: zero('UINT8', 101),
    signed: scalar(1 / 16),
    signed_zero: zero('INT8', -27),
    wide_zero: zero('INT16', 0),
    channels: floats([5], new Float32Array(5).fill(1 / 32)),
    channel_zeros: { dtype: 'UINT8', shape: [5], data: new Uint8Array(5) } as Tensor,
  };

  it('run on codes from end to end', () => {
    const model = networkOf(
      [
        ...pair('x', 'q1', 'unsigned', 'unsigned_zero'),
        node('Conv', ['q1', 'w1', 'b1'], 'c1', PADDED),
        node('Relu', ['c1'], 'r1'),
        ...pair('r1', 'q2', 'signed', 'signed_zero'),
        node('Conv', ['q2', 'w2', 'b2'], 'c2', { group: 6 }),
        ...pair('c2', 'q3', 'unsigned', ''),
        node('Conv', ['q3', 'w4'], 'y'),
      ],
      { ...WEIGHTS, ...GRIDS, w4: codes('w4', [3, 6, 1, 1]) },
    );
    expect(operatorsOf(model)).toEqual(['Codes', 'IntegerConv', 'IntegerConv', 'IntegerConv']);
    expectSame(model, halves());
  });

  // One layer: onnxruntime rounds the weights of a layer between two pairs to 8 bits of its own.
  it('give what onnxruntime gives', async () => {
    for (const [scale, point] of [
      ['unsigned', 'unsigned_zero'],
      ['signed', 'signed_zero'],
    ] as const) {
      const model = networkOf(
        [...pair('x', 'q', scale, point), node('Conv', ['q', 'w1', 'b1'], 'y', PADDED)],
        { ...WEIGHTS, ...GRIDS },
      );
      expect(operatorsOf(model)).toEqual(['Codes', 'IntegerConv']);
      await expectAsOnnxRuntime(model, halves());
    }
  });

  it.each([
    ['a scale for each channel', pair('x', 'q', 'channels', 'channel_zeros')],
    ['16 bits', pair('x', 'q', 'unsigned', 'wide_zero')],
    ['another scale on the way back', pair('x', 'q', 'unsigned', 'unsigned_zero', 'signed')],
  ])('leave floats alone: %s', (_, rounding) => {
    const model = networkOf([...rounding, node('Conv', ['q', 'w1', 'b1'], 'y')], { ...WEIGHTS, ...GRIDS });
    expect(operatorsOf(model)).toEqual(['QuantizeLinear', 'DequantizeLinear', 'Conv']);
  });
});

describe('a model as onnxruntime’s quantizer writes it', () => {
  it('runs on integers once its weights are codes of 8 bits, to the bits of its float graph', () => {
    const int8 = (shape: readonly number[]): Tensor => ({
      dtype: 'INT8',
      shape,
      data: Int8Array.from(randomFloats(sizeOf(shape), 9), (value) => Math.round(value * 60)),
    });
    const model = networkOf(
      [
        ...pair('x', 'q1', 'x_scale', 'x_zero'),
        node('DequantizeLinear', ['k1', 'k1_scale', 'k1_zero'], 'v1', { axis: 0 }),
        node('Conv', ['q1', 'v1', 'b1'], 'c1', PADDED),
        node('Relu', ['c1'], 'r1'),
        ...pair('r1', 'q2', 'r_scale', 'r_zero'),
        node('DequantizeLinear', ['k2', 'x_scale'], 'v2'),
        node('Conv', ['q2', 'v2'], 'y'),
      ],
      {
        x_scale: scalar(1 / 32),
        x_zero: zero('UINT8', 101),
        r_scale: scalar(1 / 4),
        r_zero: zero('INT8', -128),
        k1: int8([6, 5, 3, 3]),
        k1_scale: floats(
          [6],
          Float32Array.of(1, 2, 4, 1, 2, 4).map((value) => value / 256),
        ),
        k1_zero: { dtype: 'INT8', shape: [6], data: new Int8Array(6) },
        b1: bias(6),
        k2: int8([4, 6, 1, 1]),
      },
    );
    const packed = quantizeModel(model, { scheme: 'linear', bits: 8 }).model;
    expect(operatorsOf(packed)).toEqual(['Codes', 'IntegerConv', 'IntegerConv']);
    expectSame(packed, halves());
    expect(runs(packed, halves()).simd).toEqual(runs(model, halves()).simd);
  });
});
