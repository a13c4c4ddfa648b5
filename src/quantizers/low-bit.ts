import { type LevelRule, levelTable } from '../ir/levels.ts';
import {
  copyInRowOrder,
  type Granularity,
  planesOf,
  type QuantizedTensor,
  type RowLayout,
  rowsAndColumns,
  tableCount,
} from '../ir/quantized-tensor.ts';
import type { Grid } from '../passes/constant-elementwise.ts';
import type { DataType } from '../tensor/dtype.ts';
import { groupSizeOf } from './options.ts';

export interface LowBitWeight {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly layout: RowLayout;
  /** In row order, as are the scales of the grid. */
  readonly values: Float32Array;
  readonly grid?: Grid | undefined;
}

/** Fewer elements than this in a weight, or in a row, are of few values by chance. */
const FEWEST_ELEMENTS = 16;
const FEWEST_COLUMNS = 4;
/** A table of levels must be at least this many times smaller than the weight has elements. */
const ELEMENTS_A_LEVEL = 16;
/** A code is a byte. */
const MOST_LEVELS = 256;

/**
 * The weight as codes of few bits that stand for its very values, bit for bit; undefined for a weight of many values.
 * Tried in this order: ±a; −a, 0, +a (a of the tensor, then of each row); the grid that it was rounded to; any values, up
 * to 256 of them, in a table.
 */
export function lowBitCodes(weight: LowBitWeight): QuantizedTensor | undefined {
  const { rows, columns } = rowsAndColumns(weight.layout);
  const { values } = weight;
  if (values.length < FEWEST_ELEMENTS) return undefined;
  const distinct = distinctValues(values, MOST_LEVELS);
  if (distinct?.length === 1) return undefined;
  for (const granularity of ['tensor', 'channel'] as const) {
    if (granularity === 'channel' && columns < FEWEST_COLUMNS) continue;
    const length = granularity === 'tensor' ? values.length : columns;
    if (granularity === 'tensor' && distinct === undefined) continue;
    for (const [scheme, rule, bits] of [
      ['binary', 'bases', 1],
      ['ternary', 'ternary', 2],
    ] as const) {
      const sizes = rowSizes(values, length, rule === 'ternary');
      const found =
        sizes && encoded(weight, rows, columns, { scheme, rule, bits, granularity, params: sizes });
      if (found !== undefined) return found;
    }
  }
  return gridCodes(weight, rows, columns) ?? tableCodes(weight, rows, columns, distinct);
}

/**
 * Whether a weight of no grid is one of many values for sure: its first row has two sizes, and there are too many values
 * for a table. Tells nearly every float weight after some hundred elements, in any order, so without a copy of it.
 */
export function isOfManyValues(values: Float32Array, layout: RowLayout): boolean {
  const row = new Float32Array(rowsAndColumns(layout).columns);
  copyInRowOrder(values, layout, 0, row);
  const sizes = new Set(row.map(Math.abs));
  sizes.delete(0);
  return sizes.size > 1 && distinctValues(values, MOST_LEVELS) === undefined;
}

/** Values by ascending size; undefined where there are more than `most` (or a NaN). −0 and +0 are two. */
function distinctValues(values: Float32Array, most: number): Float32Array | undefined {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const seen = new Set<number>();
  for (let i = 0; i < bits.length; i++) {
    if (seen.has(bits[i]!)) continue;
    if (seen.size === most || !Number.isFinite(values[i])) return undefined;
    seen.add(bits[i]!);
  }
  return new Float32Array(Uint32Array.from(seen).buffer).sort();
}

/** The one size of the values of every run of `length`; undefined where a run has several, or (unless `zero`) a zero. Of a run of zeros: 0. */
function rowSizes(values: Float32Array, length: number, zero: boolean): Float32Array | undefined {
  const sizes = new Float32Array(values.length / length);
  let hasBoth = false;
  for (let r = 0, i = 0; r < sizes.length; r++) {
    const end = i + length;
    let [size, plus, minus] = [0, false, false];
    for (; i < end; i++) {
      const value = values[i]!;
      if (value === 0) {
        if (!zero) return undefined;
        continue;
      }
      if (size === 0) size = Math.abs(value);
      else if (Math.abs(value) !== size) return undefined;
      if (value > 0) plus = true;
      else minus = true;
    }
    hasBoth ||= plus && minus;
    sizes[r] = size;
  }
  return hasBoth ? sizes : undefined;
}

