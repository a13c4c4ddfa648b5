import { BnnqError } from '../../errors.ts';
import type { Conv2dShape } from '../../kernels/contract.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import type { Call } from '../call.ts';
import { expectAtMost, shapeText } from '../shapes.ts';

/** How a window slides over the spatial axes of a convolution or pool; one entry an axis in each list. */
export interface Window {
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padsBegin: readonly number[];
  readonly padsEnd: readonly number[];
}

/** Strides, dilations and pads; `windowOf` changes the pads where auto_pad says so. */
interface Steps {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padsBegin: number[];
  readonly padsEnd: number[];
}

/**
 * The window of a node from its attributes strides, dilations, pads, auto_pad and ceil_mode.
 * @param spatial dimensions of the input after batch and channels
 * @param kernel dimensions of the window
 */
export function windowOf(call: Call, spatial: readonly number[], kernel: readonly number[]): Window {
  const rank = spatial.length;
  if (kernel.length !== rank || !kernel.every((length) => Number.isSafeInteger(length) && length >= 0))
    throw new BnnqError(
      'mismatch',
      `kernel ${shapeText(kernel)} over ${rank} spatial axes ${shapeText(spatial)}`,
    );
  const { strides, dilations, padsBegin, padsEnd } = stepsOf(call, rank);
  const autoPad = call.text('auto_pad', 'NOTSET');
  const isCeil = call.int('ceil_mode', 0) !== 0;
  const output = spatial.map((length, i) => {
    const extent = (kernel[i]! - 1) * dilations[i]! + 1;
    const stride = strides[i]!;
    if (autoPad === 'SAME_UPPER' || autoPad === 'SAME_LOWER') {
      const count = Math.ceil(length / stride);
      const total = Math.max((count - 1) * stride + extent - length, 0);
      padsBegin[i] = autoPad === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
      padsEnd[i] = total - padsBegin[i]!;
      return count;
    }
    if (autoPad === 'VALID') padsBegin[i] = padsEnd[i] = 0;
    const room = length + padsBegin[i]! + padsEnd[i]! - extent;
    if (!isCeil) return Math.max(0, Math.floor(room / stride) + 1);
    const count = Math.ceil(room / stride) + 1;
    // A window that would start in the padding behind the input is left out.
    return (count - 1) * stride >= length + padsBegin[i]! ? count - 1 : count;
  });
  expectAtMost(MAX_POSITIONS, sizeOf(output), `positions of a window ${shapeText(kernel)}`);
  return { input: spatial, output, kernel, strides, dilations, padsBegin, padsEnd };
}

/** Most positions of a window: no output of more is possible in a heap of 4 GiB. */
const MAX_POSITIONS = 2 ** 32;

/** The attributes of a window over that many axes. @throws mismatch unless each has steps above 0 and a pad at both ends */
export function stepsOf(call: Call, rank: number): Steps {
  const strides = call.ints('strides') ?? new Array<number>(rank).fill(1);
  const dilations = call.ints('dilations') ?? new Array<number>(rank).fill(1);
  const pads = call.ints('pads') ?? new Array<number>(2 * rank).fill(0);
  const isStep = (step: number): boolean => Number.isSafeInteger(step) && step > 0;
  const fits = strides.length === rank && dilations.length === rank && pads.length === 2 * rank;
  if (!fits || !strides.every(isStep) || !dilations.every(isStep) || !pads.every(Number.isSafeInteger))
    throw new BnnqError(
      'mismatch',
      `strides [${strides}], dilations [${dilations}] and pads [${pads}] over ${rank} spatial axes`,
    );
  return { strides, dilations, padsBegin: pads.slice(0, rank), padsEnd: pads.slice(rank) };
}

