import type { Initializer, Node } from '../../../ir/graph.ts';
import { type LevelRule, paramCount } from '../../../ir/levels.ts';
import {
  type Granularity,
  type QuantizedTensor,
  type RowLayout,
  rowsAndColumns,
  tableCount,
} from '../../../ir/quantized-tensor.ts';
import type { DataType } from '../../../tensor/dtype.ts';
import { sizeOf } from '../../../tensor/tensor.ts';
import { plainLayout, SCHEME_OF_RULE, type WeightNote } from '../export/unpack-notes.ts';

/** A weight as the nodes of an exported file make it, before it is known how its elements lie in rows. */
export interface MadeWeight {
  readonly name: string;
  /** What makes it, and is not needed any more. */
  readonly nodes: readonly Node[];
  readonly rule: LevelRule;
  readonly bits: number;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** The axes before they were permuted, and how: where the nodes order elements in rows. */
  readonly transposed?: { readonly split: readonly number[]; readonly perm: readonly number[] };
  /** Whether the elements lie in the order of the weight, and a layout tells how they lie in rows; else they are in row order. */
  readonly isInOwnOrder?: boolean;
  /** Columns of a row in the file, where rows are filled up to whole groups. */
  readonly filled?: number;
  readonly params: Float32Array;
  /** Codes in row order, one a byte, or their planes; undefined where they do not fit such rows. */
  readonly planesIn: (layout: RowLayout, rows: number, columns: number) => Uint8Array | undefined;
  /** Nodes that read the weight in the place of others. */
  readonly readers?: ReadonlyMap<Node, Node>;
}

/** Elements of constants and nodes of a file, for those who look for weights in it. */
export interface ExportedGraph {
  readonly constant: (name: string | undefined) => Initializer | undefined;
  readonly producer: (name: string) => Node | undefined;
  /** Nodes that use a value. */
  readonly consumers: (name: string) => readonly Node[];
  readonly isOutput: (name: string) => boolean;
  readonly noteOf: (name: string) => WeightNote;
}

/** The weight that nodes make; undefined where no layout of rows says what they do. */
export function quantizedOf(made: MadeWeight, note: WeightNote): QuantizedTensor | undefined {
  const { rule, bits, dtype, shape, params, transposed } = made;
  const order = transposed ?? { split: shape, perm: shape.map((_, axis) => axis) };
  const layouts = [note.layout, plainLayout(order.split, order.perm)].filter((one) => one !== undefined);
  for (const layout of layouts) {
    if (!fitsNodes(layout, made)) continue;
    const { rows, columns } = rowsAndColumns(layout);
    const shares = sharesOf(made, note, rows, columns);
    if (shares === undefined) continue;
    const planes = made.planesIn(layout, rows, columns);
    if (planes === undefined) continue;
    return {
      ...{ scheme: typeof note.scheme === 'string' ? note.scheme : SCHEME_OF_RULE[rule] },
      ...{ bits, rule, dtype, shape, layout, rows, columns, ...shares, params, planes },
    };
  }
  return undefined;
}

/** Whether a layout orders the elements as the nodes do, and numbers tables as they do. */
function fitsNodes(layout: Partial<RowLayout>, made: MadeWeight): boolean {
  const { transposed, isInOwnOrder, shape, params, rule, bits } = made;
  const { split, perm, rowAxes } = layout;
  if (!Array.isArray(split) || !Array.isArray(perm) || !Number.isInteger(rowAxes)) return false;
  if (rowAxes! < 0 || rowAxes! > split.length || !isPermutation(perm, split.length)) return false;
  if (sizeOf(split) !== sizeOf(shape)) return false;
  if (isInOwnOrder === true) {
    // One table serves rows of any kind; several follow the axis that the nodes say.
    const isAlong = `${split}` === `${shape}` && rowAxes === 1 && perm[0] === transposed?.perm[0];
    return isAlong || params.length === paramCount(rule, bits);
  }
  return transposed === undefined
    ? perm.every((axis, i) => axis === i)
    : `${split}` === `${transposed.split}` && `${perm}` === `${transposed.perm}`;
}

export function isPermutation(perm: readonly number[], rank: number): boolean {
  return perm.length === rank && perm.toSorted((a, b) => a - b).every((axis, i) => axis === i);
}

/** What has one level table: as noted, else what fits the number of tables. */
function sharesOf(
  { params, rule, bits, filled }: MadeWeight,
  note: WeightNote,
  rows: number,
  columns: number,
): { granularity: Granularity; groupSize: number } | undefined {
  const tables = params.length / paramCount(rule, bits);
  const width = filled ?? columns;
  for (const granularity of [note.granularity, 'tensor', 'channel', `group:${(width * rows) / tables}`]) {
    const group = /^group:([1-9]\d{0,9})$/.exec(granularity ?? '');
    if (group === null && granularity !== 'tensor' && granularity !== 'channel') continue;
    const groupSize = group !== null ? Number(group[1]) : granularity === 'tensor' ? rows * columns : columns;
    const shares = { granularity: granularity as Granularity, groupSize };
    if (tableCount({ rows, columns, ...shares }) !== tables) continue;
    // In the file every table has as many elements.
    if (groupSize >= columns || Math.ceil(columns / groupSize) * groupSize === width) return shares;
  }
  return undefined;
}
