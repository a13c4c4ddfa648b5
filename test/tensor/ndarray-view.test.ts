import { describe, expect, it } from 'vitest';
import { ndarrayOf } from '../../src/tensor/ndarray-view.ts';
import { floats } from '../../src/tensor/tensor.ts';

describe('a tensor as an ndarray', () => {
  const tensor = floats([2, 3], [1, 2, 3, 4, 5, 6]);

  it('has the shape and row-major elements of the tensor, and its transpose is a view', () => {
    const view = ndarrayOf(tensor);
    expect(view.shape).toEqual([2, 3]);
    expect(view.get(1, 0)).toBe(4);
    expect(view.transpose(1, 0).get(2, 1)).toBe(6);
    expect(view.pick(null, 1).get(1)).toBe(5);
  });

  it('shares the elements', () => {
    const own = floats([2], [1, 2]);
    ndarrayOf(own).set(1, 7);
    expect([...(own.data as Float32Array)]).toEqual([1, 7]);
  });

  it('refuses strings, which are no numbers', () => {
    expect(() => ndarrayOf({ dtype: 'STRING', shape: [1], data: ['a'] })).toThrow(/STRING/);
  });
});
