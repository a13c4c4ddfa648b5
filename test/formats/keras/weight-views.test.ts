import { describe, expect, it } from 'vitest';
import { convolutionKernel, depthwiseKernel } from '../../../src/formats/keras/layers/convolution.ts';
import { asFloat, constant, transposed } from '../../../src/formats/keras/weight-views.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';

function counting(shape: readonly number[]) {
  const count = shape.reduce((a, b) => a * b, 1);
  return constant(
    'w',
    floats(
      shape,
      Array.from({ length: count }, (_, i) => i),
    ),
  );
}

function elements(tensor: Tensor): number[] {
  return Array.from(tensor.data as Float32Array);
}

describe('views of Keras weights', () => {
  it('transpose a kernel [height, width, in, out] to [out, in, height, width]', () => {
    const view = convolutionKernel(counting([2, 3, 4, 5]));
    expect(view.shape).toEqual([5, 4, 2, 3]);
    const data = elements(view.read());
    const wanted: number[] = [];
    for (let o = 0; o < 5; o++)
      for (let i = 0; i < 4; i++)
        for (let h = 0; h < 2; h++) for (let w = 0; w < 3; w++) wanted.push(((h * 3 + w) * 4 + i) * 5 + o);
    expect(data).toEqual(wanted);
  });

  it('make one group of a depthwise kernel [height, width, in, multiplier] for each channel', () => {
    const view = depthwiseKernel(counting([1, 2, 2, 3]));
    expect(view.shape).toEqual([6, 1, 1, 2]);
    expect(elements(view.read())).toEqual([0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]);
  });

  it('decode nothing before they are read', () => {
    const source = { ...counting([2, 2]), read: () => expect.fail('read too early') };
    expect(transposed(source, [2, 2], [1, 0]).shape).toEqual([2, 2]);
  });

  it('widen float16 and round float64 to FLOAT, and refuse integers', () => {
    const half = constant('h', { dtype: 'FLOAT16', shape: [2], data: Uint16Array.of(0x3c00, 0xc000) });
    expect(elements(asFloat(half).read())).toEqual([1, -2]);
    const double = constant('d', { dtype: 'DOUBLE', shape: [1], data: Float64Array.of(0.1) });
    expect(elements(asFloat(double).read())).toEqual([Math.fround(0.1)]);
    const integers = constant('i', { dtype: 'INT32', shape: [1], data: Int32Array.of(1) });
    expect(() => asFloat(integers)).toThrow('weight "i" is INT32, expected a floating-point type');
  });
});
