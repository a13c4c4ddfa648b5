import { BnnqError } from '../../errors.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, numbersOf, sizeBetween, stridesOf } from '../shapes.ts';
import { elementsOf } from './elements.ts';
import { isBig } from './elementwise.ts';
import type { OperatorTable } from './operator-table.ts';
import { type AxisScale, type AxisTaps, axisTaps, type Interpolation } from './resize-axis.ts';
import { eachIndex } from './window.ts';

/** Scales and output dimensions of every axis. */
interface Extent {
  readonly scales: readonly number[];
  readonly shape: readonly number[];
}

function byScales(x: Tensor, axes: readonly number[], given: readonly number[]): Extent {
  expectOnePerAxis('scales', axes, given);
  const scales = x.shape.map(() => 1);
  axes.forEach((axis, i) => {
    scales[axis] = given[i]!;
  });
  return { scales, shape: x.shape.map((dim, i) => Math.floor(dim * scales[i]!)) };
}

function expectOnePerAxis(what: string, axes: readonly number[], given: readonly number[]): void {
  if (given.length !== axes.length || !given.every((value) => value > 0 && Number.isFinite(value)))
    throw new BnnqError('mismatch', `${what} [${given}] for the axes [${axes}]`);
}

/** To given sizes, or as near to them as one common scale allows (keep_aspect_ratio_policy). */
function bySizes(x: Tensor, axes: readonly number[], sizes: readonly number[], policy: string): Extent {
  expectOnePerAxis('sizes', axes, sizes);
  const scales = x.shape.map(() => 1);
  const shape = [...x.shape];
  const ratios = axes.map((axis, i) => sizes[i]! / x.shape[axis]!);
  const common = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  axes.forEach((axis, i) => {
    scales[axis] = policy === 'stretch' ? ratios[i]! : common;
    shape[axis] = policy === 'stretch' ? sizes[i]! : Math.floor(common * x.shape[axis]! + 0.5);
  });
  return { scales, shape };
}

/** Resize of opset 11 and later: inputs X, roi, scales, sizes. */
const resize: Operator = (call) => {
  const x = call.input(0);
  const rank = x.shape.length;
  const axes = call.ints('axes')?.map((axis) => axisOf(axis, rank)) ?? x.shape.map((_, i) => i);
  const scales = call.optional(2);
  const sizes = call.optional(3);
  const policy = call.text('keep_aspect_ratio_policy', 'stretch');
  const hasScales = scales !== undefined && scales.data.length > 0;
  if (!hasScales && sizes === undefined)
    throw new BnnqError('mismatch', 'neither scales nor sizes are given');
  const extent = hasScales
    ? byScales(x, axes, numbersOf(scales))
    : bySizes(x, axes, numbersOf(sizes!), policy);
  const transform = call.text('coordinate_transformation_mode', 'half_pixel');
  const roi = call.optional(1);
  const region = roi === undefined ? [] : numbersOf(roi);
  const half = region.length / 2;
  const scaleOf = (axis: number): AxisScale => {
    const at = axes.indexOf(axis);
    return {
      inLength: x.shape[axis]!,
      outLength: extent.shape[axis]!,
      scale: extent.scales[axis]!,
      transform,
      roi: at >= 0 && half > 0 ? [region[at]!, region[half + at]!] : [0, 1],
    };
  };
  const how: Interpolation = {
    mode: call.text('mode', 'nearest'),
    nearestMode: call.text('nearest_mode', 'round_prefer_floor'),
    cubicA: call.float('cubic_coeff_a', -0.75),
    antialias: call.int('antialias', 0) !== 0,
    excludeOutside: call.int('exclude_outside', 0) !== 0,
  };
  const taps = call.memo(
    () => x.shape.map((_, axis) => axisTaps(scaleOf(axis), how)),
    x.shape,
    extent.shape,
    extent.scales,
    region,
  );
  return interpolate(call, x, extent.shape, taps, how.mode, call.float('extrapolation_value', 0));
};

/** Upsample and the first Resize: position x of the output is x/scale of the input, the nearest one below or linear. */
function upsample(call: Call, scales: readonly number[]): Tensor {
  const x = call.input(0);
  const { shape } = byScales(
    x,
    x.shape.map((_, i) => i),
    scales,
  );
  const how: Interpolation = {
    mode: call.text('mode', 'nearest'),
    nearestMode: 'floor',
    cubicA: 0,
    antialias: false,
    excludeOutside: false,
  };
  const axes = (): AxisTaps[] =>
    x.shape.map((inLength, axis) => {
      const scale = { inLength, outLength: shape[axis]!, scale: scales[axis]!, roi: [0, 1] as const };
      return axisTaps({ ...scale, transform: 'asymmetric' }, how);
    });
  const taps = call.memo(axes, x.shape, scales);
  return interpolate(call, x, shape, taps, how.mode, 0);
}

