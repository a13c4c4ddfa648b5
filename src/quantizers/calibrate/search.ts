import type { Panel } from './panel.ts';
import { emptyLevelLoss, type LevelLoss, levelLossAt, refitParams } from './refit.ts';
import { scaleParams } from './scale-levels.ts';
import type { SearchOptions } from './solve-options.ts';
import type { TableSet } from './table-set.ts';

/** Widths beyond which levels are not fitted again: there is next to nothing to win. */
const MOST_REFIT_BITS = 5;
/** A round of refits that gains less than this part of the loss is the last. */
const LEAST_GAIN = 1e-4;

/** Losses of all rows together: of the best that was found, and of the nearest levels. */
interface Found {
  readonly loss: number;
  readonly roundingLoss: number;
}

/** What a search is at, to be gone back to. */
interface Saved {
  readonly params: Float32Array;
  readonly places: readonly Uint8Array[];
}

/** One table for all rows: what lowers the loss of all together is kept. */
export function solveTogether(
  panels: readonly Panel[],
  tables: TableSet,
  { refits, scales }: SearchOptions,
): Found {
  const total = (): number => panels.reduce((sum, { losses }) => losses.reduce((a, b) => a + b, sum), 0);
  const save = (): Saved => ({
    params: tables.params.slice(),
    places: panels.map(({ places }) => places.slice()),
  });
  for (const panel of panels) panel.round(tables);
  const roundingLoss = total();
  const fitted = tables.params.slice();
  let best = save();
  let loss = roundingLoss;
  for (const scale of scales) {
    tables.set(0, scaleParams(tables.grid.rule, tables.width, fitted, scale));
    for (const panel of panels) panel.compensate(tables);
    refine(panels, tables, refits, total);
    if (total() >= loss) continue;
    loss = total();
    best = save();
  }
  tables.set(0, best.params);
  panels.forEach((panel, i) => {
    panel.places.set(best.places[i]!);
  });
  return { loss, roundingLoss };
}

/** Every row has tables of its own: of all that was tried each keeps what was best for it. */
export function solveRows(
  panels: readonly Panel[],
  tables: TableSet,
  { refits, scales }: SearchOptions,
  rows: number,
): Found {
  const lossesOf = (): Float64Array => {
    const sums = new Float64Array(rows);
    for (const panel of panels)
      panel.losses.forEach((loss, r) => {
        sums[panel.row + r]! += loss;
      });
    return sums;
  };
  const total = (): number => lossesOf().reduce((a, b) => a + b, 0);
  const perRow = tables.grid.perRow * tables.width;
  for (const panel of panels) panel.round(tables);
  const least = lossesOf();
  const roundingLoss = total();
  const fitted = tables.params.slice();
  const bestParams = tables.params.slice();
  const bestPlaces = panels.map(({ places }) => places.slice());
  for (const scale of scales) {
    for (let t = 0; t < tables.grid.count; t++)
      tables.set(
        t,
        scaleParams(
          tables.grid.rule,
          tables.width,
          fitted.subarray(t * tables.width, (t + 1) * tables.width),
          scale,
        ),
      );
    for (const panel of panels) panel.compensate(tables);
    refine(panels, tables, refits, total);
    const losses = lossesOf();
    for (let r = 0; r < rows; r++) {
      if (!(losses[r]! < least[r]!)) continue;
      least[r] = losses[r]!;
      bestParams.set(tables.params.subarray(r * perRow, (r + 1) * perRow), r * perRow);
      for (const [i, { row, rows: count, width, places }] of panels.entries())
        if (r >= row && r < row + count)
          bestPlaces[i]!.set(places.subarray((r - row) * width, (r - row + 1) * width), (r - row) * width);
    }
  }
  for (let t = 0; t < tables.grid.count; t++)
    tables.set(t, bestParams.subarray(t * tables.width, (t + 1) * tables.width));
  panels.forEach((panel, i) => {
    panel.places.set(bestPlaces[i]!);
  });
  return { loss: least.reduce((a, b) => a + b, 0), roundingLoss };
}

/** Levels to codes and codes to levels, in turn. */
function refine(panels: readonly Panel[], tables: TableSet, refits: number, total: () => number): void {
  if (tables.grid.bits > MOST_REFIT_BITS) return;
  const besides = ofSameRows(panels);
  for (let round = 0, before = total(); round < refits; round++) {
    if (tables.grid.perRow === 0) refitShared(panels, tables);
    else for (const beside of besides) refitRows(beside, tables);
    for (const panel of panels) panel.descend(tables);
    const now = total();
    if (!(now < before * (1 - LEAST_GAIN))) break;
    before = now;
  }
}

/** Fits the one table to the codes of all rows. */
function refitShared(panels: readonly Panel[], tables: TableSet): void {
  const loss = emptyLevelLoss(tables.size);
  for (const panel of panels) panel.addLevelLosses(loss, 0, tables);
  replace(tables, 0, refitted(tables, 0, loss), (before) => {
    for (const panel of panels) for (let r = 0; r < panel.rows; r++) panel.follow(r, 0, before, tables);
  });
}

/** The panels, those of the same rows together. */
function ofSameRows(panels: readonly Panel[]): readonly (readonly Panel[])[] {
  const byRow = new Map<number, Panel[]>();
  for (const panel of panels) byRow.set(panel.row, [...(byRow.get(panel.row) ?? []), panel]);
  return [...byRow.values()];
}

/**
 * Fits the tables of each row to its codes, one after the other; rows do not meet.
 * @param beside all panels of the same rows
 */
function refitRows(beside: readonly Panel[], tables: TableSet): void {
  const first = beside[0]!;
  const { perRow } = tables.grid;
  for (let own = 0; own < perRow; own++) {
    const losses = emptyLevelLoss(tables.size, first.rows);
    for (const panel of beside) panel.addLevelLosses(losses, own, tables);
    for (let r = 0; r < first.rows; r++) {
      const t = (first.row + r) * perRow + own;
      replace(tables, t, refitted(tables, t, levelLossAt(losses, r)), (before) => {
        for (const panel of beside) panel.follow(r, t, before, tables);
      });
    }
  }
}

function refitted(tables: TableSet, table: number, loss: LevelLoss): Float32Array {
  const { rule, bits, fixed } = tables.grid;
  return refitParams(rule, bits, tables.paramsOf(table), loss, fixed);
}

function replace(
  tables: TableSet,
  table: number,
  params: Float32Array,
  follow: (before: { codeAt: Uint8Array }) => void,
): void {
  if (params.every((value, p) => value === tables.paramsOf(table)[p])) return;
  const { size, codeAt } = tables;
  const before = { codeAt: codeAt.slice(table * size, (table + 1) * size) };
  tables.set(table, params);
  follow(before);
}
