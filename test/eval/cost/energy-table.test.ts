import { describe, expect, it } from 'vitest';
import {
  addEnergy,
  DRAM_BIT,
  floatAddEnergy,
  floatMultiplyEnergy,
  lookUpEnergy,
  multiplyEnergy,
  sramBit,
} from '../../../src/eval/cost/energy-table.ts';

describe('the energy of an operation', () => {
  it('is what Horowitz measured, where he measured', () => {
    expect(addEnergy(32)).toBeCloseTo(0.1, 6);
    expect(addEnergy(16)).toBeCloseTo(0.05, 6);
    expect(multiplyEnergy(8, 8)).toBeCloseTo(0.2, 6);
    expect(multiplyEnergy(32, 32)).toBeCloseTo(3.1, 4);
    expect([16, 32].map(floatAddEnergy)).toEqual([0.4, 0.9]);
    expect([16, 32].map(floatMultiplyEnergy)).toEqual([1.1, 3.7]);
    expect(64 * DRAM_BIT).toBe(1300);
  });

  it('of a 64-bit read is 10, 20 and 100 pJ from 8 KB, 32 KB and 1 MB', () => {
    const read = (bytes: number): number => 64 * sramBit(8 * bytes);
    expect(read(8 * 1024)).toBeCloseTo(10, 0);
    expect(read(32 * 1024)).toBeCloseTo(20, 0);
    expect(read(1024 * 1024)).toBeCloseTo(100, 0);
  });

  it('never falls with the width of numbers or the size of a memory', () => {
    const rising = (of: (x: number) => number, from: number, to: number): void => {
      for (let x = from; x < to; x++) expect(of(x + 1)).toBeGreaterThanOrEqual(of(x));
    };
    rising(addEnergy, 1, 64);
    rising((bits) => multiplyEnergy(bits, 8), 1, 32);
    rising(floatAddEnergy, 1, 64);
    rising(floatMultiplyEnergy, 1, 64);
    rising(lookUpEnergy, 1, 8);
    rising((power) => sramBit(2 ** power), 0, 40);
  });
});
