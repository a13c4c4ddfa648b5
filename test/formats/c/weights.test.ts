import { describe, expect, it } from 'vitest';
import { exportC } from '../../../src/eval/export-c.ts';
import type { Model } from '../../../src/ir/graph.ts';
import type { Granularity } from '../../../src/ir/quantized-tensor.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import { SCHEME_NAMES } from '../../../src/quantizers/registry.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, type ShortNode } from '../../runtime/build-model.ts';
import { randomFloats } from '../../runtime/random.ts';
import { expectSame, expectSameBits, randomSamples, runtimeOutputs } from './same-bits.ts';
import { compile, HAS_GCC, runProgram } from './toolchain.ts';

const weight = (shape: readonly number[], seed: number): Tensor =>
  floats(
    shape,
    randomFloats(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  );

const scalar = (value: number): Tensor => floats([], Float32Array.of(value));

/** A convolution, one by channel, and two matrices, one of each order; rows of 27, 9, 56 and 13 weights. */
function network(isRounded: boolean): Model {
  const domain = 'qonnx.custom_op.general';
  const quant = (input: string, output: string): ShortNode =>
    isRounded
      ? {
          ...{ op: 'Quant', domain, inputs: [input, 'scale', 'zero', 'eight'], outputs: [output] },
          attributes: { signed: 1 },
        }
      : { op: 'Identity', inputs: [input], outputs: [output] };
  return buildModel({
    inputs: { x: ['FLOAT', ['N', 3, 8, 5]] },
    outputs: ['y'],
    constants: {
      w1: weight([14, 3, 3, 3], 1),
      b1: weight([14], 2),
      w2: weight([14, 1, 3, 3], 3),
      w3: weight([13, 56], 4),
      b3: weight([13], 5),
      w4: weight([13, 6], 6),
      ...{ scale: scalar(1 / 32), zero: scalar(0), eight: scalar(8) },
    },
    nodes: [
      quant('x', 'q1'),
      { op: 'Conv', inputs: ['q1', 'w1', 'b1'], outputs: ['c1'], attributes: { pads: [1, 1, 1, 1] } },
      { op: 'Relu', inputs: ['c1'], outputs: ['r1'] },
      quant('r1', 'q2'),
      {
        ...{ op: 'Conv', inputs: ['q2', 'w2'], outputs: ['c2'] },
        attributes: { group: 14, pads: [1, 1, 1, 1], strides: [2, 2] },
      },
      quant('c2', 'q3'),
      {
        op: 'MaxPool',
        inputs: ['q3'],
        outputs: ['m'],
        attributes: { kernel_shape: [2, 2], strides: [2, 2], pads: [0, 0, 0, 1] },
      },
      { op: 'Flatten', inputs: ['m'], outputs: ['f'] },
      { op: 'Gemm', inputs: ['f', 'w3', 'b3'], outputs: ['g'], attributes: { transB: 1 } },
      quant('g', 'q4'),
      { op: 'Gemm', inputs: ['q4', 'w4'], outputs: ['y'] },
    ],
  });
}

const WIDTHS: Readonly<Record<string, readonly number[]>> = { ternary: [2], binary: [1, 3] };
const GRANULARITIES: readonly Granularity[] = ['tensor', 'channel', 'group:5'];

describe.skipIf(!HAS_GCC)('coded weights in C give the bits of the runtime (needs gcc)', () => {
  for (const scheme of SCHEME_NAMES)
    it(`${scheme}, every width and granularity, on floats and on integers`, () => {
      for (const bits of WIDTHS[scheme] ?? [1, 3, 8])
        for (const granularity of GRANULARITIES)
          for (const isRounded of [false, true]) {
            const model = network(isRounded);
            const { model: coded } = quantizeModel(model, { scheme, bits, granularity });
            // Integer layers have no groups of columns.
            if (!isRounded || (granularity !== 'group:5' && bits < 8))
              expectSame(coded, randomSamples(coded, 3), ['-O0']);
          }
    });

  it('with zeros among the levels', () => {
    for (const scheme of ['linear', 'exp'])
      for (const isRounded of [false, true]) {
        const { model } = quantizeModel(network(isRounded), { scheme, bits: 4, zero: true });
        expectSame(model, randomSamples(model, 3));
      }
  });
});

describe.skipIf(!HAS_GCC)('codes that QuantizeLinear rounds (needs gcc)', () => {
  it('are those of the runtime, halves and odd zero points among them', () => {
    const quantized = (input: string, output: string): ShortNode[] => [
      { op: 'QuantizeLinear', inputs: [input, 'scale', 'point'], outputs: [`${output}q`] },
      { op: 'DequantizeLinear', inputs: [`${output}q`, 'scale', 'point'], outputs: [output] },
    ];
    const model = buildModel({
      inputs: { x: ['FLOAT', ['N', 9, 4, 3]] },
      outputs: ['y'],
      constants: {
        ...{ scale: scalar(1 / 8), point: { dtype: 'UINT8', shape: [], data: Uint8Array.of(101) } },
        ...{ w1: weight([4, 9, 3, 3], 1), w2: weight([5, 4, 1, 1], 2) },
      },
      nodes: [
        ...quantized('x', 'a'),
        { op: 'Conv', inputs: ['a', 'w1'], outputs: ['c'], attributes: { pads: [1, 1, 1, 1] } },
        ...quantized('c', 'd'),
        { op: 'Conv', inputs: ['d', 'w2'], outputs: ['y'] },
      ],
    });
    const { model: coded } = quantizeModel(model, { scheme: 'linear', bits: 4 });
    // Multiples of half a step.
    const halves = randomSamples(coded, 6, -400, 400).map((value) => Math.round(value) / 16);
    const { files } = expectSame(coded, halves);
    expect(files.get('net.c')).toMatch(/ {4}conv_codes(_f32)?\(/);
  });
});

describe('the constants of coded weights', () => {
  const counts = [14 * 27, 14 * 9, 13 * 56, 13 * 6];
  const biases = 4 * (14 + 13);

  it('take k bits each, and levels what a packed file has of them or less', () => {
    for (const bits of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const { model } = quantizeModel(network(false), { scheme: 'linear', bits });
      const codes = counts.reduce((sum, count) => sum + Math.ceil((count * bits) / 8), 0);
      const scales = 4 * (14 + 14 + 13 + 6);
      // One table of multiples of a step, shared by all layers.
      const table = 4 * 2 ** (bits - 1);
      expect(exportC(model, { name: 'net' }).size.arrayBytes).toBeLessThanOrEqual(
        codes + scales + table + biases,
      );
    }
  });

  it('are integers where layers compute with integers: no table of floats is written for them', () => {
    const { model } = quantizeModel(network(true), { scheme: 'exp', bits: 4 });
    const text = exportC(model, { name: 'net' }).files.get('net_weights.c')!;
    expect(text).toMatch(/const int16_t net_conv1_levels/);
    expect(text).not.toMatch(/const float net_\w+_levels/);
  });
});

describe.skipIf(!HAS_GCC)('a network that begins with codes (needs gcc)', () => {
  it('takes bytes instead of floats, and gives the same', () => {
    const { model } = quantizeModel(network(true), { scheme: 'linear', bits: 4 });
    const sources = exportC(model, { name: 'net' });
    expect(sources.files.get('net.h')).toContain('int net_run_codes(const uint8_t *in, float *out);');
    const [channels, pixels, count] = [3, 40, 4];
    const bytes = Uint8Array.from({ length: count * channels * pixels }, (_, i) => (i * 37) % 256);
    // Signed: code 128 stands for 0.
    const samples = new Float32Array(bytes.length);
    for (let n = 0; n < count; n++)
      for (let p = 0; p < pixels; p++)
        for (let c = 0; c < channels; c++)
          samples[(n * channels + c) * pixels + p] = (bytes[(n * pixels + p) * channels + c]! - 128) / 32;
    const program = compile(sources);
    expectSameBits(runProgram(program, bytes, ['codes']), runtimeOutputs(model, samples));
    expectSameBits(runProgram(program, samples), runtimeOutputs(model, samples));
  });
});
