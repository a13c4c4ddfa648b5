import { afterAll, describe, expect, it } from 'vitest';
import { createLinearAlgebra } from '../../../src/kernels/linear-algebra/select.ts';
import { curvatureOf } from '../../../src/quantizers/calibrate/curvature.ts';
import { nearest, Panel } from '../../../src/quantizers/calibrate/panel.ts';
import { BlockProblem } from '../../../src/quantizers/calibrate/prepare-layer.ts';
import { rowsTimesMatrix } from '../../../src/quantizers/calibrate/products.ts';
import { emptyLevelLoss, levelLoss, levelLossAt } from '../../../src/quantizers/calibrate/refit.ts';
import { TableSet } from '../../../src/quantizers/calibrate/table-set.ts';
import { randomDoubles, randomHessian } from '../../kernels/linear-algebra/support.ts';
import { Random } from '../../kernels/support/random.ts';

const algebra = createLinearAlgebra('auto');
afterAll(() => algebra.dispose());

const ROWS = 3;
const WIDTH = 11;

/** Rows 2 to 4 of a weight of six rows, columns 4 to 14 of 20; tables of codebooks. */
function panelOf(perRow: number, groupSize: number): { panel: Panel; block: BlockProblem; tables: TableSet } {
  const random = new Random(perRow);
  const inputs = randomHessian(random, WIDTH);
  const curvature = curvatureOf({ group: 0, from: 0, width: WIDTH, inputs }, 0.01, algebra)!;
  const at = { row: 2, from: 4, rows: ROWS, width: WIDTH };
  const block = new BlockProblem(at, randomDoubles(random, ROWS * WIDTH), curvature);
  const panel = new Panel(block, algebra);
  const count = Math.max(1, 6 * perRow);
  const tables = new TableSet({
    ...{ rule: 'table', bits: 2, columns: 20, fixed: [], perRow, groupSize, count },
  });
  for (let t = 0; t < count; t++)
    tables.set(
      t,
      Float32Array.from({ length: 4 }, () => 3 * random.unit() - 1.5),
    );
  panel.round(tables);
  return { panel, block, tables };
}

function lossOf(panel: Panel, { targets, curvature }: BlockProblem, tables: TableSet, r: number): number {
  const { hessian } = curvature;
  const difference = Array.from({ length: WIDTH }, (_, j) => {
    const list = tables.tableAt(panel.row + r, panel.from + j) * tables.size;
    return tables.levels[list + panel.places[r * WIDTH + j]!]! - targets[r * WIDTH + j]!;
  });
  return difference.reduce(
    (sum, a, i) => sum + difference.reduce((own, b, j) => own + a * b * hessian[i * WIDTH + j]!, 0),
    0,
  );
}

describe('the loss of a table as a function of its levels', () => {
  it.each([
    ['one for all rows', 0, 120],
    ['one a row', 1, 20],
    ['one for seven columns, some in part or wholly beside the panel', 3, 7],
    ['one a column', 20, 1],
  ])('%s: changes as the loss of the panel does when levels move and codes stay', (_, perRow, groupSize) => {
    const { panel, block, tables } = panelOf(perRow, groupSize);
    const count = Math.max(1, perRow);
    for (let own = 0; own < count; own++) {
      const losses = emptyLevelLoss(4, perRow === 0 ? 1 : ROWS);
      panel.addLevelLosses(losses, own, tables);
      // The rows that a table serves.
      const served = perRow === 0 ? [[0, 1, 2]] : [[0], [1], [2]];
      for (const [i, rows] of served.entries()) {
        const t = perRow * (2 + rows[0]!) + own;
        const loss = levelLossAt(losses, i);
        const total = (): number => rows.reduce((sum, r) => sum + lossOf(panel, block, tables, r), 0);
        const change = (params: ArrayLike<number>): void => {
          const codes = { codeAt: tables.codeAt.slice(t * 4, t * 4 + 4) };
          tables.set(t, params);
          for (const r of rows) panel.follow(r, t, codes, tables);
        };
        const before = tables.paramsOf(t).slice();
        const after = before.map((v, p) => Math.fround(v + 0.3 * (p - 1.3)));
        const start = total();
        const move = levelLoss(loss, after) - levelLoss(loss, before);
        change(after);
        expect(total() - start).toBeCloseTo(move, 9);
        change(before);
        expect(total()).toBeCloseTo(start, 12);
      }
    }
  });

  it('compensating and descending never leave more loss than rounding, and tell it', () => {
    const { panel, block, tables } = panelOf(1, 20);
    const rounded = panel.losses.slice();
    panel.descend(tables);
    panel.losses.forEach((loss, r) => {
      expect(loss).toBeLessThanOrEqual(rounded[r]!);
      expect(loss).toBeCloseTo(lossOf(panel, block, tables, r), 9);
    });
    const places = panel.places.slice();
    panel.descend(tables);
    expect(panel.places).toEqual(places);
  });
});

describe('the nearest level', () => {
  it.each<[number[], number, number]>([
    [[-1, 1], 0, 1],
    [[-1, 0, 1], 0.5, 2],
    [[-1, 0, 1], -0.5, 0],
    [[-2, -1, 1, 2], 1.5, 3],
    [[-2, -1, 1, 2], -1.5, 0],
    [[-2, -1, 1, 2], 9, 3],
    [[-2, -1, 1, 2], -9, 0],
    [[0.5, Number.POSITIVE_INFINITY], 9, 0],
  ])('among %j of %f is number %i', (levels, value, place) => {
    expect(nearest(Float64Array.from([7, ...levels]), 1, levels.length, value)).toBe(place);
  });
});

describe('rows times a matrix', () => {
  it.each([1, 7, 8, 9, 17])('is that for %i rows', (count) => {
    const n = 5;
    const random = new Random(count);
    const rows = randomDoubles(random, count * n);
    const matrix = randomDoubles(random, n * n);
    rowsTimesMatrix(rows, matrix, n, algebra).forEach((value, i) => {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += rows[Math.floor(i / n) * n + j]! * matrix[j * n + (i % n)]!;
      expect(value).toBe(sum);
    });
  });
});
