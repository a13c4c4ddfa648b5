/**
 * A network as the C writer takes it: steps over one sample, in order, with shapes, constants and places in memory settled. Plain
 * data; who makes it knows the graph, who writes it knows C.
 *
 * Layouts: floats are [channels, height, width]; codes are bytes [height, width, channels]; signs are maps [height, width, words of
 * 32 channels], lowest bit first, 1 for −1, spare bits 0; fixed-point values are int32_t [height, width, channels].
 */
export interface CProgram {
  readonly name: string;
  readonly input: CValue;
  readonly output: CValue;
  readonly steps: readonly CStep[];
  /** Bytes of the arena: what is alive between two steps, input and output of the network not among it. */
  readonly arenaBytes: number;
  /** Where the network may be entered with codes instead of floats. */
  readonly codesEntry?: CodesEntry;
}

/** An input or output of the network. */
export interface CValue {
  readonly name: string;
  readonly shape: readonly number[];
  readonly count: number;
}

/** Codes [height, width, channels] that stand for (code − zero)·scale, at the beginning of step `step`. */
export interface CodesEntry {
  readonly step: number;
  readonly place: Place;
  readonly byteLength: number;
  readonly scale: number;
  readonly zero: number;
  readonly high: number;
}

/** Where a value lies: what the caller gives or gets, or so many bytes into the arena. */
export type Place = { readonly at: 'in' | 'out' } | { readonly at: 'arena'; readonly offset: number };

export type Operand = Place | { readonly at: 'constant'; readonly values: Float32Array };

/** How a window slides over an image, in elements. */
export interface CWindow {
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
}

/** Rows of weights as floats, row-major. */
export interface CFloatRows {
  readonly kind: 'float';
  readonly values: Float32Array;
}

/** Rows of k-bit codes: table t of row r, for `groupSize` columns, starts at (r·tableStride + t)·2^bits of the levels. */
export interface CCodedRows {
  readonly kind: 'coded';
  readonly bits: number;
  /** `bits` planes of rows × rowBytes bytes. */
  readonly planes: Uint8Array;
  readonly rowBytes: number;
  readonly levels: Float32Array | Int16Array;
  readonly tableStride: number;
  readonly groupSize: number;
  /** For each table a and q, where its levels are ±a·q^i, rounded once; with `hasZero` the smallest is 0. */
  readonly geometric?: { readonly params: Float32Array; readonly hasZero: boolean } | undefined;
}

export type CRows = CFloatRows | CCodedRows;

