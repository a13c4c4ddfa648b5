import type { Conv2dShape } from '../contract.ts';
import { paddedSize } from '../conv2d/simd.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';

/** Vectors read a little beyond the last pixel. */
const SPILL = 16;

/** How an image of codes [height, width, channels] lies with its padding. */
export interface Padding {
  /** From a row of pixels to the next. */
  readonly rowBytes: number;
  /** Of a copy with padding; 0 where none is needed. */
  readonly scratchBytes: number;
  /** The address of the image with `fill` around it: the image itself, or a copy in scratch. */
  of(workspace: Workspace, image: number, fill: number, scratch: number): number;
}

/** @param least the size that is needed at least, for kernels that read beyond the last window */
export function padding(shape: Conv2dShape, least: readonly [number, number] = [0, 0]): Padding {
  const { inHeight, inWidth, inChannels, padTop, padLeft } = shape;
  const reached = paddedSize(shape);
  const height = Math.max(reached.paddedHeight, least[0]);
  const width = Math.max(reached.paddedWidth, least[1]);
  const rowBytes = width * inChannels;
  const isPadded = height !== inHeight || width !== inWidth;
  const bytes = height * rowBytes;
  return {
    rowBytes,
    scratchBytes: isPadded ? alignedBytes(bytes + SPILL) : 0,
    of(workspace, image, fill, scratch) {
      if (!isPadded) return image;
      workspace.exports.padCodes(
        image,
        inHeight,
        inWidth * inChannels,
        fill,
        scratch,
        padTop * rowBytes,
        padLeft * inChannels,
        rowBytes,
        bytes,
      );
      return scratch;
    },
  };
}
