import type { LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';
import type { Curvature } from './curvature.ts';
import { addMultiple, rowsTimesMatrix } from './products.ts';
import type { LevelLoss } from './refit.ts';
import type { TableSet } from './table-set.ts';

/** Sweeps of coordinate descent at a time; nearly all changes are made in the first two. */
const SWEEPS = 4;

/** The rows of one group over one block of columns, and the places that they have. */
export class Panel {
  /** First row and column of the weight. */
  readonly row: number;
  readonly from: number;
  readonly rows: number;
  readonly width: number;
  /** What is rounded, [rows, width]. */
  readonly targets: Float64Array;
  /** [rows, width] */
  readonly places: Uint8Array;
  /** (v − t)·H·(v − t)ᵀ by row, as far as it is known. */
  losses: Float64Array;
  /** t·H, [rows, width]. */
  #pulls: Float64Array | undefined;
  readonly #curvature: Curvature;
  readonly #algebra: LinearAlgebra;

  constructor(
    at: { row: number; from: number; rows: number; width: number },
    targets: Float64Array,
    curvature: Curvature,
    algebra: LinearAlgebra,
  ) {
    this.row = at.row;
    this.from = at.from;
    this.rows = at.rows;
    this.width = at.width;
    this.targets = targets;
    this.places = new Uint8Array(targets.length);
    this.losses = new Float64Array(at.rows);
    this.#curvature = curvature;
    this.#algebra = algebra;
  }

  /** Every column to the level nearest to its target. */
  round(tables: TableSet): void {
    const { levels, size } = tables;
    for (let r = 0, i = 0; r < this.rows; r++)
      for (let j = 0; j < this.width; j++, i++) {
        const list = tables.tableAt(this.row + r, this.from + j) * size;
        this.places[i] = nearest(levels, list, size, this.targets[i]!);
      }
    this.#descend(tables, 0);
  }

  /** Frantar and others 2022 (GPTQ), then coordinate descent, which never raises the loss. */
  compensate(tables: TableSet): void {
    const { upper, order } = this.#curvature;
    this.losses = this.#algebra.roundRows(this.#problem(tables), upper, this.places, order);
    this.descend(tables);
  }

  descend(tables: TableSet): void {
    this.#descend(tables, SWEEPS);
  }

  #descend(tables: TableSet, sweeps: number): void {
    const { hessian, order } = this.#curvature;
    const { losses } = this.#algebra.descendRows(this.#problem(tables), hessian, this.places, {
      sweeps,
      order,
    });
    this.losses = losses;
  }

  #problem(tables: TableSet) {
    const { rows, width, targets } = this;
    return {
      rows,
      columns: width,
      weights: targets,
      lists: tables.lists(this.row, rows, this.from, width),
    };
  }

  /**
   * Adds what a row contributes to the loss of a table as a function of its levels: T sums H over pairs of columns by their
   * codes, and b what pulls at them.
   */
  addLevelLoss({ codes, quadratic, linear }: LevelLoss, r: number, table: number, tables: TableSet): void {
    const { width: n, places } = this;
    const { hessian } = this.#curvature;
    const { codeAt, size, grid } = tables;
    const [begin, end] = this.#columnsOf(table, grid, r);
    const width = end - begin;
    const own = Uint8Array.from(
      { length: width },
      (_, k) => codeAt[table * size + places[r * n + begin + k]!]!,
    );
    // By code of j, the sums of H[j, k] for k < j: the other half is the same.
    const sums = Array.from({ length: codes }, () => new Float64Array(width));
    for (let j = 0; j < width; j++) {
      const line = (begin + j) * n + begin;
      addMultiple(sums[own[j]!]!, 1, hessian.subarray(line, line + j));
    }
    const pull = this.#pullOf(r, begin, end, tables);
    for (let k = 0; k < width; k++) {
      const code = own[k]!;
      quadratic[code * codes + code]! += hessian[(begin + k) * (n + 1)]!;
      for (let c = 0; c < codes; c++) {
        quadratic[c * codes + code]! += sums[c]![k]!;
        quadratic[code * codes + c]! += sums[c]![k]!;
      }
      linear[code]! += pull[k]!;
    }
  }

  /** H·(t − v) for columns from `begin` to `end`, where v are the levels of the others alone. */
  #pullOf(r: number, begin: number, end: number, tables: TableSet): Float64Array {
    const { width: n, places } = this;
    const { hessian } = this.#curvature;
    this.#pulls ??= rowsTimesMatrix(this.targets, hessian, n);
    const pull = this.#pulls.slice(r * n + begin, r * n + end);
    for (let j = 0; j < n; j++) {
      if (j >= begin && j < end) continue;
      const list = tables.tableAt(this.row + r, this.from + j) * tables.size;
      const level = tables.levels[list + places[r * n + j]!]!;
      addMultiple(pull, -level, hessian.subarray(j * n + begin, j * n + end));
    }
    return pull;
  }

  /** Columns of the panel that use the table, for a row. */
  #columnsOf(table: number, grid: TableSet['grid'], r: number): [number, number] {
    if (grid.perRow === 0) return [0, this.width];
    const first = (table - (this.row + r) * grid.perRow) * grid.groupSize - this.from;
    const begin = Math.max(0, first);
    return [begin, Math.max(begin, Math.min(this.width, first + grid.groupSize))];
  }

  /** The same codes where tables have changed from `before` to `after`. */
  follow(r: number, table: number, before: { codeAt: Uint8Array }, after: TableSet): void {
    const { size, placeOf, grid } = after;
    const [begin, end] = this.#columnsOf(table, grid, r);
    for (let j = begin; j < end; j++) {
      const i = r * this.width + j;
      this.places[i] = placeOf[table * size + before.codeAt[this.places[i]!]!]!;
    }
  }
}

/** Place of the level nearest to a value in an ascending list; ties as everywhere: the larger size, then plus. */
export function nearest(levels: Float64Array, list: number, size: number, value: number): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let place = 0; place < size; place++) {
    const level = levels[list + place]!;
    const distance = Math.abs(level - value);
    if (distance > least || level === Number.POSITIVE_INFINITY) break;
    const size = Math.abs(level);
    const other = Math.abs(levels[list + best]!);
    if (distance < least || size > other || (size === other && level > 0)) best = place;
    least = distance;
  }
  return best;
}
