import { describe, expect, it } from 'vitest';
import { residualAim } from '../../../src/eval/calibration/residual-aim.ts';
import { floatData, floats } from '../../../src/tensor/tensor.ts';

const y = floats([2, 2, 1, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
const s = floats([2, 2, 1, 2], [10, 10, 10, 10, 10, 10, 10, 10]);
const now = floats([2, 2, 1, 2], [9, 10, 8, 10, 10, 11, 10, 14]);

describe('what a layer in front of a residual sum should give', () => {
  it('makes scale·y + ŝ what scale·y + s was, channel by channel', () => {
    const aim = residualAim(y, s, now, Float64Array.of(2, -4), 1);
    expect(Array.from(aim.data as Float32Array)).toEqual([1.5, 2, 2.5, 4, 5, 5.5, 7, 9]);
    const [given, float, coded] = [y, s, now].map(floatData);
    floatData(aim).forEach((value, i) => {
      const scale = i % 4 < 2 ? 2 : -4;
      expect(scale * value + coded![i]!).toBe(scale * given![i]! + float![i]!);
    });
  });

  it('has its channels along the last axis where that is asked for', () => {
    const aim = residualAim(
      floats([2, 2], [1, 2, 3, 4]),
      floats([2, 2], [0, 0, 0, 0]),
      floats([2, 2], [1, 1, 1, 1]),
      Float64Array.of(1, 0.5),
      1,
    );
    expect(Array.from(aim.data as Float32Array)).toEqual([0, 0, 2, 2]);
  });

  it('is y itself in channels that make up for nothing, and where shapes differ', () => {
    const aim = residualAim(y, s, now, Float64Array.of(0, 1), 1);
    expect(Array.from(aim.data as Float32Array)).toEqual([1, 2, 5, 4, 5, 6, 7, 4]);
    expect(residualAim(y, floats([1, 2, 1, 2], [0, 0, 0, 0]), now, Float64Array.of(1, 1), 1)).toBe(y);
    expect(residualAim(y, s, now, Float64Array.of(1, 1, 1), 1)).toBe(y);
  });
});
