import { describe, expect, it } from 'vitest';
import type { Conv2dShape, UnaryName } from '../../src/kernels/contract.ts';
import { createReferenceKernels } from '../../src/kernels/reference.ts';

const kernels = createReferenceKernels();

/** 1 × 3 over a row, padded by one on the left; the numbers are worked by hand. */
const ROW: Conv2dShape = {
  ...{ batch: 1, inChannels: 1, outChannels: 1, inHeight: 1, inWidth: 4, outHeight: 1, outWidth: 3 },
  ...{ kernelHeight: 1, kernelWidth: 3, strideHeight: 1, strideWidth: 1, dilationHeight: 1 },
  ...{ dilationWidth: 1, padTop: 0, padLeft: 1, groups: 1 },
};

function convolve(x: number[], w: number[], shape: Conv2dShape, length: number): number[] {
  const weights = kernels.prepareConv2d({ kind: 'float', values: Float32Array.from(w) }, shape);
  const y = new Float32Array(length);
  kernels.conv2d(Float32Array.from(x), weights, y, shape, {});
  return [...y];
}

function unary(name: UnaryName, x: number[], alpha?: number, beta?: number): number[] {
  const y = new Float32Array(x.length);
  kernels.unary(name, Float32Array.from(x), y, alpha, beta);
  return [...y];
}

describe('the reference kernels', () => {
  it('correlate: the kernel is not turned round, and padding counts as zero', () => {
    expect(convolve([1, 2, 3, 4], [1, 10, 100], ROW, 3)).toEqual([210, 321, 432]);
  });

  it('step by the stride, spread by the dilation', () => {
    const strided = { ...ROW, strideWidth: 2, outWidth: 2 };
    expect(convolve([1, 2, 3, 4], [1, 10, 100], strided, 2)).toEqual([210, 432]);
    const dilated = { ...ROW, dilationWidth: 2, outWidth: 1 };
    expect(convolve([1, 2, 3, 4], [1, 10, 100], dilated, 1)).toEqual([420]);
  });

  it('give each group its own channels', () => {
    const grouped = { ...ROW, inChannels: 2, outChannels: 2, groups: 2 };
    const y = convolve([1, 2, 3, 4, 5, 6, 7, 8], [1, 10, 100, 1, 1, 1], grouped, 6);
    expect(y).toEqual([210, 321, 432, 11, 18, 21]);
  });

  it('add in float32 in ascending order, each product and sum rounded', () => {
    // 2^24 + 1 is lost to rounding; from the other end it would not be.
    const weights = kernels.prepareLinear({ kind: 'float', values: Float32Array.of(1, 1, 1) }, 1, 3);
    const y = new Float32Array(1);
    kernels.linear(Float32Array.of(2 ** 24, 1, 1), weights, y, 1, {});
    expect(y[0]).toBe(2 ** 24);
    kernels.linear(Float32Array.of(1, 1, 2 ** 24), weights, y, 1, {});
    expect(y[0]).toBe(2 ** 24 + 2);
  });

  it('finish a sum by scale, bias, addend and clamp in that order', () => {
    const weights = kernels.prepareLinear({ kind: 'float', values: Float32Array.of(1, 1) }, 2, 1);
    const y = new Float32Array(2);
    const epilogue = {
      scale: Float32Array.of(2, -2),
      bias: Float32Array.of(1, 1),
      addend: Float32Array.of(10, 1),
      low: 0,
      high: 16,
    };
    kernels.linear(Float32Array.of(3), weights, y, 1, epilogue);
    expect([...y]).toEqual([16, 0]);
  });

  it('round halves to even, keep −0, and pass NaN through a clamp', () => {
    expect(unary('round', [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 8388607.5, -0.2])).toEqual([
      0, 2, 2, -0, -2, -2, 8388608, -0,
    ]);
    expect(unary('clip', [-3, 3, NaN], -1, 1)).toEqual([-1, 1, NaN]);
    expect(unary('relu', [-0, -1, 2, NaN])).toEqual([-0, 0, 2, NaN]);
  });

  it('use the defaults of ONNX where a parameter is left out', () => {
    expect(unary('leakyRelu', [-100, 5])).toEqual([Math.fround(-100 * Math.fround(0.01)), 5]);
    expect(unary('hardSigmoid', [-10, 0, 10])).toEqual([0, 0.5, 1]);
    expect(unary('elu', [-Infinity, 2])).toEqual([-1, 2]);
    expect(unary('selu', [1])[0]).toBeCloseTo(1.0507009873554805, 6);
  });

  it('count the padding of an average pool only when told to', () => {
    const shape = { ...ROW, outWidth: 4 };
    const x = Float32Array.of(1, 2, 3, 4);
    const y = new Float32Array(4);
    kernels.averagePool2d(x, y, shape, false, 0, 1);
    expect([...y]).toEqual([1.5, 2, 3, 3.5]);
    kernels.averagePool2d(x, y, shape, true, 0, 1);
    expect([...y]).toEqual([1, 2, 3, Math.fround(7 / 3)]);
    // A window that overhangs even the padding is cut there.
    kernels.averagePool2d(x, y, shape, true, 0, 0);
    expect(y[3]).toBe(3.5);
  });

  it('take the largest of a window, negative ones too', () => {
    const y = new Float32Array(3);
    kernels.maxPool2d(Float32Array.of(-5, -2, -3, -4), y, ROW);
    expect([...y]).toEqual([-2, -2, -2]);
  });

  it('make softmax sum to one along the middle axis', () => {
    const y = new Float32Array(4);
    kernels.softmax(Float32Array.of(1, 5, 1, 5), y, 1, 2, 2);
    expect([...y]).toEqual([0.5, 0.5, 0.5, 0.5]);
    kernels.softmax(Float32Array.of(1000, 0, 0, 1000), y, 2, 2, 1, true);
    expect([...y]).toEqual([0, -1000, -1000, 0]);
  });
});
