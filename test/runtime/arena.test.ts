import { describe, expect, it } from 'vitest';
import { type Lifetime, placeInArena } from '../../src/runtime/arena.ts';
import { generator } from './random.ts';

/** The most bytes alive at once: no layout can do with less. */
function lowerBound(lifetimes: readonly Lifetime[]): number {
  const times = lifetimes.map((l) => l.birth);
  return Math.max(
    ...times.map((time) =>
      lifetimes
        .filter((l) => l.birth <= time && time < l.death)
        .reduce((sum, l) => sum + Math.ceil(l.byteLength / 64) * 64, 0),
    ),
  );
}

describe('arena', () => {
  it('gives a chain of layers two places by turns', () => {
    const lifetimes = Array.from({ length: 10 }, (_, i) => ({
      byteLength: 640,
      birth: 2 * i,
      death: 2 * i + 3,
    }));
    expect(placeInArena(lifetimes).byteLength).toBe(1280);
  });

  it('never lets two allocations overlap that are alive at the same time', () => {
    const next = generator(4);
    for (let round = 0; round < 50; round++) {
      const lifetimes: Lifetime[] = Array.from({ length: 40 }, () => {
        const birth = Math.floor(next() * 100);
        return {
          byteLength: 1 + Math.floor(next() * 5000),
          birth,
          death: birth + 1 + Math.floor(next() * 20),
        };
      });
      const { offsets, byteLength } = placeInArena(lifetimes);
      const overlaps = lifetimes.flatMap((a, i) =>
        lifetimes.slice(0, i).filter((b, j) => {
          const meet = a.birth < b.death && b.birth < a.death;
          const apart =
            offsets[i]! + a.byteLength <= offsets[j]! || offsets[j]! + b.byteLength <= offsets[i]!;
          return meet && !apart;
        }),
      );
      expect(overlaps).toEqual([]);
      expect(offsets.every((offset) => offset % 64 === 0)).toBe(true);
      expect(Math.max(...lifetimes.map((l, i) => offsets[i]! + l.byteLength))).toBeLessThanOrEqual(
        byteLength,
      );
      expect(byteLength).toBeLessThanOrEqual(1.5 * lowerBound(lifetimes));
    }
  });

  it('takes no memory for nothing', () => {
    expect(placeInArena([])).toEqual({ offsets: [], byteLength: 0 });
  });
});
