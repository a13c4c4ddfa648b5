import { BnnqError } from '../../../errors.ts';
import type { CodedRows, Conv2dShape, PreparedWeights } from '../../../kernels/contract.ts';
import type { CodeFinish, CodeGrid } from '../../../kernels/integer/contract.ts';
import { type FixedFinish, MOST_FIXED } from '../../../kernels/integer/fixed-contract.ts';
import { ADDEND, X_SCALE } from '../../../passes/fused.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import type { Call, Operator } from '../../call.ts';
import { sameShape, shapeText } from '../../shapes.ts';
import { rowsOfColumns, rowsOfFirstAxis, withWeights } from '../../weight-rows.ts';
import { addAndClamp, epilogueOf, isWholeTail, tailOf } from '../epilogue.ts';
import { wholeWindow } from '../map-geometry.ts';
import { conv2dShape, windowOf } from '../window.ts';
import { codesOf, gridOf } from './codes.ts';
import { addTensors } from './fixed.ts';
import { type IntegerLevels, integerLevels } from './levels.ts';
import { fixedPoint, fixedValues } from './requantize.ts';

/** What follows from the shapes and the constants of a layer. */
export interface LayerPlan {
  readonly shape: Conv2dShape;
  /** Of the outputs as floats. */
  readonly outputShape: readonly number[];
  /** What a sum of 1 stands for where the scale of the codes is 1, a row. */
  readonly units: Float64Array;
  /** The same for the scale that codes have; absent where that is a value of the run. */
  readonly alpha: Float32Array | undefined;
  /** Absent where outputs are floats, or codes that fixed-point numbers cannot say. */
  readonly fixed: Omit<CodeFinish, 'kind' | 'y'> | undefined;
  /** Of a layer that gives fixed-point values. */
  readonly trunk: Omit<FixedFinish, 'kind' | 'y' | 'addend'> | undefined;
}

/** The convolution that the layer is, over codes of this shape. */
export type ShapeOf = (
  call: Call,
  map: readonly number[],
  w: readonly number[],
) => Pick<LayerPlan, 'shape' | 'outputShape'>;

/** So many vectors are faster one by one, from packed codes, than together from decoded panels; measured on 4096 × 4096. */
const MOST_VECTORS = 3;

function integerLayer(shapeOf: ShapeOf): Operator {
  return (call) => {
    const x = call.input(0);
    const w = call.input(1);
    const given = givenGrid(call);
    // The zero of a grid of the run may be any.
    const reach = isDynamic(call) ? given.high : Math.max(given.zero, given.high - given.zero);
    // Plan and weights are first made in one call: the weight is read once for both.
    let levels: IntegerLevels | undefined;
    const levelsFor = (shape: Conv2dShape): IntegerLevels => {
      levels ??= integerLevels(codedRowsOf(call), shape.outChannels, columnsOf(shape), reach);
      return levels;
    };
    const plan = call.memo(
      () => {
        const geometry = shapeOf(call, x.shape, w.shape);
        return planOf(call, levelsFor(geometry.shape).units, geometry, given);
      },
      x.shape,
      w.shape,
    );
    const { shape, fixed, trunk } = plan;
    const use = shapeOf === overAll && shape.batch <= MOST_VECTORS ? 'vector' : 'images';
    const make = (): PreparedWeights =>
      call.kernels.prepareInteger(levelsFor(shape).rows, shape, use, given.high);
    let y: Tensor | undefined;
    const key = `integer/${shape.kernelHeight}x${shape.kernelWidth}/${reach}/${given.high}/${use}`;
    withWeights(w, key, make, (weights) => {
      if (trunk !== undefined) y = toFixed(call, plan, given, weights, trunk);
      else if (fixed !== undefined) y = toCodes(call, plan, given, weights, fixed);
      else y = toFloats(call, plan, given, weights);
    });
    return y!;
  };
}

/** Whether scale and zero of the codes are values of the run. */
function isDynamic(call: Call): boolean {
  return call.optional(X_SCALE) !== undefined;
}

function givenGrid(call: Call): CodeGrid {
  const scale = call.optional(X_SCALE);
  const zero = call.optional(X_SCALE + 1);
  if (scale === undefined || zero === undefined) return gridOf(call, 'x_');
  return { scale: Number(scale.data[0]), zero: Number(zero.data[0]), high: 255 };
}

/** What a sum of 1 stands for, a row. */
function alphaOf(units: Float64Array, { scale }: CodeGrid): Float64Array {
  return units.map((unit) => unit * scale);
}

function toCodes(
  call: Call,
  { shape }: LayerPlan,
  { zero }: CodeGrid,
  weights: PreparedWeights,
  fixed: Omit<CodeFinish, 'kind' | 'y'>,
): Tensor {
  const { batch, outHeight, outWidth, outChannels } = shape;
  const y = call.allocate('UINT8', [batch, outHeight, outWidth, outChannels]);
  const codes = call.input(0).data as Uint8Array;
  const finish: CodeFinish = { kind: 'codes', y: y.data as Uint8Array, ...fixed };
  call.kernels.integerConv2d(codes, zero, weights, shape, finish);
  return y;
}

