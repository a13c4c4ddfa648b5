import type { CodedRows } from '../../../kernels/contract.ts';
import { type IntegerRows, MOST_LEVEL, MOST_SUM } from '../../../kernels/integer/contract.ts';
import { codesOfRow } from '../../../kernels/integer/row-codes.ts';

/** Codes with whole-number levels, and what a level of 1 stands for in each row. */
export interface IntegerLevels {
  readonly rows: IntegerRows;
  readonly units: Float64Array;
}

/** Units of this many to the largest level are tried for a table that is whole multiples of one: equal steps of up to 8 bits. */
const MOST_STEPS = 256;

/**
 * Integer levels of coded rows with one table a row, or one for all: exact where the levels are whole multiples of a unit
 * (equal steps, one bit, ternary), else rounded to multiples of largest / 2,047. Where Σ |level| · reach of a row would
 * exceed `MOST_SUM`, its unit is made larger.
 *
 * @param columns of a row; @param reach the largest |code − zero| of an activation
 */
export function integerLevels(
  coded: CodedRows,
  rowCount: number,
  columns: number,
  reach: number,
): IntegerLevels {
  const { bits, planes, rowBytes } = coded;
  const isShared = coded.tableStride === 0;
  const tables = isShared ? 1 : rowCount;
  const size = 1 << bits;
  const levels = new Int16Array(tables * size);
  const tableUnits = new Float64Array(tables);
  const usage = (): Uint32Array[] => countCodes(coded, rowCount, columns);
  let counts: Uint32Array[] | undefined;
  for (let t = 0; t < tables; t++) {
    const values = coded.levels.subarray(t * size, (t + 1) * size);
    const own = levels.subarray(t * size, (t + 1) * size);
    let steps = stepsOf(values);
    tableUnits[t] = roundTo(values, steps, own);
    const largest = own.reduce((most, level) => Math.max(most, Math.abs(level)), 0);
    if (largest * columns * reach <= MOST_SUM) continue;
    counts ??= usage();
    const rows = isShared ? counts : [counts[t]!];
    for (;;) {
      const sum = Math.max(...rows.map((count) => weightedSum(own, count)));
      if (sum * reach <= MOST_SUM) break;
      steps = Math.max(1, Math.min(steps - 1, Math.floor((steps * MOST_SUM) / (sum * reach))));
      tableUnits[t] = roundTo(values, steps, own);
      if (steps === 1) break;
    }
  }
  return {
    rows: { bits, planes, rowBytes, levels, tableStride: isShared ? 0 : 1 },
    units: isShared ? new Float64Array(rowCount).fill(tableUnits[0]!) : tableUnits,
  };
}

/** Units to the largest level: as few as make every level a whole number of them, within rounding to float32, else `MOST_LEVEL`. */
function stepsOf(values: Float32Array): number {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (let steps = 1; steps < MOST_STEPS; steps++) {
    // A level and the largest one are rounded to 24 bits each.
    const tolerance = steps * 2 ** -22;
    let isWhole = true;
    for (let i = 0; i < values.length && isWhole; i++) {
      const ratio = (values[i]! / largest) * steps;
      isWhole = Math.abs(ratio - Math.round(ratio)) <= tolerance;
    }
    if (isWhole || largest === 0) return steps;
  }
  return MOST_LEVEL;
}

/** Writes levels as multiples of largest / steps. @returns the unit */
function roundTo(values: Float32Array, steps: number, into: Int16Array): number {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const unit = largest / steps;
  for (let i = 0; i < values.length; i++) into[i] = unit > 0 ? Math.round(values[i]! / unit) : 0;
  return unit;
}

function weightedSum(levels: Int16Array, counts: Uint32Array): number {
  let sum = 0;
  for (let code = 0; code < levels.length; code++) sum += Math.abs(levels[code]!) * counts[code]!;
  return sum;
}

/** How often each code stands in each row. */
function countCodes(coded: CodedRows, rowCount: number, columns: number): Uint32Array[] {
  const codes = new Uint8Array(columns);
  return Array.from({ length: rowCount }, (_, r) => {
    const counts = new Uint32Array(1 << coded.bits);
    codesOfRow(coded, rowCount, r, codes);
    for (const code of codes) counts[code]!++;
    return counts;
  });
}
