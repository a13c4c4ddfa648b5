import { type CodeFinish, type CodeGrid, MOST_OFFSET } from '../../../kernels/integer/contract.ts';

/** The part of a layer's tail that fixed-point numbers can say. */
export interface IntegerTail {
  /** What a sum of 1 stands for, a row. */
  readonly alpha: Float64Array;
  readonly scale?: Float32Array | undefined;
  readonly bias?: Float32Array | undefined;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/**
 * Codes of clamp((alpha·S)·scale + bias) as ⌊(S·multiplier + offset) / 2³²⌋ with multiplier = alpha·scale / step · 2³² and
 * offset = (bias / step + zero + ½) · 2³², where step is the scale of the codes: rounding to the nearest, ties up. A multiplier is off by ½ at
 * most, so that with |S| < 2²⁹ no code is off by more than 1/16 of a step from what real numbers would give before rounding.
 *
 * @returns undefined where a sum of 1 is half a step or more, or a number is not finite: floats say that better
 */
export function fixedPoint(tail: IntegerTail, grid: CodeGrid): Omit<CodeFinish, 'kind' | 'y'> | undefined {
  const { alpha, scale, bias } = tail;
  const rows = alpha.length;
  const multipliers = new Int32Array(rows);
  const offsets = new BigInt64Array(rows);
  for (let r = 0; r < rows; r++) {
    const multiplier = Math.round(((alpha[r]! * (scale?.[r] ?? 1)) / grid.scale) * 2 ** 32);
    const offset = Math.round(((bias?.[r] ?? 0) / grid.scale + grid.zero + 0.5) * 2 ** 32);
    if (!(Math.abs(multiplier) < 2 ** 31 && Math.abs(offset) < Number(MOST_OFFSET))) return undefined;
    multipliers[r] = multiplier;
    offsets[r] = BigInt(offset);
  }
  const codeOf = (value: number): number => {
    const code = Math.floor(value / grid.scale + grid.zero + 0.5);
    return Math.min(grid.high, Math.max(0, code));
  };
  const low = tail.low === undefined ? 0 : codeOf(tail.low);
  // Bounds are applied as max(low, ·), then min(high, ·).
  const high = tail.high === undefined ? grid.high : codeOf(tail.high);
  return { multipliers, offsets, low: Math.min(low, high), high };
}
