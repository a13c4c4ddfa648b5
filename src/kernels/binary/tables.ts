import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { type FloatFinish, mapBytes, type SignFinish } from './contract.ts';
import type { HeapSigns } from './heap-signs.ts';
import {
  CODE_INPUTS,
  MOST_LOOKUPS,
  type Run,
  runsOf,
  TABLE_SUMS,
  type TableLayout,
  tablesOf,
} from './lookup-codes.ts';

/** Pixels that a table holds side by side. */
const LANES = 32;
/** Bytes of tables that are made together: with the sums of rows they are to stay in the first-level cache. */
const TOGETHER_BYTES = 24 * 1024;
/** Bytes of a sum at all its places at most: 64 of them in the first-level cache, and within what a code reaches. */
const MOST_SUM_BYTES = 512;
/** The same where a table serves several blocks of pixels, as places of neighbours overlap. Measured: 64 rows 10 % faster. */
const MOST_SHARED_BYTES = 160;
const MOST_BLOCKS = 4;
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
interface Planes {
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
  return { width: outWidth + across, reach, phases, isRead };
}

function phaseOf(shape: Conv2dShape, ky: number, kx: number): number {
  const { strideHeight, strideWidth, dilationHeight, dilationWidth } = shape;
  return ((ky * dilationHeight) % strideHeight) * strideWidth + ((kx * dilationWidth) % strideWidth);
}

/** Pixels of blocks of a number of lines. */
function lanesOf({ width }: Planes, lines: number, outWidth: number): number {
  return Math.ceil(((lines - 1) * width + outWidth) / LANES) * LANES;
}

/** Whether tables are faster than counting. */
export function suitsTables(weights: HeapSigns, shape: Conv2dShape): boolean {
  if (!weights.hasCodes) return false;
  const planes = planesOf(shape);
  const { columns, layout } = layoutOf(shape, planes, 2 ** 20, 1);
  if (layout.sumBytes > MOST_SUM_BYTES) return false;
  const { outHeight, outWidth, outChannels, groups } = shape;
  const rows = outChannels / groups;
  const lookups = rows * layout.taps.length;
  const byTables = columns.length * TABLE_SUMS * CYCLES.make + CYCLES.spread + lookups * CYCLES.lookUp;
  // Pixels of blocks that are none of an image cost as much as others.
  const lanes = lanesOf(planes, outHeight, outWidth);
  const byCounting = lookups * CYCLES.count + (rows * CYCLES.finish) / tablesOf(weights.shape);
  return byTables * lanes < byCounting * outHeight * outWidth;
}

