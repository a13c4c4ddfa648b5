import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../../../src/formats/onnx/encode.ts';
import { createSession } from '../../../../src/runtime/session.ts';
import type { DataType } from '../../../../src/tensor/dtype.ts';
import type { Tensor } from '../../../../src/tensor/tensor.ts';
import { buildModel, type ShortAttribute } from '../../build-model.ts';
import { runOnnxRuntime } from '../../onnxruntime.ts';
import { expectAgreement, someTensor } from '../../oracle.ts';
import { one, scales, wholeRange } from './bytes.ts';

/** Runs one node of domain com.microsoft on constants, the first of which is fed, here and in onnxruntime. */
async function compare(
  op: string,
  operands: readonly Tensor[],
  dtype: DataType,
  attributes: Readonly<Record<string, ShortAttribute>> = {},
): Promise<void> {
  const [x, ...rest] = operands;
  const names = operands.map((_, i) => `x${i}`);
  const short = buildModel({
    inputs: { x0: [x!.dtype, x!.shape] },
    constants: Object.fromEntries(rest.map((t, i) => [`x${i + 1}`, t])),
    outputs: ['y'],
    outputTypes: { y: dtype },
    nodes: [{ op, domain: 'com.microsoft', inputs: names, outputs: ['y'], attributes }],
  });
  const model = { ...short, opsets: new Map([...short.opsets, ['com.microsoft', 1]]) };
  const expected = (await runOnnxRuntime(encodeModel(model), { x0: x! })).get('y')!;
  const session = createSession(model);
  const first = session.run({ x0: x! }).get('y')!;
  const second = session.run({ x0: x! }).get('y')!;
  session.dispose();
  expectAgreement(expected, first);
  expect(second).toEqual(first);
}

const coded = (dtype: DataType, shape: readonly number[], size: number, seed: number): Tensor[] => [
  wholeRange(dtype, shape, seed),
  ...coding(dtype, size, seed),
];
const coding = (dtype: DataType, size: number, seed: number): Tensor[] => [
  scales(1, size, seed, []),
  one(dtype, dtype === 'INT8' ? -7 + seed : 120 + seed),
];

