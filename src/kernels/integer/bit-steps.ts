import type { IntegerRows } from './contract.ts';

/**
 * How the levels of a table follow from the bits of its codes: base + Σ_b steps[b] · bit b of order[code]. Equal steps do so by
 * rank, as do any two levels, and four that lie evenly about a centre, ternary ones with their second 0 too; then a dot product is
 * one of bit-planes.
 */
export interface BitSteps {
  readonly base: number;
  readonly steps: readonly number[];
  readonly order: readonly number[];
}

/** Of every table; undefined where one has levels that are no sums over bits. */
export function bitStepsOf({ bits, levels }: IntegerRows): BitSteps[] | undefined {
  const all: BitSteps[] = [];
  for (let at = 0; at < levels.length; at += 1 << bits) {
    const found = ofTable(levels.subarray(at, at + (1 << bits)), bits);
    if (found === undefined) return undefined;
    all.push(found);
  }
  return all;
}

function ofTable(levels: Int16Array, bits: number): BitSteps | undefined {
  return byRankOf(levels, bits) ?? byDistinctLevels(levels, bits);
}

/** Of k bits at most k + 1 levels are sums, be they what they may: a bit for each but the lowest. */
function byDistinctLevels(levels: Int16Array, bits: number): BitSteps | undefined {
  const [base = 0, ...others] = [...new Set(levels)].sort((a, b) => a - b);
  if (others.length > bits) return undefined;
  const steps = Array.from({ length: bits }, (_, b) => (others[b] ?? base) - base);
  const order = Array.from(levels, (level) => (level === base ? 0 : 1 << others.indexOf(level)));
  return { base, steps, order };
}

function byRankOf(levels: Int16Array, bits: number): BitSteps | undefined {
  const byRank = [...levels.keys()].sort((a, b) => levels[a] - levels[b] || a - b);
  const sorted = Int16Array.from(byRank, (code) => levels[code]);
  const base = sorted[0];
  const steps = Array.from({ length: bits }, (_, b) => sorted[1 << b] - base);
  const isSum = sorted.every(
    (level, rank) => level === base + steps.reduce((sum, step, b) => sum + ((rank >> b) & 1) * step, 0),
  );
  if (!isSum) return undefined;
  const order = new Array<number>(levels.length);
  byRank.forEach((code, rank) => {
    order[code] = rank;
  });
  return { base, steps, order };
}
