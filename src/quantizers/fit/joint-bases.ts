import { greedyBases } from './greedy-bases.ts';
import type { Moments } from './moments.ts';

/** Bases, ascending, and the squared error that they leave with nearest codes. */
export interface Bases {
  readonly bases: Float64Array;
  readonly error: number;
}

/** Rounds from each start, and from the best of them. */
export interface Rounds {
  readonly first: number;
  readonly last: number;
}

/**
 * Bases and codes together: alternating least squares and nearest code. The error has many local minima from three
 * bases on, and the good ones lie far from the greedy bases: near-equal bases, whose sums crowd in the middle as weights
 * do. Hence several starts, and the best of them to the end: the greedy bases, and geometric ones of the ratios below
 * with the largest weight for their sum, or with the variance of the weights for theirs, Σ α². Chosen by measurement on
 * rows of 27 to 4608 values of three distributions.
 * @param others further starts, which the result is never worse than
 */
export function jointBases(
  moments: Moments,
  bits: number,
  others: readonly Float64Array[] = [],
  rounds: Rounds = roundsFor(moments, bits),
): Float64Array {
  const greedy = greedyBases(moments, bits).bases;
  if (bits === 1) return greedy;
  const alternation = alternationOf(moments, bits);
  const starts = [
    ...others,
    greedy,
    geometric(bits, 1.4, (bases) => moments.max / total(bases)),
    geometric(bits, 1.6, (bases) => moments.max / total(bases)),
    geometric(bits, 1.5, (bases) =>
      Math.sqrt(moments.energy / moments.mass / total(bases.map((base) => base * base))),
    ),
  ];
  let best: Bases | undefined;
  for (const start of starts) {
    const found = alternation(start, rounds.first);
    if (best === undefined || found.error < best.error) best = found;
  }
  return alternation(best!.bases, rounds.last).bases;
}

/** More values are worth more rounds; a row of a few hundred takes about 0.3 ms at 8 bits. */
function roundsFor(moments: Moments, bits: number): Rounds {
  if (moments.mass >= 10_000) return { first: 20, last: 200 };
  return bits > 6 ? { first: 2, last: 10 } : { first: 3, last: 12 };
}

function geometric(bits: number, ratio: number, scale: (bases: Float64Array) => number): Float64Array {
  const bases = new Float64Array(bits);
  let power = 1;
  for (let i = 0; i < bits; i++) {
    bases[i] = power;
    power *= ratio;
  }
  const factor = scale(bases);
  return bases.map((base) => factor * base);
}

function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Part of the error that a round must win for another one. */
const ENOUGH = 1e-6;

/**
 * The alternation for one set of weights. By symmetry magnitudes do: x is nearest to some |Σ ±α|, and the codes with +
 * in the last base, half of all, have all these sizes. With m_c and s_c the mass and first moment of the cell of code c
 * (s_c negated where Σ ±α < 0: there x has the opposite code), the least-squares bases solve Σ_j G_ij·α_j = h_i with
 * G_ij = Σ_c m_c·b_i·b_j and h_i = Σ_c s_c·b_i. The Walsh-Hadamard transforms of m and s hold these at the indices
 * 2^i ⊕ 2^j and 2^i, where the last base counts as 0.
 */