describe('8-bit operators of onnxruntime', () => {
  for (const dtype of ['UINT8', 'INT8'] as const) {
    const a = coded(dtype, [2, 3, 4, 5], 0.02, 1);
    it(`QLinearAdd of ${dtype}`, async () => {
      await compare(
        'QLinearAdd',
        [...a, ...coded(dtype, [2, 3, 4, 5], 0.03, 2), ...coding(dtype, 0.05, 3)],
        dtype,
      );
    });
    it(`QLinearAdd of ${dtype}, broadcast`, async () => {
      await compare(
        'QLinearAdd',
        [...a, ...coded(dtype, [3, 1, 5], 0.03, 2), ...coding(dtype, 0.05, 3)],
        dtype,
      );
    });
    it(`QLinearMul of ${dtype}`, async () => {
      await compare('QLinearMul', [...a, ...coded(dtype, [4, 5], 0.03, 2), ...coding(dtype, 0.04, 3)], dtype);
    });
    it(`QLinearLeakyRelu of ${dtype}`, async () => {
      await compare('QLinearLeakyRelu', [...a, ...coding(dtype, 0.017, 3)], dtype, { alpha: { float: 0.1 } });
    });
    it(`QLinearSigmoid of ${dtype}`, async () => {
      await compare('QLinearSigmoid', [...a, ...coding(dtype, 1 / 256, 3)], dtype);
    });
    it(`QLinearSoftmax of ${dtype}, along an axis and, as before opset 13, along all from it on`, async () => {
      const operands = [...a, ...coding(dtype, 1 / 64, 3)];
      await compare('QLinearSoftmax', operands, dtype, { opset: 13, axis: -1 });
      await compare('QLinearSoftmax', operands, dtype, { opset: 13, axis: 1 });
      await compare('QLinearSoftmax', operands, dtype, { opset: 12, axis: 2 });
    });
    it(`QLinearGlobalAveragePool of ${dtype}`, async () => {
      await compare('QLinearGlobalAveragePool', [...a, ...coding(dtype, 0.01, 3)], dtype);
      await compare('QLinearGlobalAveragePool', [...a, ...coding(dtype, 0.01, 3)], dtype, {
        channels_last: 1,
      });
    });
    it(`QLinearAveragePool of ${dtype}`, async () => {
      const window = { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 1, 0, 1] };
      await compare('QLinearAveragePool', [...a, ...coding(dtype, 0.015, 3)], dtype, window);
      const counted = { ...window, count_include_pad: 1 };
      await compare('QLinearAveragePool', [...a, ...coding(dtype, 0.015, 3)], dtype, counted);
    });
    for (const transB of [0, 1])
      it(`QGemm of ${dtype}, transB ${transB}`, async () => {
        const matrix = wholeRange(dtype, transB === 1 ? [6, 37] : [37, 6], 5);
        const bias = wholeRange('INT32', [6], 6);
        const b = [matrix, ...coding(dtype, 0.01, 2), bias];
        const attributes = { transB, alpha: { float: 0.75 } };
        const left = coded(dtype, [5, 37], 0.02, 1);
        await compare('QGemm', [...left, ...b, ...coding(dtype, 0.2, 3)], dtype, attributes);
        await compare('QGemm', [...left, ...b], 'FLOAT', attributes);
        const turned = coded(dtype, [37, 5], 0.02, 1);
        await compare('QGemm', [...turned, ...b, ...coding(dtype, 0.2, 3)], dtype, {
          ...attributes,
          transA: 1,
        });
      });
  }

  it('QLinearConcat', async () => {
    const parts = [...coded('UINT8', [2, 3, 2], 0.02, 1), ...coded('UINT8', [2, 2, 2], 0.03, 2)];
    const model = buildModel({
      inputs: { a: ['UINT8', [2, 3, 2]] },
      constants: Object.fromEntries(
        [...coding('UINT8', 0.025, 3), ...parts.slice(1)].map((t, i) => [`x${i}`, t]),
      ),
      outputs: ['y'],
      outputTypes: { y: 'UINT8' },
      nodes: [
        {
          op: 'QLinearConcat',
          domain: 'com.microsoft',
          inputs: ['x0', 'x1', 'a', 'x2', 'x3', 'x4', 'x5', 'x6'],
          outputs: ['y'],
          attributes: { axis: 1 },
        },
      ],
    });
    const whole = { ...model, opsets: new Map([...model.opsets, ['com.microsoft', 1]]) };
    const expected = (await runOnnxRuntime(encodeModel(whole), { a: parts[0]! })).get('y')!;
    const session = createSession(whole);
    const y = session.run({ a: parts[0]! }).get('y')!;
    session.dispose();
    expect(y).toEqual(expected);
  });

  const b = { ...wholeRange('INT8', [37, 6], 4) };
  const narrowed: Tensor = { ...b, data: (b.data as Int8Array).map((value) => value >> 1) };

  it('MatMulIntegerToFloat', async () => {
    const [a, aScale, aZero] = coded('UINT8', [2, 5, 37], 0.02, 1) as [Tensor, Tensor, Tensor];
    const bias = someTensor('FLOAT', [6], 8);
    const zeros: Tensor = { dtype: 'INT8', shape: [6], data: Int8Array.of(1, -1, 0, 5, -3, 2) };
    const operands = [a, narrowed, aScale, scales(6, 0.01, 5), aZero, zeros, bias];
    await compare('MatMulIntegerToFloat', operands, 'FLOAT');
  });

  it('DynamicQuantizeMatMul', async () => {
    const a = someTensor('FLOAT', [3, 5, 37], 3);
    const operands = [a, narrowed, scales(1, 0.01, 5, []), one('INT8', 3), someTensor('FLOAT', [6], 8)];
    await compare('DynamicQuantizeMatMul', operands, 'FLOAT');
  });
});

describe('MatMulNBits', () => {
  const bytes = (shape: number[], seed: number): Tensor => wholeRange('UINT8', shape, seed);
  for (const bits of [4, 8]) {
    const attributes = { K: 40, N: 6, bits, block_size: 16 };
    const matrix = [bytes([6, 3, 2 * bits], 1), scales(18, 0.05, 2)];
    const x = someTensor('FLOAT', [2, 5, 40], 3);
    it(`of ${bits} bits, the last block not whole`, async () => {
      await compare('MatMulNBits', [x, ...matrix], 'FLOAT', attributes);
    });
    it(`of ${bits} bits with a zero point of each block`, async () => {
      const packed = bytes([6 * Math.ceil((3 * bits) / 8)], 4);
      await compare('MatMulNBits', [x, ...matrix, packed], 'FLOAT', attributes);
    });
  }
  it('refuses codes that are too few for its matrix', () => {
    const of = (codes: Tensor) =>
      compare('MatMulNBits', [someTensor('FLOAT', [1, 32], 3), codes, scales(4, 0.05, 2)], 'FLOAT', {
        K: 32,
        N: 4,
        bits: 4,
        block_size: 32,
      });
    return expect(of(bytes([3, 1, 16], 1))).rejects.toThrow();
  });
});
