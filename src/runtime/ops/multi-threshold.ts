import { BnnqError } from '../../errors.ts';
import type { Operator } from '../call.ts';
import { shapeText, sizeBetween } from '../shapes.ts';

/**
 * MultiThreshold: out_bias + out_scale · the number of thresholds that x is not below. Thresholds are [C, steps] or
 * [1, steps] for all channels. The channel is axis 1 of [N,C] and of [N,C,H,W], the last one with data_layout NHWC and
 * for every other rank.
 */
export const multiThreshold: Operator = (call) => {
  const x = call.input(0);
  const thresholds = call.input(1);
  if (x.dtype !== 'FLOAT' || thresholds.dtype !== 'FLOAT')
    throw new BnnqError(
      'unsupported',
      `elements of type ${x.dtype} and thresholds of ${thresholds.dtype}, expected FLOAT`,
    );
  const layout = call.text('data_layout', 'NCHW');
  if (layout !== 'NCHW' && layout !== 'NHWC')
    throw new BnnqError('unsupported', `data_layout "${layout}": expected NCHW or NHWC`);
  const rank = x.shape.length;
  const axis = layout === 'NCHW' && rank === 4 ? 1 : rank - 1;
  const channels = x.shape[axis] ?? 1;
  const [rows = 0, steps = 0] = thresholds.shape;
  if (thresholds.shape.length !== 2 || (rows !== 1 && rows !== channels))
    throw new BnnqError(
      'mismatch',
      `thresholds of shape ${shapeText(thresholds.shape)} do not fit ${channels} channels`,
    );
  const scale = call.float('out_scale', 1);
  const bias = call.float('out_bias', 0);
  const y = call.allocate('FLOAT', x.shape);
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  const bounds = thresholds.data as Float32Array;
  const outputs = Float32Array.from({ length: steps + 1 }, (_, count) => scale * count + bias);
  const inner = sizeBetween(x.shape, axis + 1, rank);
  for (let start = 0, channel = 0; start < to.length; start += inner) {
    const row = rows === 1 ? 0 : channel * steps;
    for (let i = start; i < start + inner; i++) {
      let count = 0;
      for (let t = row; t < row + steps; t++) if (from[i]! >= bounds[t]!) count++;
      to[i] = outputs[count]!;
    }
    channel = (channel + 1) % channels;
  }
  return y;
};
