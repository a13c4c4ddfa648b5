import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RowProblem } from '../../../src/kernels/linear-algebra/contract.ts';
import { createReferenceLinearAlgebra } from '../../../src/kernels/linear-algebra/reference.ts';
import { createSimdLinearAlgebra } from '../../../src/kernels/linear-algebra/simd.ts';
import { Encoder } from '../../../src/quantizers/encode.ts';
import { Random } from '../support/random.ts';
import { lossOf, randomProblem, shuffled } from './problems.ts';
import { expectSameDoubles, randomHessian, SIZES } from './support.ts';

const reference = createReferenceLinearAlgebra();
const simd = createSimdLinearAlgebra();
const SETS = [reference, simd];
const ROWS = [0, 1, 2, 3, 4, 5, 9];

/** H with rows and columns in another order. */
function permuted(hessian: Float64Array, n: number, order: Uint32Array): Float64Array {
  return hessian.map((_, i) => hessian[order[Math.floor(i / n)]! * n + order[i % n]!]!);
}

function upperOf(hessian: Float64Array, n: number): Float64Array {
  const upper = new Float64Array(n * n);
  expect(simd.upperCholeskyOfInverse(hessian, n, upper)).toBe(-1);
  return upper;
}

function identity(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
}

/** One row and one list for all of its columns. */
function oneRow(weights: number[], levels: number[]): RowProblem {
  const lists = { levels: Float64Array.from(levels), size: levels.length, stride: 0 };
  return { rows: 1, columns: weights.length, weights: Float64Array.from(weights), lists };
}

describe('rounding rows as GPTQ does', () => {
  it('has the bits of the reference', () => {
    const random = new Random(6);
    for (const n of SIZES) {
      for (const size of [1, 2, 3, 8, 16, 100, 256]) {
        const problem = randomProblem(random, random.pick(ROWS), n, size);
        const order = random.chance(0.5) ? shuffled(random, n) : undefined;
        const upper = upperOf(randomHessian(random, n), n);
        const places = SETS.map(() => new Uint8Array(problem.rows * n));
        const losses = SETS.map((set, i) => set.roundRows(problem, upper, places[i]!, order));
        expect(places[1], `${problem.rows} rows of ${n}, ${size} levels`).toEqual(places[0]);
        expectSameDoubles(losses[1]!, losses[0]!, `losses of ${problem.rows} rows of ${n}, ${size} levels`);
      }
    }
  });

  it('has them for more rows than are worked on at a time', () => {
    const random = new Random(7);
    for (const n of [3, 70]) {
      const problem = randomProblem(random, 515, n, 4);
      const hessian = randomHessian(random, n);
      const upper = upperOf(hessian, n);
      const places = SETS.map(() => new Uint8Array(problem.rows * n));
      const losses = SETS.map((set, i) => set.roundRows(problem, upper, places[i]!));
      expect(places[1]).toEqual(places[0]);
      expectSameDoubles(losses[1]!, losses[0]!, `losses of rows of ${n}`);
      const descents = SETS.map((set, i) => set.descendRows(problem, hessian, places[i]!, { sweeps: 3 }));
      expect(places[1]).toEqual(places[0]);
      expect(descents[1]).toEqual(descents[0]);
    }
  });

  it('is rounding to the nearest level where the inputs are white, with the codes of the encoder', () => {
    const random = new Random(8);
    const n = 90;
    const levels = Float32Array.of(-1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2);
    const encoder = new Encoder('table', 3);
    encoder.load(levels);
    // Many of the weights lie half-way between two levels.
    const weights = Float32Array.from({ length: n }, () => random.whole(-20, 20) / 8);
    const codes = new Uint8Array(n);
    encoder.encode(weights, codes, 0);
    const problem = oneRow([...weights], [...levels]);
    for (const set of SETS) {
      const places = new Uint8Array(n);
      set.roundRows(problem, upperOf(identity(n), n), places, shuffled(random, n));
      expect(places).toEqual(codes);
    }
  });

  it('moves the weights to come by what a rounding leaves', () => {
    // H = [[1, c], [c, 1]]: with c near 1 an error of +0.4 is made up for by the second weight.
    const hessian = Float64Array.of(1, 0.9, 0.9, 1);
    const problem = oneRow([0.4, 0.4], [0, 1]);
    for (const set of SETS) {
      const places = new Uint8Array(2);
      const losses = set.roundRows(problem, upperOf(hessian, 2), places);
      expect([...places]).toEqual([0, 1]);
      expect(losses[0]).toBeCloseTo(lossOf(problem, hessian, places, 0), 12);
      set.roundRows(problem, upperOf(hessian, 2), places, Uint32Array.of(1, 0));
      expect([...places]).toEqual([1, 0]);
    }
  });

  it('gives the loss of each row, whatever the order', () => {
    const random = new Random(9);
    for (const n of [1, 20, 80]) {
      const problem = randomProblem(random, 6, n, 5);
      const hessian = randomHessian(random, n);
      const order = shuffled(random, n);
      const places = new Uint8Array(6 * n);
      const losses = simd.roundRows(problem, upperOf(permuted(hessian, n, order), n), places, order);
      for (let row = 0; row < 6; row++) {
        const loss = lossOf(problem, hessian, places, row);
        expect(Math.abs(losses[row]! - loss)).toBeLessThan(1e-9 * (1 + loss));
      }
    }
  });
});

