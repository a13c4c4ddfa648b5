import { BnnqError } from '../../errors.ts';
import { roundHalfEven } from '../../tensor/round.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import type { Operator } from '../call.ts';
import { numbersOf, shapeText, stridesOf } from '../shapes.ts';
import { allocateAny, elementsOf, zeroOf } from './elements.ts';
import type { OperatorTable } from './operator-table.ts';
import { eachIndex } from './window.ts';

/** Taps of one axis: positions within the input (−1 reads 0) and their weights. */
interface Taps {
  readonly positions: number[];
  readonly weights: number[];
}

/** Where a position of the grid lies on an axis of the input, and what lies outside of it. */
interface Axis {
  readonly length: number;
  readonly alignCorners: boolean;
  readonly padding: string;
  readonly mode: 'nearest' | 'linear' | 'cubic';
}

/** Modes by their names in opset 16 (left) and since opset 20. */
const MODES: Readonly<Record<string, Axis['mode']>> = {
  bilinear: 'linear',
  bicubic: 'cubic',
  linear: 'linear',
  cubic: 'cubic',
  nearest: 'nearest',
};

/** −1 … 1 as a position of the axis, every step rounded to float32 when `round` is Math.fround: ties of `nearest` depend on it. */
function positionOn(n: number, { length, alignCorners }: Axis, round: (x: number) => number): number {
  if (alignCorners) return round(round(round(n + 1) / 2) * (length - 1));
  return round(round(round(round(n + 1) * length) - 1) / 2);
}

/** Mirrors a position at the borders until it lies between them. */
function reflect(x: number, low: number, high: number): number {
  const range = high - low;
  if (!(range > 0)) return low;
  const gap = x < low ? low - x : x > high ? x - high : -1;
  if (gap < 0) return x;
  const turns = Math.floor(gap / range);
  const rest = gap - turns * range;
  return (turns % 2 === 0) === x < low ? low + rest : high - rest;
}

function bordersOf({ length, alignCorners }: Axis): [number, number] {
  return alignCorners ? [0, length - 1] : [-0.5, length - 0.5];
}

/** The element that a whole position reads: −1 for none. */
function elementAt(position: number, axis: Axis): number {
  if (position >= 0 && position < axis.length) return position;
  if (axis.padding === 'zeros') return -1;
  if (axis.padding === 'border') return position > 0 ? axis.length - 1 : 0;
  const [low, high] = bordersOf(axis);
  return Math.min(Math.max(Math.trunc(reflect(position, low, high)), 0), axis.length - 1);
}

/** Cubic convolution (Keys, 1981) with a = −0.75. */
function cubicWeights(x: number): number[] {
  const a = -0.75;
  const far = (t: number): number => ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  const near = (t: number): number => ((a + 2) * t - (a + 3)) * t * t + 1;
  return [far(x + 1), near(x), near(1 - x), far(2 - x)];
}

function tapsOf(n: number, axis: Axis, round: (x: number) => number): Taps {
  let x = positionOn(n, axis, round);
  if (!Number.isFinite(x)) x = -2 * axis.length - 2;
  if (axis.mode === 'nearest') x = roundHalfEven(x);
  const [low, high] = bordersOf(axis);
  if (x < low || x > high) {
    // Cubic taps are held at the border one by one, as PyTorch and onnxruntime do; with the other modes it is the same.
    if (axis.padding === 'border' && axis.mode !== 'cubic') x = Math.min(Math.max(x, 0), axis.length - 1);
    else if (axis.padding === 'reflection') x = round(reflect(x, low, high));
  }
  if (axis.mode === 'nearest') return { positions: [elementAt(Math.trunc(x), axis)], weights: [1] };
  const base = Math.floor(x);
  const rest = x - base;
  const [first, weights] = axis.mode === 'linear' ? [base, [1 - rest, rest]] : [base - 1, cubicWeights(rest)];
  return { positions: weights.map((_, k) => elementAt(first + k, axis)), weights };
}

