import { BnnqError } from '../../errors.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { shapeText } from '../shapes.ts';
import type { OperatorTable } from './operator-table.ts';
import { type Window, windowOf } from './window.ts';

interface Geometry {
  readonly window: Window;
  readonly groups: number;
  readonly offsetGroups: number;
  readonly shape: readonly number[];
}

function geometryOf(call: Call, x: Tensor, w: Tensor, offset: Tensor, mask: Tensor | undefined): Geometry {
  if (x.shape.length !== 4)
    throw new BnnqError(
      'unsupported',
      `DeformConv of an input of shape ${shapeText(x.shape)}, [N,C,H,W] is known`,
    );
  const groups = call.int('group', 1);
  const offsetGroups = call.int('offset_group', 1);
  const [batch, channels, ,] = x.shape as [number, number, number, number];
  const window = windowOf(call, x.shape.slice(2), w.shape.slice(2));
  const taps = sizeOf(window.kernel);
  const fits =
    w.shape.length === 4 &&
    w.shape[1]! * groups === channels &&
    w.shape[0]! % groups === 0 &&
    channels % offsetGroups === 0;
  const offsets = [batch, offsetGroups * taps * 2, ...window.output];
  const masks = [batch, offsetGroups * taps, ...window.output];
  if (
    !fits ||
    offset.shape.join() !== offsets.join() ||
    (mask !== undefined && mask.shape.join() !== masks.join())
  )
    throw new BnnqError(
      'mismatch',
      `weight ${shapeText(w.shape)} in ${groups} groups and offsets ${shapeText(offset.shape)} in ${offsetGroups} groups do not fit ${shapeText(x.shape)}, offsets of ${shapeText(offsets)} are expected`,
    );
  return { window, groups, offsetGroups, shape: [batch, w.shape[0]!, ...window.output] };
}

/** Bilinear value at (h, w) of the plane that starts at `start`; what lies outside is 0. */
function sample(
  from: ArrayLike<number>,
  start: number,
  height: number,
  width: number,
  h: number,
  w: number,
): number {
  if (!(h > -1 && w > -1 && h < height && w < width)) return 0;
  const top = Math.floor(h);
  const left = Math.floor(w);
  const [below, right] = [h - top, w - left];
  let sum = 0;
  for (const [row, rowWeight] of [
    [top, 1 - below],
    [top + 1, below],
  ] as const) {
    if (row < 0 || row >= height) continue;
    const line = start + row * width;
    if (left >= 0) sum += rowWeight * (1 - right) * from[line + left]!;
    if (left + 1 < width) sum += rowWeight * right * from[line + left + 1]!;
  }
  return sum;
}

/**
 * A convolution whose taps are moved by `offset` [N, groups·taps·(h, w), …] and weighted by `mask` [N, groups·taps, …].
 * Sampled values are rounded to float32, products are summed in float64 over (channel, tap), then + bias.
 */
const deformConv: Operator = (call) => {
  const [x, w, offset] = [call.input(0), call.input(1), call.input(2)];
  const bias = call.optional(3);
  const mask = call.optional(4);
  const { window, groups, offsetGroups, shape } = geometryOf(call, x, w, offset, mask);
  const [batch, outChannels, outHeight, outWidth] = shape as [number, number, number, number];
  const [, channels, height, width] = x.shape as [number, number, number, number];
  const [kernelHeight = 1, kernelWidth = 1] = window.kernel;
  const taps = kernelHeight * kernelWidth;
  const outSize = outHeight * outWidth;
  const y = call.allocate(x.dtype, shape);
  const from = x.data as Float32Array;
  const weights = w.data as Float32Array;
  const moves = offset.data as Float32Array;
  const masks = mask?.data as Float32Array | undefined;
  const biases = bias?.data as Float32Array | undefined;
  const to = y.data as Float32Array;
  const perGroup = channels / groups;
  const column = new (to.constructor as Float64ArrayConstructor)(channels * taps);
  for (let n = 0; n < batch; n++)
    for (let p = 0; p < outSize; p++) {
      const startH = Math.floor(p / outWidth) * window.strides[0]! - window.padsBegin[0]!;
      const startW = (p % outWidth) * window.strides[1]! - window.padsBegin[1]!;
      for (let c = 0; c < channels; c++) {
        const first = (n * offsetGroups + Math.floor(c / (channels / offsetGroups))) * taps;
        for (let tap = 0; tap < taps; tap++) {
          const at = (first + tap) * 2 * outSize + p;
          const h = startH + Math.floor(tap / kernelWidth) * window.dilations[0]! + moves[at]!;
          const v = startW + (tap % kernelWidth) * window.dilations[1]! + moves[at + outSize]!;
          const value = sample(from, (n * channels + c) * height * width, height, width, h, v);
          column[c * taps + tap] = masks === undefined ? value : value * masks[(first + tap) * outSize + p]!;
        }
      }
      for (let m = 0; m < outChannels; m++) {
        const start = Math.floor(m / (outChannels / groups)) * perGroup * taps;
        let sum = 0;
        for (let k = 0; k < perGroup * taps; k++)
          sum += weights[m * perGroup * taps + k]! * column[start + k]!;
        to[(n * outChannels + m) * outSize + p] = sum + (biases?.[m] ?? 0);
      }
    }
  return y;
};

export const DEFORMABLE_CONVOLUTIONS: OperatorTable = { DeformConv: { 19: deformConv } };
