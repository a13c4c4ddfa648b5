import { levelsOf, type QuantizedTensor } from '../ir/quantized-tensor.ts';
import type { CodedRows } from '../kernels/contract.ts';
import { planeBytes } from '../tensor/bits.ts';
import { halfRounding } from './widen.ts';

/** The codes as the kernels take them: the same bit-planes with every row starting at a whole byte. */
export function codedRows(q: QuantizedTensor): CodedRows {
  return {
    kind: 'coded',
    bits: q.bits,
    planes: padRows(q.planes, q.bits, q.rows, q.columns),
    rowBytes: Math.ceil(q.columns / 8),
    levels: levelsInType(q),
    tableStride:
      q.granularity === 'tensor' ? 0 : q.granularity === 'channel' ? 1 : Math.ceil(q.columns / q.groupSize),
    groupSize: q.granularity === 'tensor' ? q.columns : q.groupSize,
  };
}

/** Rows `start` to `end` of coded rows, of which there are `count`. */
export function codedRowRange(coded: CodedRows, count: number, start: number, end: number): CodedRows {
  const { bits, rowBytes, tableStride } = coded;
  const rows = end - start;
  const planes = new Uint8Array(bits * rows * rowBytes);
  for (let b = 0; b < bits; b++)
    planes.set(
      coded.planes.subarray((b * count + start) * rowBytes, (b * count + end) * rowBytes),
      b * rows * rowBytes,
    );
  const rowLevels = tableStride * 2 ** bits;
  const levels = tableStride === 0 ? coded.levels : coded.levels.slice(start * rowLevels, end * rowLevels);
  return { ...coded, planes, levels };
}

/** The levels as the weight's type holds them, so that codes and the dequantized weight are the same numbers. */
function levelsInType(q: QuantizedTensor): Float32Array {
  const round = halfRounding(q.dtype);
  return round === undefined ? levelsOf(q) : levelsOf(q).map(round);
}

/**
 * Planes of rows × ⌈columns/8⌉ bytes from planes that run through all rows without padding. Row r starts at bit
 * r × columns, so byte j of a row is the upper part of one source byte and the lower part of the next. Spare bits are 0.
 */
export function padRows(planes: Uint8Array, bits: number, rows: number, columns: number): Uint8Array {
  if (columns % 8 === 0) return planes;
  const sourceBytes = planeBytes(rows * columns);
  const rowBytes = Math.ceil(columns / 8);
  const lastMask = (1 << (columns % 8)) - 1;
  const padded = new Uint8Array(bits * rows * rowBytes);
  let to = 0;
  for (let b = 0; b < bits; b++) {
    const plane = planes.subarray(b * sourceBytes, (b + 1) * sourceBytes);
    for (let r = 0; r < rows; r++) {
      let from = (r * columns) >> 3;
      const shift = (r * columns) & 7;
      for (let j = 0; j < rowBytes; j++, from++)
        padded[to++] = (plane[from]! >> shift) | ((plane[from + 1] ?? 0) << (8 - shift));
      padded[to - 1]! &= lastMask;
    }
  }
  return padded;
}
