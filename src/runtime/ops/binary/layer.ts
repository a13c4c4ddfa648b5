import { BnnqError } from '../../../errors.ts';
import { mapBytes } from '../../../kernels/binary/contract.ts';
import type { Conv2dShape, PreparedWeights } from '../../../kernels/contract.ts';
import { THRESHOLDS } from '../../../passes/fused.ts';
import { type SignRows, signsOfRows } from '../../../passes/sign-rows.ts';
import { sizeOf, type Tensor } from '../../../tensor/tensor.ts';
import type { Call, Operator } from '../../call.ts';
import { shapeText } from '../../shapes.ts';
import { transientFloats, withWeights } from '../../weight-rows.ts';
import { convolve } from '../convolution.ts';
import { addAndClamp, epilogueOf, tailOf } from '../epilogue.ts';
import { linearLayer } from '../linear.ts';
import { wholeWindow } from '../map-geometry.ts';
import { conv2dShape, windowOf } from '../window.ts';
import { isMap, ON_MAP, type SignRule, signsOf } from './signs.ts';
import { type Thresholds, thresholdsOf } from './thresholds.ts';

/** What follows from the shapes and the constants of a layer. */
export interface LayerPlan {
  readonly shape: Conv2dShape;
  /** Of the outputs as floats. */
  readonly outputShape: readonly number[];
  /** The size of the weights of each row. */
  readonly alpha: Float32Array;
  /** Absent where outputs are floats, or may have no sign. */
  readonly thresholds: Thresholds | undefined;
}

/** The convolution that the layer is, over a map of this shape. */
export type ShapeOf = (
  call: Call,
  map: readonly number[],
  w: readonly number[],
) => Pick<LayerPlan, 'shape' | 'outputShape'>;

/** Over a map, by the binary kernels; floats, where signs had zeros among them, as in the layer that it was. */
function binaryLayer(shapeOf: ShapeOf, onFloats: (call: Call) => Tensor): Operator {
  return (call) => {
    const x = call.input(0);
    const wantsSigns = call.hasAttribute('signs');
    const rule = wantsSigns
      ? { zero: call.int('signs', 0) === 1, thresholds: call.optional(THRESHOLDS) }
      : undefined;
    const y = isMap(x) ? onMap(call, shapeOf, rule) : onFloats(call);
    if (rule === undefined || isMap(y)) return y;
    const signs = signsOf(call, y, rule);
    call.release(y);
    return signs;
  };
}

/** Signs as a map where the layer is to give them and all have one; else floats. */
function onMap(call: Call, shapeOf: ShapeOf, rule: SignRule | undefined): Tensor {
  const x = call.input(0);
  const w = call.input(1);
  // Plan and weights are first made in one call: the weight is read once for both.
  let rows: SignRows | undefined;
  const signs = (): SignRows => {
    rows ??= signRows(call);
    return rows;
  };
  const plan = call.memo(
    () => planOf(call, signs().sizes, shapeOf(call, x.shape, w.shape), rule),
    ON_MAP,
    x.shape,
    w.shape,
  );
  const { shape, outputShape, alpha, thresholds } = plan;
  const { batch, outChannels, outHeight, outWidth } = shape;
  const y =
    thresholds === undefined
      ? call.allocate('FLOAT', outputShape)
      : call.allocate('UINT8', [batch, outHeight, outWidth, mapBytes(thresholds.thresholds.length)]);
  const pixels = batch * outHeight * outWidth;
  const make = (): PreparedWeights =>
    call.kernels.prepareBinary(signs().negative, {
      ...shape,
      pixels: outHeight * outWidth === 1 ? 1 : pixels,
    });
  const tail = tailOf(call);
  const isWhole = tail.addend === undefined;
  withWeights(w, `binary/${shape.kernelHeight}x${shape.kernelWidth}/${shape.groups}`, make, (weights) => {
    const map = x.data as Uint8Array;
    if (thresholds === undefined) {
      const epilogue = epilogueOf(tail, outChannels, isWhole);
      const out = y.data as Float32Array;
      call.kernels.binaryConv2d(map, weights, shape, { kind: 'floats', y: out, alpha, ...epilogue });
    } else {
      const out = y.data as Uint8Array;
      call.kernels.binaryConv2d(map, weights, shape, { kind: 'signs', y: out, ...thresholds });
    }
  });
  return isWhole ? y : addAndClamp(call, y, tail);
}

