import type { Conv2dShape, PreparedWeights } from '../contract.ts';
import { applyEpilogue } from '../epilogue.ts';
import { eachTap } from '../taps.ts';
import {
  checkBinaryConv2d,
  checkCombineSigns,
  checkMoveChannels,
  checkPackSigns,
  checkPadSigns,
  checkPoolSigns,
  checkSigns,
  checkUnpackSigns,
} from './check.ts';
import {
  type BinaryKernels,
  type BinaryWeightShape,
  type FloatFinish,
  mapBytes,
  type SignFinish,
} from './contract.ts';

/** The definitions of the binary kernels. */
export const BINARY_REFERENCE: BinaryKernels = {
  packSigns(x, map, batch, channels, pixels, thresholds = new Float32Array(channels)) {
    checkPackSigns(x, map, batch, channels, pixels, thresholds);
    const bytes = mapBytes(thresholds.length);
    let hasNone = false;
    map.fill(0);
    for (let n = 0; n < batch; n++)
      for (let c = 0; c < thresholds.length; c++)
        for (let p = 0; p < pixels; p++) {
          const v = x[(n * channels + (c % channels)) * pixels + p];
          if (!(v < thresholds[c] || v > thresholds[c])) hasNone = true;
          if (v < thresholds[c]) setBit(map, (n * pixels + p) * bytes, c);
        }
    return hasNone;
  },

  unpackSigns(map, y, batch, channels, pixels) {
    checkUnpackSigns(map, y, batch, channels, pixels);
    const bytes = mapBytes(channels);
    for (let n = 0, i = 0; n < batch; n++)
      for (let c = 0; c < channels; c++)
        for (let p = 0; p < pixels; p++, i++) y[i] = bitOf(map, (n * pixels + p) * bytes, c) ? -1 : 1;
  },

  prepareBinary(negative, shape) {
    checkSigns(negative, shape);
    return new ReferenceSigns(negative, shape);
  },

  binaryConv2d(map, weights, shape, finish) {
    const { negative, weightShape } = ownSigns(weights);
    checkBinaryConv2d(map, weightShape, shape, finish);
    const { batch, outChannels, outHeight, outWidth } = shape;
    for (let n = 0; n < batch; n++)
      for (let r = 0; r < outChannels; r++)
        for (let oy = 0; oy < outHeight; oy++)
          for (let ox = 0; ox < outWidth; ox++)
            store(finish, shape, n, r, oy, ox, sumAt(map, negative, shape, n, r, oy, ox));
  },

  poolSigns(map, y, shape) {
    checkPoolSigns(map, y, shape);
    const { batch, inChannels, outHeight, outWidth } = shape;
    const bytes = mapBytes(inChannels);
    y.fill(0);
    for (let n = 0; n < batch; n++)
      for (let oy = 0; oy < outHeight; oy++)
        for (let ox = 0; ox < outWidth; ox++)
          for (let c = 0; c < inChannels; c++) {
            let isNegative = true;
            eachTap(shape, n, oy, ox, (pixel) => {
              if (!bitOf(map, pixel * bytes, c)) isNegative = false;
            });
            if (isNegative) setBit(y, ((n * outHeight + oy) * outWidth + ox) * bytes, c);
          }
  },

  combineSigns(how, a, b, y) {
    checkCombineSigns(a, b, y);
    for (let i = 0; i < a.length; i++)
      y[i] = how === 'xor' ? a[i] ^ b[i] : how === 'and' ? a[i] & b[i] : a[i] | b[i];
  },

  moveChannels(parts, y, pixels, outChannels) {
    checkMoveChannels(parts, y, pixels, outChannels);
    y.fill(0);
    for (const { map, channels, runs } of parts)
      for (let p = 0; p < pixels; p++)
        for (let i = 0; i < runs.length; i += 3)
          for (let c = 0; c < runs[i + 2]; c++)
            if (bitOf(map, p * mapBytes(channels), runs[i] + c))
              setBit(y, p * mapBytes(outChannels), runs[i + 1] + c);
  },

  padSigns(map, y, pixelBytes, shape, isEdge) {
    checkPadSigns(map, y, pixelBytes, shape);
    const { batch, inHeight, inWidth, outHeight, outWidth, padTop, padLeft } = shape;
    const nearest = (at: number, length: number): number => Math.min(Math.max(at, 0), length - 1);
    y.fill(0);
    for (let n = 0, to = 0; n < batch; n++)
      for (let oy = 0; oy < outHeight; oy++)
        for (let ox = 0; ox < outWidth; ox++, to += pixelBytes) {
          const [h, w] = [nearest(oy - padTop, inHeight), nearest(ox - padLeft, inWidth)];
          const isInside = h === oy - padTop && w === ox - padLeft;
          const from = ((n * inHeight + h) * inWidth + w) * pixelBytes;
          if (isInside || isEdge) y.set(map.subarray(from, from + pixelBytes), to);
        }
  },
};

