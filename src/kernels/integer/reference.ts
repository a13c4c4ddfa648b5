import type { Conv2dShape, PreparedWeights } from '../contract.ts';
import { applyEpilogue } from '../epilogue.ts';
import { eachTap } from '../taps.ts';
import { checkIntegerConv2d, checkIntegerRows, checkPoolCodes, checkQuantizeCodes } from './check.ts';
import type { IntegerKernels, IntegerRows, IntegerWeightShape, SumFinish } from './contract.ts';
import { FIXED_REFERENCE, fixedOfSum } from './fixed-reference.ts';

/** The definitions of the integer kernels. */
export const INTEGER_REFERENCE: IntegerKernels = {
  ...FIXED_REFERENCE,

  quantizeCodes(x, codes, batch, channels, pixels, grid) {
    checkQuantizeCodes(x, codes, batch, channels, pixels, grid);
    const { scale, zero, high, rounds = 'sum' } = grid;
    const [before, after] = rounds === 'sum' ? [zero, 0] : [0, zero];
    for (let n = 0, i = 0; n < batch; n++)
      for (let c = 0; c < channels; c++)
        for (let p = 0; p < pixels; p++, i++) {
          const q = Math.fround(Math.fround(x[i] / Math.fround(scale)) + before);
          const clamped = q > -after ? Math.min(q, high - after) : -after;
          codes[(n * pixels + p) * channels + c] = roundHalfEven(clamped) + after;
        }
  },

  valueRange(x) {
    let [least, most] = [0, 0];
    for (const value of x) {
      if (value < least) least = value;
      if (value > most) most = value;
    }
    return { least, most };
  },

  prepareInteger(rows, shape, _use, high = 255) {
    checkIntegerRows(rows, shape, high);
    return new ReferenceLevels(rows, shape, high);
  },

  integerConv2d(codes, zero, weights, shape, finish) {
    const own = ownLevels(weights);
    checkIntegerConv2d(codes, zero, own.weightShape, shape, finish);
    const most = codes.reduce((high, code) => Math.max(high, code), zero);
    if (most > own.high)
      throw new RangeError(`kernels: integerConv2d: a code of ${most}, for weights prepared for ${own.high}`);
    const { batch, outChannels, outHeight, outWidth } = shape;
    for (let n = 0; n < batch; n++)
      for (let r = 0; r < outChannels; r++)
        for (let oy = 0; oy < outHeight; oy++)
          for (let ox = 0; ox < outWidth; ox++)
            store(finish, shape, n, r, oy, ox, sumAt(codes, zero, own, shape, n, r, oy, ox));
  },

  poolCodes(codes, y, shape) {
    checkPoolCodes(codes, y, shape);
    const { batch, inChannels, outHeight, outWidth } = shape;
    for (let n = 0; n < batch; n++)
      for (let oy = 0; oy < outHeight; oy++)
        for (let ox = 0; ox < outWidth; ox++)
          for (let c = 0; c < inChannels; c++) {
            let most = 0;
            eachTap(shape, n, oy, ox, (pixel) => {
              most = Math.max(most, codes[pixel * inChannels + c]);
            });
            y[((n * outHeight + oy) * outWidth + ox) * inChannels + c] = most;
          }
  },
};

/** Σ level · (code − zero) over what lies inside the image. */
function sumAt(
  codes: Uint8Array,
  zero: number,
  weights: ReferenceLevels,
  shape: Conv2dShape,
  n: number,
  r: number,
  oy: number,
  ox: number,
): number {
  const { inChannels, outChannels, groups, kernelHeight, kernelWidth } = shape;
  const groupIn = inChannels / groups;
  const firstIn = Math.floor(r / (outChannels / groups)) * groupIn;
  let sum = 0;
  eachTap(shape, n, oy, ox, (pixel, tap) => {
    for (let c = 0; c < groupIn; c++)
      sum +=
        weights.level(r, c * kernelHeight * kernelWidth + tap) *
        (codes[pixel * inChannels + firstIn + c] - zero);
  });
  return sum;
}

function store(
  finish: SumFinish,
  { outChannels, outHeight, outWidth }: Conv2dShape,
  n: number,
  r: number,
  oy: number,
  ox: number,
  sum: number,
): void {
  if (finish.kind === 'fixed') {
    const at = ((n * outHeight + oy) * outWidth + ox) * outChannels + r;
    finish.y[at] = fixedOfSum(sum, finish, r, at);
    return;
  }
  if (finish.kind === 'codes') {
    const wide = BigInt.asIntN(64, BigInt(sum) * BigInt(finish.multipliers[r]) + finish.offsets[r]);
    const code = Math.min(finish.high, Math.max(finish.low, Number(wide >> 32n)));
    finish.y[((n * outHeight + oy) * outWidth + ox) * outChannels + r] = code;
    return;
  }
  const at = ((n * outChannels + r) * outHeight + oy) * outWidth + ox;
  finish.y[at] = applyEpilogue(Math.fround(finish.alpha[r] * Math.fround(sum)), finish, r, at);
}

/** Of a number from −255 to 255: adding 1.5 · 2²³ leaves no room for a fraction, and float32 rounds ties to even. */
function roundHalfEven(q: number): number {
  return Math.fround(q + 1.5 * 2 ** 23) - 1.5 * 2 ** 23;
}

class ReferenceLevels implements PreparedWeights {
  readonly rows: number;
  readonly columns: number;
  readonly byteLength: number;
  readonly weightShape: IntegerWeightShape;
  readonly high: number;
  readonly #rows: IntegerRows;

  constructor(rows: IntegerRows, shape: IntegerWeightShape, high: number) {
    this.high = high;
    this.rows = shape.outChannels;
    this.columns = (shape.inChannels / shape.groups) * shape.kernelHeight * shape.kernelWidth;
    this.byteLength = rows.planes.length + rows.levels.byteLength;
    this.weightShape = shape;
    this.#rows = { ...rows, planes: rows.planes.slice(), levels: rows.levels.slice() };
  }

  level(row: number, column: number): number {
    const { bits, planes, rowBytes, levels, tableStride } = this.#rows;
    let code = 0;
    for (let b = 0; b < bits; b++)
      code |= ((planes[(b * this.rows + row) * rowBytes + (column >> 3)] >> (column & 7)) & 1) << b;
    return levels[((row * tableStride) << bits) + code];
  }

  release(): void {}
}

function ownLevels(weights: PreparedWeights): ReferenceLevels {
  if (weights instanceof ReferenceLevels) return weights;
  throw new TypeError('kernels: these weights were prepared by another set of kernels');
}
