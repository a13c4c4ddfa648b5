import { BnnqError } from '../../errors.ts';
import type { Call, Operator } from '../call.ts';
import { expectAtMost, numbersOf, shapeText } from '../shapes.ts';
import type { OperatorTable } from './operator-table.ts';

/** A point of the sampling grid: the four elements around it and their weights. */
type Point = readonly [offsets: readonly number[], weights: readonly number[]];

const NOWHERE: Point = [
  [0, 0, 0, 0],
  [0, 0, 0, 0],
];

function pointAt(y: number, x: number, height: number, width: number): Point {
  if (!(y >= -1 && y <= height && x >= -1 && x <= width)) return NOWHERE;
  const [top, below, low] = neighbours(Math.max(y, 0), height);
  const [left, right, near] = neighbours(Math.max(x, 0), width);
  return [
    [top * width + left, top * width + right, below * width + left, below * width + right],
    [low * near, low * (1 - near), (1 - low) * near, (1 - low) * (1 - near)],
  ];
}

/** The elements on both sides of a position and the weight of the first. */
function neighbours(at: number, length: number): [number, number, number] {
  const low = Math.trunc(at);
  return low >= length - 1 ? [length - 1, length - 1, 1] : [low, low + 1, 1 - (at - low)];
}

interface Region {
  readonly start: number;
  readonly size: number;
  /** Sampling points a bin. */
  readonly points: number;
}

/** Start, extent and sampling points of a region along one axis. Coordinates in float32, as they are given. */
function regionOf(call: Call, low: number, high: number, bins: number, halfPixel: boolean): Region {
  const scale = call.float('spatial_scale', 1);
  const shift = halfPixel ? 0.5 : 0;
  const start = Math.fround(Math.fround(low * scale) - shift);
  const end = Math.fround(Math.fround(high * scale) - shift);
  const extent = Math.fround(end - start);
  // Without the half pixel, regions that are too small count as one element.
  const size = halfPixel ? extent : Math.max(extent, 1);
  const ratio = call.int('sampling_ratio', 0);
  return { start, size, points: Math.max(0, ratio > 0 ? ratio : Math.ceil(size / bins)) };
}

/** Most sampling points of one region, and of one bin of it; a region is a few hundred elements wide, and its coordinates are data. */
const MAX_POINTS = 2 ** 24;
const MAX_BIN_POINTS = 2 ** 20;

/**
 * Regions [R,4] (x1, y1, x2, y2) of a feature map, sampled bilinearly and pooled. `max` takes the largest of the weighted
 * neighbours, not of the interpolated values: the definition of ONNX.
 */
const roiAlign: Operator = (call) => {
  const x = call.input(0);
  const rois = call.input(1);
  const batchOf = numbersOf(call.input(2));
  const [batch = 0, channels = 0, height = 0, width = 0] = x.shape;
  if (
    x.shape.length !== 4 ||
    rois.shape.length !== 2 ||
    rois.shape[1] !== 4 ||
    batchOf.length !== rois.shape[0]
  )
    throw new BnnqError(
      'mismatch',
      `regions ${shapeText(rois.shape)} of ${batchOf.length} images for an input of shape ${shapeText(x.shape)}`,
    );
  for (const image of batchOf)
    if (!(image >= 0 && image < batch))
      throw new BnnqError('mismatch', `image ${image} of a batch of ${batch}`);
  const mode = call.text('mode', 'avg').toLowerCase();
  if (mode !== 'avg' && mode !== 'max') throw new BnnqError('unsupported', `RoiAlign in mode "${mode}"`);
  const convention = call.opset < 16 ? 'output_half_pixel' : 'half_pixel';
  const transform = call.text('coordinate_transformation_mode', convention).toLowerCase();
  if (transform !== 'half_pixel' && transform !== 'output_half_pixel')
    throw new BnnqError('unsupported', `coordinate_transformation_mode "${transform}"`);
  const [rows, columns] = [call.int('output_height', 1), call.int('output_width', 1)];
  const y = call.allocate(x.dtype, [batchOf.length, channels, rows, columns]);
  const from = x.data as Float32Array;
  const corners = rois.data as Float32Array;
  const to = y.data as Float32Array;
  batchOf.forEach((image, r) => {
    const half = transform === 'half_pixel';
    const across = regionOf(call, corners[r * 4]!, corners[r * 4 + 2]!, columns, half);
    const down = regionOf(call, corners[r * 4 + 1]!, corners[r * 4 + 3]!, rows, half);
    const count = down.points * across.points;
    const what = `sampling points in a region of ${down.size} by ${across.size} elements`;
    expectAtMost(MAX_POINTS, count * rows * columns, what);
    expectAtMost(MAX_BIN_POINTS, count, `${what}, in each bin`);
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const points: Point[] = [];
        for (let i = 0; i < down.points; i++)
          for (let j = 0; j < across.points; j++)
            points.push(pointAt(place(down, row, rows, i), place(across, column, columns, j), height, width));
        for (let c = 0; c < channels; c++) {
          const plane = (image * channels + c) * height * width;
          const at = ((r * channels + c) * rows + row) * columns + column;
          to[at] = mode === 'avg' ? averageOf(from, plane, points) : largestOf(from, plane, points);
        }
      }
  });
  return y;
};