/** Y[n, c, p] = X[n, c] at the position that the grid names for p, interpolated; ONNX GridSample over any number of axes. */
const gridSample: Operator = (call) => {
  const x = call.input(0);
  const grid = call.input(1);
  const rank = x.shape.length - 2;
  const [batch = 0, channels = 0] = x.shape;
  if (
    rank < 1 ||
    grid.shape.length !== x.shape.length ||
    grid.shape[0] !== batch ||
    grid.shape.at(-1) !== rank
  )
    throw new BnnqError('mismatch', `a grid of shape ${shapeText(grid.shape)} for ${shapeText(x.shape)}`);
  if (call.opset < 20 && rank !== 2)
    throw new BnnqError('unsupported', `GridSample over ${rank} axes before operator set 20`);
  const named = call.text('mode', call.opset < 20 ? 'bilinear' : 'linear');
  const mode = MODES[named];
  if (mode === undefined) throw new BnnqError('unsupported', `GridSample in mode "${named}"`);
  if (mode !== 'nearest' && x.dtype !== 'FLOAT' && x.dtype !== 'DOUBLE')
    throw new BnnqError('unsupported', `GridSample in mode "${named}" of elements of type ${x.dtype}`);
  const padding = call.text('padding_mode', 'zeros');
  if (!['zeros', 'border', 'reflection'].includes(padding))
    throw new BnnqError('unsupported', `GridSample with padding_mode "${padding}"`);
  const alignCorners = call.int('align_corners', 0) !== 0;
  const spatial = x.shape.slice(2);
  const axes = spatial.map((length): Axis => ({ length, alignCorners, padding, mode }));
  const points = grid.shape.slice(1, -1);
  const y = allocateAny(call, x.dtype, [batch, channels, ...points]);
  const from = elementsOf(x);
  const to = elementsOf(y);
  const places = elementsOf(grid);
  const round = grid.dtype === 'DOUBLE' ? (value: number) => value : Math.fround;
  const strides = stridesOf(spatial);
  const inSize = sizeOf(spatial);
  const outSize = sizeOf(points);
  if (inSize === 0 && outSize > 0)
    throw new BnnqError('mismatch', `nothing to sample in ${shapeText(x.shape)}`);
  const zero = zeroOf(x.dtype);
  for (let n = 0; n < batch; n++)
    for (let p = 0; p < outSize; p++) {
      // The grid names the axes in reverse: x, y, z for an input of [depth, height, width].
      const at = (n * outSize + p) * rank;
      const taps = axes.map((axis, i) => tapsOf(places[at + rank - 1 - i]!, axis, round));
      const { offsets, weights } = joined(taps, strides);
      for (let c = 0; c < channels; c++) {
        const plane = (n * channels + c) * inSize;
        const out = (n * channels + c) * outSize + p;
        if (mode === 'nearest') {
          to[out] = offsets.length === 0 ? zero : from[plane + offsets[0]!]!;
          continue;
        }
        let sum = 0;
        for (let k = 0; k < offsets.length; k++) sum += weights[k]! * from[plane + offsets[k]!]!;
        to[out] = sum;
      }
    }
  return y;
};

/** Every combination of the taps of the axes that lies inside: offset in a plane and product of the weights. */
function joined(taps: readonly Taps[], strides: readonly number[]): { offsets: number[]; weights: number[] } {
  let offsets = [0];
  let weights = [1];
  taps.forEach((axis, i) => {
    const next: { offsets: number[]; weights: number[] } = { offsets: [], weights: [] };
    offsets.forEach((offset, j) => {
      axis.positions.forEach((position, k) => {
        if (position < 0) return;
        next.offsets.push(offset + position * strides[i]!);
        next.weights.push(weights[j]! * axis.weights[k]!);
      });
    });
    ({ offsets, weights } = next);
  });
  return { offsets, weights };
}

/** Middle of element `i` of an axis of `length` elements (or, with aligned corners, the element) on −1 … 1. */
function normalized(i: number, length: number, alignCorners: boolean): number {
  return alignCorners ? -1 + (i * 2) / (length - 1) : -1 + (2 * i + 1) / length;
}

/** theta [N,2,3] or [N,3,4] applied to every position (x, y, z, 1) of an image of `size` [N,C,(D,)H,W]. */
const affineGrid: Operator = (call) => {
  const theta = call.input(0);
  const size = numbersOf(call.input(1));
  const alignCorners = call.int('align_corners', 0) !== 0;
  const spatial = size.slice(2);
  const rank = spatial.length;
  const [batch = 0, rows, columns] = theta.shape;
  if ((rank !== 2 && rank !== 3) || rows !== rank || columns !== rank + 1 || size[0] !== batch)
    throw new BnnqError('mismatch', `theta of shape ${shapeText(theta.shape)} for an image of [${size}]`);
  if (alignCorners && spatial.includes(1))
    throw new BnnqError(
      'unsupported',
      `AffineGrid with aligned corners over an axis of one element, [${size}]`,
    );
  const y = call.allocate(theta.dtype, [batch, ...spatial, rank]);
  const from = theta.data as Float32Array;
  const to = y.data as Float32Array;
  if (to.length === 0) return y;
  const points = sizeOf(spatial);
  eachIndex(spatial, (at, point) => {
    const place = at.map((i, axis) => normalized(i, spatial[axis]!, alignCorners)).reverse();
    for (let n = 0; n < batch; n++)
      for (let r = 0; r < rank; r++) {
        const row = (n * rank + r) * (rank + 1);
        let sum = 0;
        for (let k = 0; k < rank; k++) sum += from[row + k]! * place[k]!;
        to[(n * points + point) * rank + r] = sum + from[row + rank]!;
      }
  });
  return y;
};

export const GRID_SAMPLING: OperatorTable = {
  GridSample: { 16: gridSample },
  AffineGrid: { 20: affineGrid },
};
