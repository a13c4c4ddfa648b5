import { describe, expect, it } from 'vitest';
import type { Conv2dShape, Epilogue, Kernels } from '../../src/kernels/contract.ts';
import { createReferenceKernels } from '../../src/kernels/reference.ts';
import { createKernels } from '../../src/kernels/select.ts';
import { createSimdKernels } from '../../src/kernels/simd.ts';
import { expectSameBits } from './support/bits.ts';
import { Random } from './support/random.ts';

const SHAPE: Conv2dShape = {
  ...{ batch: 2, inChannels: 8, outChannels: 8, inHeight: 9, inWidth: 9, outHeight: 9, outWidth: 9 },
  ...{ kernelHeight: 3, kernelWidth: 3, strideHeight: 1, strideWidth: 1, dilationHeight: 1 },
  ...{ dilationWidth: 1, padTop: 1, padLeft: 1, groups: 1 },
};
const LENGTH = 2 * 8 * 81;

function inHeap(kernels: Kernels, values: Float32Array): () => Float32Array {
  const offset = kernels.heap.allocate(values.byteLength);
  const view = (): Float32Array => new Float32Array(kernels.heap.buffer, offset, values.length);
  view().set(values);
  return view;
}

describe('arrays in the heap of the SIMD kernels', () => {
  it('give the bits that arrays outside give, also when the call makes the heap grow', () => {
    const random = new Random(5);
    const [values, bias, addend] = [random.floats(LENGTH), random.floats(8), random.floats(LENGTH)];
    const rows = { kind: 'float', values: random.floats(8 * 72) } as const;
    const expected = new Float32Array(LENGTH);
    const reference = createReferenceKernels();
    reference.conv2d(values, reference.prepareConv2d(rows, SHAPE), expected, SHAPE, { bias, addend });

    const kernels = createSimdKernels();
    const weights = kernels.prepareConv2d(rows, SHAPE);
    const x = inHeap(kernels, values);
    const y = inHeap(kernels, new Float32Array(LENGTH));
    const b = inHeap(kernels, bias);
    const a = inHeap(kernels, addend);
    // Leave no room for scratch.
    const room = kernels.heap.buffer.byteLength - kernels.heap.usedBytes;
    kernels.heap.allocate(room - 4096);
    const before = kernels.heap.buffer;
    kernels.conv2d(x(), weights, y(), SHAPE, { bias: b(), addend: a() });
    expect(kernels.heap.buffer).not.toBe(before);
    expectSameBits(y(), expected, 'convolution');
  });

  it('may be output and addend at once, for every kind of convolution', () => {
    const random = new Random(6);
    for (const [groups, outWidth] of [
      [1, 9],
      [1, 3],
      [8, 9],
      [8, 3],
    ] as const) {
      const shape = { ...SHAPE, groups, inWidth: outWidth, outWidth };
      const length = 2 * 8 * 9 * outWidth;
      const rows = { kind: 'float', values: random.floats((8 * 72) / groups) } as const;
      const [values, addend] = [random.floats(length), random.floats(length)];
      const results = [createReferenceKernels(), createSimdKernels()].map((kernels) => {
        const y = inHeap(kernels, addend);
        kernels.conv2d(values, kernels.prepareConv2d(rows, shape), y(), shape, { addend: y(), low: 0 });
        return y().slice();
      });
      expectSameBits(results[1]!, results[0]!, `${groups} groups, width ${outWidth}`);
    }
  });

  it('are used without further allocation once a call has run', () => {
    const kernels = createSimdKernels();
    const random = new Random(7);
    const weights = kernels.prepareConv2d({ kind: 'float', values: random.floats(8 * 72) }, SHAPE);
    const x = random.floats(LENGTH);
    const y = new Float32Array(LENGTH);
    kernels.conv2d(x, weights, y, SHAPE, {});
    const { usedBytes } = kernels.heap;
    const { buffer } = kernels.heap;
    for (let i = 0; i < 10; i++) kernels.conv2d(x, weights, y, SHAPE, {});
    expect(kernels.heap.usedBytes).toBe(usedBytes);
    expect(kernels.heap.buffer).toBe(buffer);
  });
});

describe('a set of kernels', () => {
  it('is chosen by name, and "auto" is the fast one here', () => {
    expect(createKernels('reference').name).toBe('reference');
    expect(createKernels('simd').name).toBe('simd');
    expect(createKernels('auto').name).toBe('simd');
  });

  it('frees everything when it is disposed of, and weights may be released twice', () => {
    for (const choice of ['reference', 'simd'] as const) {
      const kernels = createKernels(choice);
      const values = new Float32Array(8 * 72).fill(1);
      const weights = kernels.prepareConv2d({ kind: 'float', values }, SHAPE);
      kernels.conv2d(new Float32Array(LENGTH), weights, new Float32Array(LENGTH), SHAPE, {});
      weights.release();
      weights.release();
      kernels.dispose();
      expect(kernels.heap.usedBytes).toBe(0);
    }
  });

  it('refuses arrays that are shorter than the shape, with both numbers', () => {
    for (const choice of ['reference', 'simd'] as const) {
      const kernels = createKernels(choice);
      const weights = kernels.prepareConv2d({ kind: 'float', values: new Float32Array(8 * 72) }, SHAPE);
      const [whole, short] = [new Float32Array(LENGTH), new Float32Array(LENGTH - 1)];
      const conv =
        (x: Float32Array, y: Float32Array, change: Partial<Conv2dShape>, epilogue: Epilogue) => () =>
          kernels.conv2d(x, weights, y, { ...SHAPE, ...change }, epilogue);
      expect(conv(short, whole, {}, {})).toThrow(/x has 1295 elements, the shape needs 1296/);
      expect(conv(whole, short, {}, {})).toThrow(/y has 1295 elements, the shape needs 1296/);
      expect(conv(whole, whole, {}, { addend: short })).toThrow(/addend has 1295/);
      expect(conv(whole, whole, {}, { bias: short.subarray(0, 7) })).toThrow(/bias has 7 elements/);
      expect(conv(whole, whole, { padTop: -1 }, {})).toThrow(/padding of 0 or more, got -1/);
      expect(conv(whole, whole, { kernelWidth: 2 }, {})).toThrow(
        /prepared as 8 × 72, the shape needs 8 × 48/,
      );
      expect(conv(whole, whole, { groups: 3 }, {})).toThrow(/do not divide into 3 groups/);
      expect(() => kernels.matmul(short, whole, whole, 100, 100, 2)).toThrow(/a has 1295/);
      expect(() => kernels.unary('relu', whole, short)).toThrow(/y has 1295/);
      expect(() => kernels.binary('add', whole, whole, short, 1, LENGTH, 1)).toThrow(/output has 1295/);
      expect(() => kernels.softmax(whole, short, 1, LENGTH, 1)).toThrow(/output has 1295/);
      expect(() => kernels.maxPool2d(whole, short, { ...SHAPE, groups: 8 })).toThrow(/y has 1295/);
    }
  });

  it('refuses weights that another set prepared', () => {
    const [reference, simd] = [createReferenceKernels(), createSimdKernels()];
    const rows = { kind: 'float', values: new Float32Array(12) } as const;
    const [x, y] = [new Float32Array(4), new Float32Array(3)];
    expect(() => simd.linear(x, reference.prepareLinear(rows, 3, 4), y, 1, {})).toThrow(TypeError);
    expect(() => reference.linear(x, simd.prepareLinear(rows, 3, 4), y, 1, {})).toThrow(TypeError);
  });
});
