import { BnnqError } from '../../errors.ts';
import type { Conv2dShape } from '../../kernels/contract.ts';
import type { Call } from '../call.ts';
import { shapeText } from '../shapes.ts';
import { conv2dShape, expectElements, POINTWISE, windowOf } from './window.ts';

/**
 * A pool over a map [N, H, W, last].
 * @param channels that the kernel sees; @param what the map is of, for the message
 */
export function poolOverMap(
  call: Call,
  map: readonly number[],
  channels: number,
  what: string,
): { readonly shape: Conv2dShape; readonly outputShape: readonly number[] } {
  const [batch = 0, height = 0, width = 0, last = 0] = map;
  const window = windowOf(call, [height, width], call.ints('kernel_shape') ?? []);
  expectElements(window);
  const shape = conv2dShape(window, batch, channels, channels, channels);
  if (shape === undefined)
    throw new BnnqError('unsupported', `pads below 0 over ${what} of shape ${shapeText(map)}`);
  return { shape, outputShape: [batch, ...window.output, last] };
}

/** A matrix as a convolution that sees all of an image [N, H, W, …] in one window. */
export function wholeWindow(map: readonly number[], channels: number, rows: number): Conv2dShape {
  const [batch = 0, height = 0, width = 0] = map;
  return {
    ...{ ...POINTWISE, batch, inChannels: channels, outChannels: rows, groups: 1 },
    ...{ inHeight: height, inWidth: width, outHeight: 1, outWidth: 1 },
    ...{ kernelHeight: height, kernelWidth: width },
  };
}
