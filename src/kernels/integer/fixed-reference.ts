import { eachTap } from '../taps.ts';
import { checkAddFixed, checkCodesOfFixed, checkFixedOfCodes, checkPoolFixed } from './check-fixed.ts';
import type { IntegerKernels } from './contract.ts';
import type { FixedFinish } from './fixed-contract.ts';

/** The part of the kernels that is about fixed-point values. */
export type FixedKernels = Pick<IntegerKernels, 'addFixed' | 'codesOfFixed' | 'fixedOfCodes' | 'poolFixed'>;

/** The definitions of the kernels on fixed-point values. */
export const FIXED_REFERENCE: FixedKernels = {
  fixedOfCodes(codes, table, y) {
    checkFixedOfCodes(codes, table, y);
    for (let i = 0; i < codes.length; i++) y[i] = table[codes[i]];
  },

  codesOfFixed(x, codes, grid) {
    checkCodesOfFixed(x, codes, grid);
    const { multiplier, zero, high } = grid;
    for (let i = 0; i < x.length; i++) {
      // Below 2⁶¹: a double holds no such number.
      const code = Number((BigInt(x[i]) * BigInt(multiplier) + (BigInt(2 * zero + 1) << 31n)) >> 32n);
      codes[i] = Math.min(high, Math.max(0, code));
    }
  },

  addFixed(x, addend, y, low, high) {
    checkAddFixed(x, addend, y, low, high);
    for (let i = 0; i < x.length; i++)
      y[i] = clamp(addend === undefined ? x[i] : (x[i] + addend[i]) | 0, low, high);
  },

  poolFixed(x, y, shape, pooling) {
    checkPoolFixed(x, y, shape);
    const { batch, inChannels, outHeight, outWidth } = shape;
    for (let n = 0; n < batch; n++)
      for (let oy = 0; oy < outHeight; oy++)
        for (let ox = 0; ox < outWidth; ox++)
          for (let c = 0; c < inChannels; c++) {
            const values: number[] = [];
            eachTap(shape, n, oy, ox, (pixel) => values.push(x[pixel * inChannels + c]));
            y[((n * outHeight + oy) * outWidth + ox) * inChannels + c] =
              pooling === 'largest' ? Math.max(...values) : average(values);
          }
  },
};

/** ⌊Σ / n + ½⌋ = ⌊(2·Σ + n) / 2n⌋; a double holds Σ, and tells apart what is 1 / 2n off a whole number. */
function average(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  return values.length === 0 ? 0 : Math.floor((2 * sum + values.length) / (2 * values.length));
}

/** The value of a sum of row r; see `FixedFinish`. @param at its place in y */
export function fixedOfSum(sum: number, finish: FixedFinish, r: number, at: number): number {
  const { multipliers, offsets, limits, shift, addend, low, high } = finish;
  const held = clamp(sum, -limits[r], limits[r]);
  const wide = BigInt.asIntN(64, BigInt(held) * BigInt(multipliers[r]) + offsets[r]);
  const value = Number(BigInt.asIntN(32, wide >> BigInt(shift)));
  return clamp(addend === undefined ? value : (value + addend[at]) | 0, low, high);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
