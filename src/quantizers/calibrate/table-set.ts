import { type LevelRule, levelTable, paramCount } from '../../ir/levels.ts';
import type { LevelLists } from '../../kernels/linear-algebra/contract.ts';

/** Where the level tables of a weight lie; see QuantizedTensor. */
export interface TableGrid {
  readonly rule: LevelRule;
  readonly bits: number;
  /** Parameters that are never fitted again. */
  readonly fixed: readonly number[];
  readonly columns: number;
  /** Tables a row; 0 where all rows share one. */
  readonly perRow: number;
  /** Columns that share a table. */
  readonly groupSize: number;
  readonly count: number;
}

/** The level tables of a weight: their parameters, and their levels in ascending order, where a *place* is an index. */
export class TableSet {
  readonly grid: TableGrid;
  /** [tables, parameters of the rule], as they will be stored. */
  readonly params: Float32Array;
  readonly width: number;
  /** [tables, size], ascending; levels that several codes share stand there once, and Infinity fills up. */
  readonly levels: Float64Array;
  /** Code of each place, the lowest where codes share the level. */
  readonly codeAt: Uint8Array;
  /** Place of each code. */
  readonly placeOf: Uint8Array;
  readonly size: number;

  constructor(grid: TableGrid) {
    this.grid = grid;
    this.size = 2 ** grid.bits;
    this.width = paramCount(grid.rule, grid.bits);
    this.params = new Float32Array(grid.count * this.width);
    this.levels = new Float64Array(grid.count * this.size);
    this.codeAt = new Uint8Array(grid.count * this.size);
    this.placeOf = new Uint8Array(grid.count * this.size);
  }

  paramsOf(table: number): Float32Array {
    return this.params.subarray(table * this.width, (table + 1) * this.width);
  }

  tableAt(row: number, column: number): number {
    return row * this.grid.perRow + (this.grid.perRow === 0 ? 0 : Math.floor(column / this.grid.groupSize));
  }

  /** Gives a table other parameters. */
  set(table: number, params: ArrayLike<number>): void {
    const { size, levels, codeAt, placeOf } = this;
    this.params.set(params, table * this.width);
    const byCode = this.levelsByCode(table);
    const order = Array.from(byCode.keys()).sort((a, b) => byCode[a]! - byCode[b]! || a - b);
    const at = table * size;
    let place = -1;
    for (const code of order) {
      if (place < 0 || byCode[code] !== levels[at + place]) {
        place++;
        levels[at + place] = byCode[code]!;
        codeAt[at + place] = code;
      }
      placeOf[at + code] = place;
    }
    levels.fill(Number.POSITIVE_INFINITY, at + place + 1, at + size);
  }

  /**
   * Brings the parameters of all tables into the ascending order in which the schemes store them and refits may leave them
   * otherwise. Places stay what they are; a table in which sums of bases would be rounded otherwise stays too.
   */
  sortParams(): void {
    const { rule, count } = this.grid;
    if (rule !== 'table' && rule !== 'magnitudes' && rule !== 'bases') return;
    for (let t = 0; t < count; t++) {
      const [levels, params] = [this.#levelsAt(t).slice(), this.paramsOf(t).slice()];
      this.set(t, params.slice().sort());
      if (this.#levelsAt(t).some((level, place) => level !== levels[place])) this.set(t, params);
    }
  }

  #levelsAt(table: number): Float64Array {
    return this.levels.subarray(table * this.size, (table + 1) * this.size);
  }

  /** The levels of a table as they are stored. */
  levelsByCode(table: number): Float32Array {
    return levelTable(this.grid.rule, this.grid.bits, this.paramsOf(table));
  }

  /** The lists of rows from `row` on, for columns from `from` on. */
  lists(row: number, rows: number, from: number, width: number): LevelLists {
    const { size, grid } = this;
    const first = row * grid.perRow;
    return {
      levels: this.levels.subarray(first * size, (first + Math.max(1, rows * grid.perRow)) * size),
      size,
      stride: grid.perRow,
      ...(grid.perRow > 1 && {
        listOf: Uint32Array.from({ length: width }, (_, j) => Math.floor((from + j) / grid.groupSize)),
      }),
    };
  }
}
