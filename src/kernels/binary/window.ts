import type { Conv2dShape } from '../contract.ts';
import type { Workspace } from '../wasm/workspace.ts';

/** What a window is made of. */
export type WindowShape = Omit<Conv2dShape, 'batch' | 'inChannels' | 'outChannels' | 'groups'>;

/** A window of one pixel, which never leaves a line of any length. */
export const WHOLE: WindowShape = {
  ...{ inHeight: 1, inWidth: 2 ** 30, outHeight: 1, outWidth: 2 ** 30, kernelHeight: 1, kernelWidth: 1 },
  ...{ strideHeight: 1, strideWidth: 1, dilationHeight: 1, dilationWidth: 1, padTop: 0, padLeft: 0 },
};

export const WINDOW_BYTES = 64;

/** Writes a window as the binary reads it, see binary.as.ts. */
export function layOutWindow(workspace: Workspace, at: number, shape: WindowShape, bytes: number): void {
  const { inHeight, inWidth, outHeight, outWidth, kernelHeight, kernelWidth } = shape;
  const { strideHeight, strideWidth, dilationHeight, dilationWidth, padTop, padLeft } = shape;
  new Int32Array(workspace.heap.buffer, at, WINDOW_BYTES / 4).set([
    ...[inHeight, inWidth, bytes / 8, outHeight, outWidth, kernelHeight, kernelWidth],
    ...[strideHeight, strideWidth, dilationHeight, dilationWidth, padTop, padLeft],
  ]);
}