/** The window as the 2-D kernels take it; one spatial axis becomes a height of 1. Undefined for three and more, and for cropping (negative pads). */
export function conv2dShape(
  window: Window,
  batch: number,
  inChannels: number,
  outChannels: number,
  groups: number,
): Conv2dShape | undefined {
  const rank = window.input.length;
  if (rank < 1 || rank > 2 || window.padsBegin.some((pad) => pad < 0)) return undefined;
  const at = (list: readonly number[], axis: 0 | 1, missing: number): number =>
    rank === 2 ? list[axis]! : axis === 0 ? missing : list[0]!;
  return {
    batch,
    inChannels,
    inHeight: at(window.input, 0, 1),
    inWidth: at(window.input, 1, 1),
    outChannels,
    outHeight: at(window.output, 0, 1),
    outWidth: at(window.output, 1, 1),
    kernelHeight: at(window.kernel, 0, 1),
    kernelWidth: at(window.kernel, 1, 1),
    strideHeight: at(window.strides, 0, 1),
    strideWidth: at(window.strides, 1, 1),
    dilationHeight: at(window.dilations, 0, 1),
    dilationWidth: at(window.dilations, 1, 1),
    padTop: at(window.padsBegin, 0, 0),
    padLeft: at(window.padsBegin, 1, 0),
    groups,
  };
}

/** Geometry of a 1×1 convolution over one line, to be completed with channels and width. */
export const POINTWISE: Omit<Conv2dShape, 'inChannels' | 'outChannels' | 'inWidth' | 'outWidth' | 'groups'> =
  {
    batch: 1,
    inHeight: 1,
    outHeight: 1,
    kernelHeight: 1,
    kernelWidth: 1,
    strideHeight: 1,
    strideWidth: 1,
    dilationHeight: 1,
    dilationWidth: 1,
    padTop: 0,
    padLeft: 0,
  };

/** The taps of an axis that lie inside the input at position `index` of the output: from the first up to, not including, the end. */
export function tapsInside(
  window: Window,
  axis: number,
  index: number,
): readonly [first: number, end: number] {
  const start = index * window.strides[axis]! - window.padsBegin[axis]!;
  const dilation = window.dilations[axis]!;
  const first = Math.max(0, Math.ceil(-start / dilation));
  const end = Math.floor((window.input[axis]! - 1 - start) / dilation) + 1;
  return [first, Math.max(first, Math.min(window.kernel[axis]!, end))];
}

/** Throws for a window over padding alone, which has no largest element and no mean. */
export function expectElements(window: Window): void {
  window.output.forEach((count, axis) => {
    for (let i = 0; i < count; i++) {
      const [first, end] = tapsInside(window, axis, i);
      if (first === end)
        throw new BnnqError(
          'unsupported',
          `window ${i} of axis ${axis} holds no element of ${shapeText(window.input)}`,
        );
    }
  });
}

/**
 * Calls `visit(tap, position)` for every tap of the window at output position `at` that lies inside the input, in
 * row-major order; both numbers are row-major offsets.
 */
export function eachTap(
  window: Window,
  at: readonly number[],
  visit: (tap: number, position: number) => void,
): void {
  const rank = at.length;
  const walk = (axis: number, tap: number, position: number): void => {
    if (axis === rank) {
      visit(tap, position);
      return;
    }
    const start = at[axis]! * window.strides[axis]! - window.padsBegin[axis]!;
    const [first, end] = tapsInside(window, axis, at[axis]!);
    for (let k = first; k < end; k++) {
      const p = start + k * window.dilations[axis]!;
      walk(axis + 1, tap * window.kernel[axis]! + k, position * window.input[axis]! + p);
    }
  };
  walk(0, 0, 0);
}

/** Calls `visit(at, offset)` for every index of a shape in row-major order; `at` is changed from call to call. */
export function eachIndex(
  shape: readonly number[],
  visit: (at: readonly number[], offset: number) => void,
): void {
  const total = shape.reduce((product, dim) => product * dim, 1);
  const at = new Array<number>(shape.length).fill(0);
  for (let offset = 0; offset < total; offset++) {
    visit(at, offset);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++at[axis]! < shape[axis]!) break;
      at[axis] = 0;
    }
  }
}
