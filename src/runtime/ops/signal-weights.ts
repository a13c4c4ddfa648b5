import { BnnqError } from '../../errors.ts';
import { expm1 } from '../../kernels/math/exp.ts';
import { log1p } from '../../kernels/math/log.ts';
import { cos, sin } from '../../kernels/math/trigonometry.ts';
import { dataTypeOf } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { expectAtMost, numberOf } from '../shapes.ts';
import { halfRounding, heldType } from '../widen.ts';
import { setNumber } from './generation.ts';
import type { OperatorTable } from './operator-table.ts';

const { PI, LN10: LN_10 } = Math;

/** A tensor of the type that the attribute `output_datatype` names, from numbers: whole types cut towards zero. */
function ofNamedType(call: Call, shape: readonly number[], values: (at: number) => number): Tensor {
  const number = call.int('output_datatype', 1);
  const dtype = dataTypeOf(number);
  if (dtype === undefined || dtype === 'STRING' || dtype === 'BOOL')
    throw new BnnqError('unsupported', `output_datatype ${number}`);
  const y = call.allocate(heldType(dtype), shape);
  const isFloat = y.dtype === 'FLOAT' || dtype === 'DOUBLE';
  const round = halfRounding(dtype) ?? ((value: number) => (isFloat ? value : Math.trunc(value)));
  for (let i = 0; i < y.data.length; i++) setNumber(y, i, round(values(i)));
  return y;
}

/** A window of `size` values f(2π·n/N), N = size for a periodic one and size − 1 for a symmetric one. */
const window =
  (f: (angle: number) => number): Operator =>
  (call) => {
    const size = numberOf(call.input(0));
    if (!Number.isSafeInteger(size) || size < 0)
      throw new BnnqError('mismatch', `a window of ${size} values`);
    const period = call.int('periodic', 1) !== 0 ? size : size - 1;
    return ofNamedType(call, [size], (n) => f((2 * PI * n) / period));
  };

/** sin²(a/2). */
function hann(angle: number): number {
  const s = sin(angle / 2);
  return s * s;
}

/** 25/46 − 21/46·cos a: the exact coefficients, of which .54 and .46 are roundings. */
function hamming(angle: number): number {
  return 25 / 46 - (21 / 46) * cos(angle);
}

function blackman(angle: number): number {
  return 0.42 - 0.5 * cos(angle) + 0.08 * cos(2 * angle);
}

/** Frequency in hertz on the mel scale and back: 2595·log₁₀(1 + f/700). */
function melOf(hertz: number): number {
  return (2595 * log1p(hertz / 700)) / LN_10;
}

function hertzOf(mel: number): number {
  return 700 * expm1((mel / 2595) * LN_10);
}

/** Most triangles; filter banks have some hundred. */
const MAX_BINS = 2 ** 20;

/** Triangles over the bins of a spectrum [dft_length/2 + 1, mel bins], their corners evenly spaced on the mel scale. */
const melWeightMatrix: Operator = (call) => {
  const [bins, length, rate, low, high] = [0, 1, 2, 3, 4].map((i) => numberOf(call.input(i))) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const rows = Math.floor(length / 2) + 1;
  if (!(bins >= 0 && length >= 0 && rate > 0))
    throw new BnnqError(
      'mismatch',
      `${bins} mel bins of a spectrum of ${length} at ${rate} samples a second`,
    );
  expectAtMost(MAX_BINS, bins, 'mel bins');
  const start = melOf(low);
  const step = (melOf(high) - start) / (bins + 2);
  const corners = Array.from({ length: bins + 2 }, (_, i) =>
    Math.floor(((length + 1) * hertzOf(start + i * step)) / rate),
  );
  if (corners.some((corner) => !(corner >= 0 && corner < rows)))
    throw new BnnqError(
      'mismatch',
      `${low} to ${high} hertz are beyond a spectrum of ${rows} bins at ${rate} samples a second`,
    );
  const weights = new Float64Array(rows * bins);
  for (let i = 0; i < bins; i++) {
    const [left, centre, right] = corners.slice(i, i + 3) as [number, number, number];
    for (let j = left; j < centre; j++) weights[j * bins + i] = (j - left) / (centre - left);
    weights[centre * bins + i] = 1;
    for (let j = centre; j < right; j++) weights[j * bins + i] = (right - j) / (right - centre);
  }
  return ofNamedType(call, [rows, bins], (at) => weights[at]!);
};

export const SIGNAL_WEIGHTS: OperatorTable = {
  HannWindow: { 17: window(hann) },
  HammingWindow: { 17: window(hamming) },
  BlackmanWindow: { 17: window(blackman) },
  MelWeightMatrix: { 17: melWeightMatrix },
};
