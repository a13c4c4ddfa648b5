import { BnnqError } from '../../errors.ts';
import { LEVEL_RULES, type LevelRule, paramCount } from '../../ir/levels.ts';
import {
  type Granularity,
  isInRowOrder,
  type QuantizedTensor,
  type RowLayout,
  rowsAndColumns,
  tableCount,
} from '../../ir/quantized-tensor.ts';
import { planeBytes } from '../../tensor/bits.ts';
import type { DataType } from '../../tensor/dtype.ts';
import { sizeOf } from '../../tensor/tensor.ts';

/** The settings that most weights of a file share: in the header's metadata, not repeated in the index. */
export interface SharedSettings {
  readonly scheme: string;
  readonly rule: string;
  readonly bits: number;
  readonly granularity: string;
}

/** A discretized weight in the index; what equals the shared settings or the defaults is left out. */
export interface WeightEntry extends Partial<SharedSettings> {
  readonly name: string;
  readonly shape: readonly number[];
  /** FLOAT where absent. */
  readonly dtype?: string;
  /** Rows are the first axis where absent. */
  readonly layout?: RowLayout;
  /** Bytes of its codes where they are a DEFLATE stream; bit-planes where absent. */
  readonly deflated?: number;
}

/** JSON at the end of the graph: what `__codes__`, `__levels__` and the other tensors hold. */
export interface PackedIndex {
  /** In the order of their codes in `__codes__` and of their parameters in `__levels__`. */
  readonly weights: readonly WeightEntry[];
  /** SHA-256 of every tensor of the file but the graph, base64. */
  readonly sha256: Readonly<Record<string, string>>;
  /** The options that the weights were made with, for people and provenance. */
  readonly options?: Readonly<Record<string, PackedOption>>;
}

export type PackedOption = string | number | boolean;

const SHARED = ['scheme', 'rule', 'bits', 'granularity'] as const;

/** The most frequent value of each setting, the first one among equals. */
export function sharedSettings(weights: readonly QuantizedTensor[]): SharedSettings | undefined {
  if (weights.length === 0) return undefined;
  const common = <T>(values: readonly T[]): T => {
    const counts = new Map<T, number>();
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    return [...counts].reduce((best, next) => (next[1] > best[1] ? next : best))[0];
  };
  return {
    scheme: common(weights.map((q) => q.scheme)),
    rule: common(weights.map((q) => q.rule)),
    bits: common(weights.map((q) => q.bits)),
    granularity: common(weights.map((q) => q.granularity)),
  };
}

/**
 * The index entry of a weight.
 * @param deflated bytes of its codes where they are compressed
 */
export function weightEntry(
  name: string,
  q: QuantizedTensor,
  shared: SharedSettings,
  deflated?: number,
): WeightEntry {
  const own = Object.fromEntries(SHARED.filter((key) => q[key] !== shared[key]).map((key) => [key, q[key]]));
  const { split, perm, rowAxes } = q.layout;
  const plain = rowAxes === 1 && isInRowOrder(q.layout) && sameList(split, q.shape);
  return {
    name,
    shape: q.shape,
    ...own,
    ...(q.dtype === 'FLOAT' ? {} : { dtype: q.dtype }),
    ...(plain ? {} : { layout: { split, perm, rowAxes } }),
    ...(deflated === undefined ? {} : { deflated }),
  };
}

/** A weight without codes and parameters, with the lengths of both. */
export interface WeightDescription extends Omit<QuantizedTensor, 'params' | 'planes'> {
  readonly name: string;
  /** Of the bit-planes. */
  readonly codesBytes: number;
  /** Bytes of the codes in the file where they are compressed. */
  readonly deflated: number | undefined;
  readonly paramsCount: number;
}

const WEIGHT_TYPES: readonly DataType[] = ['FLOAT', 'FLOAT16', 'BFLOAT16', 'DOUBLE'];

/**
 * What an index entry describes.
 * @throws malformed for anything that no writer makes
 */
export function describeWeight(entry: WeightEntry, shared: SharedSettings, where: string): WeightDescription {
  const refuse = (text: string): never => {
    throw new BnnqError('malformed', `${where} ${text}`);
  };
  if (typeof entry?.name !== 'string') refuse('has a weight without a name in its index');
  const of = `has the weight "${entry.name}" with`;
  const { scheme, rule, bits, granularity, dtype = 'FLOAT', shape, deflated } = { ...shared, ...entry };
  if (!isSizes(shape)) refuse(`${of} the shape ${JSON.stringify(shape)}`);
  if (!Number.isInteger(bits) || bits < 1 || bits > 8) refuse(`${of} ${bits} bits, expected 1 to 8`);
  if (!LEVEL_RULES.includes(rule as LevelRule)) refuse(`${of} the unknown level rule "${rule}"`);
  if (rule === 'ternary' && bits !== 2) refuse(`${of} ${bits} bits, rule ternary takes 2`);
  if (typeof scheme !== 'string') refuse(`${of} no scheme`);
  if (!WEIGHT_TYPES.includes(dtype as DataType)) refuse(`${of} the type ${dtype}`);
  const layout: RowLayout = entry.layout ?? { split: shape, perm: shape.map((_, i) => i), rowAxes: 1 };
  if (!isLayout(layout, shape))
    refuse(`${of} the layout ${JSON.stringify(entry.layout)}, its shape is [${shape.join(',')}]`);
  const { rows, columns } = rowsAndColumns(layout);
  if (rows * columns === 0) refuse(`${of} no elements: shape [${shape.join(',')}]`);
  const groupSize = groupSizeOf(granularity, rows, columns);
  if (groupSize === undefined) refuse(`${of} the granularity "${granularity}"`);
  if (deflated !== undefined && (!Number.isSafeInteger(deflated) || deflated < 1))
    refuse(`${of} ${JSON.stringify(deflated)} bytes of compressed codes`);
  const description = {
    name: entry.name,
    scheme,
    bits,
    granularity: granularity as Granularity,
    shape,
    dtype: dtype as DataType,
    layout,
    rows,
    columns,
    groupSize: groupSize!,
    rule: rule as LevelRule,
  };
  return {
    ...description,
    codesBytes: bits * planeBytes(rows * columns),
    deflated,
    paramsCount: tableCount(description) * paramCount(description.rule, bits),
  };
}

function groupSizeOf(granularity: unknown, rows: number, columns: number): number | undefined {
  if (granularity === 'tensor') return rows * columns;
  if (granularity === 'channel') return columns;
  const match = typeof granularity === 'string' ? /^group:([1-9]\d{0,9})$/.exec(granularity) : null;
  return match === null ? undefined : Number(match[1]);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function isLayout(layout: Partial<RowLayout>, shape: readonly number[]): layout is RowLayout {
  const { split, perm, rowAxes } = layout;
  if (!isSizes(split) || !isSizes(perm) || sizeOf(split) !== sizeOf(shape) || perm.length !== split.length)
    return false;
  if (new Set(perm).size !== perm.length || perm.some((axis) => axis >= perm.length)) return false;
  return Number.isInteger(rowAxes) && rowAxes! >= 0 && rowAxes! <= perm.length;
}

function sameList(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
