import { alignedBytes } from '../heap.ts';
import type { KernelCall } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';
import type { CodeFinish, PlaneFinish, SumFinish } from './contract.ts';
import type { FixedFinish } from './fixed-contract.ts';

/** What becomes of the sums of a layer. */
export interface Finisher {
  /** Inputs besides the codes. */
  readonly arrays: readonly (Float32Array | Int32Array | undefined)[];
  readonly scratchBytes: number;
  /** Lays out in scratch what `run` reads. */
  prepare(scratch: number): void;
  /** The call that finishes rows from `row` on of pixels of image n, whose sums start at `sums`. */
  call(
    sums: number,
    row: number,
    rows: number,
    n: number,
    first: number,
    count: number,
    y: number,
    scratch: number,
    arrays: number[],
  ): KernelCall;
}

/**
 * @param line bytes from the sums of a pixel to those of the next
 * @param plane pixels of an image of y [batch, rows, plane]; 1 where pixels are the images
 */
export function finisher(
  workspace: Workspace,
  finish: SumFinish,
  rows: number,
  line: number,
  plane: number,
): Finisher {
  if (finish.kind === 'fixed') return toFixed(workspace, finish, rows, line, plane);
  return finish.kind === 'codes'
    ? toCodes(workspace, finish, rows, line, plane)
    : toFloats(finish, rows, line, plane);
}

function toCodes(
  workspace: Workspace,
  { multipliers, offsets, low, high }: CodeFinish,
  allRows: number,
  line: number,
  plane: number,
): Finisher {
  const offsetsAt = alignedBytes(allRows * 4 + 32);
  return {
    arrays: [],
    scratchBytes: offsetsAt + alignedBytes(allRows * 8 + 64),
    prepare(scratch) {
      const { buffer } = workspace.heap;
      new Int32Array(buffer, scratch, allRows).set(multipliers);
      new BigInt64Array(buffer, scratch + offsetsAt, allRows).set(offsets);
    },
    call: (sums, row, rows, n, first, count, y, scratch) => [
      'codesOfSums',
      sums,
      line,
      rows,
      count,
      scratch + row * 4,
      scratch + offsetsAt + row * 8,
      low,
      high,
      y + (n * plane + first) * allRows + row,
      allRows,
    ],
  };
}

function toFixed(
  workspace: Workspace,
  { multipliers, offsets, limits, shift, addend, low, high }: FixedFinish,
  allRows: number,
  line: number,
  plane: number,
): Finisher {
  const limitsAt = alignedBytes(allRows * 4 + 32);
  const offsetsAt = 2 * limitsAt;
  return {
    arrays: [addend],
    scratchBytes: offsetsAt + alignedBytes(allRows * 8 + 64),
    prepare(scratch) {
      const { buffer } = workspace.heap;
      new Int32Array(buffer, scratch, allRows).set(multipliers);
      new Int32Array(buffer, scratch + limitsAt, allRows).set(limits);
      new BigInt64Array(buffer, scratch + offsetsAt, allRows).set(offsets);
    },
    call(sums, row, rows, n, first, count, y, scratch, arrays) {
      const place = 4 * ((n * plane + first) * allRows + row);
      const add = arrays[0]! && arrays[0]! + place;
      const own = [scratch + row * 4, scratch + offsetsAt + row * 8, scratch + limitsAt + row * 4, shift];
      return ['fixedOfSums', sums, line, rows, count, ...own, low, high, add, y + place, allRows * 4];
    },
  };
}

function toFloats(finish: PlaneFinish, allRows: number, line: number, plane: number): Finisher {
  const { alpha, scale, bias, addend } = finish;
  const low = finish.low ?? Number.NEGATIVE_INFINITY;
  const high = finish.high ?? Number.POSITIVE_INFINITY;
  return {
    arrays: [alpha, scale, bias, addend],
    scratchBytes: 0,
    prepare() {},
    call(sums, row, rows, n, first, count, y, _scratch, arrays) {
      const [a, s, b] = arrays.slice(0, 3).map((at) => at && at + row * 4) as [number, number, number];
      const place =
        plane === 1 ? 4 * ((n + first) * allRows + row) : 4 * ((n * allRows + row) * plane + first);
      const add = arrays[3]! && arrays[3]! + place;
      const [name, step] =
        plane === 1 ? (['rowsOfSums', allRows * 4] as const) : (['planesOfSums', plane] as const);
      return [name, sums, line, rows, count, a, s, b, add, low, high, y + place, step];
    },
  };
}
