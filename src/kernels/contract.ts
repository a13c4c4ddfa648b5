import type { BinaryKernels } from './binary/contract.ts';
import type { IntegerKernels } from './integer/contract.ts';

/**
 * What a set of kernels offers. Typed arrays in, typed arrays out; this layer knows no graph and no tensor.
 *
 * There are two sets, `reference` (readable loops that define every result) and `simd` (WebAssembly SIMD128), equal to
 * the bit for every finite input. Definition of a dot product, everywhere: float32, from +0, products added in ascending
 * k, each product and each sum rounded to float32, no fused multiply-add. A convolution is a dot product over
 * k = (channel, kernel row, kernel column) in that order, with padding contributing zeros; most of 3 × 3 and stride 1 are a
 * dot product over channels between the transforms of Winograd's F(2×2, 3×3) instead (see winograd/). Elementary functions
 * are evaluated in float64 with + − × ÷ only (see math/) and rounded once.
 *
 * Arrays handed to the simd set may live in its heap (no copy) or anywhere (copied in and out).
 */

/** The memory that a set of kernels computes in: activations, packed weights and scratch. */
export interface Heap {
  /**
   * Replaced when the heap grows, which `allocate`, the `prepare…` functions and (for scratch) any kernel call may make it
   * do: make views when needed, do not keep them over one of these. A SharedArrayBuffer where several threads compute.
   */
  readonly buffer: ArrayBufferLike;
  /** Offset of a new block, aligned to 64 bytes; the content is undefined. Throws RangeError when memory is exhausted. */
  allocate(byteLength: number): number;
  free(offset: number): void;
  /** Bytes in use, and the most that ever were. */
  readonly usedBytes: number;
  readonly peakBytes: number;
}

/**
 * Discretized rows. Code (r, c) is bit-plane b's bit at r × rowBytes × 8 + c. A row has `tables` level tables, each for
 * `groupSize` successive columns; table t of row r starts at (tableStride·r + t) · 2^bits, so tableStride 0 with one
 * table shares it among all rows.
 */
export interface CodedRows {
  readonly kind: 'coded';
  readonly bits: number;
  /** `bits` planes of rows × rowBytes bytes, each row padded to whole bytes. */
  readonly planes: Uint8Array;
  readonly rowBytes: number;
  readonly levels: Float32Array;
  readonly tableStride: number;
  readonly groupSize: number;
}

/** Float rows, row-major [rows, columns]. */
export interface FloatRows {
  readonly kind: 'float';
  readonly values: Float32Array;
}

export type WeightRows = CodedRows | FloatRows;

/**
 * Weights laid out for the kernels, in the heap. Coded rows stay k-bit planes there; they are decoded a panel at a time
 * inside the packing step of a call and never kept as floats.
 */
export interface PreparedWeights {
  readonly rows: number;
  readonly columns: number;
  /** Bytes that they occupy in the heap. */
  readonly byteLength: number;
  release(): void;
}

/** Applied to a finished sum v of output channel c: v·scale[c] (if given), + bias[c] (if given), + addend (if given), clamp to [low, high] (if given), each step rounded. */
export interface Epilogue {
  readonly scale?: Float32Array | undefined;
  readonly bias?: Float32Array | undefined;
  /** Same shape as the output: a residual connection. */
  readonly addend?: Float32Array | undefined;
  /** Clamp as max(low, v) then min(high, ·); ReLU is low 0, high Infinity. NaN stays NaN. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/** Geometry of a 2-D convolution or pool over NCHW. 1-D is height 1. */
export interface Conv2dShape {
  readonly batch: number;
  readonly inChannels: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly outChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly dilationHeight: number;
  readonly dilationWidth: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly groups: number;
  /**
   * A convolution by the plain sum over all taps, also of a shape that Winograd's algorithm is the definition for: sums of
   * whole numbers are exact then as long as Σ |w||x| ≤ 2^24.
   */
  readonly isDirect?: boolean;
}

export type UnaryName =
  | 'relu'
  | 'leakyRelu'
  | 'clip'
  | 'neg'
  | 'abs'
  | 'sqrt'
  | 'reciprocal'
  | 'floor'
  | 'ceil'
  | 'round'
  | 'sign'
  | 'exp'
  | 'log'
  | 'sigmoid'
  | 'tanh'
  | 'erf'
  | 'softplus'
  | 'hardSigmoid'
  | 'hardSwish'
  | 'elu'
  | 'selu'
  | 'gelu'
  | 'sin'
  | 'cos';

export type BinaryName = 'add' | 'sub' | 'mul' | 'div' | 'max' | 'min' | 'pow' | 'prelu';

export interface Kernels extends BinaryKernels, IntegerKernels {
  readonly name: 'reference' | 'simd';
  /** How many threads compute, the caller's among them. The results are the same bits for any number. */
  readonly threads: number;
  readonly heap: Heap;