/** Σ x·w over what lies inside the image. */
function sumAt(
  map: Uint8Array,
  negative: Uint8Array,
  shape: Conv2dShape,
  n: number,
  r: number,
  oy: number,
  ox: number,
): number {
  const { inChannels, outChannels, kernelHeight, kernelWidth, groups } = shape;
  const bytes = mapBytes(inChannels);
  const channels = inChannels / groups;
  const first = Math.floor(r / (outChannels / groups)) * channels;
  let sum = 0;
  eachTap(shape, n, oy, ox, (pixel, tap) => {
    const at = pixel * bytes;
    for (let c = 0; c < channels; c++) {
      const isNegative = negative[(r * channels + c) * kernelHeight * kernelWidth + tap] === 1;
      sum += bitOf(map, at, first + c) === isNegative ? 1 : -1;
    }
  });
  return sum;
}

function store(
  finish: SignFinish | FloatFinish,
  { outChannels, outHeight, outWidth }: Conv2dShape,
  n: number,
  r: number,
  oy: number,
  ox: number,
  sum: number,
): void {
  if (finish.kind === 'signs') {
    const { y, thresholds, flips } = finish;
    const at = ((n * outHeight + oy) * outWidth + ox) * mapBytes(thresholds.length);
    if (r === 0) y.fill(0, at, at + mapBytes(thresholds.length));
    for (let c = r; c < thresholds.length; c += outChannels)
      if (sum < thresholds[c] !== (flips[c] === 1)) setBit(y, at, c);
    return;
  }
  const v = applyEpilogue(Math.fround(finish.alpha[r] * sum), finish, r, 0);
  finish.y[((n * outChannels + r) * outHeight + oy) * outWidth + ox] = v;
}

function bitOf(map: Uint8Array, at: number, channel: number): boolean {
  return ((map[at + (channel >> 3)] >> (channel & 7)) & 1) === 1;
}

function setBit(map: Uint8Array, at: number, channel: number): void {
  map[at + (channel >> 3)] |= 1 << (channel & 7);
}

class ReferenceSigns implements PreparedWeights {
  readonly rows: number;
  readonly columns: number;
  readonly byteLength: number;
  readonly negative: Uint8Array;
  readonly weightShape: BinaryWeightShape;

  constructor(negative: Uint8Array, shape: BinaryWeightShape) {
    this.rows = shape.outChannels;
    this.columns = (shape.inChannels / shape.groups) * shape.kernelHeight * shape.kernelWidth;
    this.byteLength = negative.length;
    this.negative = negative.slice();
    this.weightShape = shape;
  }

  release(): void {}
}

function ownSigns(weights: PreparedWeights): ReferenceSigns {
  if (weights instanceof ReferenceSigns) return weights;
  throw new TypeError('kernels: these weights were prepared by another set of kernels');
}
