import { BnnqError } from '../../errors.ts';
import type { Kernels, PreparedWeights } from '../../kernels/contract.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { ConstantTensor } from '../constants.ts';
import { shapeText } from '../shapes.ts';
import { transientFloats, transposeMatrix, withWeights } from '../weight-rows.ts';
import type { OperatorTable } from './operator-table.ts';
import { eachIndex, POINTWISE, stepsOf, type Window } from './window.ts';

interface Geometry {
  readonly groups: number;
  readonly batch: number;
  readonly channels: number;
  readonly outChannels: number;
  /** `input` is that of the node and `output` its output, whichever way the window runs. */
  readonly window: Window;
}

function geometryOf(call: Call, x: readonly number[], w: readonly number[]): Geometry {
  const groups = call.int('group', 1);
  const rank = x.length - 2;
  if (rank < 1 || w.length !== x.length || w[0] !== x[1] || x[1]! % groups !== 0)
    throw new BnnqError(
      'mismatch',
      `a weight of shape ${shapeText(w)} in ${groups} groups does not fit an input of shape ${shapeText(x)}`,
    );
  const { strides, dilations, padsBegin, padsEnd } = stepsOf(call, rank);
  const outputPadding = call.ints('output_padding') ?? new Array<number>(rank).fill(0);
  const outputShape = call.ints('output_shape')?.slice(-rank);
  const autoPad = call.text('auto_pad', 'NOTSET');
  const kernel = w.slice(2);
  const input = x.slice(2);
  if (autoPad === 'VALID') {
    padsBegin.fill(0);
    padsEnd.fill(0);
  }
  const output = input.map((length, i) => {
    const full = (length - 1) * strides[i]! + (kernel[i]! - 1) * dilations[i]! + 1 + outputPadding[i]!;
    const isSame = autoPad === 'SAME_UPPER' || autoPad === 'SAME_LOWER';
    if (outputShape === undefined && !isSame) return full - padsBegin[i]! - padsEnd[i]!;
    const wanted = outputShape?.[i] ?? length * strides[i]!;
    const total = full - wanted;
    // Where the missing elements go is not said: onnxruntime leaves them out, the reference of ONNX puts them in front.
    if (isSame && total < 0)
      throw new BnnqError(
        'unsupported',
        `auto_pad ${autoPad} to ${wanted} elements, of which the window reaches ${full}`,
      );
    const half = Math.floor(Math.max(total, 0) / 2);
    padsBegin[i] = autoPad === 'SAME_UPPER' ? half : Math.max(total, 0) - half;
    padsEnd[i] = total - padsBegin[i]!;
    return wanted;
  });
  return {
    groups,
    batch: x[0]!,
    channels: x[1]!,
    outChannels: w[1]! * groups,
    window: { input, output, kernel, strides, dilations, padsBegin, padsEnd },
  };
}

/**
 * W [C,M/G,…] as the 1×1 convolution that gives every tap of every output channel from the input channels: rows
 * (g, m, tap), columns c.
 */
function prepareTaps(kernels: Kernels, w: Tensor, geometry: Geometry): PreparedWeights {
  const { groups, channels, outChannels, window } = geometry;
  const taps = sizeOf(window.kernel);
  const values = transientFloats(w);
  const rows = new Float32Array(values.length);
  const part = values.length / groups;
  const columns = channels / groups;
  for (let g = 0; g < groups; g++) {
    const group = values.subarray(g * part, (g + 1) * part);
    rows.set(transposeMatrix(group, columns, part / columns), g * part);
  }
  const shape = {
    inChannels: channels,
    outChannels: outChannels * taps,
    kernelHeight: 1,
    kernelWidth: 1,
    groups,
  };
  return kernels.prepareConv2d({ kind: 'float', values: rows }, shape);
}