  /** Weights of a convolution: rows = output channels in order of groups, columns = (in channels of the group, kh, kw). */
  prepareConv2d(
    rows: WeightRows,
    shape: Pick<Conv2dShape, 'inChannels' | 'outChannels' | 'kernelHeight' | 'kernelWidth' | 'groups'>,
  ): PreparedWeights;
  /** y [batch, outChannels, outHeight, outWidth] from x [batch, inChannels, inHeight, inWidth]. Depthwise has its own kernel. */
  conv2d(
    x: Float32Array,
    weights: PreparedWeights,
    y: Float32Array,
    shape: Conv2dShape,
    epilogue: Epilogue,
  ): void;

  /** Weights of a fully connected layer: rows = outputs, columns = inputs. */
  prepareLinear(rows: WeightRows, rowCount: number, columnCount: number): PreparedWeights;
  /** y [batch, rows] = x [batch, columns] · weightsᵀ; the channel of the epilogue is the row. */
  linear(x: Float32Array, weights: PreparedWeights, y: Float32Array, batch: number, epilogue: Epilogue): void;

  /** y [m, n] = a [m, k] · b [k, n], both computed at run time. */
  matmul(a: Float32Array, b: Float32Array, y: Float32Array, m: number, k: number, n: number): void;

  /** y[i] = f(x[i]). `alpha`, `beta`: slope of leakyRelu; low and high of clip; alpha and beta of hardSigmoid; alpha of elu. y may be x. */
  unary(name: UnaryName, x: Float32Array, y: Float32Array, alpha?: number, beta?: number): void;

  /** y = f(a, b), a and y [outer, channels, inner], b [channels]; channels = 1 is a scalar, outer = inner = 1 is element by element. `swapped` computes f(b, a). y may be a. */
  binary(
    name: BinaryName,
    a: Float32Array,
    b: Float32Array,
    y: Float32Array,
    outer: number,
    channels: number,
    inner: number,
    swapped?: boolean,
  ): void;

  /** y = x·scale[c] + shift[c], then clamp; x [outer, channels, inner]. */
  affine(
    x: Float32Array,
    scale: Float32Array,
    shift: Float32Array,
    y: Float32Array,
    outer: number,
    channels: number,
    inner: number,
    low?: number,
    high?: number,
  ): void;

  /** Largest value under each window; windows never lie wholly in the padding, which counts as −∞. */
  maxPool2d(x: Float32Array, y: Float32Array, shape: Conv2dShape): void;
  /** Sum under each window in row-major order from +0, divided by the number of real elements (or by `padded` counts: windows clipped to the padded input of padBottom/padRight). */
  averagePool2d(
    x: Float32Array,
    y: Float32Array,
    shape: Conv2dShape,
    countPadding: boolean,
    padBottom: number,
    padRight: number,
  ): void;

  /** Over the middle axis of [outer, length, inner]: exp(x − max) / Σ, the sum in float32 in ascending order. `log` gives x − max − log Σ. */
  softmax(
    x: Float32Array,
    y: Float32Array,
    outer: number,
    length: number,
    inner: number,
    log?: boolean,
  ): void;

  /** Frees everything. */
  dispose(): void;
}
