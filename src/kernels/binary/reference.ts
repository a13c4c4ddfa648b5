import type { Conv2dShape, PreparedWeights } from '../contract.ts';
import { applyEpilogue } from '../epilogue.ts';
import { checkBinaryConv2d, checkPackSigns, checkPoolSigns, checkSigns } from './check.ts';
import {
  type BinaryKernels,
  type BinaryWeightShape,
  type FloatFinish,
  mapBytes,
  type SignFinish,
} from './contract.ts';

/** The definitions of the binary kernels. */
export const BINARY_REFERENCE: BinaryKernels = {
  packSigns(x, map, batch, channels, pixels) {
    checkPackSigns(x, map, batch, channels, pixels);
    const bytes = mapBytes(channels);
    let hasNone = false;
    map.fill(0);
    for (let n = 0, i = 0; n < batch; n++)
      for (let c = 0; c < channels; c++)
        for (let p = 0; p < pixels; p++, i++) {
          if (!(Math.abs(x[i]) > 0)) hasNone = true;
          if (x[i] < 0) setBit(map, (n * pixels + p) * bytes, c);
        }
    return hasNone;
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
            eachTap(shape, oy, ox, (h, w) => {
              if (!bitOf(map, pixelAt(shape, n, h, w) * bytes, c)) isNegative = false;
            });
            if (isNegative) setBit(y, ((n * outHeight + oy) * outWidth + ox) * bytes, c);
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
  const { inChannels, kernelHeight, kernelWidth } = shape;
  const bytes = mapBytes(inChannels);
  let sum = 0;
  eachTap(shape, oy, ox, (h, w, tap) => {
    const at = pixelAt(shape, n, h, w) * bytes;
    for (let c = 0; c < inChannels; c++) {
      const isNegative = negative[(r * inChannels + c) * kernelHeight * kernelWidth + tap] === 1;
      sum += bitOf(map, at, c) === isNegative ? 1 : -1;
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
    const at = ((n * outHeight + oy) * outWidth + ox) * mapBytes(outChannels);
    if (r === 0) finish.y.fill(0, at, at + mapBytes(outChannels));
    const isNegative = sum < finish.thresholds[r] !== (finish.flips[r] === 1);
    if (isNegative) setBit(finish.y, at, r);
    return;
  }
  const v = applyEpilogue(Math.fround(finish.alpha[r] * sum), finish, r, 0);
  finish.y[((n * outChannels + r) * outHeight + oy) * outWidth + ox] = v;
}

/** Every tap of a window that lies inside the image. */
function eachTap(
  shape: Conv2dShape,
  oy: number,
  ox: number,
  visit: (h: number, w: number, tap: number) => void,
): void {
  const { inHeight, inWidth, kernelHeight, kernelWidth, padTop, padLeft } = shape;
  for (let ky = 0; ky < kernelHeight; ky++)
    for (let kx = 0; kx < kernelWidth; kx++) {
      const h = oy * shape.strideHeight - padTop + ky * shape.dilationHeight;
      const w = ox * shape.strideWidth - padLeft + kx * shape.dilationWidth;
      if (h >= 0 && h < inHeight && w >= 0 && w < inWidth) visit(h, w, ky * kernelWidth + kx);
    }
}

function pixelAt({ inHeight, inWidth }: Conv2dShape, n: number, h: number, w: number): number {
  return (n * inHeight + h) * inWidth + w;
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
    this.columns = shape.inChannels * shape.kernelHeight * shape.kernelWidth;
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
