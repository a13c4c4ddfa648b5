import { BnnqError } from '../../errors.ts';

/** How positions of the output map to positions of the input along one axis (ONNX Resize, attribute coordinate_transformation_mode). */
export interface AxisScale {
  readonly inLength: number;
  readonly outLength: number;
  readonly scale: number;
  readonly transform: string;
  /** Start and end of the region for tf_crop_and_resize, as parts of the input. */
  readonly roi: readonly [number, number];
}

/** Position in the input of position `x` of the output. */
function sourcePosition(x: number, axis: AxisScale): number {
  const { inLength, outLength, scale, roi } = axis;
  switch (axis.transform) {
    case 'half_pixel':
      return (x + 0.5) / scale - 0.5;
    case 'pytorch_half_pixel':
      return outLength > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case 'half_pixel_symmetric': {
      const adjustment = outLength / (inLength * scale);
      return (inLength / 2) * (1 - adjustment) + (x + 0.5) / scale - 0.5;
    }
    case 'align_corners':
      // The unrounded length of the output, as in the tests of the standard (where scales make it fractional).
      return outLength > 1 ? (x * (inLength - 1)) / (inLength * scale - 1) : 0;
    case 'asymmetric':
      return x / scale;
    case 'tf_half_pixel_for_nn':
      return (x + 0.5) / scale;
    case 'tf_crop_and_resize': {
      const span = (roi[1] - roi[0]) * (inLength - 1);
      const start = roi[0] * (inLength - 1);
      return start + (outLength > 1 ? (x * span) / (outLength - 1) : span / 2);
    }
  }
  throw new BnnqError('unsupported', `coordinate_transformation_mode "${axis.transform}"`);
}

/** For one axis: which elements of the input make up each element of the output, and by which weights. */
export interface AxisTaps {
  readonly count: number;
  /** [outLength, count] positions within the input. */
  readonly positions: Int32Array;
  /** [outLength, count] */
  readonly weights: Float64Array;
  /** Output positions that lie outside the input (tf_crop_and_resize takes a constant there). */
  readonly outside: Uint8Array;
  /** Every output element is the input element at the same position. */
  readonly isIdentity: boolean;
}

export interface Interpolation {
  readonly mode: string;
  readonly nearestMode: string;
  readonly cubicA: number;
  readonly antialias: boolean;
  readonly excludeOutside: boolean;
}

export function axisTaps(axis: AxisScale, how: Interpolation): AxisTaps {
  const { inLength, outLength } = axis;
  const rows: { first: number; weights: number[] }[] = [];
  const outside = new Uint8Array(outLength);
  for (let x = 0; x < outLength; x++) {
    // In float32, as a scale is: 3.5 / 0.7f − 0.5 shall be the tie 4.5 that was meant.
    const position = Math.fround(sourcePosition(x, axis));
    if (axis.transform === 'tf_crop_and_resize' && (position < 0 || position > inLength - 1)) outside[x] = 1;
    rows.push(tapsAt(position, axis.scale, how));
  }
  const count = Math.max(1, ...rows.map((row) => row.weights.length));
  const positions = new Int32Array(outLength * count);
  const weights = new Float64Array(outLength * count);
  rows.forEach((row, x) => {
    row.weights.forEach((weight, k) => {
      const p = row.first + k;
      const isInside = p >= 0 && p < inLength;
      positions[x * count + k] = Math.min(Math.max(p, 0), inLength - 1);
      weights[x * count + k] = how.excludeOutside && !isInside ? 0 : weight;
    });
    if (how.excludeOutside) normalize(weights.subarray(x * count, (x + 1) * count));
  });
  const isIdentity =
    inLength === outLength &&
    rows.every(
      (row, x) => !outside[x] && row.weights.every((w, k) => (row.first + k === x ? w === 1 : w === 0)),
    );
  return { count, positions, weights, outside, isIdentity };
}

function normalize(weights: Float64Array): void {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  for (let i = 0; i < weights.length; i++) weights[i]! /= sum;
}

/** Taps around a position. A whole position counts as the right end of the gap on its left. */
function tapsAt(position: number, scale: number, how: Interpolation): { first: number; weights: number[] } {
  if (how.mode === 'nearest') return { first: nearest(position, how.nearestMode), weights: [1] };
  const base = Number.isInteger(position) ? position - 1 : Math.floor(position);
  const ratio = position - base;
  const shrink = how.antialias ? Math.min(scale, 1) : 1;
  const radius = how.mode === 'linear' ? 1 : 2;
  const filter = how.mode === 'linear' ? triangle : (x: number) => cubic(x, how.cubicA);
  const first = Math.floor(-radius / shrink) + 1;
  const length = 2 - 2 * first;
  const weights = Array.from({ length }, (_, i) => filter((first + i - ratio) * shrink));
  if (how.antialias) {
    const sum = weights.reduce((total, weight) => total + weight, 0);
    for (let i = 0; i < length; i++) weights[i]! /= sum;
  }
  return { first: base + first, weights };
}

function nearest(position: number, mode: string): number {
  if (Number.isInteger(position)) return position;
  const low = Math.floor(position);
  const rest = position - low;
  switch (mode) {
    case 'floor':
      return low;
    case 'ceil':
      return low + 1;
    case 'round_prefer_floor':
      return rest <= 0.5 ? low : low + 1;
    case 'round_prefer_ceil':
      return rest < 0.5 ? low : low + 1;
  }
  throw new BnnqError('unsupported', `nearest_mode "${mode}"`);
}

function triangle(x: number): number {
  return Math.max(0, 1 - Math.abs(x));
}

/** Cubic convolution (Keys, 1981) with parameter `a`. */
function cubic(x: number, a: number): number {
  const s = Math.abs(x);
  if (s <= 1) return ((a + 2) * s - (a + 3)) * s * s + 1;
  if (s < 2) return ((a * s - 5 * a) * s + 8 * a) * s - 4 * a;
  return 0;
}
