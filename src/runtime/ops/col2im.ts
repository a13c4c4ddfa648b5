import { BnnqError } from '../../errors.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import type { Operator } from '../call.ts';
import { numbersOf, shapeText } from '../shapes.ts';
import { elementsOf, zeroOf } from './elements.ts';
import type { OperatorTable } from './operator-table.ts';
import { eachIndex, eachTap, stepsOf, type Window } from './window.ts';

/** Columns [N, C·taps, blocks] added up into images [N, C, …], tap after tap: the adjoint of cutting an image into blocks. */
const col2im: Operator = (call) => {
  const x = call.input(0);
  const image = numbersOf(call.input(1));
  const kernel = numbersOf(call.input(2));
  const rank = image.length;
  const { strides, dilations, padsBegin, padsEnd } = stepsOf(call, rank);
  const blocks = image.map((length, i) => {
    const room = length + padsBegin[i]! + padsEnd[i]! - ((kernel[i]! - 1) * dilations[i]! + 1);
    return Math.max(0, Math.floor(room / strides[i]!) + 1);
  });
  const taps = sizeOf(kernel);
  const [batch = 0, rows = 0, count = 0] = x.shape;
  if (
    x.shape.length !== 3 ||
    kernel.length !== rank ||
    !(taps > 0) ||
    rows % taps !== 0 ||
    count !== sizeOf(blocks)
  )
    throw new BnnqError(
      'mismatch',
      `columns of shape ${shapeText(x.shape)} are not the blocks [${kernel}] of an image [${image}], ${sizeOf(blocks)} of them`,
    );
  const channels = rows / taps;
  const window: Window = { input: image, output: blocks, kernel, strides, dilations, padsBegin, padsEnd };
  const y = call.allocate(x.dtype, [batch, channels, ...image]);
  const from = elementsOf(x);
  const to = elementsOf(y);
  const size = sizeOf(image);
  to.fill(zeroOf(x.dtype));
  if (from.length === 0) return y;
  eachIndex(blocks, (at, block) => {
    eachTap(window, at, (tap, position) => {
      for (let c = 0; c < batch * channels; c++)
        to[c * size + position]! += from[(c * taps + tap) * count + block]!;
    });
  });
  return y;
};

export const COLUMNS_TO_IMAGE: OperatorTable = { Col2Im: { 18: col2im } };
