import type { Conv2dShape } from '../contract.ts';
import {
  type BinaryWeightShape,
  type ChannelMove,
  type FloatFinish,
  MOST_TERMS,
  mapBytes,
  type SignFinish,
  type SignPadShape,
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
  thresholds?: Float32Array,
): void {
  const slices = thresholds === undefined ? 1 : thresholds.length / Math.max(1, channels);
  if (!Number.isInteger(slices))
    throw new RangeError(`kernels: packSigns: ${thresholds?.length} thresholds for ${channels} channels`);
  expectLength('packSigns: x', x.length, batch * channels * pixels);
  expectLength('packSigns: map', map.length, batch * pixels * mapBytes(slices * channels));
}

export function checkUnpackSigns(
  map: Uint8Array,
  y: Float32Array,
  batch: number,
  channels: number,
  pixels: number,
): void {
  expectLength('unpackSigns: map', map.length, batch * pixels * mapBytes(channels));
  expectLength('unpackSigns: y', y.length, batch * channels * pixels);
}

export function checkSigns(negative: Uint8Array, shape: BinaryWeightShape): void {
  const { inChannels, outChannels, kernelHeight, kernelWidth, groups } = shape;
  if (inChannels % groups !== 0 || outChannels % groups !== 0)
    throw new RangeError(
      `kernels: prepareBinary: ${inChannels} to ${outChannels} channels in ${groups} groups`,
    );
  const columns = (inChannels / groups) * kernelHeight * kernelWidth;
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
    weights.groups === groups &&
    weights.inChannels === inChannels &&
    weights.outChannels === outChannels &&
    weights.kernelHeight === shape.kernelHeight &&
    weights.kernelWidth === shape.kernelWidth;
  if (!fits) throw new RangeError('kernels: binaryConv2d: the weights were prepared for another shape');
  expectLength('binaryConv2d: map', map.length, batch * inHeight * inWidth * mapBytes(inChannels));
  const pixels = batch * outHeight * outWidth;
  if (finish.kind === 'signs') {
    const { length } = finish.thresholds;
    if (outChannels > 0 && length % outChannels !== 0)
      throw new RangeError(`kernels: binaryConv2d: ${length} thresholds for ${outChannels} channels`);
    expectLength('binaryConv2d: y', finish.y.length, pixels * mapBytes(length));
    expectLength('binaryConv2d: flips', finish.flips.length, length);
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

export function checkCombineSigns(a: Uint8Array, b: Uint8Array, y: Uint8Array): void {
  expectLength('combineSigns: b', b.length, a.length);
  expectLength('combineSigns: y', y.length, a.length);
  if (a.length % 8 !== 0) throw new RangeError(`kernels: combineSigns: ${a.length} bytes are no words`);
}

export function checkMoveChannels(
  parts: readonly ChannelMove[],
  y: Uint8Array,
  pixels: number,
  outChannels: number,
): void {
  expectLength('moveChannels: y', y.length, pixels * mapBytes(outChannels));
  for (const { map, channels, runs } of parts) {
    expectLength('moveChannels: map', map.length, pixels * mapBytes(channels));
    for (let i = 0; i < runs.length; i += 3) {
      const [from, to, length] = [runs[i], runs[i + 1], runs[i + 2]];
      if (!(from >= 0 && to >= 0 && length >= 0 && from + length <= channels && to + length <= outChannels))
        throw new RangeError(
          `kernels: moveChannels: ${length} channels from ${from} of ${channels} to ${to} of ${outChannels}`,
        );
    }
  }
}

export function checkPadSigns(
  map: Uint8Array,
  y: Uint8Array,
  pixelBytes: number,
  { batch, inHeight, inWidth, outHeight, outWidth }: SignPadShape,
): void {
  expectLength('padSigns: map', map.length, batch * inHeight * inWidth * pixelBytes);
  expectLength('padSigns: y', y.length, batch * outHeight * outWidth * pixelBytes);
  if (pixelBytes % 8 !== 0 || (inHeight * inWidth === 0 && y.length > 0))
    throw new RangeError(`kernels: padSigns: ${inHeight} by ${inWidth} pixels of ${pixelBytes} bytes`);
}
