import { planesOf, type QuantizedTensor, tableCount } from '../../ir/quantized-tensor.ts';
import type { LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';
import { groupSizeOf, type QuantizeOptions } from '../options.ts';
import { type WeightFit, weightFit } from '../quantize-weight.ts';
import { parseScheme } from '../registry.ts';
import { TableValues } from '../table-values.ts';
import { isWhite } from './curvature.ts';
import { blocksOf, type LayerMoments } from './moments.ts';
import { nearest, Panel } from './panel.ts';
import type { PreparedLayer } from './prepare-layer.ts';
import { solveRows, solveTogether } from './search.ts';
import type { SearchOptions } from './solve-options.ts';
import { TableSet } from './table-set.ts';

/** Layers of more products (weights times columns) than this have one search: it would take a minute, and win next to nothing. */
const MOST_SEARCHED = 2 ** 30;

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
  layer: PreparedLayer,
  options: QuantizeOptions,
  asked: SearchOptions,
  algebra: LinearAlgebra,
): Solution {
  const { weight, moments, targets, damping, deadColumns } = layer;
  const { rows, columns } = moments;
  const search = effortFor(moments, options, asked);
  const panels = layer.blocks.map((block) => new Panel(block, algebra));
  const tables = fittedTables(targets, rows, columns, options);
  const { loss, roundingLoss } =
    tables.grid.perRow === 0
      ? solveTogether(panels, tables, search)
      : solveRows(panels, tables, search, rows);
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
  { refits, scales }: SearchOptions,
): SearchOptions {
  const { rows, columns, groups } = moments;
  if (fit === 'max-range' || blocksOf(moments).every(isWhite)) return { refits: 0, scales: [1] };
  const isVast = (rows / groups) * columns * columns > MOST_SEARCHED;
  return isVast ? { refits: Math.min(1, refits), scales: [1] } : { refits, scales };
}

/** `solveWeight`, and how near the weight it comes. */
export function solveAndFit(
  layer: PreparedLayer,
  ...problem: [options: QuantizeOptions, search: SearchOptions, algebra: LinearAlgebra]
): { readonly solution: Solution; readonly fit: WeightFit } {
  const solution = solveWeight(layer, ...problem);
  return { solution, fit: weightFit(solution.quantized, layer.weight.values, solution.values) };
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
