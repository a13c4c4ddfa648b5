import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import { MOST_LOOKUPS, type Run, runsOf, TABLE_SUMS, type TableLayout, tablesOf } from './lookup-codes.ts';

/** Pixels that a table holds side by side. */
export const LANES = 32;
/** Bytes of tables that are made together: with the sums of rows they are to stay in the first-level cache. */
const TOGETHER_BYTES = 24 * 1024;
/** Bytes of a sum at all its places at most: 64 of them in the first-level cache, and within what a code reaches. */
const MOST_SUM_BYTES = 512;
/** The same where a table serves several blocks of pixels, as places of neighbours overlap. Measured: 64 rows 10 % faster. */
const MOST_SHARED_BYTES = 160;
const MOST_BLOCKS = 4;
/** Of the bytes that tables for each block have: where their places do not overlap, fewer tables fit in the cache for nothing. */
const MOST_SHARED_PART = 0.8;
/** Bytes of the inputs of a strip of output rows: with tables and codes they are to stay in the second-level cache. */
const STRIP_BYTES = 512 * 1024;
/**
 * Cycles, measured on one busy core: to make a sum for 16 places, to look one up for 32 pixels, to make six inputs of 32 pixels bytes; to
 * count what one lookup gives, and to finish 32 sums that were counted.
 */
const CYCLES = { make: 1.1, lookUp: 1.4, spread: 120, count: 3, finish: 96 };

/**
 * Inputs of a convolution as planes of bytes, pixel by pixel. With strides there is a plane for each place in a step (phase), so that
 * outputs that are neighbours read neighbours. A line of a plane is as wide as all that the windows of a line of outputs read: then
 * output (y, x), at y·width + x, finds tap (ky, kx) of its window the same distance away as any other.
 */
export interface Planes {
  readonly width: number;
  /** Lines that a window reaches down beyond its first. */
  readonly reach: number;
  readonly phases: number;
  /** Whether a window reads the phase. */
  readonly isRead: readonly boolean[];
}

function planesOf(shape: Conv2dShape): Planes {
  const { strideHeight, strideWidth, outWidth } = shape;
  const across = Math.floor(((shape.kernelWidth - 1) * shape.dilationWidth) / strideWidth);
  const reach = Math.floor(((shape.kernelHeight - 1) * shape.dilationHeight) / strideHeight);
  const phases = strideHeight * strideWidth;
  const isRead = new Array<boolean>(phases).fill(false);
  for (let ky = 0; ky < shape.kernelHeight; ky++)
    for (let kx = 0; kx < shape.kernelWidth; kx++) isRead[phaseOf(shape, ky, kx)] = true;
  // Even, as offsets in scratch of threads' own are.
  const width = 2 * Math.ceil((outWidth + across) / 2);
  return { width, reach, phases, isRead };
}

function phaseOf(shape: Conv2dShape, ky: number, kx: number): number {
  const { strideHeight, strideWidth, dilationHeight, dilationWidth } = shape;
  return ((ky * dilationHeight) % strideHeight) * strideWidth + ((kx * dilationWidth) % strideWidth);
}

/** Pixels of blocks of a number of lines. */
export function lanesOf({ width }: Planes, lines: number, outWidth: number): number {
  return Math.ceil(((lines - 1) * width + outWidth) / LANES) * LANES;
}

/** How a convolution is computed by tables. */
export interface TablePlan {
  /** Whether that is faster than counting. */
  readonly isFaster: boolean;
  readonly planes: Planes;
  /** Bytes of a plane, from channel to channel `phases` of them. */
  readonly planeBytes: number;
  /** Lines of outputs of a strip. */
  readonly lines: number;
  /** Blocks of pixels that tables are made for. */
  readonly blocks: number;
  readonly layout: TableLayout;
  /** How far from the first pixel each 16 places are. */
  readonly columns: readonly number[];
  /** Lookups of a group. */
  readonly runs: readonly Run[];
}

/** Shapes are made once a layer and size of image. */
const PLANS: WeakMap<Conv2dShape, TablePlan> = new WeakMap();