/** @param rule absent where floats are wanted */
export function planOf(
  call: Call,
  alpha: Float32Array,
  geometry: Pick<LayerPlan, 'shape' | 'outputShape'>,
  rule: SignRule | undefined,
): LayerPlan {
  const { shape } = geometry;
  const terms = (shape.inChannels / shape.groups) * shape.kernelHeight * shape.kernelWidth;
  const epilogue = epilogueOf(tailOf(call), shape.outChannels, true);
  const thresholds =
    rule === undefined
      ? undefined
      : thresholdsOf(
          { alpha, ...epilogue },
          { terms, isPadded: reachesOut(shape) },
          rule.zero,
          rule.thresholds && boundsOf(rule.thresholds.data as Float32Array, shape.outChannels),
        );
  return { ...geometry, alpha, thresholds };
}

/** One bound for all channels, or one for each, slice by slice. */
function boundsOf(bounds: Float32Array, channels: number): Float32Array {
  return bounds.length === 1 ? new Float32Array(channels).fill(bounds[0]!) : bounds;
}

export function signRows(call: Call): SignRows {
  const w = call.input(1);
  const isRows = w.shape.length !== 2 || call.int('transB', 0) !== 0;
  const found = signsOfRows(transientFloats(w), w.shape, isRows);
  if (found === undefined)
    throw new BnnqError('internal', `a weight of shape ${shapeText(w.shape)} is not one size a row`);
  return found;
}

/** Whether a window reaches into the padding. */
function reachesOut(shape: Conv2dShape): boolean {
  const { padTop, padLeft, inHeight, inWidth, outHeight, outWidth } = shape;
  const bottom = (outHeight - 1) * shape.strideHeight + (shape.kernelHeight - 1) * shape.dilationHeight;
  const right = (outWidth - 1) * shape.strideWidth + (shape.kernelWidth - 1) * shape.dilationWidth;
  return padTop > 0 || padLeft > 0 || bottom - padTop >= inHeight || right - padLeft >= inWidth;
}

export const overImage: ShapeOf = (call, map, w) => {
  const [batch = 0, height = 0, width = 0, bytes] = map;
  const [outChannels = 0, groupChannels = 0, ...kernel] = w;
  const groups = call.int('group', 1);
  const channels = groupChannels * groups;
  const window = windowOf(call, [height, width], kernel);
  const shape = conv2dShape(window, batch, channels, outChannels, groups);
  if (shape === undefined || outChannels % groups !== 0 || mapBytes(channels) !== bytes)
    throw new BnnqError(
      'mismatch',
      `a weight of shape ${shapeText(w)} does not fit signs of shape ${shapeText(map)}`,
    );
  return { shape, outputShape: [batch, outChannels, ...window.output] };
};

/** A matrix sees all of an image in one window. */
export const overAll: ShapeOf = (call, map, w) => {
  const [batch = 0, height = 0, width = 0, bytes] = map;
  const isRows = call.int('transB', 0) !== 0;
  const [rows = 0, columns = 0] = isRows ? w : w.toReversed();
  const channels = columns / Math.max(1, height * width);
  if (!Number.isInteger(channels) || mapBytes(channels) !== bytes)
    throw new BnnqError(
      'mismatch',
      `a matrix of ${columns} columns does not fit signs of shape ${shapeText(map)}`,
    );
  return { shape: wholeWindow(map, channels, rows), outputShape: [batch, rows] };
};

/** bnnq.BinaryConv */
export const binaryConv: Operator = binaryLayer(overImage, (call) => convolve(call, tailOf(call)));

/** bnnq.BinaryLinear */
export const binaryLinear: Operator = binaryLayer(overAll, (call) => {
  const x = call.input(0);
  const [batch = 0, ...rest] = x.shape;
  const flat = call.view(x, [batch, sizeOf(rest)]);
  const y = linearLayer(call, flat, call.input(1), call.int('transB', 0) !== 0, tailOf(call));
  call.release(flat);
  return y;
});
