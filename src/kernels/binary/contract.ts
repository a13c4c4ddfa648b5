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
   * Signs of x [batch, channels, pixels], below 0 or not, as a map.
   * @returns whether a value is 0 or NaN, so that it has no sign
   */
  packSigns(x: Float32Array, map: Uint8Array, batch: number, channels: number, pixels: number): boolean;

  /**
   * Weights of a binary layer.
   * @param negative for each weight [rows, channels, kernelHeight, kernelWidth] 1 where it is below 0, else 0
   */
  prepareBinary(negative: Uint8Array, shape: BinaryWeightShape): PreparedWeights;

  /** A convolution of one group of a sign map. Its sums go through `finish` to y. */
  binaryConv2d(
    map: Uint8Array,
    weights: PreparedWeights,
    shape: Conv2dShape,
    finish: SignFinish | FloatFinish,
  ): void;

  /** Largest sign under each window; windows never lie wholly in the padding. Channels of the shape are those of the map. */
  poolSigns(map: Uint8Array, y: Uint8Array, shape: Conv2dShape): void;
}

export type BinaryWeightShape = Pick<
  Conv2dShape,
  'inChannels' | 'outChannels' | 'kernelHeight' | 'kernelWidth'
>;

/** Signs of the sums of a row: −1 where (sum < threshold) ≠ flip. */
export interface SignFinish {
  readonly kind: 'signs';
  /** [batch, outHeight, outWidth, words of outChannels] */
  readonly y: Uint8Array;
  readonly thresholds: Int32Array;
  /** 0 or 1 */
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
