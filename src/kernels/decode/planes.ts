import type { CodedRows } from '../contract.ts';

/** Columns of a group, one 32-bit word a plane. */
export const GROUP_COLUMNS = 32;

/** Words that `rows` rows of `columns` codes take; whole panels of 4 rows. */
export function codeWords(rows: number, columns: number, bits: number): number {
  return Math.ceil(rows / 4) * 4 * Math.ceil(columns / GROUP_COLUMNS) * bits;
}

/**
 * Writes rows `first .. first+count-1` of the planes as the decoder reads them: words in the order
 * [panel of 4 rows][group of 32 columns][row of the panel][plane].
 * The 32 bits of a group are eight fours of columns; byte j of its word collects bit j of each four, so that
 * splatting a word and masking with 1, 2, 4 … 128 four times each yields the columns in order. Spare bits are 0.
 */
export function arrangePlanes(
  rows: CodedRows,
  rowCount: number,
  columns: number,
  first: number,
  count: number,
  words: Uint32Array,
): void {
  const { bits, planes, rowBytes } = rows;
  const groups = Math.ceil(columns / GROUP_COLUMNS);
  const spare = groups * GROUP_COLUMNS - columns;
  const lastMask = 0xffffffff >>> spare;
  for (let r = 0; r < count; r++) {
    for (let b = 0; b < bits; b++) {
      const start = (b * rowCount + first + r) * rowBytes;
      for (let g = 0; g < groups; g++) {
        let word = 0;
        for (let j = Math.min(4, rowBytes - 4 * g) - 1; j >= 0; j--) {
          word = (word << 8) | planes[start + 4 * g + j];
        }
        if (g === groups - 1) word &= lastMask;
        words[(((r >> 2) * groups + g) * 4 + (r & 3)) * bits + b] = gatherFours(word);
      }
    }
  }
}

/** Bit 4n + j to bit 8j + n, for n < 8 and j < 4: four exchanges of two bits of the index. */
function gatherFours(word: number): number {
  // Index bits are n2 n1 n0 j1 j0 and shall become j1 j0 n2 n1 n0.
  let w = exchange(word, 0x0a0a0a0a, 3); // index bits 2 and 0: n2 n1 j0 j1 n0
  w = exchange(w, 0x00cc00cc, 6); // 3 and 1: n2 j1 j0 n1 n0
  w = exchange(w, 0x0000f0f0, 12); // 4 and 2: j0 j1 n2 n1 n0
  w = exchange(w, 0x0000ff00, 8); // 4 and 3: j1 j0 n2 n1 n0
  return w >>> 0;
}

/** Exchanges the bits under `mask` with those `shift` places higher. */
function exchange(word: number, mask: number, shift: number): number {
  const t = (word ^ (word >>> shift)) & mask;
  return word ^ t ^ (t << shift);
}
