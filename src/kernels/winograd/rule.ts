import type { Conv2dShape } from '../contract.ts';

/*
 * Which convolutions are defined by Winograd's algorithm (reference.ts). The two definitions differ in rounding, so the rule
 * is part of the definition: it looks at the shape of one image, never at the batch, the weights' form or the machine.
 *
 * Measured on one image, 4-bit weights, speed ÷ that of the direct kernel: 1.6 to 2 from 8 channels and 8 × 8 outputs on,
 * whatever the number of output channels; 1.2 at 6 × 6 and 9 × 9, where a third of the tiles lie outside; 0.9 at 4 × 4 and
 * 0.6 at 2 × 2, where half of the lanes and more do; 1.2 with 3 channels, as pictures have.
 */
const LEAST_CHANNELS = 8;
const LEAST_HEIGHT = 2;
const LEAST_WIDTH = 6;

/** Whether Winograd's algorithm defines the convolution: 3 × 3, stride and dilation 1, one group, and enough to do. */
export function isWinograd(shape: Conv2dShape): boolean {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = shape;
  return (
    !shape.isDirect &&
    kernelHeight === 3 &&
    kernelWidth === 3 &&
    strideHeight === 1 &&
    strideWidth === 1 &&
    dilationHeight === 1 &&
    dilationWidth === 1 &&
    shape.groups === 1 &&
    shape.inChannels >= LEAST_CHANNELS &&
    shape.outHeight >= LEAST_HEIGHT &&
    shape.outWidth >= LEAST_WIDTH
  );
}
