import { BnnqError } from '../../errors.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { axisOf, expectAtMost, numberOf, shapeText, sizeBetween } from '../shapes.ts';
import { makeTransform, transform } from './fourier.ts';
import type { OperatorTable } from './operator-table.ts';

/**
 * Real signals are transformed in float64 and rounded once, complex ones in their own precision. The expected values of the
 * standard's tests carry NumPy's rounding errors where 0 is meant, larger than their tolerance, and are made so.
 */
function isDouble(x: Tensor): boolean {
  return x.dtype === 'DOUBLE' || x.shape.at(-1) === 1;
}

/** Most points of a transform, which takes six numbers a point, and has a step for each two of a prime length. */
const MAX_POINTS = 2 ** 24;

/** A whole length above 0, or an error that says what it is of. */
function lengthOf(value: number, what: string): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new BnnqError('mismatch', `${what} ${value}, expected a whole number above 0`);
}

/**
 * Input [..., n, ..., 1 or 2]; the axis is cut or filled with zeros to `dft_length`. `onesided` gives the first half of the
 * spectrum of real values, and with `inverse` takes such a half and gives real values.
 */
function dft(call: Call, given: number): Tensor {
  const x = call.input(0);
  const rank = x.shape.length;
  const axis = axisOf(given, rank);
  const parts = x.shape.at(-1) ?? 0;
  if (rank < 2 || axis === rank - 1 || (parts !== 1 && parts !== 2))
    throw new BnnqError('mismatch', `a transform along axis ${given} of shape ${shapeText(x.shape)}`);
  const isInverse = call.int('inverse', 0) !== 0;
  const isOneSided = call.int('onesided', 0) !== 0;
  if (isOneSided && !isInverse && parts === 2)
    throw new BnnqError('mismatch', 'a one-sided transform of complex values, expected real ones');
  const length = x.shape[axis]!;
  const wanted = call.optional(1);
  const usual = isInverse && isOneSided ? 2 * (length - 1) : length;
  const n = lengthOf(wanted === undefined ? usual : numberOf(wanted), 'a transform of length');
  const half = Math.floor(n / 2) + 1;
  const isReal = isInverse && isOneSided;
  const outLength = isOneSided && !isInverse ? half : n;
  const outParts = isReal ? 1 : 2;
  const shape = x.shape.with(axis, outLength).with(-1, outParts);
  const y = call.allocate(x.dtype, shape);
  expectAtMost(MAX_POINTS, n, 'points of a transform');
  const plan = call.memo(() => makeTransform(n, isDouble(x)), [n, parts]);
  const [line] = plan.buffers;
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  const outer = sizeBetween(x.shape, 0, axis);
  const inner = sizeBetween(x.shape, axis + 1, rank - 1);
  const used = Math.min(length, isReal ? half : n);
  const scale = isInverse ? plan.round(1 / n) : 1;
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      line.re.fill(0);
      line.im.fill(0);
      for (let j = 0; j < used; j++) {
        const at = ((o * length + j) * inner + i) * parts;
        line.re[j] = from[at]!;
        line.im[j] = parts === 2 ? from[at + 1]! : 0;
        // The other half of a spectrum of real values mirrors the first.
        if (isReal && j > 0 && n - j >= half) {
          line.re[n - j] = line.re[j]!;
          line.im[n - j] = -line.im[j]!;
        }
      }
      const { re, im } = transform(plan, isInverse);
      for (let k = 0; k < outLength; k++) {
        const at = ((o * outLength + k) * inner + i) * outParts;
        to[at] = re[k]! * scale;
        if (!isReal) to[at + 1] = im[k]! * scale;
      }
    }
  return y;
}

/** Frames of the signal [B, L, 1 or 2], each times the window, transformed: [B, frames, bins, 2]. */
const stft: Operator = (call) => {
  const x = call.input(0);
  const step = lengthOf(numberOf(call.input(1)), 'a frame step of');
  const window = call.optional(2);
  const given = call.optional(3);
  const [batch = 0, length = 0, parts = 0] = x.shape;
  if (x.shape.length !== 3 || (parts !== 1 && parts !== 2))
    throw new BnnqError(
      'mismatch',
      `a signal of shape ${shapeText(x.shape)}, expected [batch, length, 1 or 2]`,
    );
  const n = lengthOf(
    given === undefined ? (window?.data.length ?? length) : numberOf(given),
    'a frame length of',
  );
  const isOneSided = call.int('onesided', 1) !== 0;
  if (window !== undefined && window.data.length !== n)
    throw new BnnqError('mismatch', `a window of ${window.data.length} elements for frames of ${n}`);
  if (isOneSided && parts === 2)
    throw new BnnqError('mismatch', 'a one-sided transform of complex values, expected real ones');
  if (n > length) throw new BnnqError('mismatch', `frames of ${n} elements from a signal of ${length}`);
  const frames = Math.floor((length - n) / step) + 1;
  const bins = isOneSided ? Math.floor(n / 2) + 1 : n;
  const y = call.allocate(x.dtype, [batch, frames, bins, 2]);
  expectAtMost(MAX_POINTS, n, 'points of a transform');
  const plan = call.memo(() => makeTransform(n, isDouble(x)), [n, parts]);
  const [line] = plan.buffers;
  const from = x.data as Float32Array;
  const weights = window?.data as Float32Array | undefined;
  const to = y.data as Float32Array;
  for (let b = 0; b < batch; b++)
    for (let f = 0; f < frames; f++) {
      for (let j = 0; j < n; j++) {
        const at = (b * length + f * step + j) * parts;
        const weight = weights?.[j] ?? 1;
        line.re[j] = from[at]! * weight;
        line.im[j] = parts === 2 ? from[at + 1]! * weight : 0;
      }
      const { re, im } = transform(plan, false);
      for (let k = 0; k < bins; k++) {
        const at = ((b * frames + f) * bins + k) * 2;
        to[at] = re[k]!;
        to[at + 1] = im[k]!;
      }
    }
  return y;
};

export const SIGNALS: OperatorTable = {
  DFT: {
    17: (call) => dft(call, call.int('axis', 1)),
    20: (call) => {
      const axis = call.optional(2);
      return dft(call, axis === undefined ? -2 : numberOf(axis));
    },
  },
  STFT: { 17: stft },
};