describe('coordinate descent', () => {
  it('has the bits of the reference', () => {
    const random = new Random(10);
    for (const n of SIZES) {
      for (const size of [1, 2, 3, 8, 16, 100, 256]) {
        const problem = randomProblem(random, random.pick(ROWS), n, size);
        const order = random.chance(0.5) ? shuffled(random, n) : undefined;
        const hessian = randomHessian(random, n);
        const start = new Uint8Array(problem.rows * n);
        const places = SETS.map(() => start.slice());
        const options = { sweeps: random.whole(0, 5), order };
        const results = SETS.map((set, i) => set.descendRows(problem, hessian, places[i]!, options));
        expect(places[1], `${problem.rows} rows of ${n}, ${size} levels`).toEqual(places[0]);
        expect(results[1]!.changes).toBe(results[0]!.changes);
        expectSameDoubles(results[1]!.losses, results[0]!.losses, 'losses');
        expectSameDoubles(results[1]!.decreases, results[0]!.decreases, 'decreases');
      }
    }
  });

  it('never raises the loss of a row, and says by how much it fell', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        (seed, n, size) => {
          const random = new Random(seed);
          const problem = randomProblem(random, 3, n, size);
          const hessian = randomHessian(random, n);
          const places = new Uint8Array(3 * n);
          const before = [0, 1, 2].map((row) => lossOf(problem, hessian, places, row));
          const { changes, losses, decreases } = simd.descendRows(problem, hessian, places, { sweeps: 4 });
          expect(changes > 0).toBe(places.some((place) => place > 0));
          for (let row = 0; row < 3; row++) {
            const after = lossOf(problem, hessian, places, row);
            expect(decreases[row]).toBeGreaterThanOrEqual(0);
            expect(after).toBeLessThanOrEqual(before[row]! * (1 + 1e-12));
            expect(Math.abs(before[row]! - decreases[row]! - after)).toBeLessThan(1e-9 * (1 + before[row]!));
            expect(Math.abs(losses[row]! - after)).toBeLessThan(1e-9 * (1 + before[row]!));
          }
        },
      ),
      { seed: 11, numRuns: 100 },
    );
  });

  it('ends where no change of a single weight lowers the loss', () => {
    const random = new Random(12);
    const n = 12;
    const problem = oneRow(
      Array.from({ length: n }, () => random.unit() * 2 - 1),
      [-1, -0.25, 0.25, 1],
    );
    const hessian = randomHessian(random, n);
    const places = new Uint8Array(n);
    simd.descendRows(problem, hessian, places, { sweeps: 100 });
    const reached = lossOf(problem, hessian, places, 0);
    for (let j = 0; j < n; j++) {
      for (let place = 0; place < 4; place++) {
        const changed = places.with(j, place);
        expect(lossOf(problem, hessian, changed, 0)).toBeGreaterThanOrEqual(reached * (1 - 1e-9));
      }
    }
    expect(simd.descendRows(problem, hessian, places, { sweeps: 1 }).changes).toBe(0);
  });

  it('leaves a tie and a dead column as they are', () => {
    for (const set of SETS) {
      for (const start of [0, 1]) {
        const places = Uint8Array.of(start, start);
        // The first weight lies half-way; the second is never seen.
        const problem = oneRow([0.5, 5], [0, 1]);
        const { changes } = set.descendRows(problem, Float64Array.of(1, 0, 0, 0), places, { sweeps: 5 });
        expect(changes).toBe(0);
        expect([...places]).toEqual([start, start]);
      }
    }
  });

  it('asks for the gain that the tolerance says', () => {
    // From 0 to 1 at 0.6: the loss falls from 0.36 to 0.16, by 0.2 of δ²·H.
    for (const set of SETS) {
      const changes = [0.19, 0.21].map((tolerance) => {
        const options = { sweeps: 1, tolerance };
        return set.descendRows(oneRow([0.6], [0, 1]), Float64Array.of(1), Uint8Array.of(0), options).changes;
      });
      expect(changes).toEqual([1, 0]);
    }
  });
});

describe('rows to be rounded', () => {
  it('are refused where something does not fit, with what was expected', () => {
    const good = oneRow([1, 2], [0, 1]);
    const square = new Float64Array(4);
    const places = (): Uint8Array => new Uint8Array(2);
    for (const set of SETS) {
      const round = (change: Partial<RowProblem>, order?: Uint32Array) => () =>
        set.roundRows({ ...good, ...change }, square, places(), order);
      expect(round({ rows: 2 })).toThrow(/weights has 2 elements, expected 2 × 2 = 4/);
      expect(round({ lists: { ...good.lists, size: 3 } })).toThrow(
        /levels has 2 elements, expected at least 3/,
      );
      expect(round({ lists: { ...good.lists, size: 257 } })).toThrow(/1 to 256 levels in a list, got 257/);
      const descending = { ...good.lists, levels: Float64Array.of(1, 0) };
      expect(round({ lists: descending })).toThrow(/ascending levels, got 0 at 1/);
      const empty = { ...good.lists, levels: Float64Array.of(Infinity, Infinity) };
      expect(round({ lists: empty })).toThrow(/a level in every list, got none at 0/);
      expect(round({ lists: { ...good.lists, listOf: Uint32Array.of(0, 1) } })).toThrow(
        /expected at least 4/,
      );
      expect(round({}, Uint32Array.of(1, 1))).toThrow(/each of 2 columns once in the order, got 1/);
      expect(round({}, Uint32Array.of(0, 2))).toThrow(/got 2/);
      const descend = (at: Uint8Array) => () => set.descendRows(good, square, at, { sweeps: 1 });
      expect(descend(Uint8Array.of(0, 2))).toThrow(/places that have a level, got 2 at 1/);
      expect(descend(new Uint8Array(3))).toThrow(/places has 3 elements/);
    }
  });
});
