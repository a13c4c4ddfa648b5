import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';
import { type KernelCall, ownScratch } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { type FloatFinish, mapBytes, type SignFinish } from './contract.ts';
import type { HeapSigns } from './heap-signs.ts';
import { CODE_INPUTS, TABLE_SUMS, tablesOf } from './lookup-codes.ts';
import { LANES, lanesOf, tablePlan } from './table-plan.ts';

/** Products of one bit by one bit in a nanosecond, about. */
const MACS_PER_NS = 200;

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
  const plan = tablePlan(shape);
  const { planes, planeBytes: plane, blocks, layout, columns, runs } = plan;
  const channels = finish.kind === 'signs' ? finish.thresholds.length : rows;
  const bytes = mapBytes(channels);
  const groupTables = tablesOf(weights.shape);
  const floats = finish.kind === 'floats' ? [finish.alpha, finish.scale, finish.bias] : [];
  const lineBytes = Math.ceil(planes.width / 16) * 16 * (pixelBytes + 1);
  const stride = planes.phases * plane;
  const blockBytes = rows * LANES * 2;
  const shared = placed([
    ...[columns.length * 4, groups * groupTables * CODE_INPUTS * 4, runs.length * 16, channels * 2, channels],
  ]);
  const own = placed([
    ...[layout.together * TABLE_SUMS * layout.sumBytes, blocks * blockBytes],
    ...[(inChannels + 1) * stride, lineBytes, LANES * bytes],
  ]);
  const [tables, sums, inputs, line, signs] = own.at.map(ownScratch) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const terms = batch * outHeight * outWidth * rows * weights.columns;
  // Strips of lines, of which each makes its inputs bytes: as many as there are parts of the work.
  const parts = workspace.parts(terms / MACS_PER_NS);
  const lines = Math.min(plan.lines, Math.ceil(outHeight / Math.ceil(parts / batch)));
  const strips = Math.ceil(outHeight / lines);
  const run = (y: number, scratch: number, [from, alpha, scale, bias]: number[]): void => {
    const { buffer } = workspace.heap;
    const [columnsAt, offsets, runsAt, thresholds, flips] = shared.at.map((at) => scratch + at);
    const codes = weights.codesFor(layout);
    new Int32Array(buffer, columnsAt!, columns.length).set(columns);
    const all = runs.flatMap(({ table, tables: made, first, count }) => [table, made, first, count]);
    new Int32Array(buffer, runsAt!, all.length).set(all);
    layOutInputs(buffer, offsets!, shape, stride);
    if (finish.kind === 'signs') layOutThresholds(buffer, finish, thresholds!, flips!);

    /** The inputs of lines of outputs from `first` on. */
    const spread = (task: KernelCall[], image: number, first: number, count: number): void => {
      // What fills the last table up: inputs of 0.
      if ((inChannels / groups) % CODE_INPUTS > 0)
        task.push(['clearBytes', inputs + inChannels * stride, stride]);
      const [words, step, width] = [pixelBytes / 8, shape.strideWidth, planes.width];
      for (let a = 0; a < shape.strideHeight; a++)
        for (let i = 0; i < count + planes.reach; i++) {
          const h = (first + i) * shape.strideHeight + a - shape.padTop;
          const row = h >= 0 && h < inHeight ? image + h * inWidth * pixelBytes : 0;
          for (let b = 0; b < step; b++) {
            const phase = a * step + b;
            const [start, to] = [b - shape.padLeft, inputs + phase * plane + i * width];
            if (planes.isRead[phase])
              task.push([
                'spreadSigns',
                row,
                inWidth,
                words,
                inChannels,
                start,
                step,
                width,
                to,
                stride,
                line,
              ]);
          }
        }
    };

    /** Sums of so many blocks of pixels. */
    const sumUp = (task: KernelCall[], at: number, count: number): void => {
      for (let g = 0; g < groups; g++) {
        const channelsAt = offsets! + g * groupTables * CODE_INPUTS * 4;
        const code = codes + (g * groupTables * layout.taps.length * rows * 2) / groups;
        const [groupRows, to] = [rows / groups, sums + (g * blockBytes) / groups];
        const [x, length] = [inputs + at, columns.length];
        task.push([
          ...(['sumByTables', x, channelsAt, columnsAt!, length, code, runsAt!, runs.length] as const),
          ...([groupRows, tables, to, count, blockBytes] as const),
        ]);
      }
    };

    /** Makes the outputs of so many blocks of an image, of lines from `first` on. */
    const finishBlocks = (
      task: KernelCall[],
      image: number,
      first: number,
      count: number,
      at: number,
      made: number,
    ): void => {
      const area = outHeight * outWidth;
      const place = [at, planes.width, outWidth, count] as const;
      const pixel = image * area + first * outWidth;
      if (finish.kind === 'signs') {
        const rule = [rows, channels, thresholds!, flips!, signs, bytes / 8] as const;
        task.push(['signsOfBlocks', sums, blockBytes, made, ...rule, ...place, y + pixel * bytes]);
        return;
      }
      const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = finish;
      const steps = [rows, alpha!, scale!, bias!, low, high] as const;
      const to = y + 4 * (image * (rows - 1) * area + pixel);
      task.push(['floatsOfBlocks', sums, blockBytes, made, ...steps, ...place, to, area]);
    };

    const taskOf = (unit: number): KernelCall[] => {
      const task: KernelCall[] = [];
      const image = Math.floor(unit / strips);
      const first = (unit % strips) * lines;
      const count = Math.min(lines, outHeight - first);
      spread(task, from! + image * inHeight * inWidth * pixelBytes, first, count);
      const end = lanesOf(planes, count, outWidth);
      for (let at = 0; at < end; at += blocks * LANES) {
        const together = Math.min(blocks, (end - at) / LANES);
        sumUp(task, at, together);
        finishBlocks(task, image, first, count, at, together);
      }
      return task;
    };
    if (parts > 1) workspace.run(Array.from({ length: batch * strips }, (_, unit) => taskOf(unit)));
    else for (let unit = 0; unit < batch * strips; unit++) workspace.run([taskOf(unit)]);
  };
  workspace.call(finish.y, [map, ...floats], shared.bytes, run, own.bytes);
}

/** Where channels are from the first one on, in the order of their tables. */
function layOutInputs(buffer: ArrayBufferLike, at: number, shape: Conv2dShape, stride: number): void {
  const { inChannels, groups } = shape;
  const channels = inChannels / groups;
  const length = Math.ceil(channels / CODE_INPUTS) * CODE_INPUTS;
  const inputs = new Int32Array(buffer, at, groups * length).fill(inChannels * stride);
  for (let g = 0; g < groups; g++)
    for (let c = 0; c < channels; c++) inputs[g * length + c] = (g * channels + c) * stride;
}

/** Sums have 16 bits, and so have thresholds: those beyond are above or below all sums. */
function layOutThresholds(
  buffer: ArrayBufferLike,
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
