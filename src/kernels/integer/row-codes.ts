import type { CodedRows } from '../contract.ts';
import type { IntegerRows, IntegerWeightShape } from './contract.ts';

/** The same codes with columns (channel, tap) in the order (tap, channel), in which a window of codes lies. */
export function inTapOrder(rows: IntegerRows, shape: IntegerWeightShape, columns: number): CodedRows {
  const { bits, planes, rowBytes } = rows;
  const taps = shape.kernelHeight * shape.kernelWidth;
  const channels = columns / taps;
  const rest = {
    kind: 'coded',
    bits,
    levels: new Float32Array(0),
    tableStride: 0,
    groupSize: columns,
  } as const;
  if (taps === 1 || channels === 1) return { ...rest, planes, rowBytes };
  const ownBytes = Math.ceil(columns / 8);
  const ordered = new Uint8Array(bits * shape.outChannels * ownBytes);
  for (let row = 0; row < bits * shape.outChannels; row++) {
    const from = row * rowBytes;
    const to = row * ownBytes;
    for (let tap = 0, column = 0; tap < taps; tap++)
      for (let c = 0, at = tap; c < channels; c++, at += taps, column++)
        ordered[to + (column >> 3)] |= ((planes[from + (at >> 3)] >> (at & 7)) & 1) << (column & 7);
  }
  return { ...rest, planes: ordered, rowBytes: ownBytes };
}

/** Writes the codes of row `row` of `count`, one a byte. */
export function codesOfRow(
  { bits, planes, rowBytes }: Pick<CodedRows, 'bits' | 'planes' | 'rowBytes'>,
  count: number,
  row: number,
  into: Uint8Array,
): void {
  into.fill(0);
  for (let b = 0; b < bits; b++) {
    const start = (b * count + row) * rowBytes;
    for (let c = 0; c < into.length; c++) into[c] |= ((planes[start + (c >> 3)] >> (c & 7)) & 1) << b;
  }
}

/** Σ level of each row. */
export function rowSums(rows: CodedRows, levels: Int16Array, count: number, columns: number): Int32Array {
  const stride = levels.length === 1 << rows.bits ? 0 : 1 << rows.bits;
  const codes = new Uint8Array(columns);
  const sums = new Int32Array(count);
  for (let r = 0; r < count; r++) {
    codesOfRow(rows, count, r, codes);
    for (const code of codes) sums[r] += levels[r * stride + code];
  }
  return sums;
}
