import { describe, expect, it } from 'vitest';
import type { Conv2dShape } from '../../src/kernels/contract.ts';
import { createReferenceKernels } from '../../src/kernels/reference.ts';
import { createSimdKernels } from '../../src/kernels/simd.ts';
import { isWinograd } from '../../src/kernels/winograd/rule.ts';
import { expectSameBits } from './support/bits.ts';
import { Random } from './support/random.ts';

/** 8 channels to one, 6 × 7 outputs; `padTop` and `padLeft` of 0 need two more inputs a side. */
const SHAPE: Conv2dShape = {
  ...{ batch: 1, inChannels: 8, outChannels: 1, inHeight: 6, inWidth: 7, outHeight: 6, outWidth: 7 },
  ...{ kernelHeight: 3, kernelWidth: 3, strideHeight: 1, strideWidth: 1, dilationHeight: 1 },
  ...{ dilationWidth: 1, padTop: 1, padLeft: 1, groups: 1 },
};

const SETS = { reference: createReferenceKernels(), simd: createSimdKernels() };
type SetName = keyof typeof SETS;
const NAMES = Object.keys(SETS) as SetName[];

function convolve(name: SetName, x: Float32Array, values: Float32Array, shape: Conv2dShape): Float32Array {
  const kernels = SETS[name];
  const weights = kernels.prepareConv2d({ kind: 'float', values }, shape);
  const y = new Float32Array(shape.batch * shape.outChannels * shape.outHeight * shape.outWidth);
  kernels.conv2d(x, weights, y, shape, {});
  weights.release();
  return y;
}

function outputsOf(size: Partial<Conv2dShape>): Conv2dShape {
  const shape = { ...SHAPE, ...size };
  return { ...shape, outHeight: shape.inHeight, outWidth: shape.inWidth };
}

/** Uniform in −1 … 1. */
function uniform(random: Random, length: number): Float32Array {
  return Float32Array.from({ length }, () => 2 * random.unit() - 1);
}

const direct = (shape: Conv2dShape): Conv2dShape => ({ ...shape, isDirect: true });

