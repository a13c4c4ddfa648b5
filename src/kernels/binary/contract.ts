import type { Conv2dShape, PreparedWeights } from '../contract.ts';

/**
 * Layers whose inputs and weights are ±1. A *sign map* holds the signs of an image pixel by pixel: [batch, height, width, words] of
 * 64-bit words, channel c in bit c mod 64 of word ⌊c/64⌋, lowest bit first, 1 for −1; spare bits are 0. So a map takes one bit
 * an element, up to 63 bits a pixel more where channels are no multiple of 64.
 *
 * For bits x and w, ±1 each, Σ x·w over k elements is k − 2·(number of bits in which they differ): exact, in any order. What
 * reaches into the padding counts 0. Sums stay below 2²⁴, so that they are exact as float32, too (`MOST_TERMS`).
 */
export interface BinaryKernels {
  /**
   * Signs of x [batch, channels, pixels], below 0 or not, as a map; or whether values are below thresholds.
   * @param thresholds of [slices, channels], finite: the map then has slices·channels channels, slice by slice
   * @returns whether a value is 0, or at a threshold of its channel, or NaN, so that it has no sign
   */
  packSigns(
    x: Float32Array,
    map: Uint8Array,
    batch: number,
    channels: number,
    pixels: number,
    thresholds?: Float32Array,
  ): boolean;

  /** The signs of a map as floats 1 and −1, y [batch, channels, pixels]. */
  unpackSigns(map: Uint8Array, y: Float32Array, batch: number, channels: number, pixels: number): void;

  /**
   * Weights of a binary layer.
   * @param negative for each weight [rows, channels of a group, kernelHeight, kernelWidth] 1 where it is below 0, else 0
   */
  prepareBinary(negative: Uint8Array, shape: BinaryWeightShape): PreparedWeights;

  /** A convolution of a sign map. Its sums go through `finish` to y. */
  binaryConv2d(
    map: Uint8Array,
    weights: PreparedWeights,
    shape: Conv2dShape,
    finish: SignFinish | FloatFinish,
  ): void;

  /** Largest sign under each window; windows never lie wholly in the padding. Channels of the shape are those of the map. */
  poolSigns(map: Uint8Array, y: Uint8Array, shape: Conv2dShape): void;

  /**
   * Bits of two maps of the same shape: `xor` is the product of signs (XNOR of truth values), `and` the larger of two (OR where +1
   * is true), `or` the smaller (AND).
   */
  combineSigns(how: SignCombination, a: Uint8Array, b: Uint8Array, y: Uint8Array): void;

  /** A map of channels of other maps of the same pixels; what nothing is put into is +1. */
  moveChannels(parts: readonly ChannelMove[], y: Uint8Array, pixels: number, outChannels: number): void;

  /** A map with pixels around it: those of the nearest edge, or +1. Window and channels of the shape are not looked at. */
  padSigns(map: Uint8Array, y: Uint8Array, pixelBytes: number, shape: SignPadShape, isEdge: boolean): void;
}

export const SIGN_COMBINATIONS = ['xor', 'and', 'or'] as const;
export type SignCombination = (typeof SIGN_COMBINATIONS)[number];

/** Where channels of a map go. */
export interface ChannelMove {
  readonly map: Uint8Array;
  readonly channels: number;
  /** [from, to, length] of runs of channels, one after the other; no channel is put where another is. */
  readonly runs: Int32Array;
}

/** Pixel (h, w) of the output is (h − padTop, w − padLeft) of the input. */
export type SignPadShape = Pick<
  Conv2dShape,
  'batch' | 'inHeight' | 'inWidth' | 'outHeight' | 'outWidth' | 'padTop' | 'padLeft'
>;

export interface BinaryWeightShape
  extends Pick<Conv2dShape, 'inChannels' | 'outChannels' | 'kernelHeight' | 'kernelWidth' | 'groups'> {
  /** Output pixels that the layer is likely to have at once: few are computed in another way. */
  readonly pixels?: number;
}

/**
 * Signs of the sums of a row: −1 where (sum < threshold) ≠ flip. There may be several thresholds a row, a slice for each: channel
 * s·outChannels + r is slice s of row r.
 */
export interface SignFinish {
  readonly kind: 'signs';
  /** [batch, outHeight, outWidth, words of slices·outChannels] */
  readonly y: Uint8Array;
  /** [slices, outChannels] */
  readonly thresholds: Int32Array;
  /** [slices, outChannels], 0 or 1 */
  readonly flips: Uint8Array;
}

/** y = clamp(((alpha[r]·sum)·scale[r]) + bias[r]) of row r, each step rounded to float32. */
export interface FloatFinish {
  readonly kind: 'floats';
  /** [batch, outChannels, outHeight, outWidth] */
  readonly y: Float32Array;
  /** The size of the weights of a row. */
  readonly alpha: Float32Array;
  readonly scale?: Float32Array | undefined;
  readonly bias?: Float32Array | undefined;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/** Terms of a sum at most: all sums are then whole numbers that float32 holds. */
export const MOST_TERMS: number = 2 ** 24;

/** Bytes of a pixel of a sign map. */
export function mapBytes(channels: number): number {
  return Math.ceil(channels / 64) * 8;
}
