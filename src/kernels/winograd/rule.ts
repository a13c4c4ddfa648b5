import type { Conv2dShape } from '../contract.ts';

/** Channels from which on the transforms pay, on either side. Part of the definition: other values give other bits. */
const LEAST_CHANNELS = 16;

export function isWinograd(shape: Conv2dShape): boolean {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = shape;
  return (
    kernelHeight === 3 &&
    kernelWidth === 3 &&
    strideHeight === 1 &&
    strideWidth === 1 &&
    dilationHeight === 1 &&
    dilationWidth === 1 &&
    shape.groups === 1 &&
    shape.inChannels >= LEAST_CHANNELS &&
    shape.outChannels >= LEAST_CHANNELS &&
    shape.outWidth > 1
  );
}
