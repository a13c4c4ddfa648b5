/**
 * Energy of an operation in picojoules, in a 45 nm process at 0.9 V. Measured points: M. Horowitz, "Computing's energy problem
 * (and what we can do about it)", ISSCC 2014, figure 1.1.9. Between them the curves that QKeras fits through the points (Coelho and others,
 * "Automatic heterogeneous quantization of deep neural networks for low-latency inference", Nature Machine Intelligence 2021):
 * an adder grows with its width, a multiplier with the product of its widths.
 */

/** Integers of `width` bits: 0.1 pJ at 32. Logic, shifts, selections and comparisons of that width cost the same. */
export function addEnergy(width: number): number {
  return 0.003125 * width;
}

/** Integers of a × b bits: 0.2 pJ at 8 × 8, 3.1 pJ at 32 × 32. */
export function multiplyEnergy(a: number, b: number): number {
  return 0.002994791667 * a * b + 0.001041666667 * Math.max(a, b);
}

/** Half and single precision are measured. Double is taken as two adders and four multipliers of single precision. */
const FLOAT_ADD: Readonly<Record<number, number>> = { 16: 0.4, 32: 0.9, 64: 1.8 };
const FLOAT_MULTIPLY: Readonly<Record<number, number>> = { 16: 1.1, 32: 3.7, 64: 14.8 };

export function floatAddEnergy(width: number): number {
  return FLOAT_ADD[floatWidth(width)]!;
}

export function floatMultiplyEnergy(width: number): number {
  return FLOAT_MULTIPLY[floatWidth(width)]!;
}

/** The float arithmetic that values of that many bits take: floats of 8 bits are widened to 16. */
export function floatWidth(bits: number): 16 | 32 | 64 {
  if (bits <= 16) return 16;
  return bits <= 32 ? 32 : 64;
}

/** Off-chip memory: 1.3 nJ for 64 bits, the low end of what Horowitz gives. */
export const DRAM_BIT = 20.3125;

/** Bits of the smallest array that was measured, 8 KB: smaller ones count as that large. */
const SMALLEST_SRAM = 8 * 1024 * 8;

/**
 * A bit of an on-chip array of that many bits: QKeras's curve through 10, 20 and 100 pJ for 64 bits of 8 KB, 32 KB and 1 MB. It
 * has its minimum close to 8 KB and rises again below, where nothing was measured.
 */
export function sramBit(arrayBits: number): number {
  const x = Math.log2(Math.max(SMALLEST_SRAM, arrayBits));
  return 9.02427e-4 * x ** 3 - 0.0268848 * x ** 2 + 0.2089008 * x;
}

/** A level of 32 bits out of 2^bits: by a tree of selectors, or from the smallest array where that is cheaper (6 bits and more). */
export function lookUpEnergy(bits: number): number {
  return Math.min((2 ** bits - 1) * addEnergy(32), 32 * sramBit(SMALLEST_SRAM));
}
