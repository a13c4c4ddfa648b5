import type { CCodedRows, CRows, CWindow } from './program.ts';

/** Rows of weights as they lie in C: a stream of codes, one row behind the other, and what they stand for. */
export interface CWeights {
  /** Codes of `bits` each, lowest bits first; undefined for plain floats. */
  readonly codes: Uint8Array | undefined;
  readonly levels: Float32Array | Int16Array;
  /** Whether tables are a and q of levels ±a·q^i: 1; 2 where the smallest is 0. */
  readonly geometric: 0 | 1 | 2;
  /** For each table what the one table of levels is multiplied by. */
  readonly scales: Float32Array | undefined;
  readonly bits: number;
  /** Whether a table has the sizes of levels alone, the top bit of a code being the sign. */
  readonly isSigned: boolean;
  /** Tables of a row; 0 where one is for all. */
  readonly tables: number;
  readonly group: number;
}

type Levels = Float32Array | Int16Array;

/** @param order the column of the rows that comes at each place of the stream; in order where absent */
export function weightsOf(weights: CRows, rows: number, columns: number, order?: Uint32Array): CWeights {
  if (weights.kind === 'float') {
    const { values: levels } = weights;
    return {
      codes: undefined,
      levels,
      scales: undefined,
      bits: 0,
      isSigned: false,
      geometric: 0,
      tables: 0,
      group: 0,
    };
  }
  const { bits, tableStride, groupSize } = weights;
  const isShared = tableStride === 0;
  const groups = isShared ? 1 : tableStride;
  const levels = levelsOf(weights.levels, isShared ? 1 : rows * groups, bits);
  const isOne = isShared || levels.isOne;
  const geometric = isOne || levels.scales !== undefined ? undefined : geometricOf(weights, rows * groups);
  if (geometric !== undefined) {
    const codes = streamOf(weights, rows, columns, order);
    const group = groups === 1 ? columns : groupSize;
    return { codes, scales: undefined, bits, isSigned: true, tables: groups, group, ...geometric };
  }
  return {
    codes: streamOf(weights, rows, columns, order),
    geometric: 0,
    ...{ levels: levels.levels, scales: levels.scales, isSigned: levels.isSigned, bits },
    tables: isOne && levels.scales === undefined ? 0 : groups,
    group: groups === 1 ? columns : groupSize,
  };
}

/** a and q of each table, where that is less than its levels, and the levels are made of them by the steps that C takes. */
function geometricOf(
  { bits, levels, geometric }: CCodedRows,
  tables: number,
): Pick<CWeights, 'levels' | 'geometric'> | undefined {
  const half = 1 << (bits - 1);
  if (geometric === undefined || half <= 2) return undefined;
  const { params, hasZero } = geometric;
  const isSame = everyTable(tables, (t) => {
    let size = params[2 * t]!;
    for (let i = half - 1; i >= 0; i--, size *= params[2 * t + 1]!)
      if (levels[2 * half * t + i] !== (hasZero && i === 0 ? 0 : Math.fround(size))) return false;
    return true;
  });
  return isSame && params.length === 2 * tables ? { levels: params, geometric: hasZero ? 2 : 1 } : undefined;
}

/** The codes of all rows one behind the other, `bits` each, lowest bits first. */
function streamOf(
  { bits, planes, rowBytes }: CCodedRows,
  rows: number,
  columns: number,
  order?: Uint32Array,
): Uint8Array {
  const stream = new Uint8Array(Math.ceil((rows * columns * bits) / 8));
  let at = 0;
  for (let r = 0; r < rows; r++)
    for (let i = 0; i < columns; i++) {
      const c = order === undefined ? i : order[i]!;
      for (let b = 0; b < bits; b++, at++) {
        const bit = (planes[(b * rows + r) * rowBytes + (c >> 3)]! >> (c & 7)) & 1;
        stream[at >> 3]! |= bit << (at & 7);
      }
    }
  return stream;
}

interface LevelTables {
  readonly levels: Levels;
  readonly scales: Float32Array | undefined;
  readonly isSigned: boolean;
  readonly isOne: boolean;
}

/** Tables in the smallest form that gives the same numbers: sizes alone, one for all, or one for all and a scale each. */
function levelsOf(all: Levels, tables: number, bits: number): LevelTables {
  const size = 1 << bits;
  const half = size >> 1;
  const isSigned = everyTable(tables, (t) => {
    for (let i = 0; i < half; i++) if (all[t * size + half + i] !== -all[t * size + i]!) return false;
    return true;
  });
  const kept = isSigned ? half : size;
  const levels = all.slice(0, tables * kept);
  for (let t = 0; t < tables; t++) levels.set(all.subarray(t * size, t * size + kept), t * kept);
  const isOne = everyTable(tables, (t) =>
    levels.subarray(0, kept).every((l, i) => l === levels[t * kept + i]),
  );
  if (isOne) return { levels: levels.slice(0, kept), scales: undefined, isSigned, isOne };
  const scaled = levels instanceof Float32Array ? scaledTable(levels, tables, kept) : undefined;
  return { ...(scaled ?? { levels, scales: undefined }), isSigned, isOne };
}

function everyTable(tables: number, holds: (table: number) => boolean): boolean {
  for (let t = 0; t < tables; t++) if (!holds(t)) return false;
  return true;
}

/**
 * Equal steps are multiples of one number: (i + ½)·Δ, i·Δ or (i − z)·Δ, rounded once, which is what a product of two floats is. Tables
 * of other rules stay as they are.
 */
function scaledTable(
  levels: Float32Array,
  tables: number,
  kept: number,
): { levels: Float32Array; scales: Float32Array } | undefined {
  const zero = levels.subarray(0, kept).indexOf(0);
  const bases = [{ offset: 0.5, unit: 0, factor: 2 }];
  if (zero >= 0 && zero + 1 < kept) bases.push({ offset: -zero, unit: zero + 1, factor: 1 });
  for (const { offset, unit, factor } of bases) {
    const base = Float32Array.from({ length: kept }, (_, i) => i + offset);
    const scales = Float32Array.from({ length: tables }, (_, t) => levels[t * kept + unit]! * factor);
    const fits = everyTable(tables, (t) =>
      base.every((value, i) => Math.fround(value * scales[t]!) === levels[t * kept + i]),
    );
    if (fits) return { levels: base, scales };
  }
  return undefined;
}

/** Columns (channel, kernel row, kernel column) in the order (kernel row, kernel column, channel), as codes lie in memory. */
export function channelsLast({ inChannels, groups, kernelHeight, kernelWidth }: CWindow): Uint32Array {
  const channels = inChannels / groups;
  const taps = kernelHeight * kernelWidth;
  return Uint32Array.from(
    { length: channels * taps },
    (_, i) => (i % channels) * taps + Math.floor(i / channels),
  );
}

/** Signs of weights, the words of each row as [kernel row, kernel column, words of 32 channels]; rows of `flips` the other way round. */
export function signWords(negative: Uint8Array, window: CWindow, flips: Uint8Array | undefined): Uint32Array {
  const { inChannels, outChannels, kernelHeight, kernelWidth } = window;
  const taps = kernelHeight * kernelWidth;
  const words = Math.ceil(inChannels / 32);
  const packed = new Uint32Array(outChannels * taps * words);
  for (let r = 0; r < outChannels; r++)
    for (let tap = 0; tap < taps; tap++)
      for (let c = 0; c < inChannels; c++) {
        const bit = negative[(r * inChannels + c) * taps + tap]! ^ (flips?.[r] ?? 0);
        packed[(r * taps + tap) * words + (c >> 5)]! |= bit << (c & 31);
      }
  return packed;
}
