import { BnnqError } from '../../../errors.ts';
import type { Conv2dShape, PreparedWeights } from '../../../kernels/contract.ts';
import { sizeOf, type Tensor } from '../../../tensor/tensor.ts';
import type { Call, Operator } from '../../call.ts';
import { ConstantTensor } from '../../constants.ts';
import { shapeText } from '../../shapes.ts';
import { withWeights } from '../../weight-rows.ts';
import { type Geometry, geometryOf } from '../convolution.ts';
import type { OperatorTable } from '../operator-table.ts';
import { eachIndex, eachTap } from '../window.ts';
import { requantize } from './requantize.ts';
import { EXACT_SUM, LARGEST_BYTE, single, zerosOf } from './zero-point.ts';

/** Channels `from … to` of every group, whose sums are exact in float32. */
interface Chunk {
  readonly from: number;
  readonly to: number;
  readonly shape: Conv2dShape;
}

interface Plan {
  readonly geometry: Geometry;
  /** Undefined where the kernels have no such convolution, or one channel alone is too much for float32. */
  readonly chunks: readonly Chunk[] | undefined;
}

interface Operands {
  readonly x: Tensor;
  readonly w: Tensor;
  readonly xZero: number;
  readonly wZeros: readonly number[];
  /** Whether the weights and their zero points are constants, so that what is made from them may be kept. */
  readonly isConstant: boolean;
}

function operandsOf(x: Tensor, xZero: Tensor | undefined, w: Tensor, wZero: Tensor | undefined): Operands {
  const xZeros = zerosOf(x, xZero);
  const wZeros = zerosOf(w, wZero);
  if (xZeros.length !== 1) throw new BnnqError('unsupported', 'zero points a channel of the input');
  if (wZeros.length !== 1 && wZeros.length !== w.shape[0])
    throw new BnnqError(
      'mismatch',
      `${wZeros.length} zero points for a weight of shape ${shapeText(w.shape)}`,
    );
  const isConstant = w instanceof ConstantTensor && (wZero === undefined || wZero instanceof ConstantTensor);
  return { x, w, xZero: xZeros[0]!, wZeros, isConstant };
}

function planOf(call: Call, operands: Operands): Plan {
  const { x, w } = operands;
  const geometry = geometryOf(call, x.shape, w.shape);
  const { conv2d, groups } = geometry;
  if (conv2d === undefined || sizeOf(geometry.shape) === 0 || sizeOf(w.shape) === 0)
    return { geometry, chunks: undefined };
  const limit = EXACT_SUM / LARGEST_BYTE;
  const chunks = boundedChannels(operands, limit)?.map(([from, to]) => ({
    from,
    to,
    shape: { ...conv2d, inChannels: (to - from) * groups, isDirect: true },
  }));
  return { geometry, chunks };
}

/** Runs of channels of the weight [M, C, taps…] over which no row's Σ |w − zero| exceeds the limit. */
function boundedChannels({ w, wZeros }: Operands, limit: number): [number, number][] | undefined {
  const [rows = 0, channels = 0] = w.shape;
  const taps = sizeOf(w.shape) / (rows * channels);
  const weights = w.data as Int8Array;
  const sums = new Float64Array(rows);
  const runs: [number, number][] = [];
  let from = 0;
  for (let c = 0; c < channels; c++) {
    const costs = new Float64Array(rows);
    let isOver = false;
    for (let m = 0; m < rows; m++) {
      const zero = wZeros[m % wZeros.length]!;
      const start = (m * channels + c) * taps;
      for (let t = start; t < start + taps; t++) costs[m]! += Math.abs(weights[t]! - zero);
      if (costs[m]! > limit) return undefined;
      sums[m]! += costs[m]!;
      isOver ||= sums[m]! > limit;
    }
    if (!isOver) continue;
    runs.push([from, c]);
    from = c;
    sums.set(costs);
  }
  runs.push([from, channels]);
  return runs;
}

/** Σ (x − x₀)(w − w₀) of every output element, a scratch tensor of whole numbers: INT32, or FLOAT where these are exact. */
function sumsOf(call: Call, operands: Operands): Tensor {
  const { x, w, xZero, wZeros, isConstant } = operands;
  const make = (): Plan => planOf(call, operands);
  const plan = isConstant ? call.memo(make, x.shape, w.shape, wZeros) : make();
  const { geometry, chunks } = plan;
  if (chunks === undefined) return plainSums(call, operands, geometry);
  const total = chunks.length > 1 ? call.allocate('INT32', geometry.shape) : undefined;
  const part = call.allocate('FLOAT', geometry.shape);
  const [batch = 0, , ...spatial] = x.shape;
  chunks.forEach((chunk, i) => {
    const patch = call.allocate('FLOAT', [batch, chunk.shape.inChannels, ...spatial]);
    shiftInput(x, xZero, geometry.groups, chunk, patch);
    withChunkWeights(call, operands, chunk, (weights) => {
      const y = part.data as Float32Array;
      call.kernels.conv2d(patch.data as Float32Array, weights, y, chunk.shape, {});
    });
    call.release(patch);
    if (total !== undefined) addPart(part.data as Float32Array, total.data as Int32Array, i === 0);
  });
  if (total === undefined) return part;
  call.release(part);
  return total;
}

function addPart(part: Float32Array, total: Int32Array, isFirst: boolean): void {
  if (isFirst) for (let i = 0; i < total.length; i++) total[i] = part[i]!;
  else for (let i = 0; i < total.length; i++) total[i] = total[i]! + part[i]!;
}

