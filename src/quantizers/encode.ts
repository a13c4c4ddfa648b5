import type { LevelRule } from '../ir/levels.ts';
import type { Cells } from './scheme.ts';

/**
 * Values are compared with thresholds by ≥. A negative threshold on which the lower level is to be taken is moved up by
 * this factor, a step or two of float64, within which no other float32 lies.
 */
const TIE_TO_LOWER = 1 - Number.EPSILON;

/**
 * Codes for the levels of one table. A weight takes the nearest level; half-way between two it takes the one of larger
 * size, and of two of the same size the positive one (so +0 and −0 count as plus). Where codes share a level, the lowest
 * of them is used. All this on the stored float32 levels: the mid-point of two of them is taken in float64.
 */
export class Encoder {
  private readonly bits: number;
  /** Codes by ascending level, as far as that is known from the rule. */
  private readonly initial: Uint8Array;
  private readonly order: Uint8Array;
  /** Where the next level begins; Infinity past the last. */
  private readonly thresholds: Float64Array;

  constructor(rule: LevelRule, bits: number) {
    const size = 2 ** bits;
    this.bits = bits;
    this.initial = Uint8Array.from({ length: size }, (_, i) => ascending(rule, size, i));
    this.order = new Uint8Array(size);
    this.thresholds = new Float64Array(size);
  }

  /** Makes ready for nearest levels. */
  load(levels: Float32Array): void {
    const { order, thresholds } = this;
    order.set(this.initial);
    sortByLevel(order, levels);
    let kept = 0;
    for (let i = 1; i < order.length; i++) {
      const code = order[i]!;
      const low = levels[order[kept]!]!;
      const high = levels[code]!;
      if (high === low) {
        order[kept] = Math.min(order[kept]!, code);
        continue;
      }
      const middle = (low + high) / 2;
      thresholds[kept] = Math.abs(high) >= Math.abs(low) ? middle : middle * TIE_TO_LOWER;
      order[++kept] = code;
    }
    thresholds.fill(Number.POSITIVE_INFINITY, kept);
  }

  /** Makes ready for given cells. */
  loadCells({ bounds, plus, minus }: Cells): void {
    const { order, thresholds } = this;
    const half = plus.length;
    thresholds.fill(Number.POSITIVE_INFINITY);
    thresholds[half - 1] = 0;
    for (let k = 0; k < half; k++) {
      order[half + k] = plus[k]!;
      order[half - 1 - k] = minus[k]!;
      if (k === half - 1) break;
      thresholds[half + k] = bounds[k]!;
      thresholds[half - 2 - k] = -bounds[k]! * TIE_TO_LOWER;
    }
  }

  /** Writes the codes of values to `codes` from `at` on. */
  encode(values: Float32Array, codes: Uint8Array, at: number): void {
    const { order, thresholds, bits } = this;
    const firstStep = 2 ** (bits - 1);
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      let place = 0;
      for (let step = firstStep; step > 0; step >>= 1)
        if (value >= thresholds[place + step - 1]!) place += step;
      codes[at + i] = order[place]!;
    }
  }
}

/** The code of the i-th smallest level: exact for well-formed parameters, and a good start for the sort in any case. */
function ascending(rule: LevelRule, size: number, i: number): number {
  if (rule === 'table') return i;
  if (rule === 'bases') return size - 1 - i;
  return i < size / 2 ? size - 1 - i : i - size / 2;
}

/** Insertion sort, stable: almost always there is nothing to do. */
function sortByLevel(order: Uint8Array, levels: Float32Array): void {
  for (let i = 1; i < order.length; i++) {
    const code = order[i]!;
    const level = levels[code]!;
    let at = i;
    for (; at > 0 && levels[order[at - 1]!]! > level; at--) order[at] = order[at - 1]!;
    order[at] = code;
  }
}