/** Position of sampling point `i` of a bin. */
function place({ start, size, points }: Region, bin: number, bins: number, i: number): number {
  return start + (bin * size) / bins + ((i + 0.5) * (size / bins)) / points;
}

function averageOf(from: Float32Array, plane: number, points: readonly Point[]): number {
  let sum = 0;
  for (const [offsets, weights] of points)
    for (let k = 0; k < 4; k++) sum += weights[k]! * from[plane + offsets[k]!]!;
  return sum / Math.max(points.length, 1);
}

function largestOf(from: Float32Array, plane: number, points: readonly Point[]): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const [offsets, weights] of points)
    for (let k = 0; k < 4; k++) largest = Math.max(largest, weights[k]! * from[plane + offsets[k]!]!);
  return points.length === 0 ? 0 : largest;
}

/** Half away from zero, as C's round. */
function roundAway(x: number): number {
  return x < 0 ? -Math.floor(-x + 0.5) : Math.floor(x + 0.5);
}

/** The largest element of every bin of the regions [R,5] (image, x1, y1, x2, y2), whole elements; an empty bin is 0. */
const maxRoiPool: Operator = (call) => {
  const x = call.input(0);
  const rois = call.input(1);
  const [batch = 0, channels = 0, height = 0, width = 0] = x.shape;
  const [rows, columns] = call.ints('pooled_shape') ?? [];
  if (
    x.shape.length !== 4 ||
    rois.shape.length !== 2 ||
    rois.shape[1] !== 5 ||
    rows === undefined ||
    columns === undefined
  )
    throw new BnnqError(
      'mismatch',
      `regions ${shapeText(rois.shape)} for an input of shape ${shapeText(x.shape)}`,
    );
  const scale = call.float('spatial_scale', 1);
  const count = rois.shape[0]!;
  const y = call.allocate(x.dtype, [count, channels, rows, columns]);
  const from = x.data as Float32Array;
  const boxes = rois.data as Float32Array;
  const to = y.data as Float32Array;
  for (let r = 0; r < count; r++) {
    const image = boxes[r * 5]!;
    if (!(image >= 0 && image < batch))
      throw new BnnqError('mismatch', `image ${image} of a batch of ${batch}`);
    const [left, top, right, bottom] = [1, 2, 3, 4].map((k) =>
      roundAway(Math.fround(boxes[r * 5 + k]! * scale)),
    ) as [number, number, number, number];
    const bin = (i: number, low: number, high: number, bins: number, length: number): [number, number] => {
      const size = Math.fround(Math.max(high - low + 1, 1) / bins);
      const cut = (at: number): number => Math.min(Math.max(at + low, 0), length);
      return [cut(Math.floor(Math.fround(i * size))), cut(Math.ceil(Math.fround((i + 1) * size)))];
    };
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < rows * columns; i++) {
        const [rowStart, rowEnd] = bin(Math.floor(i / columns), top, bottom, rows, height);
        const [columnStart, columnEnd] = bin(i % columns, left, right, columns, width);
        let largest = Number.NEGATIVE_INFINITY;
        for (let h = rowStart; h < rowEnd; h++)
          for (let w = columnStart; w < columnEnd; w++)
            largest = Math.max(largest, from[((image * channels + c) * height + h) * width + w]!);
        const isEmpty = rowEnd <= rowStart || columnEnd <= columnStart;
        to[(r * channels + c) * rows * columns + i] = isEmpty ? 0 : largest;
      }
  }
  return y;
};

export const REGION_POOLS: OperatorTable = { RoiAlign: { 10: roiAlign }, MaxRoiPool: { 1: maxRoiPool } };
