import type { Conv2dShape } from '../contract.ts';
import {
  type BinaryWeightShape,
  type FloatFinish,
  MOST_TERMS,
  mapBytes,
  type SignFinish,
} from './contract.ts';

/** What the binary kernels are handed must be as long as its shape says: they do not look again. */
function expectLength(what: string, length: number, wanted: number): void {
  if (length !== wanted) throw new RangeError(`kernels: ${what} has ${length} elements, expected ${wanted}`);
}

export function checkPackSigns(
  x: Float32Array,
  map: Uint8Array,
  batch: number,
  channels: number,
  pixels: number,
): void {
  expectLength('packSigns: x', x.length, batch * channels * pixels);
  expectLength('packSigns: map', map.length, batch * pixels * mapBytes(channels));
}

export function checkSigns(negative: Uint8Array, shape: BinaryWeightShape): void {
  const { inChannels, outChannels, kernelHeight, kernelWidth } = shape;
  const columns = inChannels * kernelHeight * kernelWidth;
  if (columns >= MOST_TERMS)
    throw new RangeError(`kernels: prepareBinary: ${columns} terms, at most ${MOST_TERMS}`);
  expectLength('prepareBinary: weights', negative.length, outChannels * columns);
}

export function checkBinaryConv2d(
  map: Uint8Array,
  weights: BinaryWeightShape,
  shape: Conv2dShape,
  finish: SignFinish | FloatFinish,
): void {
  const { batch, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth, groups } = shape;
  const fits =
    groups === 1 &&
    weights.inChannels === inChannels &&
    weights.outChannels === outChannels &&
    weights.kernelHeight === shape.kernelHeight &&
    weights.kernelWidth === shape.kernelWidth;
  if (!fits) throw new RangeError('kernels: binaryConv2d: the weights were prepared for another shape');
  expectLength('binaryConv2d: map', map.length, batch * inHeight * inWidth * mapBytes(inChannels));
  const pixels = batch * outHeight * outWidth;
  if (finish.kind === 'signs') {
    expectLength('binaryConv2d: y', finish.y.length, pixels * mapBytes(outChannels));
    expectLength('binaryConv2d: thresholds', finish.thresholds.length, outChannels);
    expectLength('binaryConv2d: flips', finish.flips.length, outChannels);
    return;
  }
  expectLength('binaryConv2d: y', finish.y.length, pixels * outChannels);
  for (const name of ['alpha', 'scale', 'bias'] as const) {
    const values = finish[name];
    if (values !== undefined) expectLength(`binaryConv2d: ${name}`, values.length, outChannels);
  }
}

export function checkPoolSigns(map: Uint8Array, y: Uint8Array, shape: Conv2dShape): void {
  const { batch, inChannels, inHeight, inWidth, outHeight, outWidth } = shape;
  expectLength('poolSigns: map', map.length, batch * inHeight * inWidth * mapBytes(inChannels));
  expectLength('poolSigns: y', y.length, batch * outHeight * outWidth * mapBytes(inChannels));
}
