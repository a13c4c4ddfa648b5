import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Choice, chooseWithin } from '../../../src/eval/allocation/knapsack.ts';

/** Whole numbers, so that sums are exact and the best can be compared for equality. */
const layers = fc.array(
  fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 40 }), loss: fc.integer({ min: 0, max: 60 }) }), {
    minLength: 1,
    maxLength: 5,
  }),
  { maxLength: 6 },
);

function totals(choices: readonly (readonly Choice[])[], chosen: readonly number[]) {
  const taken = choices.map((layer, i) => layer[chosen[i]!]!);
  return {
    bytes: taken.reduce((sum, { bytes }) => sum + bytes, 0),
    loss: taken.reduce((sum, { loss }) => sum + loss, 0),
  };
}

/** Tries every combination. */
function leastLoss(choices: readonly (readonly Choice[])[], capacity: number): number | undefined {
  let best: number | undefined;
  const visit = (layer: number, bytes: number, loss: number): void => {
    if (bytes > capacity) return;
    if (layer === choices.length) best = Math.min(best ?? loss, loss);
    else for (const choice of choices[layer]!) visit(layer + 1, bytes + choice.bytes, loss + choice.loss);
  };
  visit(0, 0, 0);
  return best;
}

describe('chooseWithin', () => {
  it('finds the least loss that trying every combination finds, and says so when nothing fits', () => {
    fc.assert(
      fc.property(layers, fc.integer({ min: 0, max: 160 }), (choices, capacity) => {
        const chosen = chooseWithin(choices, capacity);
        const best = leastLoss(choices, capacity);
        if (chosen === undefined) {
          expect(best).toBeUndefined();
          return;
        }
        const { bytes, loss } = totals(choices, chosen);
        expect(bytes).toBeLessThanOrEqual(capacity);
        expect(loss).toBe(best);
      }),
      { numRuns: 2000, seed: 4 },
    );
  });

  it('stays within the budget when it may keep few states only', () => {
    fc.assert(
      fc.property(layers, fc.integer({ min: 0, max: 160 }), (choices, capacity) => {
        const chosen = chooseWithin(choices, capacity, 2);
        expect(chosen === undefined).toBe(leastLoss(choices, capacity) === undefined);
        if (chosen !== undefined) expect(totals(choices, chosen).bytes).toBeLessThanOrEqual(capacity);
      }),
      { numRuns: 500, seed: 5 },
    );
  });

  it('takes the first of equal choices', () => {
    const same = [
      { bytes: 3, loss: 1 },
      { bytes: 3, loss: 1 },
    ];
    expect(chooseWithin([same, same], 6)).toEqual([0, 0]);
  });

  it('takes a choice of infinite loss only where the budget leaves no other', () => {
    const risky = [
      { bytes: 1, loss: Number.POSITIVE_INFINITY },
      { bytes: 5, loss: 9 },
    ];
    expect(
      chooseWithin(
        [
          risky,
          [
            { bytes: 2, loss: 3 },
            { bytes: 4, loss: 0 },
          ],
        ],
        7,
      ),
    ).toEqual([1, 0]);
    expect(chooseWithin([risky, [{ bytes: 2, loss: 3 }]], 4)).toEqual([0, 0]);
  });

  it('has nothing to choose for no layers', () => {
    expect(chooseWithin([], 0)).toEqual([]);
    expect(chooseWithin([], -1)).toBeUndefined();
  });

  it('solves a network of 300 layers and 14 choices each', () => {
    const many = Array.from({ length: 300 }, (_, layer) =>
      Array.from({ length: 14 }, (_, bits) => ({
        bytes: (layer % 37) * 1001 + (bits + 1) * (1000 + 531 * (layer % 23)),
        loss: (1 + (layer % 11)) / 2 ** (2 * bits * (0.8 + 0.01 * (layer % 41))),
      })),
    );
    const capacity = many.reduce((sum, layer) => sum + layer[4]!.bytes, 0);
    const chosen = chooseWithin(many, capacity)!;
    const { bytes, loss } = totals(many, chosen);
    expect(bytes).toBeLessThanOrEqual(capacity);
    expect(bytes).toBeGreaterThan(0.9999 * capacity);
    expect(loss).toBeLessThan(
      totals(
        many,
        many.map(() => 4),
      ).loss,
    );
  });
});