export function alternationOf(
  moments: Moments,
  bits: number,
): (start: Float64Array, rounds: number) => Bases {
  const half = 2 ** (bits - 1);
  const values = new Float64Array(half); // Σ ±α by code
  const order = Uint8Array.from({ length: half }, (_, i) => half - 1 - i); // codes by ascending |value|
  const middles = new Float64Array(half - 1);
  const massBelow = new Float64Array(half).fill(moments.mass);
  const sumBelow = new Float64Array(half).fill(moments.sum);
  const masses = new Float64Array(half);
  const sums = new Float64Array(half);

  /** Nearest codes: fills `masses` and `sums`, returns the error. */
  const assign = (bases: Float64Array): number => {
    values[0] = total(bases);
    for (let i = 0, block = 1; i < bits - 1; i++, block *= 2)
      for (let code = 0; code < block; code++) values[block + code] = values[code]! - 2 * bases[i]!;
    sortBySize(order, values);
    for (let k = 0; k + 1 < half; k++)
      middles[k] = (Math.abs(values[order[k]!]!) + Math.abs(values[order[k + 1]!]!)) / 2;
    moments.below(middles, 1, massBelow, sumBelow);
    let error = moments.energy;
    for (let k = 0; k < half; k++) {
      const code = order[k]!;
      const value = values[code]!;
      const mass = massBelow[k]! - (k > 0 ? massBelow[k - 1]! : 0);
      const sum = sumBelow[k]! - (k > 0 ? sumBelow[k - 1]! : 0);
      masses[code] = mass;
      sums[code] = value < 0 ? -sum : sum;
      error += value * value * mass - 2 * Math.abs(value) * sum;
    }
    return error;
  };

  return (start, rounds) => {
    let bases = start.toSorted();
    let error = assign(bases);
    for (let round = 0; round < rounds && error > 0; round++) {
      const next = leastSquares(masses, sums, bases, moments.mass).map(Math.abs).sort();
      const lower = assign(next);
      if (!(lower < error)) break;
      const won = error - lower;
      bases = next;
      error = lower;
      if (won <= ENOUGH * error) break;
    }
    return { bases, error };
  };
}

/** Insertion sort: the order of the round before is all but right. */
function sortBySize(order: Uint8Array, values: Float64Array): void {
  for (let k = 1; k < order.length; k++) {
    const code = order[k]!;
    const size = Math.abs(values[code]!);
    let at = k;
    for (; at > 0 && Math.abs(values[order[at - 1]!]!) > size; at--) order[at] = order[at - 1]!;
    order[at] = code;
  }
}

/** Pull towards the old bases, as a part of the mass: it decides what cells without values leave open. */
const PULL = 1e-9;

/** Solves the normal equations; overwrites the masses and sums by their transforms. */
function leastSquares(
  masses: Float64Array,
  sums: Float64Array,
  old: Float64Array,
  mass: number,
): Float64Array {
  walshHadamard(masses);
  walshHadamard(sums);
  const bits = old.length;
  const matrix = new Float64Array(bits * bits);
  const right = new Float64Array(bits);
  for (let i = 0; i < bits; i++) {
    const at = i === bits - 1 ? 0 : 1 << i;
    for (let j = 0; j < bits; j++) matrix[i * bits + j] = masses[at ^ (j === bits - 1 ? 0 : 1 << j)]!;
    matrix[i * bits + i]! += PULL * mass;
    right[i] = sums[at]! + PULL * mass * old[i]!;
  }
  return solve(matrix, right);
}

/** In place: f(i) ← Σ_c f(c)·(−1)^(number of ones of i ∧ c). */
function walshHadamard(values: Float64Array): void {
  for (let width = 1; width < values.length; width *= 2)
    for (let block = 0; block < values.length; block += 2 * width)
      for (let i = block; i < block + width; i++) {
        const low = values[i]!;
        const high = values[i + width]!;
        values[i] = low + high;
        values[i + width] = low - high;
      }
}

/** Solves a symmetric positive definite system by elimination, in place. */
function solve(matrix: Float64Array, right: Float64Array): Float64Array {
  const size = right.length;
  for (let i = 0; i < size; i++)
    for (let row = i + 1; row < size; row++) {
      const factor = matrix[row * size + i]! / matrix[i * size + i]!;
      for (let j = i; j < size; j++) matrix[row * size + j]! -= factor * matrix[i * size + j]!;
      right[row]! -= factor * right[i]!;
    }
  for (let i = size - 1; i >= 0; i--) {
    for (let j = i + 1; j < size; j++) right[i]! -= matrix[i * size + j]! * right[j]!;
    right[i]! /= matrix[i * size + i]!;
  }
  return right;
}