/**
 * y[m, i·stride − pad + tap·dilation] = Σ over taps in order of Σ over c of x[c, i]·W[c, m, tap], then + bias: a 1×1
 * convolution that gives every tap its plane, and a scatter that adds the planes. The codes of a discretized weight
 * are decoded for the call and not kept.
 */
const convTranspose: Operator = (call) => {
  const x = call.input(0);
  const w = call.input(1);
  const bias = call.optional(2);
  if (x.dtype !== 'FLOAT') throw new BnnqError('unsupported', `transposed convolution of type ${x.dtype}`);
  const geometry = call.memo(() => geometryOf(call, x.shape, w.shape), x.shape, w.shape);
  const { batch, channels, outChannels, groups, window } = geometry;
  const inSize = sizeOf(window.input);
  const outSize = sizeOf(window.output);
  const planes = outChannels * sizeOf(window.kernel);
  const y = call.allocate('FLOAT', [batch, outChannels, ...window.output]);
  const columns = call.allocate('FLOAT', [planes, inSize]);
  const use = (weights: PreparedWeights): void => {
    const shape = {
      ...POINTWISE,
      inChannels: channels,
      outChannels: planes,
      inWidth: inSize,
      outWidth: inSize,
      groups,
    };
    for (let n = 0; n < batch; n++) {
      const from = (x.data as Float32Array).subarray(n * channels * inSize, (n + 1) * channels * inSize);
      call.kernels.conv2d(from, weights, columns.data as Float32Array, shape, {});
      const to = (y.data as Float32Array).subarray(
        n * outChannels * outSize,
        (n + 1) * outChannels * outSize,
      );
      addTaps(columns.data as Float32Array, to, outChannels, window);
      if (bias !== undefined) addBias(to, bias.data as Float32Array, outSize);
    }
  };
  const make = (): PreparedWeights => prepareTaps(call.kernels, w, geometry);
  if (w instanceof ConstantTensor && w.initializer.quantized !== undefined) {
    const weights = make();
    use(weights);
    weights.release();
  } else withWeights(w, `taps/${groups}`, make, use);
  call.release(columns);
  return y;
};

/** Adds the planes of all taps, [channels, taps, input], where they belong in y [channels, output]. */
function addTaps(planes: Float32Array, y: Float32Array, channels: number, window: Window): void {
  const { input, output, kernel, strides, dilations, padsBegin } = window;
  const last = input.length - 1;
  const rowLength = input[last]!;
  const rowLimit = output[last]!;
  const step = strides[last]!;
  const taps = sizeOf(kernel);
  const inSize = sizeOf(input);
  const outSize = sizeOf(output);
  y.fill(0);
  eachIndex(kernel, (tapAt, tap) => {
    const shift = tapAt[last]! * dilations[last]! - padsBegin[last]!;
    // Positions i of the row with 0 ≤ i·step + shift < rowLimit.
    const first = shift >= 0 ? 0 : Math.ceil(-shift / step);
    const end = Math.min(rowLength, Math.ceil((rowLimit - shift) / step));
    eachIndex(input.slice(0, last), (rowAt, row) => {
      let line = 0;
      for (let axis = 0; axis < last; axis++) {
        const p = rowAt[axis]! * strides[axis]! + tapAt[axis]! * dilations[axis]! - padsBegin[axis]!;
        if (p < 0 || p >= output[axis]!) return;
        line = line * output[axis]! + p;
      }
      for (let m = 0; m < channels; m++) {
        const from = (m * taps + tap) * inSize + row * rowLength;
        const to = m * outSize + line * rowLimit + shift;
        for (let i = first; i < end; i++) y[to + i * step]! += planes[from + i]!;
      }
    });
  });
}

function addBias(y: Float32Array, bias: Float32Array, size: number): void {
  for (let m = 0, at = 0; m < bias.length; m++) {
    const b = bias[m]!;
    for (let i = 0; i < size; i++) y[at++]! += b;
  }
}

export const TRANSPOSED_CONVOLUTIONS: OperatorTable = { ConvTranspose: { 1: convTranspose } };