/** v·scale + bias + addend, clamped, every step rounded to float32. */
export interface CTail {
  readonly scale?: Float32Array | undefined;
  readonly bias?: Float32Array | undefined;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/** Codes of sums: clamp(⌊(S·multiplier + offset) / 2³²⌋, low, high). */
export interface CCodeFinish {
  readonly kind: 'codes';
  readonly multipliers: Int32Array;
  readonly offsets: BigInt64Array;
  readonly low: number;
  readonly high: number;
}

/** Fixed-point values of sums: clamp(⌊(clamp(S, ±limit)·multiplier + offset) / 2^shift⌋ + addend, low, high). */
export interface CFixedFinish {
  readonly kind: 'fixed';
  readonly multipliers: Int32Array;
  readonly offsets: BigInt64Array;
  readonly limits: Int32Array;
  readonly shift: number;
  readonly low: number;
  readonly high: number;
}

/** Floats of sums: alpha·S, then the tail. */
export interface CFloatFinish extends CTail {
  readonly kind: 'floats';
  readonly alpha: Float32Array;
}

/** The same where scale and zero of the codes are values of the run: alpha is unit · scale, rounded to float32. */
export interface CRunFinish extends CTail {
  readonly kind: 'run';
  readonly units: Float64Array;
}

/** Signs of sums: −1 where (S < threshold) ≠ flip. */
export interface CSignFinish {
  readonly kind: 'signs';
  readonly thresholds: Int32Array;
  readonly flips: Uint8Array;
}

export type BinaryFunction = 'add' | 'sub' | 'mul' | 'div' | 'max' | 'min';
export type UnaryFunction =
  | 'clip'
  | 'leakyRelu'
  | 'neg'
  | 'abs'
  | 'sigmoid'
  | 'tanh'
  | 'exp'
  | 'hardSigmoid'
  | 'hardSwish'
  | 'sign'
  /** alpha for what is ≥ 0, else −alpha */
  | 'bipolar';

interface Mapped {
  readonly x: Place;
  readonly y: Place;
}

export type CStep = { readonly node: string } /** y may be the addend. */ & (
  | ({
      op: 'conv';
      /** By F(2×2, 3×3), whose rounding differs from that of the plain sum. */
      isWinograd: boolean;
      window: CWindow;
      weights: CRows;
      tail: CTail;
      addend?: Operand | undefined;
    } & Mapped)
  /** A convolution whose outputs are wanted for their signs alone; `isTotal` as of `signs`. */
  | ({
      op: 'convSigns';
      window: CWindow;
      weights: CRows;
      tail: CTail;
      isTotal: boolean;
      thresholds?: Float32Array | undefined;
    } & Mapped)
  | ({
      op: 'linear';
      batch: number;
      rows: number;
      columns: number;
      weights: CRows;
      tail: CTail;
      addend?: Operand | undefined;
    } & Mapped)
  | ({
      op: 'integerConv';
      window: CWindow;
      zero: number;
      weights: CCodedRows;
      finish: CCodeFinish | CFixedFinish | CFloatFinish | CRunFinish;
      /** Where scale and zero of the codes are values of the run: a float, and an int32_t. */
      gridScale?: Place | undefined;
      gridZero?: Place | undefined;
      /** Of floats or fixed-point values, as the outputs. */
      addend?: Operand | undefined;
    } & Mapped)
  | ({
      op: 'binaryConv';
      window: CWindow;
      /** [rows, channels, kernelHeight, kernelWidth]: 1 for weights below 0. */
      negative: Uint8Array;
      finish: CSignFinish | CFloatFinish;
    } & Mapped)
  | ({
      op: 'codes';
      channels: number;
      pixels: number;
      scale: number;
      zero: number;
      high: number;
      rounds?: 'sum' | 'quotient' | undefined;
    } & Mapped)
  /**
   * Whether values are below the threshold of their channel (0 where absent). `isTotal`: what is not ≥ it is −1; else a value without a
   * sign (at it, or NaN) ends the run with an error.
   */
  | ({
      op: 'signs';
      channels: number;
      pixels: number;
      isTotal: boolean;
      thresholds?: Float32Array | undefined;
    } & Mapped)
  | ({ op: 'maxPool' | 'codePool'; window: CWindow } & Mapped)
  /** Signs of a map as 1 and −1. */
  | ({ op: 'signFloats'; channels: number; pixels: number } & Mapped)
  /** Channels of the window are those of the map. */
  | ({ op: 'signPool'; window: CWindow } & Mapped)
  | ({
      op: 'averagePool';
      window: CWindow;
      countPadding: boolean;
      padBottom: number;
      padRight: number;
    } & Mapped)
  | ({
      op: 'affine';
      channels: number;
      inner: number;
      outer: number;
      scale: Float32Array;
      shift: Float32Array;
      low?: number | undefined;
      high?: number | undefined;
    } & Mapped)
  | ({ op: 'unary'; name: UnaryFunction; count: number; alpha: number; beta: number } & Mapped)
  /** y = f(a, b), row-major over `dims`; a stride of 0 repeats. */
  | {
      op: 'binary';
      name: BinaryFunction;
      a: Operand;
      b: Operand;
      y: Place;
      dims: readonly number[];
      strides: readonly (readonly number[])[];
    }
  /** Codes of 8 bits by the range of the values, with scale and zero. */
  | ({ op: 'dynamicCodes'; channels: number; pixels: number; gridScale: Place; gridZero: Place } & Mapped)
  /** Codes of fixed-point values: clamp(⌊v·multiplier / 2³² + zero + ½⌋, 0, high). */
  | ({ op: 'fixedCodes'; count: number; multiplier: number; zero: number; high: number } & Mapped)
  /** Fixed-point values of codes, by a table of 256. */
  | ({ op: 'fixedOfCodes'; count: number; table: Int32Array } & Mapped)
  /** y = clamp(a + b, low, high) of fixed-point values, row-major over `dims`; a stride of 0 repeats. */
  | {
      op: 'fixedAdd';
      a: Place;
      b: Place | undefined;
      y: Place;
      dims: readonly number[];
      strides: readonly (readonly number[])[];
      low: number;
      high: number;
    }
  | ({ op: 'fixedPool'; window: CWindow; isAverage: boolean } & Mapped)
  | ({ op: 'softmax'; outer: number; length: number; inner: number } & Mapped)
  /** round(clamp(x / scale + zero)) and back, as QONNX's Quant. */
  | ({ op: 'quant'; count: number; scale: number; zero: number; low: number; high: number } & Mapped)
  | { op: 'fill'; y: Place; count: number; value: number; isFixed: boolean }
  /** Elements of so many bytes, over `dims`, offsets and strides in elements. */
  | ({
      op: 'copy';
      elementBytes: 1 | 4;
      /** Fixed-point values; other elements of four bytes are floats. */
      isFixed: boolean;
      dims: readonly number[];
      from: number;
      fromStrides: readonly number[];
      to: number;
      toStrides: readonly number[];
    } & Mapped)
);