function interpolate(
  call: Call,
  x: Tensor,
  shape: readonly number[],
  taps: readonly AxisTaps[],
  mode: string,
  extrapolation: number,
): Tensor {
  if (!['nearest', 'linear', 'cubic'].includes(mode) || (mode === 'cubic' && call.opset < 11))
    throw new BnnqError('unsupported', `resizing by mode "${mode}" in operator set ${call.opset}`);
  const isFloat = x.dtype === 'FLOAT' || x.dtype === 'DOUBLE';
  const isSmooth = mode !== 'linear' || call.int('antialias', 0) !== 0;
  if (!isFloat && mode !== 'nearest' && (isSmooth || isBig(x.dtype)))
    throw new BnnqError(
      'unsupported',
      `resizing by mode ${mode}${isSmooth && mode === 'linear' ? ' with antialias' : ''} of elements of type ${x.dtype}`,
    );
  const y = call.allocate(x.dtype, shape);
  if (mode === 'nearest') pick(elementsOf(x), x.shape, elementsOf(y), shape, taps);
  else blend(x, y, taps);
  if (taps.some((axis) => axis.outside.includes(1))) fillOutside(y, taps, extrapolation);
  return y;
}

/** One element of the input for each of the output. */
function pick(
  from: Float32Array,
  inShape: readonly number[],
  to: Float32Array,
  shape: readonly number[],
  taps: readonly AxisTaps[],
): void {
  const last = shape.length - 1;
  const strides = stridesOf(inShape);
  const row = taps[last]!.positions;
  let previous = -1;
  eachIndex(shape.slice(0, last), (at, index) => {
    let base = 0;
    for (let axis = 0; axis < last; axis++) base += taps[axis]!.positions[at[axis]!]! * strides[axis]!;
    const start = index * row.length;
    if (base === previous) {
      to.copyWithin(start, start - row.length, start);
      return;
    }
    previous = base;
    for (let i = 0; i < row.length; i++) to[start + i] = from[base + row[i]!]!;
  });
}

/** Axis after axis in float64, the last result rounded once. */
function blend(x: Tensor, y: Tensor, taps: readonly AxisTaps[]): void {
  let values: ArrayLike<number> = x.data as Float32Array;
  let shape = [...x.shape];
  taps.forEach((axis, i) => {
    if (axis.isIdentity) return;
    const next = shape.with(i, y.shape[i]!);
    values = blendAxis(values, shape, i, axis, next);
    shape = next;
  });
  const to = y.data as Float32Array;
  // A typed array cuts towards zero; float32 first, so that weights like 1/3 that are a hair off still give whole numbers.
  const isInteger = !(to instanceof Float32Array || (to as unknown) instanceof Float64Array);
  for (let i = 0; i < to.length; i++) to[i] = isInteger ? Math.fround(values[i]!) : values[i]!;
}

function blendAxis(
  from: ArrayLike<number>,
  shape: readonly number[],
  axis: number,
  taps: AxisTaps,
  next: readonly number[],
): Float64Array {
  const to = new Float64Array(sizeOf(next));
  const outer = sizeBetween(shape, 0, axis);
  const inLength = shape[axis]!;
  const outLength = next[axis]!;
  const inner = sizeBetween(shape, axis + 1, shape.length);
  const { count, positions, weights } = taps;
  for (let o = 0; o < outer; o++)
    for (let p = 0; p < outLength; p++)
      for (let k = 0; k < count; k++) {
        const weight = weights[p * count + k]!;
        if (weight === 0) continue;
        const source = (o * inLength + positions[p * count + k]!) * inner;
        const target = (o * outLength + p) * inner;
        for (let i = 0; i < inner; i++) to[target + i]! += weight * from[source + i]!;
      }
  return to;
}

function fillOutside(y: Tensor, taps: readonly AxisTaps[], value: number): void {
  const to = elementsOf(y);
  const fill = (isBig(y.dtype) ? BigInt(Math.trunc(value)) : value) as number;
  eachIndex(y.shape, (at, offset) => {
    if (at.some((position, axis) => taps[axis]!.outside[position] === 1)) to[offset] = fill;
  });
}

export const RESIZES: OperatorTable = {
  Resize: { 10: (call) => upsample(call, numbersOf(call.input(1))), 11: resize },
  Upsample: {
    7: (call) => upsample(call, call.ints('scales') ?? []),
    9: (call) => upsample(call, numbersOf(call.input(1))),
  },
};