describe('convolutions by Winograd’s algorithm', () => {
  it('are those of 3 × 3, stride and dilation 1 and one group with 8 channels and 2 × 6 outputs at least', () => {
    const changes: readonly [boolean, Partial<Conv2dShape>][] = [
      [true, {}],
      [true, { batch: 0, outChannels: 500, outHeight: 2, outWidth: 6, padTop: 5, inHeight: 1 }],
      [false, { inChannels: 7 }],
      [false, { outHeight: 1 }],
      [false, { outWidth: 5 }],
      [false, { kernelHeight: 1 }],
      [false, { kernelWidth: 5 }],
      [false, { strideHeight: 2 }],
      [false, { strideWidth: 2 }],
      [false, { dilationHeight: 2 }],
      [false, { dilationWidth: 2 }],
      [false, { inChannels: 16, groups: 2, outChannels: 2 }],
      [false, { isDirect: true }],
    ];
    for (const [expected, change] of changes)
      expect(isWinograd({ ...SHAPE, ...change }), JSON.stringify(change)).toBe(expected);
  });

  it.each(NAMES)('round where the definition says: %s', (name) => {
    // The middle weight of channel 0 is 1, so U is ±¼ at places (1|2, 1|2). Of d only d₁₁ = 1 and d₁₂ = 2²⁴ are not 0:
    // V₁₁ = 1 + 2²⁴ is rounded to 2²⁴, V₁₂ = 2²⁴ − 1 is not. Row 2 of V is −row 1, and so M₂ = M₁. Then
    // y₀₀ = 2·¼·2²⁴ − 2·¼·(2²⁴ − 1) = ½ where a direct sum has 1, and y₀₁ = 2²⁴ − ½ is rounded to 2²⁴.
    const x = new Float32Array(8 * 42);
    x.set([1, 2 ** 24]);
    const w = new Float32Array(72);
    w[4] = 1;
    expect([...convolve(name, x, w, SHAPE).subarray(0, 4)]).toEqual([0.5, 2 ** 24, 0, 0]);
    expect([...convolve(name, x, w, direct(SHAPE)).subarray(0, 4)]).toEqual([1, 2 ** 24, 0, 0]);
  });

  it.each(NAMES)('are exact for small whole numbers, as a direct sum is: %s', (name) => {
    const random = new Random(31);
    const shape = outputsOf({ inChannels: 33, outChannels: 6, inHeight: 9, inWidth: 11 });
    const whole = (length: number, size: number): Float32Array =>
      Float32Array.from({ length }, () => random.whole(-size, size));
    const [x, w] = [whole(33 * 99, 127), whole(6 * 33 * 9, 1)];
    expectSameBits(convolve(name, x, w, shape), convolve(name, x, w, direct(shape)), 'whole numbers');
  });

  it.each(NAMES)('give an output the same bits wherever its tile lies, and in any batch: %s', (name) => {
    const random = new Random(32);
    const [height, width] = [13, 21];
    const shape = outputsOf({ inChannels: 9, outChannels: 5, inHeight: height, inWidth: width });
    const x = uniform(random, 9 * height * width);
    const w = uniform(random, 5 * 81);
    const y = convolve(name, x, w, shape);
    // Without the first rows and columns, an even number of each, and not padded there.
    const cut = { ...shape, padTop: 0, padLeft: 0, outHeight: height - 4, outWidth: width - 6 };
    const [inHeight, inWidth] = [height - 3, width - 5];
    const part = Float32Array.from({ length: 9 * inHeight * inWidth }, (_, i) => {
      const [c, rest] = [Math.floor(i / (inHeight * inWidth)), i % (inHeight * inWidth)];
      return x[(c * height + 3 + Math.floor(rest / inWidth)) * width + 5 + (rest % inWidth)]!;
    });
    const expected = Float32Array.from({ length: 5 * cut.outHeight * cut.outWidth }, (_, i) => {
      const [c, rest] = [Math.floor(i / (cut.outHeight * cut.outWidth)), i % (cut.outHeight * cut.outWidth)];
      return y[(c * height + 4 + Math.floor(rest / cut.outWidth)) * width + 6 + (rest % cut.outWidth)]!;
    });
    expectSameBits(convolve(name, part, w, { ...cut, inHeight, inWidth }), expected, 'a part');

    const three = new Float32Array(3 * x.length);
    three.set(uniform(random, x.length));
    three.set(x, x.length);
    const inBatch = convolve(name, three, w, { ...shape, batch: 3 });
    expectSameBits(inBatch.subarray(y.length, 2 * y.length), y, 'the second of three');
  });

  it('lie no farther from the exact convolution than direct sums do', () => {
    const random = new Random(33);
    const shape = outputsOf({ inChannels: 64, outChannels: 8, inHeight: 12, inWidth: 12 });
    const [x, w] = [uniform(random, 64 * 144), uniform(random, 8 * 576)];
    const exact = new Float64Array(8 * 144).map((_, at) => {
      const [k, oy, ox] = [Math.floor(at / 144), Math.floor(at / 12) % 12, at % 12];
      let sum = 0;
      for (let i = 0; i < 576; i++) {
        const [iy, ix] = [oy - 1 + (Math.floor(i / 3) % 3), ox - 1 + (i % 3)];
        if (iy < 0 || iy >= 12 || ix < 0 || ix >= 12) continue;
        sum += w[k * 576 + i]! * x[(Math.floor(i / 9) * 12 + iy) * 12 + ix]!;
      }
      return sum;
    });
    const error = (y: Float32Array): number => Math.hypot(...y.map((v, i) => v - exact[i]!));
    expect(error(convolve('simd', x, w, shape))).toBeLessThan(error(convolve('simd', x, w, direct(shape))));
  });
});
