import type { CodedRows, FloatRows, WeightRows } from '../../../src/kernels/contract.ts';
import type { Random } from './random.ts';

export type Granularity = 'tensor' | 'channel' | number;

export function floatRows(random: Random, rows: number, columns: number): FloatRows {
  return { kind: 'float', values: random.floats(rows * columns) };
}

/** Random codes and levels; a number as granularity is the size of a group of columns. */
export function codedRows(
  random: Random,
  rows: number,
  columns: number,
  bits: number,
  granularity: Granularity,
): CodedRows {
  const rowBytes = Math.ceil(columns / 8) + random.whole(0, 2);
  const planes = new Uint8Array(bits * rows * rowBytes).map(() => random.whole(0, 255));
  const groupSize = typeof granularity === 'number' ? granularity : Math.max(columns, 1);
  const tableStride = granularity === 'tensor' ? 0 : Math.ceil(columns / groupSize);
  const tables = granularity === 'tensor' ? 1 : rows * tableStride;
  return {
    kind: 'coded',
    bits,
    planes,
    rowBytes,
    levels: random.floats(tables << bits),
    tableStride,
    groupSize,
  };
}

/** The floats that coded rows stand for, worked out one code at a time. */
export function dequantized(rows: CodedRows, rowCount: number, columns: number): FloatRows {
  const values = new Float32Array(rowCount * columns);
  for (let r = 0; r < rowCount; r++) {
    for (let c = 0; c < columns; c++) {
      let code = 0;
      for (let b = 0; b < rows.bits; b++) {
        const bit = r * rows.rowBytes * 8 + c;
        const byte = rows.planes[b * rowCount * rows.rowBytes + Math.floor(bit / 8)]!;
        code += ((byte >> (bit % 8)) & 1) * 2 ** b;
      }
      const table = rows.tableStride * r + Math.floor(c / rows.groupSize);
      values[r * columns + c] = rows.levels[table * 2 ** rows.bits + code]!;
    }
  }
  return { kind: 'float', values };
}

/** Floats or codes of any width and granularity. */
export function anyRows(random: Random, rows: number, columns: number): WeightRows {
  if (random.chance(0.4)) return floatRows(random, rows, columns);
  const group = random.pick([1, 5, 8, 27, 32, 33, 64, 96]);
  const granularity = random.pick<Granularity>(['tensor', 'channel', group]);
  return codedRows(random, rows, columns, random.whole(1, 8), granularity);
}

export function describeRows(rows: WeightRows): string {
  if (rows.kind === 'float') return 'float weights';
  return `${rows.bits} bits, groups of ${rows.groupSize}, table stride ${rows.tableStride}`;
}
