import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../../../src/formats/onnx/encode.ts';
import { createSession } from '../../../../src/runtime/session.ts';
import type { Tensor } from '../../../../src/tensor/tensor.ts';
import { buildModel, type ShortNode } from '../../build-model.ts';
import { runOnnxRuntime } from '../../onnxruntime.ts';
import { expectAgreement, someTensor } from '../../oracle.ts';
import { one, scales, wholeRange } from './bytes.ts';

/** A residual network of 8-bit operators, as onnxruntime's quantizer writes one: floats in, floats out. */
function network(): ReturnType<typeof buildModel> {
  const constants: Record<string, Tensor> = {};
  for (const [name, size, zero] of [
    ['x', 0.016, 128],
    ['a', 0.2, 120],
    ['b', 0.9, 130],
    ['c', 1, 125],
    ['m', 0.1, 110],
    ['y', 0.4, 100],
  ] as const) {
    constants[`${name}s`] = scales(1, size, zero, []);
    constants[`${name}z`] = one('UINT8', zero);
  }
  const weight = (name: string, shape: readonly number[], seed: number): void => {
    const w = wholeRange('INT8', shape, seed);
    constants[name] = { ...w, data: (w.data as Int8Array).map((value) => value >> 1) }; // see convolution.test.ts
    constants[`${name}s`] = scales(shape[0]!, 0.01, seed);
    constants[`${name}z`] = { dtype: 'INT8', shape: [shape[0]!], data: new Int8Array(shape[0]!) };
  };
  weight('w1', [8, 3, 3, 3], 1);
  weight('w2', [8, 1, 3, 3], 2);
  weight('w3', [8, 8, 1, 1], 3);
  weight('w4', [10, 8], 4);
  constants.bias = wholeRange('INT32', [8], 5);
  const conv = (
    x: string,
    xq: string,
    w: string,
    y: string,
    yq: string,
    group: number,
    pad: number,
  ): ShortNode => ({
    op: 'QLinearConv',
    inputs: [x, `${xq}s`, `${xq}z`, w, `${w}s`, `${w}z`, `${yq}s`, `${yq}z`, 'bias'],
    outputs: [y],
    attributes: { group, pads: [pad, pad, pad, pad] },
  });
  const own = (op: string, inputs: readonly string[], output: string, attributes = {}): ShortNode => ({
    op,
    domain: 'com.microsoft',
    inputs,
    outputs: [output],
    attributes,
  });
  const model = buildModel({
    inputs: { x: ['FLOAT', [2, 3, 12, 11]] },
    outputs: ['y'],
    constants,
    nodes: [
      { op: 'QuantizeLinear', inputs: ['x', 'xs', 'xz'], outputs: ['qx'] },
      conv('qx', 'x', 'w1', 'qa', 'a', 1, 1),
      conv('qa', 'a', 'w2', 'qb', 'b', 8, 1),
      conv('qb', 'b', 'w3', 'qc', 'a', 1, 0),
      own('QLinearAdd', ['qa', 'as', 'az', 'qc', 'as', 'az', 'cs', 'cz'], 'sum'),
      own('QLinearGlobalAveragePool', ['sum', 'cs', 'cz', 'ms', 'mz'], 'mean'),
      { op: 'Flatten', inputs: ['mean'], outputs: ['flat'] },
      own('QGemm', ['flat', 'ms', 'mz', 'w4', 'w4s', 'w4z', '', 'ys', 'yz'], 'qy', { transB: 1 }),
      { op: 'DequantizeLinear', inputs: ['qy', 'ys', 'yz'], outputs: ['y'] },
    ],
  });
  return { ...model, opsets: new Map([...model.opsets, ['com.microsoft', 1]]) };
}

describe('a network of 8-bit operators', () => {
  it('gives what onnxruntime gives, with either set of kernels and run after run', async () => {
    const model = network();
    const x = someTensor('FLOAT', [2, 3, 12, 11], 1);
    const expected = (await runOnnxRuntime(encodeModel(model), { x })).get('y')!;
    expect(new Set(expected.data as Float32Array).size).toBeGreaterThan(8); // it does not just saturate
    for (const kernels of ['simd', 'reference'] as const) {
      const session = createSession(model, { kernels });
      for (let run = 0; run < 3; run++) expectAgreement(expected, session.run({ x }).get('y')!);
      session.dispose();
    }
  });
});
