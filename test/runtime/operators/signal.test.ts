import { describe, expect, it } from 'vitest';
import { createSession } from '../../../src/runtime/session.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, int64, type ShortNode } from '../build-model.ts';
import { type Case, f, fixed, testFamily } from '../operator-cases.ts';
import { someTensor } from '../oracle.ts';

const scalar = (value: number): Tensor => int64([value], []);

testFamily('what transforms signals', [
  ...[1, 2].flatMap((parts): Case[] => [
    { op: 'DFT', note: `of ${parts} parts`, inputs: [f(2, 12, parts)], opset: 20 },
    {
      op: 'DFT',
      note: `of ${parts} parts, back`,
      inputs: [f(2, 12, parts)],
      attributes: { inverse: 1 },
      opset: 20,
    },
    { op: 'DFT', note: `of ${parts} parts, filled`, inputs: [f(2, 5, parts), scalar(8)], opset: 20 },
    { op: 'DFT', note: `of ${parts} parts, cut`, inputs: [f(2, 9, parts), scalar(6)], opset: 20 },
    {
      op: 'DFT',
      note: `of ${parts} parts, along columns`,
      inputs: [f(6, 4, 3, parts), null, scalar(0)],
      opset: 20,
    },
  ]),
  { op: 'DFT', note: 'of one side', inputs: [f(2, 7, 1)], attributes: { onesided: 1 }, opset: 20 },
  { op: 'STFT', note: 'with a window', inputs: [f(2, 40, 1), scalar(5), fixed(12)] },
  { op: 'STFT', note: 'without one', inputs: [f(2, 40, 1), scalar(5), null, scalar(9)] },
]);

function run(node: Omit<ShortNode, 'outputs'>, constants: Record<string, Tensor>): Tensor {
  const nodes = [{ ...node, outputs: ['Y'] }];
  const session = createSession(buildModel({ opset: 20, inputs: {}, constants, outputs: ['Y'], nodes }));
  return session.run({}).get('Y')!;
}

/** Σ x[j]·e^(−2πi·jk/n) as it is written. */
function byDefinition(x: ArrayLike<number>): number[] {
  const n = x.length / 2;
  return Array.from({ length: 2 * n }, (_, at) => {
    const k = at >> 1;
    let sum = 0;
    for (let j = 0; j < n; j++) {
      const angle = (-2 * Math.PI * ((j * k) % n)) / n;
      const [re, im] = [x[2 * j]!, x[2 * j + 1]!];
      sum +=
        at % 2 === 0
          ? re * Math.cos(angle) - im * Math.sin(angle)
          : re * Math.sin(angle) + im * Math.cos(angle);
    }
    return sum;
  });
}

describe('a Fourier transform', () => {
  it('is the sum that it is defined as, for lengths with any factors', () => {
    for (const n of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 30, 49, 64, 97, 121, 360]) {
      const x = someTensor('DOUBLE', [1, n, 2], n);
      const y = run({ op: 'DFT', inputs: ['X'] }, { X: x });
      byDefinition(x.data as Float64Array).forEach((value, i) => {
        expect(y.data[i], `length ${n}, element ${i}`).toBeCloseTo(value, 9);
      });
    }
  });

  it('comes back from one side to the real signal that it was, of even and of odd length', () => {
    for (const n of [2, 5, 8, 11]) {
      const x = someTensor('FLOAT', [1, n, 1], n);
      const half = run({ op: 'DFT', inputs: ['X'], attributes: { onesided: 1 } }, { X: x });
      const back = run(
        { op: 'DFT', inputs: ['X', 'L'], attributes: { onesided: 1, inverse: 1 } },
        { X: half, L: scalar(n) },
      );
      expect(back.shape).toEqual([1, n, 1]);
      (x.data as Float32Array).forEach((value, i) => {
        expect(back.data[i]).toBeCloseTo(value, 5);
      });
    }
  });

  it('of one side is refused for complex values', () => {
    const x = someTensor('FLOAT', [1, 4, 2], 1);
    expect(() => run({ op: 'DFT', inputs: ['X'], attributes: { onesided: 1 } }, { X: x })).toThrow(
      'a one-sided transform of complex values, expected real ones',
    );
  });
});

describe('weights of signals', () => {
  it('are of the type that is named, whole ones cut', () => {
    const y = run({ op: 'HannWindow', inputs: ['N'], attributes: { output_datatype: 6 } }, { N: scalar(4) });
    expect(y).toEqual({ dtype: 'INT32', shape: [4], data: Int32Array.of(0, 0, 1, 0) });
  });

  it('of mel bins beyond the spectrum are refused', () => {
    const numbers = {
      B: scalar(4),
      L: scalar(16),
      R: scalar(8000),
      low: floats([], [0]),
      high: floats([], [9000]),
    };
    expect(() => run({ op: 'MelWeightMatrix', inputs: Object.keys(numbers) }, numbers)).toThrow(
      '0 to 9000 hertz are beyond a spectrum of 9 bins at 8000 samples a second',
    );
  });
});

describe('counts of n-grams', () => {
  it('are refused for strings', () => {
    const x: Tensor = { dtype: 'STRING', shape: [2], data: ['a', 'b'] };
    const attributes = {
      mode: 'TF',
      min_gram_length: 1,
      max_gram_length: 1,
      max_skip_count: 0,
      ngram_counts: [0],
      ngram_indexes: [0],
    };
    expect(() => run({ op: 'TfIdfVectorizer', inputs: ['X'], attributes }, { X: x })).toThrow(
      'TfIdfVectorizer of strings',
    );
  });
});