/** A convolution by looking sums up in tables, see tables.as.ts. @param weights with codes */
export function convolveByTables(
  workspace: Workspace,
  map: Uint8Array,
  weights: HeapSigns,
  shape: Conv2dShape,
  finish: SignFinish | FloatFinish,
): void {
  const { batch, inChannels, inHeight, inWidth, outHeight, outWidth, groups } = shape;
  const { rows } = weights;
  const pixelBytes = mapBytes(inChannels);
  const planes = planesOf(shape);
  const planeBytes = (lines: number): number =>
    alignedBytes(lanesOf(planes, lines + planes.reach, planes.width) + (MOST_BLOCKS + 1) * LANES) + 16;
  const fits = (lines: number): boolean => planeBytes(lines) * planes.phases * inChannels <= STRIP_BYTES;
  let lines = outHeight;
  while (lines > 1 && !fits(lines)) lines = Math.ceil(lines / 2);
  const plane = planeBytes(lines);
  const channels = finish.kind === 'signs' ? finish.thresholds.length : rows;
  const bytes = mapBytes(channels);
  const groupTables = tablesOf(weights.shape);
  let blocks = Math.min(MOST_BLOCKS, lanesOf(planes, lines, outWidth) / LANES);
  while (blocks > 1 && layoutOf(shape, planes, plane, blocks).layout.sumBytes > MOST_SHARED_BYTES) blocks--;
  const { layout, columns } = layoutOf(shape, planes, plane, blocks);
  const runs = runsOf(groupTables, layout);
  const floats = finish.kind === 'floats' ? [finish.alpha, finish.scale, finish.bias] : [];
  const lineBytes = Math.ceil(planes.width / 16) * 16 * (pixelBytes + 1);
  const parts = placed([
    ...[layout.together * TABLE_SUMS * layout.sumBytes, blocks * rows * LANES * 2, columns.length * 4],
    ...[groups * groupTables * CODE_INPUTS * 4, (inChannels + 1) * planes.phases * plane, lineBytes],
    ...[channels * 2, channels, LANES * bytes],
  ]);
  const { exports } = workspace;
  workspace.call(finish.y, [map, ...floats], parts.bytes, (y, scratch, [from, alpha, scale, bias]) => {
    const { buffer } = workspace.heap;
    const heap = new Uint8Array(buffer);
    const [tables, sums, columnsAt, offsets, inputs, line, thresholds, flips, signs] = parts.at.map(
      (at) => scratch + at,
    );
    const codes = weights.codesFor(layout);
    new Int32Array(buffer, columnsAt!, columns.length).set(columns);
    layOutInputs(buffer, offsets!, shape, planes.phases * plane);
    // What fills the last table up: inputs of 0.
    const stride = planes.phases * plane;
    new Uint8Array(buffer, inputs! + inChannels * stride, stride).fill(0);
    if (finish.kind === 'signs') layOutThresholds(buffer, finish, thresholds!, flips!);

    /** The inputs of lines of outputs from `first` on. */
    const spread = (image: number, first: number, count: number): void => {
      for (let a = 0; a < shape.strideHeight; a++)
        for (let i = 0; i < count + planes.reach; i++) {
          const h = (first + i) * shape.strideHeight + a - shape.padTop;
          const row = h >= 0 && h < inHeight ? image + h * inWidth * pixelBytes : 0;
          for (let b = 0; b < shape.strideWidth; b++) {
            if (!planes.isRead[a * shape.strideWidth + b]) continue;
            const to = inputs! + (a * shape.strideWidth + b) * plane + i * planes.width;
            const [start, step] = [b - shape.padLeft, shape.strideWidth];
            const words = pixelBytes / 8;
            exports.spreadSigns(
              row,
              inWidth,
              words,
              inChannels,
              start,
              step,
              planes.width,
              to,
              stride,
              line!,
            );
          }
        }
    };

    /** Sums of so many blocks of pixels. */
    const sumUp = (at: number, count: number): void => {
      let code = codes;
      for (let g = 0; g < groups; g++) {
        const own = sums! + (g * rows * LANES * 2) / groups;
        for (let i = 0; i < runs.length; i++) {
          const { table, tables: made, first, count: lookups } = runs[i]!;
          const channels = offsets! + (g * groupTables + table) * CODE_INPUTS * 4;
          if (first === 0)
            exports.makeTables(inputs! + at, channels, made, columnsAt!, columns.length, tables!);
          for (let block = 0; block < count; block++) {
            const [from, to] = [tables! + block * LANES, own + block * rows * LANES * 2];
            exports.addLookups(code, rows / groups, lookups, from, to, i === 0 ? 1 : 0);
          }
          code += (lookups * rows * 2) / groups;
        }
      }
    };

    /** Makes the outputs of a block of an image. */
    const finishBlock = (image: number, first: number, count: number, at: number, own: number): void => {
      if (finish.kind === 'signs')
        exports.signsOfLanes(own, rows, channels, thresholds!, flips!, signs!, bytes / 8);
      eachRun(at, planes.width, outWidth, count, (lane, line, x, length) => {
        const pixel = (image * outHeight + first + line) * outWidth + x;
        if (finish.kind === 'signs') {
          const made = signs! + lane * bytes;
          heap.copyWithin(y + pixel * bytes, made, made + length * bytes);
          return;
        }
        const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = finish;
        const area = outHeight * outWidth;
        const to = y + 4 * (image * (rows - 1) * area + pixel);
        exports.floatsOfLanes(own + lane * 2, rows, length, alpha!, scale!, bias!, low, high, to, area);
      });
    };

    for (let n = 0; n < batch; n++)
      for (let first = 0; first < outHeight; first += lines) {
        const count = Math.min(lines, outHeight - first);
        spread(from! + n * inHeight * inWidth * pixelBytes, first, count);
        const end = lanesOf(planes, count, outWidth);
        for (let at = 0; at < end; at += blocks * LANES) {
          const together = Math.min(blocks, (end - at) / LANES);
          sumUp(at, together);
          for (let block = 0; block < together; block++)
            finishBlock(n, first, count, at + block * LANES, sums! + block * rows * LANES * 2);
        }
      }
  });
}

/** The pixels of a block, a run for each line of outputs: first lane, line, first column, length. */
function eachRun(
  at: number,
  width: number,
  outWidth: number,
  lines: number,
  visit: (lane: number, line: number, x: number, length: number) => void,
): void {
  for (let line = Math.floor(at / width); line < lines && line * width < at + LANES; line++) {
    const start = Math.max(at, line * width);
    const end = Math.min(at + LANES, line * width + outWidth);
    if (start < end) visit(start - at, line, start - line * width, end - start);
  }
}

/** Where channels are from the first one on, in the order of their tables. */
function layOutInputs(buffer: ArrayBuffer, at: number, shape: Conv2dShape, stride: number): void {
  const { inChannels, groups } = shape;
  const channels = inChannels / groups;
  const length = Math.ceil(channels / CODE_INPUTS) * CODE_INPUTS;
  const inputs = new Int32Array(buffer, at, groups * length).fill(inChannels * stride);
  for (let g = 0; g < groups; g++)
    for (let c = 0; c < channels; c++) inputs[g * length + c] = (g * channels + c) * stride;
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

/** Sums have 16 bits, and so have thresholds: those beyond are above or below all sums. */
function layOutThresholds(
  buffer: ArrayBuffer,
  { thresholds, flips }: SignFinish,
  at: number,
  flipsAt: number,
): void {
  const own = new Int16Array(buffer, at, thresholds.length);
  const turned = new Int8Array(buffer, flipsAt, flips.length);
  for (let c = 0; c < thresholds.length; c++) {
    own[c] = Math.min(Math.max(thresholds[c], -0x8000), 0x7fff);
    turned[c] = -flips[c];
  }
}

/** Blocks of scratch one after the other. */
function placed(sizes: readonly number[]): { at: number[]; bytes: number } {
  let bytes = 0;
  const at = sizes.map((size) => {
    const start = bytes;
    bytes += alignedBytes(size);
    return start;
  });
  return { at, bytes };
}
