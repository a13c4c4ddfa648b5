import { BnnqError } from '../../errors.ts';
import type { Conv2dShape } from '../../kernels/contract.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { shapeText } from '../shapes.ts';
import { rowsOfFirstAxis, withWeights } from '../weight-rows.ts';
import { convolveAnyRank } from './convolution-any-rank.ts';
import { addAndClamp, epilogueOf, isWholeTail, type Tail, tailOf } from './epilogue.ts';
import type { OperatorTable } from './operator-table.ts';
import { conv2dShape, type Window, windowOf } from './window.ts';

export interface Geometry {
  readonly window: Window;
  readonly groups: number;
  /** Shape of the output. */
  readonly shape: readonly number[];
  /** For the kernels; absent where they have none (3-D). */
  readonly conv2d: Conv2dShape | undefined;
}

/** How a convolution of the node lies over an input and a weight of these shapes. */
export function geometryOf(call: Call, x: readonly number[], w: readonly number[]): Geometry {
  const groups = call.int('group', 1);
  const [batch = 0, channels = 0] = x;
  const [outChannels = 0, groupChannels = 0] = w;
  if (
    x.length < 3 ||
    w.length !== x.length ||
    groupChannels * groups !== channels ||
    outChannels % groups !== 0
  )
    throw new BnnqError(
      'mismatch',
      `a weight of shape ${shapeText(w)} in ${groups} groups does not fit an input of shape ${shapeText(x)}`,
    );
  const window = windowOf(call, x.slice(2), w.slice(2));
  return {
    window,
    groups,
    shape: [batch, outChannels, ...window.output],
    conv2d: conv2dShape(window, batch, channels, outChannels, groups),
  };
}

/** X [N,C,…] with W [M,C/groups,…]; 1-D and 2-D by the kernels, more axes and DOUBLE by plain loops. */
export function convolve(call: Call, tail: Tail): Tensor {
  const x = call.input(0);
  const w = call.input(1);
  const geometry = call.memo(() => geometryOf(call, x.shape, w.shape), x.shape, w.shape);
  const { conv2d, groups } = geometry;
  const isWhole = isWholeTail(tail, geometry.shape);
  let y: Tensor;
  if (conv2d !== undefined && x.dtype === 'FLOAT') {
    y = call.allocate('FLOAT', geometry.shape);
    const out = y;
    withWeights(
      w,
      `conv2d/${groups}`,
      () => call.kernels.prepareConv2d(rowsOfFirstAxis(w), conv2d),
      (weights) => {
        const epilogue = epilogueOf(tail, conv2d.outChannels, isWhole);
        call.kernels.conv2d(x.data as Float32Array, weights, out.data as Float32Array, conv2d, epilogue);
      },
    );
  } else {
    y = call.allocate(x.dtype, geometry.shape);
    const epilogue = epilogueOf(tail, geometry.shape[1]!, isWhole);
    convolveAnyRank(x, w, y, geometry.window, groups, epilogue);
  }
  return isWhole ? y : addAndClamp(call, y, tail);
}

const conv: Operator = (call) => convolve(call, { bias: call.optional(2) });

const fusedConv: Operator = (call) => convolve(call, tailOf(call));

export const CONVOLUTIONS: OperatorTable = { Conv: { 1: conv } };

export const FUSED_CONVOLUTIONS: OperatorTable = { Conv: { 1: fusedConv } };