/** Codes of a grid whose scales and zeros follow the tensor, its rows, or its blocks. */
function gridCodes(weight: LowBitWeight, rows: number, columns: number): QuantizedTensor | undefined {
  const { grid } = weight;
  if (grid === undefined || grid.bits > 8) return undefined;
  const choices: Granularity[] = ['tensor', 'channel'];
  if (grid.block !== undefined) choices.push(`group:${grid.block}`);
  for (const granularity of choices) {
    const groupSize = groupSizeOf(granularity, rows, columns);
    const tables = tableCount({ rows, columns, granularity, groupSize });
    const groups = Math.ceil(columns / groupSize);
    const tableOf = (i: number): number =>
      granularity === 'tensor' ? 0 : Math.floor(i / columns) * groups + Math.floor((i % columns) / groupSize);
    const scales = onePerTable(grid.scale, weight.values.length, tables, tableOf);
    const zeros = onePerTable(grid.zero, weight.values.length, tables, tableOf);
    if (scales === undefined || zeros === undefined) continue;
    const params = new Float32Array(2 * tables);
    for (let t = 0; t < tables; t++) {
      params[2 * t] = scales[t]!;
      params[2 * t + 1] = zeros[t]! - grid.low;
    }
    const { bits } = grid;
    const scheme = 'affine';
    const found = encoded(weight, rows, columns, { scheme, rule: 'affine', bits, granularity, params });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The one value that the elements of every table have; undefined where they have several. */
function onePerTable(
  values: Float32Array,
  count: number,
  tables: number,
  tableOf: (i: number) => number,
): Float32Array | undefined {
  if (values.length === 1) return new Float32Array(tables).fill(values[0]!);
  const found = new Float32Array(tables).fill(Number.NaN);
  for (let i = 0; i < count; i++) {
    const t = tableOf(i);
    if (Number.isNaN(found[t])) found[t] = values[i]!;
    else if (found[t] !== values[i]) return undefined;
  }
  return found;
}

/** Codes of few values of any kind. */
function tableCodes(
  weight: LowBitWeight,
  rows: number,
  columns: number,
  distinct: Float32Array | undefined,
): QuantizedTensor | undefined {
  if (distinct === undefined || distinct.length * ELEMENTS_A_LEVEL > weight.values.length) return undefined;
  const bits = 32 - Math.clz32(distinct.length - 1);
  const params = new Float32Array(2 ** bits).map((_, i) => distinct[Math.min(i, distinct.length - 1)]!);
  return encoded(weight, rows, columns, {
    scheme: 'codebook',
    rule: 'table',
    bits,
    granularity: 'tensor',
    params,
  });
}

interface Levels {
  readonly scheme: string;
  readonly rule: LevelRule;
  readonly bits: number;
  readonly granularity: Granularity;
  readonly params: Float32Array;
}

/** The codes of the values in the given levels; undefined where a value is none of them. −0 counts as +0 where only that is a level. */
function encoded(
  weight: LowBitWeight,
  rows: number,
  columns: number,
  { scheme, rule, bits, granularity, params }: Levels,
): QuantizedTensor | undefined {
  const { values, layout, dtype, shape } = weight;
  const groupSize = groupSizeOf(granularity, rows, columns);
  const tables = tableCount({ rows, columns, granularity, groupSize });
  const width = params.length / tables;
  const codes = new Uint8Array(values.length);
  const codeOf = new Map<number, number>();
  const word = new Uint32Array(1);
  const float = new Float32Array(word.buffer);
  const runs = granularity === 'tensor' ? values.length : Math.min(groupSize, columns);
  for (let t = 0, begin = 0; t < tables; t++) {
    const levels = levelTable(rule, bits, params.subarray(t * width, (t + 1) * width));
    codeOf.clear();
    for (let code = levels.length - 1; code >= 0; code--) {
      float[0] = levels[code]!;
      codeOf.set(word[0]!, code);
    }
    const rowEnd = granularity === 'tensor' ? values.length : (Math.floor(begin / columns) + 1) * columns;
    const end = Math.min(begin + runs, rowEnd);
    for (let i = begin; i < end; i++) {
      float[0] = values[i]!;
      let code = codeOf.get(word[0]!);
      if (code === undefined && values[i] === 0) code = codeOf.get(0);
      if (code === undefined) return undefined;
      codes[i] = code;
    }
    begin = end;
  }
  const planes = planesOf(codes, bits);
  return { scheme, bits, granularity, shape, dtype, layout, rows, columns, groupSize, rule, params, planes };
}
