import type { Conv2dShape, Epilogue, PreparedWeights } from '../contract.ts';
import type { FixedFinish, FixedGrid, FixedPooling } from './fixed-contract.ts';

/**
 * Layers that compute with integers. Activations are *codes*: unsigned integers of at most 8 bits that stand for (code − zero) · scale,
 * pixel by pixel as [batch, height, width, channels]. Weights are k-bit codes of 16-bit integer levels. A sum
 *
 *     S = Σ level · (code − zero)    over the taps of a window that lie inside the image
 *
 * is exact in any order: |S| < 2²⁹, because |level| ≤ `MOST_LEVEL`, |code − zero| ≤ 255, and who prepares the weights chooses
 * levels with Σ |level| · max|code − zero| ≤ `MOST_SUM` in every row. So a 32-bit sum never overflows, 4·S does not either (the
 * Winograd kernel needs that), and kernels may take the terms as they like.
 */
export interface IntegerKernels {
  /**
   * Codes of x [batch, channels, pixels], as [batch, pixels, channels], ties to even: round(clamp(x / scale + zero, 0, high)), or
   * round(clamp(x / scale, −zero, high − zero)) + zero where the grid rounds the quotient; 0 for a NaN.
   */
  quantizeCodes(
    x: Float32Array,
    codes: Uint8Array,
    batch: number,
    channels: number,
    pixels: number,
    grid: CodeGrid,
  ): void;

  /** The least and the largest of all values and 0. A NaN counts for nothing. */
  valueRange(x: Float32Array): ValueRange;

  /**
   * Weights of an integer layer: one group, or as many as channels with one output channel each (depthwise).
   *
   * @param high the largest code, and `zero`, that they will meet; 255 where it is not said. Results are the same, whatever it is
   */
  prepareInteger(
    rows: IntegerRows,
    shape: IntegerWeightShape,
    use?: IntegerUse,
    high?: number,
  ): PreparedWeights;

  /**
   * A convolution of codes. Its sums go through `finish` to y. What lies in the padding counts as the code `zero`.
   * A fully connected layer is one whose window is the whole image.
   */
  integerConv2d(
    codes: Uint8Array,
    zero: number,
    weights: PreparedWeights,
    shape: Conv2dShape,
    finish: SumFinish,
  ): void;

  /** Largest code under each window, of those inside the image; windows never lie wholly in the padding. */
  poolCodes(codes: Uint8Array, y: Uint8Array, shape: Conv2dShape): void;

  /** Codes of fixed-point values: clamp(⌊v · multiplier / 2³² + zero + ½⌋, 0, high). */
  codesOfFixed(x: Int32Array, codes: Uint8Array, grid: FixedGrid): void;

  /** Fixed-point values of codes: y = table[code], of 256 entries. */
  fixedOfCodes(codes: Uint8Array, table: Int32Array, y: Int32Array): void;

  /** clamp(x + addend, low, high) of fixed-point values, without an addend clamp(x, low, high). y may be an operand. */
  addFixed(x: Int32Array, addend: Int32Array | undefined, y: Int32Array, low: number, high: number): void;

  /**
   * The largest, or the average, of the fixed-point values [batch, height, width, channels] under each window, of those inside the
   * image. An average Σ / n is ⌊Σ / n + ½⌋, Σ in 64 bits; 0 where a window lies wholly in the padding.
   */
  poolFixed(x: Int32Array, y: Int32Array, shape: Conv2dShape, pooling: FixedPooling): void;
}

/** What becomes of the sums of a layer. */
export type SumFinish = CodeFinish | FixedFinish | PlaneFinish;

/** `vector`: for fully connected layers of one image, or a few; results are the same, whatever it is. */
export type IntegerUse = 'images' | 'vector';

/** What codes stand for: (code − zero) · scale, codes from 0 to high. */
export interface CodeGrid {
  /** A float32 above 0. */
  readonly scale: number;
  /** A whole number from 0 to high. */
  readonly zero: number;
  /** 2^bits − 1 at most, for 1 to 8 bits. */
  readonly high: number;
  /**
   * What is rounded: the sum x / scale + zero, as by Quant, or the quotient alone, as by QuantizeLinear; `sum` when absent. They
   * differ at halves where zero is odd, and where the sum is rounded to a half.
   */
  readonly rounds?: 'sum' | 'quotient' | undefined;
}

/** least ≤ 0 ≤ most, float32; infinite where a value is. */
export interface ValueRange {
  readonly least: number;
  readonly most: number;
}

/**
 * Discretized rows with integer levels; see `CodedRows` for planes and rows. Columns are (channel of the group, kernel row,
 * kernel column). A row has one table: table r starts at r · tableStride · 2^bits, so that tableStride 0 shares it.
 */
export interface IntegerRows {
  readonly bits: number;
  readonly planes: Uint8Array;
  readonly rowBytes: number;
  readonly levels: Int16Array;
  readonly tableStride: 0 | 1;
}

export type IntegerWeightShape = Pick<
  Conv2dShape,
  'inChannels' | 'outChannels' | 'kernelHeight' | 'kernelWidth' | 'groups'
>;

/**
 * Codes: clamp(⌊(S · multiplier[r] + offset[r]) / 2³²⌋, low, high). The product is below 2²⁹ · 2³¹ = 2⁶⁰ and |offset| at most
 * 2⁶² by whoever makes it, so 64 bits hold their sum and 32 bits its upper half; beyond, the sum wraps around.
 */
export interface CodeFinish {
  readonly kind: 'codes';
  /** [batch, outHeight, outWidth, outChannels] */
  readonly y: Uint8Array;
  readonly multipliers: Int32Array;
  readonly offsets: BigInt64Array;
  /** Whole numbers from 0 to 255. */
  readonly low: number;
  readonly high: number;
}

/** Floats: epilogue(alpha[r] · S) of row r, S rounded to float32, then every step. */
export interface PlaneFinish extends Epilogue {
  readonly kind: 'floats';
  /** [batch, outChannels, outHeight, outWidth] */
  readonly y: Float32Array;
  readonly alpha: Float32Array;
}

/** 12 bits: nine times as much fits 16 bits, which the Winograd kernel makes of it. */
export const MOST_LEVEL = 2047;
export const MOST_SUM: number = 2 ** 29 - 1;
export const MOST_OFFSET: bigint = 2n ** 62n;
