import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/eval/allocation/candidates.ts';
import { CellStore, type KnownCell } from '../../../src/eval/allocation/cell-store.ts';
import { interpolated, toMeasure } from '../../../src/eval/allocation/interpolate.ts';
import { type MeasuredCell, measureLayer } from '../../../src/eval/allocation/measure-layer.ts';
import type { Candidate } from '../../../src/eval/allocation/table.ts';
import { readModel } from '../../../src/formats/read-model.ts';
import type { Initializer } from '../../../src/ir/graph.ts';
import { quantizedInitializer } from '../../../src/ir/quantized-initializer.ts';
import { quantizeWeight } from '../../../src/quantizers/quantize-weight.ts';
import { floats } from '../../../src/tensor/tensor.ts';
import { tinyFolder } from '../../cli/tiny-model.ts';

const folder = tinyFolder(8);
afterAll(() => rmSync(folder, { recursive: true }));

describe('what is measured of a layer', () => {
  it('is all of few candidates, or of those whose errors are not known', () => {
    expect(toMeasure([3, 2, 1])).toEqual([0, 1, 2]);
    const many = Array.from({ length: 9 }, (_, i) => 2 ** i);
    expect(toMeasure([...many, undefined])).toHaveLength(10);
    expect(toMeasure([...many, 0])).toHaveLength(10);
    expect(toMeasure([...many, Number.POSITIVE_INFINITY])).toHaveLength(10);
  });

  it('is the least and the largest error, then what lies farthest from these as a ratio', () => {
    expect(toMeasure([1, 1.01, 1.02, 2, 8, 64, 65, 100, 1024])).toEqual([0, 3, 4, 5, 8, 7].toSorted());
  });

  it('is no more than there are different errors', () => {
    expect(toMeasure([5, 5, 5, 5, 7, 7, 7, 7])).toEqual([0, 4]);
  });
});

describe('losses of the others', () => {
  it('lie on the line through their neighbours, both as logarithms', () => {
    const measured = new Map([
      [0, 0.01],
      [3, 1],
    ]);
    const losses = interpolated([1, 10, 100, 100], measured);
    expect(losses[1]).toBeCloseTo(0.1, 12);
    expect(losses.filter((_, i) => i !== 1)).toEqual([0.01, 1, 1, 1].toSpliced(1, 1));
  });

  it('are exact where the loss is a power of the error', () => {
    const exponents = fc.array(fc.integer({ min: -40, max: 40 }), { minLength: 2, maxLength: 30 });
    const errors = exponents.map((list) => list.map((k) => 1.3 ** k));
    fc.assert(
      fc.property(errors, fc.double({ min: 0.2, max: 3, noNaN: true }), (own, power) => {
        const lossOf = (error: number): number => 1e6 * error ** power;
        const measured = new Map(toMeasure(own).map((i) => [i, lossOf(own[i]!)]));
        for (const [i, loss] of interpolated(own, measured).entries())
          expect(loss / lossOf(own[i]!)).toBeCloseTo(1, 6);
      }),
    );
  });

  it('are infinite beside one that is', () => {
    const measured = new Map([
      [0, 1],
      [2, Number.POSITIVE_INFINITY],
    ]);
    expect(interpolated([1, 2, 3], measured)).toEqual([
      1,
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
  });
});

describe('measureLayer', () => {
  const { candidates } = candidatesOf({ schemes: ['linear', 'exp'], bits: [1, 2, 3, 4, 5] });
  const weight = floats(
    [2, 3],
    Float32Array.from({ length: 6 }, (_, i) => i - 2.5),
  );
  const layout = { split: [2, 3], perm: [0, 1], rowAxes: 1 };

  /** Errors fall with the bits; the loss is their root, and -1 bits more for exp. */
  function work(known?: ReturnType<CellStore['of']>) {
    const calls: string[] = [];
    const made = new Map<Initializer, Candidate>();
    const errorOf = ({ bits, scheme }: Candidate): number => 4 ** -bits * (scheme === 'exp' ? 0.5 : 1);
    const row = measureLayer('w', {
      candidates,
      known,
      discretize: async (candidate) => {
        const { quantized } = quantizeWeight(weight, layout, candidate);
        const initializer = quantizedInitializer('w', quantized);
        made.set(initializer, candidate);
        calls.push(`make ${candidate.scheme}${candidate.bits}`);
        return { initializer, error: errorOf(candidate) };
      },
      lossOf: async ({ initializer }) => {
        const candidate = made.get(initializer)!;
        calls.push(`run ${candidate.scheme}${candidate.bits}`);
        return errorOf(candidate) ** 0.5;
      },
      onDone: () => calls.push('done'),
    });
    return { row, calls, lossOf: (candidate: Candidate): number => errorOf(candidate) ** 0.5 };
  }

  const ran = (calls: readonly string[]): number => calls.filter((call) => call.startsWith('run')).length;

  it('runs six of ten candidates, and says which losses are not measured', async () => {
    const { row, calls, lossOf } = work();
    const cells = (await row) as Exclude<MeasuredCell, string>[];
    expect(ran(calls)).toBe(6);
    expect(calls.filter((call) => call === 'done')).toHaveLength(10);
    expect(cells.filter(({ estimated }) => estimated)).toHaveLength(4);
    for (const [i, { loss }] of cells.entries()) expect(loss).toBeCloseTo(lossOf(candidates[i]!), 12);
  });

  it('takes from the store what is there, and gives the same', async () => {
    const model = await readModel(join(folder, 'model.onnx'));
    const path = join(folder, 'cells.jsonl');
    const images = { fingerprint: 'f', count: 8 };
    const first = new CellStore(path, model, { method: 'gptq' });
    const fresh = await work(first.of(images)).row;
    expect(first.reused).toBe(0);
    first.close();
    const again = new CellStore(path, model, { method: 'gptq' });
    const second = work(again.of(images));
    expect(await second.row).toEqual(fresh);
    expect([again.reused, second.calls]).toEqual([10, Array(10).fill('done')]);
    expect(again.of({ ...images, count: 9 }).get('w', candidates[0]!)).toBeUndefined();
    again.close();
    const other = new CellStore(path, model, { method: 'rtn' });
    expect(other.of(images).get('w', candidates[0]!)).toBeUndefined();
    other.close();
  });

  it('makes a candidate again whose error is known and whose loss is not', async () => {
    const cells = new Map<Candidate, KnownCell>();
    const known = {
      get: (_: string, candidate: Candidate) => cells.get(candidate),
      put: (_: string, candidate: Candidate, cell: KnownCell) => void cells.set(candidate, cell),
    };
    const fresh = await work(known).row;
    for (const [candidate, cell] of cells)
      if (typeof cell !== 'string')
        cells.set(candidate, { ...cell, loss: undefined } as unknown as KnownCell);
    const { row, calls } = work(known);
    expect(await row).toEqual(fresh);
    expect(calls.filter((call) => call.startsWith('make'))).toHaveLength(6);
  });
});
