import { greedyBases } from './fit/greedy-bases.ts';
import { jointBases } from './fit/joint-bases.ts';
import type { Moments } from './fit/moments.ts';
import { fitScale, LARGEST_LEVEL } from './fit/scale.ts';
import { linearShape } from './linear.ts';
import type { FittedTable, Scheme } from './scheme.ts';

/**
 * A sum of k binary weights: w ≈ Σ α_i·b_i, b_i = ±1. Bases are stored in ascending order, so that the top bit of a code
 * is that of the largest.
 */
export const binary: Scheme = {
  name: 'binary',
  summary:
    'sums of k bases ±α_i, found together; --bases greedy: one after the other; centred: one, around the mean',
  bits: { from: 1, to: 8 },
  fits: ['correlation'],
  choices: ['bases'],
  problems: ({ bits, bases }) =>
    bases === 'centred' && bits !== 1 ? ['binary with bases "centred" has one bit'] : [],
  rule: ({ bases }) => (bases === 'centred' ? 'affine' : 'bases'),
  fit(values, { bits, bases }) {
    if (bases === 'centred') return { params: centredBasis(values.values) };
    const moments = values.magnitudes();
    if (bases === 'greedy') return greedyTable(greedyBases(moments, bits));
    const others = bits > 1 && bits <= MOST_BITS_FROM_STEPS ? [stepBases(moments, bits)] : [];
    return { params: finite(jointBases(moments, bits, others)) };
  },
};

/** Δ and z of the levels −z·Δ and (1 − z)·Δ: m − α and m + α, m the mean and α the mean distance from it. */
function centredBasis(values: Float32Array): number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const size = values.reduce((sum, value) => sum + Math.abs(value - mean), 0) / values.length;
  return size > 0 ? [2 * size, 0.5 - mean / (2 * size)] : [mean, -1];
}

/** Widths up to which equal steps are a start, too, so that binary is not worse than linear; above, they cost more than all the rest. */
const MOST_BITS_FROM_STEPS = 4;

/** The best equal steps, ±(j+½)Δ, are the bases 2^i·Δ/2. */
function stepBases(moments: Moments, bits: number): Float64Array {
  const step = fitScale(moments, linearShape(bits, false)).first;
  return Float64Array.from({ length: bits }, (_, i) => 2 ** (i - 1) * step);
}

/** Greedy codes are the successive signs of what is left, and so follow cells of their own. */
function greedyTable({ bases, bounds }: ReturnType<typeof greedyBases>): FittedTable {
  const bits = bases.length;
  const order = Array.from(bases.keys()).sort((one, other) => bases[one]! - bases[other]!);
  const params = finite(Float64Array.from(order, (i) => bases[i]!));
  if (bounds.length === 0) return { params };
  // Cell k of the magnitudes has the signs of the bits of k, first base after the sign highest, 1 for plus.
  const plus = Uint8Array.from({ length: bounds.length + 1 }, (_, cell) =>
    order.reduce((code, i, bit) => (i > 0 && !((cell >> (bits - 1 - i)) & 1) ? code | (1 << bit) : code), 0),
  );
  return { params, cells: { bounds, plus, minus: plus.map((code) => code ^ (2 ** bits - 1)) } };
}

/** Scaled down where the largest level, the sum, would be beyond float32. */
function finite(bases: Float64Array): Float64Array {
  const largest = bases.reduce((sum, base) => sum + base, 0);
  return largest > LARGEST_LEVEL ? bases.map((base) => base * (LARGEST_LEVEL / largest)) : bases;
}
