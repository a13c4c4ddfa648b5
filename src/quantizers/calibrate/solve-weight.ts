import { planesOf, type QuantizedTensor, type RowLayout, tableCount } from '../../ir/quantized-tensor.ts';
import type { LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';
import type { DataType } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { groupSizeOf, type QuantizeOptions } from '../options.ts';
import { type WeightFit, weightFit } from '../quantize-weight.ts';
import { parseScheme } from '../registry.ts';
import { TableValues } from '../table-values.ts';
import { inRowOrder, weightValues } from '../weight-values.ts';
import { curvatureOf, isWhite } from './curvature.ts';
import { blocksOf, type LayerMoments } from './moments.ts';
import { nearest, Panel } from './panel.ts';
import { emptyLevelLoss, type LevelLoss, levelLossAt, refitParams } from './refit.ts';
import { scaleParams } from './scale-levels.ts';
import { TableSet } from './table-set.ts';
import { targetsOf } from './targets.ts';

/** How a weight is rounded with the second moments of its inputs. */
export interface SolveOptions {
  /** Part of the mean diagonal of the Hessian that is added to its diagonal. */
  readonly damping: number;
  /** Part of each element of the diagonal that is added to it; see chooseRidge. */
  readonly ridge: number;
  /** Part of the way from the trained weights to those that make up for what earlier layers have lost, 0 to 1. */
  readonly correction: number;
  /** Whether inputs count as independent: nearest levels, fitted with the second moments of the inputs as weights. */
  readonly isDiagonal: boolean;
  /** Times that levels are fitted to the codes, and the codes to the levels. */
  readonly refits: number;
  /** Scales of the fitted levels that are tried. */
  readonly scales: readonly number[];
}

/**
 * Scales around the fitted one end in other minima: on SqueezeNet at 3 bits the four took KL(float ‖ discretized) from 0.148 to
 * 0.136, with images that were not calibrated on.
 */
export const SOLVE_DEFAULTS: SolveOptions = {
  damping: 0.01,
  ridge: 0,
  correction: 1,
  isDiagonal: false,
  refits: 3,
  scales: [0.8, 0.9, 1, 1.1],
};

/** Layers of more products (weights times columns) than this have one search: it would take a minute, and win next to nothing. */
const MOST_SEARCHED = 2 ** 30;

/** Widths beyond which levels are not fitted again: there is next to nothing to win. */
const MOST_REFIT_BITS = 5;
/** A round of refits that gains less than this part of the loss is the last. */
const LEAST_GAIN = 1e-4;

/** A weight in row order, and where it belongs. */
export interface RowWeight {
  readonly values: Float32Array;
  readonly layout: RowLayout;
  readonly shape: readonly number[];
  readonly dtype: DataType;
}

export interface Solution {
  readonly quantized: QuantizedTensor;
  /** Discretized values in row order. */
  readonly values: Float64Array;
  /** Σ over rows of (v − t)·H·(v − t)ᵀ with damping: of the solution, and of the nearest levels. */
  readonly loss: number;
  readonly roundingLoss: number;
  /** Largest damping that was needed, and columns (of all groups) whose inputs never vary. */
  readonly damping: number;
  readonly deadColumns: number;
}

/**
 * Discretizes a weight so that the outputs of its layer, not the weights, come out as near as they can: error-compensating
 * rounding to the levels of any scheme, coordinate descent, and levels fitted to the codes under the same loss, in turn. No
 * step raises the loss, and a row for which the nearest levels were better keeps these.
 */
export function solveWeight(
  weight: RowWeight,
  moments: LayerMoments,
  options: QuantizeOptions,
  asked: SolveOptions,
  algebra: LinearAlgebra,
): Solution {
  const { rows, columns, groups } = moments;
  const solve = { ...asked, ...effortFor(moments, options, asked) };
  const perGroup = rows / groups;
  const panels: Panel[] = [];
  const targets = weight.values.slice();
  let damping = 0;
  let deadColumns = 0;
  for (const block of blocksOf(moments)) {
    const curvature = curvatureOf(block, solve.damping, algebra, solve);
    if (curvature === undefined) {
      deadColumns += block.width;
      continue;
    }
    damping = Math.max(damping, curvature.damping);
    deadColumns += curvature.deadColumns;
    const row = block.group * perGroup;
    const at = { row, rows: perGroup, from: block.from, width: block.width };
    const own = targetsOf(
      partOf(weight.values, columns, at),
      moments,
      block.group,
      curvature,
      solve.correction,
      algebra,
    );
    for (let r = 0; r < perGroup; r++)
      targets.set(own.subarray(r * block.width, (r + 1) * block.width), (row + r) * columns + block.from);
    panels.push(new Panel(at, own, curvature, algebra));
  }
  const tables = fittedTables(targets, rows, columns, options);
  const { loss, roundingLoss } =
    tables.grid.perRow === 0 ? solveTogether(panels, tables, solve) : solveRows(panels, tables, solve, rows);
  tables.sortParams();
  const codes = codesOf(targets, panels, tables, rows, columns);
  const { layout, shape, dtype } = weight;
  const { scheme, bits, granularity } = options;
  const { rule, groupSize } = tables.grid;
  const values = Float64Array.from(codes, (code, i) => {
    const table = tables.tableAt(Math.floor(i / columns), i % columns);
    return tables.levels[table * tables.size + tables.placeOf[table * tables.size + code]!]!;
  });
  const { params } = tables;
  const planes = planesOf(codes, bits);
  return {
    quantized: {
      scheme,
      bits,
      granularity,
      shape,
      dtype,
      layout,
      rows,
      columns,
      groupSize,
      rule,
      params,
      planes,
    },
    values,
    loss,
    roundingLoss,
    damping,
    deadColumns,
  };
}

/**
 * White inputs leave nothing to search for: the fits of the schemes minimise the loss already. Levels that span ±max|w| are
 * asked for as they are.
 */
function effortFor(
  moments: LayerMoments,
  { fit }: QuantizeOptions,
  { refits, scales }: SolveOptions,
): Pick<SolveOptions, 'refits' | 'scales'> {
  const { rows, columns, groups } = moments;
  if (fit === 'max-range' || blocksOf(moments).every(isWhite)) return { refits: 0, scales: [1] };
  const isVast = (rows / groups) * columns * columns > MOST_SEARCHED;
  return isVast ? { refits: Math.min(1, refits), scales: [1] } : { refits, scales };
}

/** A weight as it is stored, in row order. @throws weight for NaN and infinities */
export function rowWeight(weight: Tensor, layout: RowLayout, name: string): RowWeight {
  const { dtype, shape } = weight;
  return { values: inRowOrder(weightValues(weight, name), layout), layout, shape, dtype };
}

/** `solveWeight`, and how near the weight it comes. */
export function solveAndFit(
  weight: RowWeight,
  ...problem: [moments: LayerMoments, options: QuantizeOptions, solve: SolveOptions, algebra: LinearAlgebra]
): { readonly solution: Solution; readonly fit: WeightFit } {
  const solution = solveWeight(weight, ...problem);
  return { solution, fit: weightFit(solution.quantized, weight.values, solution.values) };
}

interface Place {
  readonly row: number;
  readonly rows: number;
  readonly from: number;
  readonly width: number;
}

function partOf(values: Float32Array, columns: number, { row, rows, from, width }: Place): Float64Array {
  const part = new Float64Array(rows * width);
  for (let r = 0; r < rows; r++) {
    const start = (row + r) * columns + from;
    part.set(values.subarray(start, start + width), r * width);
  }
  return part;
}

/** Tables fitted to the targets by the scheme, as if all inputs were alike. */
function fittedTables(
  targets: Float32Array,
  rows: number,
  columns: number,
  options: QuantizeOptions,
): TableSet {
  const { bits, granularity } = options;
  const scheme = parseScheme(options.scheme);
  const single = granularity === 'tensor';
  const groupSize = groupSizeOf(granularity, rows, columns);
  const tables = new TableSet({
    rule: scheme.rule(options),
    bits,
    columns,
    fixed: scheme.fixedParams ?? [],
    perRow: single ? 0 : Math.ceil(columns / groupSize),
    groupSize,
    count: tableCount({ rows, columns, granularity, groupSize }),
  });
  const table = new TableValues();
  for (let t = 0, begin = 0; t < tables.grid.count; t++) {
    const rowEnd = single ? targets.length : (Math.floor(begin / columns) + 1) * columns;
    const end = Math.min(begin + groupSize, rowEnd);
    const part = targets.subarray(begin, end);
    table.load(part);
    const isZero = part.every((value) => value === 0);
    tables.set(t, isZero ? new Float32Array(tables.width) : scheme.fit(table, { ...options, single }).params);
    begin = end;
  }
  return tables;
}

/** What a search is at, to be gone back to. */
interface Saved {
  readonly params: Float32Array;
  readonly places: readonly Uint8Array[];
}

/** One table for all rows: what lowers the loss of all together is kept. */
function solveTogether(panels: readonly Panel[], tables: TableSet, solve: SolveOptions) {
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
  for (const scale of solve.scales) {
    tables.set(0, scaleParams(tables.grid.rule, tables.width, fitted, scale));
    for (const panel of panels) panel.compensate(tables);
    refine(panels, tables, solve, total);
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
function solveRows(panels: readonly Panel[], tables: TableSet, solve: SolveOptions, rows: number) {
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
  for (const scale of solve.scales) {
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
    refine(panels, tables, solve, total);
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
function refine(
  panels: readonly Panel[],
  tables: TableSet,
  { refits }: SolveOptions,
  total: () => number,
): void {
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

/** Codes in row order; columns outside of all panels, whose inputs never vary, take the nearest level. */
function codesOf(
  targets: Float32Array,
  panels: readonly Panel[],
  tables: TableSet,
  rows: number,
  columns: number,
): Uint8Array {
  const { size, codeAt, levels } = tables;
  const codes = new Uint8Array(rows * columns);
  for (let r = 0, i = 0; r < rows; r++)
    for (let j = 0; j < columns; j++, i++) {
      const list = tables.tableAt(r, j) * size;
      codes[i] = codeAt[list + nearest(levels, list, size, targets[i]!)]!;
    }
  for (const { row, from, rows: count, width, places } of panels)
    for (let r = 0, i = 0; r < count; r++)
      for (let j = 0; j < width; j++, i++)
        codes[(row + r) * columns + from + j] =
          codeAt[tables.tableAt(row + r, from + j) * size + places[i]!]!;
  return codes;
}
