import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocate, allocateBest, allocateUniformly } from '../../../src/eval/allocation/allocate.ts';
import { tableOf } from './tables.ts';

const cell = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.double({ min: 0, max: 9, noNaN: true }));
const tables = fc
  .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 5 }))
  .chain(([layers, width]) =>
    fc.array(fc.array(cell, { minLength: width, maxLength: width }), {
      minLength: layers,
      maxLength: layers,
    }),
  )
  .map((layers) => tableOf(layers));

describe('allocate', () => {
  it('keeps the budget, and is no worse than any candidate for all layers that keeps it', () => {
    fc.assert(
      fc.property(tables, fc.integer({ min: 0, max: 400 }), (table, payloadBytes) => {
        const found = allocate(table, { payloadBytes });
        expect(found.met).toBe(found.payloadBytes <= payloadBytes);
        for (const candidate of table.candidates.keys()) {
          const uniform = allocateUniformly(table, candidate);
          if (uniform.payloadBytes > payloadBytes) continue;
          expect(found.met).toBe(true);
          expect(found.loss).toBeLessThanOrEqual(uniform.loss);
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('loses no less with less room', () => {
    fc.assert(
      fc.property(
        tables,
        fc.integer({ min: 0, max: 300 }),
        fc.integer({ min: 0, max: 50 }),
        (table, bytes, more) => {
          const [tight, wide] = [bytes, bytes + more].map((payloadBytes) =>
            allocate(table, { payloadBytes }),
          );
          if (tight!.met) expect(wide!.loss).toBeLessThanOrEqual(tight!.loss * (1 + 1e-12));
        },
      ),
      { seed: 2 },
    );
  });

  it('gives the settings of each layer as quantize takes them, and adds up what they cost', () => {
    const table = tableOf([
      [
        [10, 5],
        [20, 1],
      ],
      [
        [10, 0.25],
        [20, 0.125],
      ],
    ]);
    const found = allocate(table, { payloadBytes: 35 });
    expect(found).toMatchObject({ met: true, payloadBytes: 30, loss: 1.25, bitsPerWeight: 1.2 });
    expect([...found.perLayer]).toEqual([
      ['w0', { ...table.candidates[1], scheme: 'linear', bits: 2 }],
      ['w1', { ...table.candidates[0], scheme: 'linear', bits: 1 }],
    ]);
    expect(found.common).toBe(table.candidates[0]); // the first of equals
    expect(found.layers.map(({ name, candidate, bytes }) => [name, candidate, bytes])).toEqual([
      ['w0', 1, 20],
      ['w1', 0, 10],
    ]);
  });

  it('takes bits a weight with the levels counted', () => {
    const table = tableOf([
      [
        [25, 1],
        [50, 0],
      ],
    ]);
    expect(allocate(table, { bitsPerWeight: 4 })).toMatchObject({ bitsPerWeight: 4, met: true });
    expect(allocate(table, { bitsPerWeight: 3.99 })).toMatchObject({ bitsPerWeight: 2, met: true });
    // 2.7 · 100 / 8 is 33.75: a budget of whole bytes is not lost to rounding
    expect(allocate(tableOf([[[27, 0]]], 80), { bitsPerWeight: 2.7 }).met).toBe(true);
  });

  it('gives the smallest choice, the best of equally small ones, when nothing keeps the budget', () => {
    const table = tableOf([
      [
        [12, 9],
        [10, 5],
        [10, 4],
      ],
      [[7, 3], [9, 0], null],
    ]);
    expect(allocate(table, { payloadBytes: 16 })).toMatchObject({
      met: false,
      payloadBytes: 17,
      loss: 7,
      layers: [{ candidate: 2 }, { candidate: 0 }],
    });
  });

  it('never gives a layer a candidate that it does not have', () => {
    const table = tableOf([
      [
        [10, 1],
        [20, 0.5],
      ],
      [[10, 1], null],
    ]);
    expect(allocate(table, { payloadBytes: 100 }).layers.map(({ candidate }) => candidate)).toEqual([1, 0]);
    expect(allocateUniformly(table, 1).layers.map(({ candidate }) => candidate)).toEqual([1, 0]);
  });

  it('refuses a budget that is no size', () => {
    const table = tableOf([[[1, 1]]]);
    expect(() => allocate(table, { bitsPerWeight: Number.NaN })).toThrow(
      'budget: expected a number of bits a weight from 0 on, got NaN',
    );
    expect(() => allocate(table, { payloadBytes: -1 })).toThrow(
      'expected a number of bytes from 0 on, got -1',
    );
  });
});

describe('allocateBest', () => {
  it('takes the least loss of each layer, and the smaller of equally good choices', () => {
    const table = tableOf([
      [
        [10, 1],
        [20, 0],
        [15, 0],
      ],
    ]);
    expect(allocateBest(table).layers[0]).toMatchObject({ candidate: 2, loss: 0, bytes: 15 });
  });
});
