import type { Conv2dShape } from '../contract.ts';
import { alignedBytes } from '../heap.ts';

/** The codes under a window as runs of codes that lie side by side. */
export interface WindowRuns {
  readonly runs: number;
  /** Codes of a run. */
  readonly run: number;
  /** Room for their offsets. */
  readonly offsetsBytes: number;
  /** Writes the offset of each run from the first code of a window, i32. */
  layOut(buffer: ArrayBufferLike, at: number): void;
}

/**
 * Taps side by side in a row of the image are one run of codes.
 * @param rowBytes from a row of the padded image to the next
 */
export function windowRuns(shape: Conv2dShape, rowBytes: number): WindowRuns {
  const { inChannels, kernelHeight, kernelWidth, dilationHeight, dilationWidth } = shape;
  const isRun = dilationWidth === 1;
  const runs = isRun ? kernelHeight : kernelHeight * kernelWidth;
  return {
    runs,
    run: isRun ? kernelWidth * inChannels : inChannels,
    offsetsBytes: alignedBytes(runs * 4),
    layOut(buffer, at) {
      const offsets = new Int32Array(buffer, at, runs);
      for (let i = 0; i < runs; i++) {
        const ky = isRun ? i : Math.floor(i / kernelWidth);
        const kx = isRun ? 0 : i % kernelWidth;
        offsets[i] = ky * dilationHeight * rowBytes + kx * dilationWidth * inChannels;
      }
    },
  };
}