/** Fixed-point values. An addend that has to be repeated, or is larger, is added afterwards. */
function toFixed(
  call: Call,
  { shape }: LayerPlan,
  { zero }: CodeGrid,
  weights: PreparedWeights,
  trunk: NonNullable<LayerPlan['trunk']>,
): Tensor {
  const { batch, outHeight, outWidth, outChannels } = shape;
  const mapShape = [batch, outHeight, outWidth, outChannels];
  const y = call.allocate('INT32', mapShape);
  const other = call.optional(ADDEND);
  const isWhole = other === undefined || sameShape(other.shape, mapShape);
  const addend = isWhole ? (other?.data as Int32Array | undefined) : undefined;
  const bounds = isWhole ? {} : { low: -MOST_FIXED, high: MOST_FIXED };
  const finish: FixedFinish = { kind: 'fixed', y: y.data as Int32Array, ...trunk, ...bounds, addend };
  call.kernels.integerConv2d(call.input(0).data as Uint8Array, zero, weights, shape, finish);
  if (isWhole) return y;
  const sum = addTensors(call, y, other, trunk.low, trunk.high);
  call.release(y);
  return sum;
}

/** Floats, and codes of these where such are wanted after all. */
function toFloats(call: Call, plan: LayerPlan, given: CodeGrid, weights: PreparedWeights): Tensor {
  const { shape, outputShape } = plan;
  const { zero } = given;
  const alpha = plan.alpha ?? new Float32Array(alphaOf(plan.units, given));
  const tail = tailOf(call);
  const isWhole = isWholeTail(tail, outputShape);
  const y = call.allocate('FLOAT', outputShape);
  const epilogue = epilogueOf(tail, shape.outChannels, isWhole);
  const codes = call.input(0).data as Uint8Array;
  const finish = { kind: 'floats', y: y.data as Float32Array, alpha, ...epilogue } as const;
  call.kernels.integerConv2d(codes, zero, weights, shape, finish);
  const floats = isWhole ? y : addAndClamp(call, y, tail);
  if (!call.hasAttribute('y_scale')) return floats;
  const coded = codesOf(call, floats, gridOf(call, 'y_'));
  call.release(floats);
  return coded;
}

/** @param units what a level of 1 stands for, a row, in steps of the codes that are read; @param given these codes */
export function planOf(
  call: Call,
  units: Float64Array,
  geometry: Pick<LayerPlan, 'shape' | 'outputShape'>,
  given: CodeGrid,
): LayerPlan {
  const tail = epilogueOf(tailOf(call), geometry.shape.outChannels, true);
  const isFixed = call.hasAttribute('y_scale') && !isDynamic(call);
  const alpha = alphaOf(units, given);
  const fixed = isFixed ? fixedPoint({ ...tail, alpha }, gridOf(call, 'y_')) : undefined;
  const unit = call.float('y_unit', 0);
  const trunk = unit > 0 ? fixedValues({ ...tail, alpha }, unit) : undefined;
  return { ...geometry, units, alpha: isDynamic(call) ? undefined : new Float32Array(alpha), fixed, trunk };
}

export function codedRowsOf(call: Call): CodedRows {
  const w = call.input(1);
  const isRows = w.shape.length !== 2 || call.int('transB', 0) !== 0;
  const rows = isRows ? rowsOfFirstAxis(w) : rowsOfColumns(w);
  if (rows.kind !== 'coded')
    throw new BnnqError('internal', `a weight of shape ${shapeText(w.shape)} has no codes in rows`);
  return rows;
}

export function columnsOf({ inChannels, groups, kernelHeight, kernelWidth }: Conv2dShape): number {
  return (inChannels / groups) * kernelHeight * kernelWidth;
}

export const overImage: ShapeOf = (call, map, w) => {
  const [batch = 0, height = 0, width = 0, channels = 0] = map;
  const [outChannels = 0, groupChannels = 0, ...kernel] = w;
  const groups = call.int('group', 1);
  const window = windowOf(call, [height, width], kernel);
  const shape = conv2dShape(window, batch, channels, outChannels, groups);
  if (shape === undefined || groupChannels * groups !== channels)
    throw new BnnqError(
      'mismatch',
      `a weight of shape ${shapeText(w)} in ${groups} groups does not fit codes of shape ${shapeText(map)}`,
    );
  return { shape, outputShape: [batch, outChannels, ...window.output] };
};

/** A matrix sees all of an image in one window. */
export const overAll: ShapeOf = (call, map, w) => {
  const [batch = 0, height = 0, width = 0, channels = 0] = map;
  const isRows = call.int('transB', 0) !== 0;
  const [rows = 0, columns = 0] = isRows ? w : w.toReversed();
  if (channels * height * width !== columns)
    throw new BnnqError(
      'mismatch',
      `a matrix of ${columns} columns does not fit codes of shape ${shapeText(map)}`,
    );
  return { shape: wholeWindow(map, channels, rows), outputShape: [batch, rows] };
};

/** bnnq.IntegerConv */
export const integerConv: Operator = integerLayer(overImage);

/** bnnq.IntegerLinear */
export const integerLinear: Operator = integerLayer(overAll);