export function tablePlan(shape: Conv2dShape): TablePlan {
  const known = PLANS.get(shape);
  if (known !== undefined) return known;
  const plan = makePlan(shape);
  PLANS.set(shape, plan);
  return plan;
}

function makePlan(shape: Conv2dShape): TablePlan {
  const { inChannels, outHeight, outWidth } = shape;
  const planes = planesOf(shape);
  const bytesOf = (count: number): number =>
    alignedBytes(lanesOf(planes, count + planes.reach, planes.width) + (MOST_BLOCKS + 1) * LANES) + 16;
  let lines = outHeight;
  while (lines > 1 && bytesOf(lines) * planes.phases * inChannels > STRIP_BYTES) lines = Math.ceil(lines / 2);
  const planeBytes = bytesOf(lines);
  const bytesFor = (count: number): number => layoutOf(shape, planes, planeBytes, count).layout.sumBytes;
  const isShared = (count: number): boolean => {
    const bytes = bytesFor(count);
    return bytes <= MOST_SHARED_BYTES && bytes <= MOST_SHARED_PART * count * bytesFor(1);
  };
  let blocks = Math.min(MOST_BLOCKS, lanesOf(planes, lines, outWidth) / LANES);
  while (blocks > 1 && !isShared(blocks)) blocks--;
  const { layout, columns } = layoutOf(shape, planes, planeBytes, blocks);
  const isFaster = layout.sumBytes <= MOST_SUM_BYTES && isCheaper(shape, planes, layout, blocks);
  const runs = runsOf(tablesOf(shape), layout);
  return { isFaster, planes, planeBytes, lines, blocks, layout, columns, runs };
}

function isCheaper(shape: Conv2dShape, planes: Planes, layout: TableLayout, blocks: number): boolean {
  const { outHeight, outWidth, outChannels, groups } = shape;
  const rows = outChannels / groups;
  const lookups = rows * layout.taps.length;
  const makes = ((layout.sumBytes / 16) * TABLE_SUMS) / blocks;
  const byTables = makes * CYCLES.make + CYCLES.spread + lookups * CYCLES.lookUp;
  // Pixels of blocks that are none of an image cost as much as others.
  const lanes = lanesOf(planes, outHeight, outWidth);
  const byCounting = lookups * CYCLES.count + (rows * CYCLES.finish) / tablesOf(shape);
  return byTables * lanes < byCounting * outHeight * outWidth;
}

/**
 * The places that windows reach from so many blocks of pixels, 16 at a time, and where in them the pixels of each tap begin. The lines of a
 * narrow image overlap, so that they are one stretch.
 */
function layoutOf(
  shape: Conv2dShape,
  planes: Planes,
  plane: number,
  blocks: number,
): { layout: TableLayout; columns: readonly number[] } {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth } = shape;
  const starts: number[] = [];
  for (let ky = 0; ky < kernelHeight; ky++)
    for (let kx = 0; kx < kernelWidth; kx++) {
      const down = Math.floor((ky * shape.dilationHeight) / strideHeight);
      const across = Math.floor((kx * shape.dilationWidth) / strideWidth);
      starts.push(phaseOf(shape, ky, kx) * plane + down * planes.width + across);
    }
  const columns: number[] = [];
  const places = new Map<number, number>();
  let [first, length, end] = [0, 0, Number.NEGATIVE_INFINITY];
  for (const start of starts.toSorted((a, b) => a - b)) {
    if (start > end) [first, length, end] = [start, columns.length, start];
    for (; end < start + blocks * LANES; end += 16) columns.push(end);
    places.set(start, length * 16 + start - first);
  }
  const sumBytes = columns.length * 16;
  const most = Math.floor(TOGETHER_BYTES / (TABLE_SUMS * sumBytes));
  const together = Math.max(1, Math.min(most, Math.floor(MOST_LOOKUPS / starts.length)));
  return { layout: { sumBytes, together, taps: starts.map((start) => places.get(start)!) }, columns };
}
