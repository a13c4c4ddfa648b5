import { BnnqError } from '../../../errors.ts';
import { sizeOf } from '../../../tensor/tensor.ts';
import type { Operator } from '../../call.ts';
import { shapeText, sizeBetween } from '../../shapes.ts';
import type { OperatorTable } from '../operator-table.ts';
import { eachIndex, eachTap, expectElements, windowOf } from '../window.ts';
import { codingOf, encode, expectCodes } from './coding.ts';

/**
 * com.microsoft::QLinearAveragePool: X [N,C,…], x_scale, x_zero, y_scale, y_zero; the code of the mean under each window.
 * @throws unsupported for channels_last, and for counted padding with ceil_mode
 */
const averagePool: Operator = (call) => {
  const x = call.input(0);
  const from = codingOf(call, 1, 2, x.dtype);
  const to = codingOf(call, 3, 4, from.dtype);
  expectCodes(x, from);
  const kernel = call.ints('kernel_shape');
  if (kernel === undefined || x.shape.length < 3)
    throw new BnnqError('mismatch', `a window [${kernel ?? ''}] over ${shapeText(x.shape)}`);
  const countsPadding = call.int('count_include_pad', 0) !== 0;
  if (call.int('channels_last', 0) !== 0) throw new BnnqError('unsupported', 'channels_last');
  if (countsPadding && call.int('ceil_mode', 0) !== 0)
    throw new BnnqError('unsupported', 'counted padding with ceil_mode');
  const window = windowOf(call, x.shape.slice(2), kernel);
  expectElements(window);
  const [batch = 0, channels = 0] = x.shape;
  const y = call.allocate(to.dtype, [batch, channels, ...window.output]);
  const inSize = sizeBetween(x.shape, 2, x.shape.length);
  const outSize = sizeBetween(y.shape, 2, y.shape.length);
  const taps = sizeOf(kernel);
  const [codes, means] = [x.data as Int8Array, y.data as Int8Array];
  eachIndex(window.output, (at, offset) => {
    const seen: number[] = [];
    eachTap(window, at, (_, position) => seen.push(position));
    const count = countsPadding ? taps : seen.length;
    for (let plane = 0; plane < batch * channels; plane++) {
      let sum = -from.zero * seen.length;
      for (const position of seen) sum += codes[plane * inSize + position]!;
      means[plane * outSize + offset] = encode((sum * from.scale) / count, to);
    }
  });
  return y;
};

export const CODED_POOLS: OperatorTable = { QLinearAveragePool: { 1: averagePool } };
