import type { LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';
import type { BlockProblem } from './prepare-layer.ts';
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
  /** [rows, width] */
  readonly places: Uint8Array;
  /** (v − t)·H·(v − t)ᵀ by row, as far as it is known. */
  losses: Float64Array;
  readonly #block: BlockProblem;
  readonly #algebra: LinearAlgebra;

  constructor(block: BlockProblem, algebra: LinearAlgebra) {
    const { row, from, rows, width } = block;
    this.row = row;
    this.from = from;
    this.rows = rows;
    this.width = width;
    this.places = new Uint8Array(rows * width);
    this.losses = new Float64Array(rows);
    this.#block = block;
    this.#algebra = algebra;
  }

  /** Every column to the level nearest to its target. */
  round(tables: TableSet): void {
    const { levels, size } = tables;
    const { targets } = this.#block;
    for (let r = 0, i = 0; r < this.rows; r++)
      for (let j = 0; j < this.width; j++, i++) {
        const list = tables.tableAt(this.row + r, this.from + j) * size;
        this.places[i] = nearest(levels, list, size, targets[i]!);
      }
    this.#descend(tables, 0);
  }

  /** Frantar and others 2022 (GPTQ), then coordinate descent, which never raises the loss. */
  compensate(tables: TableSet): void {
    const { upper, order } = this.#block.curvature;
    this.losses = this.#algebra.roundRows(this.#problem(tables), upper, this.places, order);
    this.descend(tables);
  }

  descend(tables: TableSet): void {
    this.#descend(tables, SWEEPS);
  }

  #descend(tables: TableSet, sweeps: number): void {
    const { hessian, order } = this.#block.curvature;
    const { losses } = this.#algebra.descendRows(this.#problem(tables), hessian, this.places, {
      sweeps,
      order,
    });
    this.losses = losses;
  }

  #problem(tables: TableSet) {
    const { rows, width } = this;
    const { targets } = this.#block;
    return {
      rows,
      columns: width,
      weights: targets,
      lists: tables.lists(this.row, rows, this.from, width),
    };
  }

  /**
   * Adds what the rows contribute to the losses of their tables as functions of the levels: T sums H over pairs of columns by
   * their codes, and b what pulls at them.
   * @param losses one of each row, or one for all of them
   * @param table number of the table among those of a row
   */
  addLevelLosses(losses: LevelLoss, table: number, tables: TableSet): void {
    const { rows, width: n, places } = this;
    const { size, codeAt, grid } = tables;
    const [begin, end] = this.#columnsOf(table, grid);
    const width = end - begin;
    if (width === 0) return;
    const codes = new Uint8Array(rows * width);
    for (let r = 0; r < rows; r++) {
      const at = ((this.row + r) * grid.perRow + table) * size;
      for (let k = 0; k < width; k++) codes[r * width + k] = codeAt[at + places[r * n + begin + k]!]!;
    }
    const coded = { rows, columns: width, codes, size };
    this.#algebra.addLevelSums(coded, this.#block.curvature.hessian, n, begin, losses.quadratic);
    const pulls = this.#pullsOf(begin, end, tables);
    const step = losses.linear.length === size ? 0 : size;
    for (let r = 0, i = 0; r < rows; r++)
      for (let k = 0; k < width; k++, i++) losses.linear[r * step + codes[i]!]! += pulls[i]!;
  }

  /** H·(t − v) of all rows for columns from `begin` to `end`, where v are the levels of the others alone; [rows, end − begin]. */
  #pullsOf(begin: number, end: number, tables: TableSet): Float64Array {
    const { rows, width: n, places } = this;
    const { hessian } = this.#block.curvature;
    const whole = this.#block.pulls(this.#algebra);
    if (end - begin === n) return whole;
    const width = end - begin;
    const pulls = new Float64Array(rows * width);
    for (let r = 0; r < rows; r++) pulls.set(whole.subarray(r * n + begin, r * n + end), r * width);
    const { levels, stride, listOf } = tables.lists(this.row, rows, this.from, n);
    const others = new Float64Array(rows * n);
    for (let r = 0; r < rows; r++)
      for (let j = 0; j < n; j++) {
        if (j >= begin && j < end) continue;
        const list = (stride * r + (listOf?.[j] ?? 0)) * tables.size;
        others[r * n + j] = levels[list + places[r * n + j]!]!;
      }
    const lines = new Float64Array(n * width);
    for (let j = 0; j < n; j++) lines.set(hessian.subarray(j * n + begin, j * n + end), j * width);
    this.#algebra.subtractProduct(pulls, others, lines, rows, n, width);
    return pulls;
  }

  /** Columns of the panel that use a table, by its number among those of a row. */
  #columnsOf(table: number, grid: TableSet['grid']): [number, number] {
    if (grid.perRow === 0) return [0, this.width];
    const first = table * grid.groupSize - this.from;
    const begin = Math.min(this.width, Math.max(0, first));
    return [begin, Math.max(begin, Math.min(this.width, first + grid.groupSize))];
  }

  /** The same codes where tables have changed from `before` to `after`. */
  follow(r: number, table: number, before: { codeAt: Uint8Array }, after: TableSet): void {
    const { size, placeOf, grid } = after;
    const [begin, end] = this.#columnsOf(table - (this.row + r) * grid.perRow, grid);
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
