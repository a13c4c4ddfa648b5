import { packBits, planeBytes, unpackBits } from '../tensor/bits.ts';
import type { DataType } from '../tensor/dtype.ts';
import { sizeOf } from '../tensor/tensor.ts';
import { type LevelRule, levelTable } from './levels.ts';

/**
 * How the elements of a weight lie in rows, one row an output channel: reshape to `split`, permute the axes by `perm`,
 * then the first `rowAxes` axes number the rows and the rest the columns. A convolution [M,C,h,w] is
 * {split: shape, perm: identity, rowAxes: 1}; a MatMul weight [K,N] is {split: [K,N], perm: [1,0], rowAxes: 1}; a
 * transposed convolution [C,M/G,h,w] of G groups is {split: [G,C/G,M/G,h,w], perm: [0,2,1,3,4], rowAxes: 2}.
 */
export interface RowLayout {
  readonly split: readonly number[];
  readonly perm: readonly number[];
  readonly rowAxes: number;
}

/** `tensor`: one level table a weight; `channel`: one a row; `group:N`: one for every N successive columns of a row. */
export type Granularity = 'tensor' | 'channel' | `group:${number}`;

/**
 * A discretized weight: k-bit codes and what they stand for. Codes are in row order (see RowLayout). Element (r, c)
 * uses level table `tableOf(r, c)`, row-major over [rows, ceil(columns / groupSize)] for groups, r for channels, 0 for
 * a tensor.
 */
export interface QuantizedTensor {
  /** The scheme that made it, a label: `linear`, `exp`… */
  readonly scheme: string;
  readonly bits: number;
  readonly granularity: Granularity;
  /** Shape and type of the weight that it replaces. */
  readonly shape: readonly number[];
  readonly dtype: DataType;
  readonly layout: RowLayout;
  readonly rows: number;
  readonly columns: number;
  /** Columns that share a table: the row length for `channel`, rows × columns for `tensor`, N for `group:N`. */
  readonly groupSize: number;
  /** How a table's parameters become its levels. */
  readonly rule: LevelRule;
  /** Row-major [tables, parameters of the rule]; float32, as stored. */
  readonly params: Float32Array;
  /** `bits` planes over all rows × columns codes, without padding; see tensor/bits.ts. */
  readonly planes: Uint8Array;
}

/** Number of level tables. */
export function tableCount(
  q: Pick<QuantizedTensor, 'rows' | 'columns' | 'granularity' | 'groupSize'>,
): number {
  if (q.granularity === 'tensor') return 1;
  return q.granularity === 'channel' ? q.rows : q.rows * Math.ceil(q.columns / q.groupSize);
}

/** All level tables, row-major [tables, 2^bits], by code. */
export function levelsOf(q: QuantizedTensor): Float32Array {
  const tables = tableCount(q);
  const levels = new Float32Array(tables * 2 ** q.bits);
  const width = q.params.length / tables;
  for (let t = 0; t < tables; t++)
    levels.set(levelTable(q.rule, q.bits, q.params.subarray(t * width, (t + 1) * width)), t * 2 ** q.bits);
  return levels;
}

/** Positions in the original row-major element order of the row-ordered elements from `begin` on, as many as `into` holds. */
function fillPositions({ split, perm }: RowLayout, begin: number, into: Uint32Array): void {
  const strides = new Array<number>(split.length).fill(1);
  for (let i = split.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * split[i + 1]!;
  const dims = perm.map((axis) => split[axis]!);
  const steps = perm.map((axis) => strides[axis]!);
  const index = new Array<number>(perm.length).fill(0);
  let position = 0;
  for (let axis = dims.length - 1, rest = begin; axis >= 0; axis--) {
    index[axis] = rest % dims[axis]!;
    rest = Math.floor(rest / dims[axis]!);
    position += index[axis]! * steps[axis]!;
  }
  for (let i = 0; i < into.length; i++) {
    into[i] = position;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      position += steps[axis]!;
      if (++index[axis]! < dims[axis]!) break;
      position -= steps[axis]! * dims[axis]!;
      index[axis] = 0;
    }
  }
}

/**
 * Position in the original row-major element order of every row-ordered element; undefined where the two orders are the
 * same (weights whose first axis is the output channel).
 */
export function rowOrder(layout: RowLayout): Uint32Array | undefined {
  if (isInRowOrder(layout)) return undefined;
  const order = new Uint32Array(sizeOf(layout.split));
  fillPositions(layout, 0, order);
  return order;
}

/** Positions that are listed at a time where all of them would take as much memory as the weight. */
const STRETCH = 4096;

/** Copies elements of a weight in row order: `into.length` of them from place `begin` on. */
export function copyInRowOrder(
  values: Float32Array,
  layout: RowLayout,
  begin: number,
  into: Float32Array,
): void {
  const positions = new Uint32Array(Math.min(into.length, STRETCH));
  for (let at = 0; at < into.length; at += STRETCH) {
    const part = positions.subarray(0, into.length - at);
    fillPositions(layout, begin + at, part);
    for (let i = 0; i < part.length; i++) into[at + i] = values[part[i]!]!;
  }
}

/** Whether the elements of a weight are in row order as they are. */
export function isInRowOrder({ perm }: RowLayout): boolean {
  return perm.every((axis, i) => axis === i);
}

/** Rows and columns of a layout. */
export function rowsAndColumns(layout: RowLayout): { rows: number; columns: number } {
  const dims = layout.perm.map((axis) => layout.split[axis]!);
  return { rows: sizeOf(dims.slice(0, layout.rowAxes)), columns: sizeOf(dims.slice(layout.rowAxes)) };
}

/** Whether levels are whole numbers as they are: ±1, −1, 0, +1 or equal steps of 1, with no scale on them. */
export function hasUnitScale({ rule, params }: Pick<QuantizedTensor, 'rule' | 'params'>): boolean {
  if (rule === 'affine') return params.every((value, i) => i % 2 === 1 || value === 1);
  return (rule === 'bases' || rule === 'ternary') && params.every((value) => value === 1);
}

/** The codes in row order, one a byte. */
export function codesOf(q: QuantizedTensor): Uint8Array {
  return unpackBits(q.planes, q.bits, q.rows * q.columns);
}

/** The discretized weight as floats in the original element order and shape: the definition of what the codes mean. */
export function dequantize(q: QuantizedTensor): Float32Array {
  const codes = codesOf(q);
  const levels = levelsOf(q);
  const order = rowOrder(q.layout);
  const size = 2 ** q.bits;
  const groups = Math.ceil(q.columns / q.groupSize);
  const values = new Float32Array(codes.length);
  for (let r = 0, i = 0; r < q.rows; r++)
    for (let c = 0; c < q.columns; c++, i++) {
      const table = q.granularity === 'tensor' ? 0 : r * groups + Math.floor(c / q.groupSize);
      values[order === undefined ? i : order[i]!] = levels[table * size + codes[i]!]!;
    }
  return values;
}

/** Bytes that codes and parameters take on disk, without any container. */
export function payloadBytes(q: Pick<QuantizedTensor, 'bits' | 'rows' | 'columns' | 'params'>): {
  codes: number;
  levels: number;
} {
  return { codes: q.bits * planeBytes(q.rows * q.columns), levels: 4 * q.params.length };
}

/** Bit-planes of row-ordered codes; see tensor/bits.ts. */
export function planesOf(codes: Uint8Array, bits: number): Uint8Array {
  return packBits(codes, bits);
}
