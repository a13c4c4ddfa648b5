import { describe, expect, it } from 'vitest';
import { codeEntropy, meanCodeEntropy } from '../../src/ir/code-entropy.ts';
import { planesOf, type QuantizedTensor } from '../../src/ir/quantized-tensor.ts';
import { modelOfWeights } from '../formats/quantized-samples.ts';

function weight(bits: number, codes: readonly number[]): QuantizedTensor {
  const shape = [1, codes.length];
  return {
    ...{ scheme: 'test', bits, granularity: 'tensor', shape, dtype: 'FLOAT', rule: 'linear' },
    ...{ layout: { split: shape, perm: [0, 1], rowAxes: 1 }, rows: 1, columns: codes.length },
    ...{
      groupSize: codes.length,
      params: Float32Array.of(1),
      planes: planesOf(Uint8Array.from(codes), bits),
    },
  };
}

describe('the entropy of codes', () => {
  it('is their bits where all are equally frequent, and 0 where there is one only', () => {
    expect(codeEntropy(weight(3, [0, 1, 2, 3, 4, 5, 6, 7]))).toBe(3);
    expect(codeEntropy(weight(3, [5, 5, 5]))).toBe(0);
  });

  it('is that of a coin and of three codes as Shannon has it', () => {
    expect(codeEntropy(weight(2, [0, 3, 0, 3]))).toBe(1);
    expect(codeEntropy(weight(2, [0, 0, 1, 2]))).toBe(1.5);
  });

  it('counts every weight of a model by its own statistics, large ones for more', () => {
    const model = modelOfWeights([weight(1, [0, 1]), weight(2, [0, 0, 0, 0, 0, 0])]);
    expect(meanCodeEntropy(model)).toBe(2 / 8);
    expect(meanCodeEntropy(modelOfWeights([]))).toBe(0);
  });
});
