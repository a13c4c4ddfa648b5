import { BnnqError } from '../errors.ts';
import { levelTable, paramCount } from '../ir/levels.ts';
import {
  copyInRowOrder,
  isInRowOrder,
  planesOf,
  type QuantizedTensor,
  type RowLayout,
  rowsAndColumns,
  tableCount,
} from '../ir/quantized-tensor.ts';
import { sizeOf, type Tensor } from '../tensor/tensor.ts';
import { Encoder } from './encode.ts';
import { groupSizeOf, type QuantizeSettings, resolveOptions } from './options.ts';
import { parseScheme } from './registry.ts';
import { TableValues } from './table-values.ts';
import { weightValues } from './weight-values.ts';

/** A discretized weight, and how near it is to the original: computed from the stored levels. */
export interface WeightFit {
  readonly quantized: QuantizedTensor;
  /** Mean squared difference. */
  readonly mse: number;
  /** ρ = Σ w·ŵ / √(Σ w²·Σ ŵ²), means not taken off; 1 where both are all zero. */
  readonly correlation: number;
  /** 10·log10(Σ w² / Σ (w − ŵ)²), decibels; Infinity where they are equal. */
  readonly snrDb: number;
  /** Σ w², and Σ ŵ². */
  readonly energy: number;
  readonly power: number;
}

/**
 * Discretizes one weight: fits a level table for the tensor, each row or each group of columns, rounds its parameters
 * to float32, and gives each element the code of a level.
 * @param weight elements in their original order; a bare array has the shape `layout.split`
 * @param layout which of them make up the rows
 * @param name for messages
 * @throws option with all that is wrong with the settings; weight for NaN and infinities; mismatch where the layout does
 * not fit the shape
 */
export function quantizeWeight(
  weight: Float32Array | Tensor,
  layout: RowLayout,
  settings: QuantizeSettings,
  name = 'weight',
): WeightFit {
  const options = resolveOptions(settings);
  const tensor: Tensor =
    weight instanceof Float32Array ? { dtype: 'FLOAT', shape: layout.split, data: weight } : weight;
  if (sizeOf(layout.split) !== tensor.data.length)
    throw new BnnqError(
      'mismatch',
      `weight "${name}": rows of [${layout.split.join(',')}] need ${sizeOf(layout.split)} elements, got ${tensor.data.length}`,
      { tensor: name },
    );
  const scheme = parseScheme(options.scheme);
  const candidates = scheme.candidates?.(options);
  if (candidates !== undefined)
    return candidates
      .map((candidate) => quantizeWeight(tensor, layout, candidate, name))
      .reduce((best, other) => (other.mse < best.mse ? other : best));
  const { bits, granularity } = options;
  const { rows, columns } = rowsAndColumns(layout);
  const groupSize = groupSizeOf(granularity, rows, columns);
  const tables = tableCount({ rows, columns, granularity, groupSize });
  const values = weightValues(tensor, name);
  const inOrder = isInRowOrder(layout);

  const fitOptions = { ...options, single: granularity === 'tensor' };
  const rule = scheme.rule(options);
  const width = paramCount(rule, bits);
  const params = new Float32Array(tables * width);
  const codes = new Uint8Array(values.length);
  const encoder = new Encoder(rule, bits);
  const table = new TableValues();
  const sums: Sums = { energy: 0, cross: 0, power: 0, error: 0 };
  const tableLength = granularity === 'tensor' ? values.length : Math.min(groupSize, columns);
  const scratch = new Float32Array(inOrder ? 0 : tableLength);
  for (let t = 0, begin = 0; t < tables; t++) {
    const rowEnd = granularity === 'tensor' ? values.length : (Math.floor(begin / columns) + 1) * columns;
    const end = Math.min(begin + tableLength, rowEnd);
    const part = inOrder ? values.subarray(begin, end) : scratch.subarray(0, end - begin);
    if (!inOrder) copyInRowOrder(values, layout, begin, part);
    table.load(part);
    const own = params.subarray(t * width, (t + 1) * width);
    const fitted = part.some((value) => value !== 0) ? scheme.fit(table, fitOptions) : undefined;
    if (fitted !== undefined) own.set(fitted.params);
    const levels = levelTable(rule, bits, own);
    if (fitted?.cells === undefined) encoder.load(levels);
    else encoder.loadCells(fitted.cells);
    encoder.encode(part, codes, begin);
    addUp(sums, part, levels, codes, begin);
    begin = end;
  }
  const { dtype, shape } = tensor;
  const planes = planesOf(codes, bits);
  return {
    quantized: {
      scheme: scheme.name,
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
    ...measuresOf(sums, values.length),
  };
}

/** How near discretized values come to a weight, both in row order. */
export function weightFit(
  quantized: QuantizedTensor,
  weight: Float32Array,
  values: ArrayLike<number>,
): WeightFit {
  const sums: Sums = { energy: 0, cross: 0, power: 0, error: 0 };
  for (let i = 0; i < weight.length; i++) addPair(sums, weight[i]!, values[i]!);
  return { quantized, ...measuresOf(sums, weight.length) };
}

interface Sums {
  energy: number;
  cross: number;
  power: number;
  error: number;
}

function addUp(sums: Sums, values: Float32Array, levels: Float32Array, codes: Uint8Array, at: number): void {
  for (let i = 0; i < values.length; i++) addPair(sums, values[i]!, levels[codes[at + i]!]!);
}

function addPair(sums: Sums, value: number, level: number): void {
  sums.energy += value * value;
  sums.cross += value * level;
  sums.power += level * level;
  sums.error += (value - level) * (value - level);
}

function measuresOf({ energy, cross, power, error }: Sums, count: number): Omit<WeightFit, 'quantized'> {
  return {
    mse: error / count,
    correlation: error === 0 ? 1 : energy > 0 && power > 0 ? cross / Math.sqrt(energy * power) : 0,
    snrDb: error === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(energy / error),
    energy,
    power,
  };
}