/** x − zero for the chunk's channels of every group, as floats. */
function shiftInput(x: Tensor, zero: number, groups: number, { from, to }: Chunk, patch: Tensor): void {
  const [batch = 0, channels = 0] = x.shape;
  const size = sizeOf(x.shape) / Math.max(batch * channels, 1);
  const groupChannels = channels / groups;
  const source = x.data as Uint8Array;
  const target = patch.data as Float32Array;
  const count = (to - from) * size;
  let at = 0;
  for (let g = 0; g < batch * groups; g++) {
    const start = (g * groupChannels + from) * size;
    for (let i = start; i < start + count; i++) target[at++] = source[i]! - zero;
  }
}

function withChunkWeights(
  call: Call,
  { w, wZeros, isConstant }: Operands,
  chunk: Chunk,
  use: (weights: PreparedWeights) => void,
): void {
  const { from, to, shape } = chunk;
  const make = (): PreparedWeights => {
    const values = shiftWeight(w, wZeros, from, to);
    return call.kernels.prepareConv2d({ kind: 'float', values }, shape);
  };
  // Another node may use the same weight with other zero points.
  const key = `integer/${shape.groups}/${from}-${to}/${wZeros.join()}`;
  if (isConstant) withWeights(w, key, make, use);
  else {
    const weights = make();
    try {
      use(weights);
    } finally {
      weights.release();
    }
  }
}

/** w − zero for channels `from … to`, rows of floats. */
function shiftWeight(w: Tensor, zeros: readonly number[], from: number, to: number): Float32Array {
  const [rows = 0, channels = 0] = w.shape;
  const taps = sizeOf(w.shape) / (rows * channels);
  const count = (to - from) * taps;
  const data = w.data as Int8Array;
  const values = new Float32Array(rows * count);
  for (let m = 0; m < rows; m++) {
    const zero = zeros[m % zeros.length]!;
    const start = (m * channels + from) * taps;
    for (let i = 0; i < count; i++) values[m * count + i] = data[start + i]! - zero;
  }
  return values;
}

/** The same in plain loops over int32, for any number of axes. */
function plainSums(call: Call, { x, w, xZero, wZeros }: Operands, geometry: Geometry): Tensor {
  const { window, groups, shape } = geometry;
  const y = call.allocate('INT32', shape);
  const inputs = x.data as Int8Array;
  const weights = w.data as Int8Array;
  const to = y.data as Int32Array;
  const [batch = 0, channels = 0] = x.shape;
  const [rows = 0, groupChannels = 0] = w.shape;
  const groupRows = rows / groups;
  const inSize = sizeOf(window.input);
  const outSize = sizeOf(window.output);
  const taps = sizeOf(window.kernel);
  eachIndex(window.output, (at, offset) => {
    const seen: number[] = [];
    eachTap(window, at, (tap, position) => seen.push(tap, position));
    for (let n = 0; n < batch; n++)
      for (let m = 0; m < rows; m++) {
        const wZero = wZeros[m % wZeros.length]!;
        const first = n * channels + Math.floor(m / groupRows) * groupChannels;
        let sum = 0;
        for (let c = 0; c < groupChannels; c++) {
          const plane = (first + c) * inSize;
          const row = (m * groupChannels + c) * taps;
          for (let k = 0; k < seen.length; k += 2)
            sum = (sum + (inputs[plane + seen[k + 1]!]! - xZero) * (weights[row + seen[k]!]! - wZero)) | 0;
        }
        to[(n * rows + m) * outSize + offset] = sum;
      }
  });
  return y;
}

/** INT32 sums of x and w less their zero points. */
const convInteger: Operator = (call) => {
  const operands = operandsOf(call.input(0), call.optional(2), call.input(1), call.optional(3));
  const sums = sumsOf(call, operands);
  if (sums.dtype === 'INT32') return sums;
  const y = call.allocate('INT32', sums.shape);
  (y.data as Int32Array).set(sums.data as Float32Array);
  call.release(sums);
  return y;
};

/** Inputs x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, B: the sums brought to the scale of y. */
const qLinearConv: Operator = (call) => {
  const operands = operandsOf(call.input(0), call.optional(2), call.input(3), call.optional(5));
  const xScale = single(call.input(1), 'input scales');
  const yScale = single(call.input(6), 'output scales');
  const wScale = call.input(4);
  const bias = call.optional(8);
  const yZero = call.optional(7);
  const zero = yZero === undefined ? 0 : single(yZero, 'output zero points');
  const rows = operands.w.shape[0]!;
  if ((sizeOf(wScale.shape) !== 1 && sizeOf(wScale.shape) !== rows) || (bias && sizeOf(bias.shape) !== rows))
    throw new BnnqError(
      'mismatch',
      `weight scales ${shapeText(wScale.shape)} and biases ${shapeText(bias?.shape ?? [])} for ${rows} output channels`,
    );
  const dtype = yZero?.dtype ?? operands.x.dtype;
  if (dtype !== 'INT8' && dtype !== 'UINT8') throw new BnnqError('unsupported', `output of type ${dtype}`);
  const sums = sumsOf(call, operands);
  const y = call.allocate(dtype, sums.shape);
  const count = sizeOf(sums.shape.slice(2));
  const scales = wScale.data as Float32Array;
  const biases = bias?.data as Int32Array | undefined;
  const from = sums.data as Int32Array;
  const to = y.data as Int8Array;
  for (let i = 0, start = 0; start < to.length; i++, start += count) {
    const m = i % rows;
    const factor = Math.fround(Math.fround(xScale * scales[m % scales.length]!) / yScale);
    requantize(from, biases?.[m] ?? 0, factor, zero, dtype, to, start, count);
  }
  call.release(sums);
  return y;
};

export const INTEGER_CONVOLUTIONS: OperatorTable = {
  ConvInteger: { 10: convInteger },
  QLinearConv: { 10: qLinearConv },
};
