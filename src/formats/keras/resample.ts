import { roundHalfEven } from '../../tensor/round.ts';
import type { LayerCall } from './layer-call.ts';

/** Taps of one output pixel beyond which an image is not made smaller this way: every tap costs three nodes. */
const MAX_TAPS = 64;

/** Rows or columns of such an image: each has its own weights. */
const MAX_PIXELS = 65536;

/** What output pixel i is made of: the sum over k of weights[k][i] times input pixel indices[k][i]. */
export interface Taps {
  readonly indices: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[];
}

/** Keys's cubic kernel, a = −½. */
function cubic(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

function triangle(x: number): number {
  return Math.max(0, 1 - x);
}

export type Kernel = 'bilinear' | 'bicubic';

const KERNELS: Readonly<Record<Kernel, { kernel: (x: number) => number; radius: number }>> = {
  bilinear: { kernel: triangle, radius: 1 },
  bicubic: { kernel: cubic, radius: 2 },
};

/**
 * Weights of a resize of one axis, sampled at the centres of pixels; with antialiasing the kernel is as wide as the
 * pixels of the output are. The weights of pixels that are there sum to 1 (`scale_and_translate` of TensorFlow and JAX).
 */
export function resizeTaps(from: number, to: number, kind: Kernel, isSmoothed: boolean): Taps | undefined {
  const { kernel, radius } = KERNELS[kind];
  const width = isSmoothed ? Math.max(from / to, 1) : 1;
  return tapsOf(from, to, Math.ceil(2 * radius * width) + 1, (centre) => {
    const first = Math.ceil(centre - radius * width);
    return { first, weight: (pixel) => kernel(Math.abs(centre - pixel) / width) };
  });
}

/** Steps of the table in which TensorFlow looks the cubic kernel up (core/kernels/image/resize_bicubic_op.cc). */
const TABLE_SIZE = 1024;

/** The weights of TensorFlow's bicubic resize: the kernel at distances that are rounded to 1/1024 of a pixel. */
export function tableTaps(from: number, to: number): Taps | undefined {
  return tapsOf(from, to, 4, (centre) => {
    const base = Math.floor(centre);
    const delta = roundHalfEven(Math.fround(centre - base) * TABLE_SIZE) / TABLE_SIZE;
    return { first: base - 1, weight: (pixel) => cubic(Math.abs(base + delta - pixel)) };
  });
}

function tapsOf(
  from: number,
  to: number,
  count: number,
  at: (centre: number) => { first: number; weight: (pixel: number) => number },
): Taps | undefined {
  if (count > MAX_TAPS || to > MAX_PIXELS) return undefined;
  const indices = Array.from({ length: count }, () => new Array<number>(to).fill(0));
  const weights = Array.from({ length: count }, () => new Array<number>(to).fill(0));
  for (let i = 0; i < to; i++) {
    const { first, weight } = at((i + 0.5) * (from / to) - 0.5);
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const pixel = first + k;
      if (pixel < 0 || pixel >= from) continue;
      indices[k]![i] = pixel;
      weights[k]![i] = weight(pixel);
      sum += weights[k]![i]!;
    }
    for (const list of weights) list[i]! /= sum;
  }
  return { indices, weights };
}

/** Resamples one axis of a value: a Gather and a product for each tap, and their sum. @throws unsupported for too many */
export function resample(
  call: LayerCall,
  value: string,
  taps: Taps | undefined,
  axis: number,
  rank: number,
): string {
  if (taps === undefined) throw call.unsupported('an image that large, or one made that much smaller');
  const step = `axis${axis}`;
  const trailing = new Array<number>(rank - 1 - axis).fill(1);
  const parts = taps.indices.map((indices, k) => {
    const taken = call.node('Gather', [value, call.integers(`${step}/indices${k}`, indices)], { axis });
    const weights = taps.weights[k]!;
    return call.node('Mul', [
      taken,
      call.floats(`${step}/weights${k}`, weights, [weights.length, ...trailing]),
    ]);
  });
  return parts.reduce((sum, part) => call.node('Add', [sum, part]));
}
