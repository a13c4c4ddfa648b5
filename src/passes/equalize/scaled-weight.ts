import type { Initializer, Node } from '../../ir/graph.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { floatTensor, floatValues, numberAttribute } from '../constant-values.ts';

/** How the size of a row or column is told: by its largest element, or by the root of its mean square. */
export type RangeMeasure = 'max' | 'rms';

/** Where the elements [first, second, inner] of a weight belong: the output and the input channel at (first, second). */
interface Places {
  readonly first: number;
  readonly second: number;
  readonly rows: number;
  readonly columns: number;
  readonly rowOf: (first: number, second: number) => number;
  readonly columnOf: (first: number, second: number) => number;
}

/**
 * A weight with a factor for every output channel (row) and input channel (column). Only the sizes of its kernels are
 * held; elements are read again, and scaled, when they are asked for.
 */
export class ScaledWeight {
  readonly initializer: Initializer;
  readonly rowFactors: Float64Array;
  readonly columnFactors: Float64Array;
  readonly #places: Places;
  readonly #measure: RangeMeasure;
  /** Largest size, or mean square, of each kernel; [first, second]. */
  readonly #sizes: Float64Array;

  private constructor(initializer: Initializer, places: Places, measure: RangeMeasure, values: Float64Array) {
    this.initializer = initializer;
    this.rowFactors = new Float64Array(places.rows).fill(1);
    this.columnFactors = new Float64Array(places.columns).fill(1);
    this.#places = places;
    this.#measure = measure;
    this.#sizes = kernelSizes(values, places.first * places.second, measure);
  }

  /** The weight of a Conv, ConvTranspose, Gemm or MatMul; undefined where it is no float matrix of finite numbers. */
  static of(node: Node, initializer: Initializer, measure: RangeMeasure): ScaledWeight | undefined {
    const places = placesOf(node, initializer.shape);
    const values = places && floatValues(initializer);
    if (places === undefined || values === undefined || !values.every(Number.isFinite)) return undefined;
    return new ScaledWeight(initializer, places, measure, values);
  }

  get isScaled(): boolean {
    return [this.rowFactors, this.columnFactors].some((factors) => factors.some((factor) => factor !== 1));
  }

  rowRanges(): Float64Array {
    return this.#ranges(this.#places.rows, this.#places.rowOf);
  }

  columnRanges(): Float64Array {
    return this.#ranges(this.#places.columns, this.#places.columnOf);
  }

  #ranges(count: number, channelOf: (first: number, second: number) => number): Float64Array {
    const { first, second, rowOf, columnOf } = this.#places;
    const ranges = new Float64Array(count);
    const isMax = this.#measure === 'max';
    for (let a = 0; a < first; a++)
      for (let b = 0; b < second; b++) {
        const factor = this.rowFactors[rowOf(a, b)]! * this.columnFactors[columnOf(a, b)]!;
        const size = this.#sizes[a * second + b]!;
        const channel = channelOf(a, b);
        if (isMax) ranges[channel] = Math.max(ranges[channel]!, size * factor);
        else ranges[channel]! += size * factor * factor;
      }
    // Every row has as many elements as any other, and so has every column.
    return isMax ? ranges : ranges.map((sum) => Math.sqrt((sum * count) / (first * second)));
  }

  /** The weight times its factors, rounded once to its type. */
  scaled(): Initializer {
    const { initializer, rowFactors, columnFactors } = this;
    const { name, dtype, shape, byteLength } = initializer;
    const { first, second, rowOf, columnOf } = this.#places;
    const read = (): ReturnType<Initializer['read']> => {
      const values = floatValues(initializer)!;
      const inner = values.length / (first * second);
      for (let a = 0; a < first; a++)
        for (let b = 0; b < second; b++) {
          const factor = rowFactors[rowOf(a, b)]! * columnFactors[columnOf(a, b)]!;
          const start = (a * second + b) * inner;
          for (let i = start; i < start + inner; i++) values[i]! *= factor;
        }
      return floatTensor(dtype, shape, values);
    };
    return { name, dtype, shape, byteLength, read };
  }
}

function kernelSizes(values: Float64Array, kernels: number, measure: RangeMeasure): Float64Array {
  const sizes = new Float64Array(kernels);
  const inner = values.length / kernels;
  for (let k = 0; k < kernels; k++) {
    let size = 0;
    for (let i = k * inner; i < (k + 1) * inner; i++) {
      const v = values[i]!;
      size = measure === 'max' ? Math.max(size, Math.abs(v)) : size + (v * v) / inner;
    }
    sizes[k] = size;
  }
  return sizes;
}

function placesOf(node: Node, shape: readonly number[]): Places | undefined {
  const [first = 0, second = 0] = shape;
  if (shape.length < 2 || sizeOf(shape) === 0) return undefined;
  const groups = numberAttribute(node, 'group', 1);
  const isRowFirst =
    node.opType === 'Conv' || (node.opType === 'Gemm' && numberAttribute(node, 'transB', 0) !== 0);
  const isMatrix = node.opType === 'Gemm' || node.opType === 'MatMul';
  if (isMatrix ? shape.length !== 2 : groups < 1 || first % groups !== 0) return undefined;
  // In a convolution the second axis counts inside the group that the first one tells.
  const perGroup = isMatrix ? first : first / groups;
  const own = (a: number): number => a;
  const inGroup = (a: number, b: number): number => Math.floor(a / perGroup) * second + b;
  const count = isMatrix ? second : second * groups;
  return isRowFirst
    ? { first, second, rows: first, columns: count, rowOf: own, columnOf: inGroup }
    : { first, second, rows: count, columns: first, rowOf: inGroup, columnOf: own };
}
