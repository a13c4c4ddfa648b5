import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { type FloatFinish, mapBytes, type SignFinish } from './contract.ts';
import type { HeapSigns } from './heap-signs.ts';
import { CODE_INPUTS, TABLE_SUMS, tablesOf } from './lookup-codes.ts';
import { LANES, lanesOf, tablePlan } from './table-plan.ts';

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
  const { planes, planeBytes: plane, lines, blocks, layout, columns, runs } = tablePlan(shape);
  const channels = finish.kind === 'signs' ? finish.thresholds.length : rows;
  const bytes = mapBytes(channels);
  const groupTables = tablesOf(weights.shape);
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
