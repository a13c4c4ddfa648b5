import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/formats/keras/contract.ts';
import { importKeras } from '../../../../src/formats/keras/import.ts';
import { notConverted } from '../../../../src/formats/keras/not-converted.ts';
import type { Model } from '../../../../src/ir/graph.ts';
import { quantizeModel } from '../../../../src/quantizers/quantize-model.ts';
import { createSession } from '../../../../src/runtime/session.ts';
import { floatData, floats } from '../../../../src/tensor/tensor.ts';
import { memorySource, sequential } from '../memory-source.ts';

const KERNEL = [0.5, -0, 0, -1e-9, 2, -3, 0.25, -0.75];

/** A QuantDense layer from four features to two, without a bias. */
function quantDense(config: JsonObject, kernel: readonly number[] = KERNEL): Model {
  const layer = sequential(
    [null, 4],
    ['QuantDense', { name: 'dense', units: 2, use_bias: false, activation: 'linear', ...config }],
  );
  return importKeras(memorySource(layer, { 'dense/kernel': [[4, 2], kernel] }, '2.15.0'));
}

function kernelOf(model: Model): number[] {
  return Array.from(floatData(model.graph.initializers.get('dense/kernel')!.read()));
}

describe('layers of Larq', () => {
  it('have the signs of the stored kernel as their weights, +1 for 0 and −0', () => {
    expect(kernelOf(quantDense({ kernel_quantizer: 'ste_sign' }))).toEqual([1, 1, 1, -1, 1, -1, 1, -1]);
  });

  it('scale the signs by the mean size of each output where the quantizer is aware of it', () => {
    const kernel = [1, -2, -3, 4, 5, -6, -7, 8];
    const quantizer = { class_name: 'MagnitudeAwareSign', config: { name: 'q', clip_value: 1 } };
    expect(kernelOf(quantDense({ kernel_quantizer: quantizer }, kernel))).toEqual([
      4, -5, -4, 5, 4, -5, -4, 5,
    ]);
  });

  it('have weights of three values by a threshold that counts itself', () => {
    const kernel = [0.05, -0.05, 0.049, -0.049, 1, -1, 0, 0.06].map(Math.fround);
    expect(kernelOf(quantDense({ kernel_quantizer: 'ste_tern' }, kernel)).map((x) => x + 0)).toEqual([
      1, -1, 0, 0, 1, -1, 0, 1,
    ]);
  });

  it('take +1 for the sign of a zero in their input', () => {
    const model = quantDense({ input_quantizer: 'ste_sign' }, [1, 1, 2, 2, 4, 4, 8, 8]);
    const session = createSession(model);
    const [y] = session.run({ x: floats([1, 4], [0, -0, -1, 3]) }).values();
    session.dispose();
    expect(Array.from(y!.data as Float32Array)).toEqual([7, 7]);
  });

  it('keep their binary kernels at one bit when they are discretized', () => {
    const size = 64;
    const kernel = Array.from({ length: size * size }, (_, i) => ((i * 7919) % 13) - 6);
    const layer = sequential(
      [null, size],
      ['QuantDense', { name: 'dense', units: size, use_bias: false, kernel_quantizer: 'ste_sign' }],
    );
    const model = importKeras(memorySource(layer, { 'dense/kernel': [[size, size], kernel] }, '2.15.0'));
    const { model: made } = quantizeModel(model, { scheme: 'exp', bits: 3 });
    const weight = made.graph.initializers.get('dense/kernel')!;
    expect(weight.quantized?.bits).toBe(1);
    expect(Array.from(floatData(weight.read()))).toEqual(kernel.map((x) => (x >= 0 ? 1 : -1)));
  });

  it('are reported with a quantizer that is not one of Larq', () => {
    const quantizer = { class_name: 'MyQuantizer', module: 'mine', config: {} };
    const model = quantDense({ kernel_quantizer: quantizer });
    expect(notConverted(model).join('\n')).toContain('kernel_quantizer');
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(['QuantDense']);
  });
});
