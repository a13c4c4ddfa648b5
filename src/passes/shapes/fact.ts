import type { Dim, Graph, Initializer, Node } from '../../ir/graph.ts';
import type { DataType } from '../../tensor/dtype.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { floatValues } from '../constant-values.ts';

/**
 * What is known of a value before the model runs. `content` holds the elements of a small tensor of numbers, row-major,
 * as far as they are known: shapes that a graph computes from its inputs' shapes have symbols in them.
 */
export interface Fact {
  readonly dtype?: DataType;
  readonly shape?: readonly Dim[];
  readonly content?: readonly Dim[];
}

/** A node to infer, with what is known of its inputs (an absent optional one knows nothing). */
export interface InferCall {
  readonly node: Node;
  readonly inputs: readonly Fact[];
  /** Version of the node's operator set. */
  readonly opset: number;
  /** What is known of the outputs of a subgraph of the node, given what is known of its inputs beside the declared types. */
  body?(graph: Graph, inputs: readonly Fact[]): readonly Fact[];
}

/** What is known of a node's outputs, in order; a missing one knows nothing. */
export type Infer = (call: InferCall) => readonly Fact[];

/** Elements of the largest content that is followed: shapes and axes, not weights. */
export const MAX_CONTENT = 64;

/** Axes of the largest rank that is followed: files may declare any. NumPy has 64. */
const MAX_RANK = 64;

/** A shape of which the rank alone is known; undefined where it is no number of axes that a tensor can have. */
export function dimsOfRank(rank: Dim | undefined): Dim[] | undefined {
  const isRank = typeof rank === 'number' && Number.isInteger(rank) && rank >= 0 && rank <= MAX_RANK;
  return isRank ? new Array<Dim>(rank).fill(null) : undefined;
}

/** A fact without the parts that are unknown. */
export function fact(
  dtype: DataType | undefined,
  shape: readonly Dim[] | undefined,
  content?: readonly Dim[],
): Fact {
  return {
    ...(dtype === undefined ? {} : { dtype }),
    ...(shape === undefined || shape.length > MAX_RANK ? {} : { shape }),
    ...(content === undefined || content.length > MAX_CONTENT ? {} : { content }),
  };
}

const CONTENT_TYPES: ReadonlySet<DataType> = new Set([
  'INT64',
  'INT32',
  'FLOAT',
  'FLOAT16',
  'BFLOAT16',
  'DOUBLE',
  'BOOL',
  'UINT8',
  'INT8',
]);

/** What is known of a constant: everything, its elements only where they are few. */
export function factOf(initializer: Initializer): Fact {
  const { dtype, shape, quantized } = initializer;
  const small = quantized === undefined && CONTENT_TYPES.has(dtype) && sizeOf(shape) <= MAX_CONTENT;
  return fact(dtype, shape, small ? elementsOf(initializer) : undefined);
}

function elementsOf(initializer: Initializer): number[] | undefined {
  try {
    const floats = floatValues(initializer);
    return Array.from(floats ?? (initializer.read().data as Float32Array), Number);
  } catch {
    return undefined; // sparse, or damaged: whoever needs it will say so
  }
}

/** The content of a fact where every element is a known number. */
export function numbersIn(known: Fact | undefined): number[] | undefined {
  const { content } = known ?? {};
  return content?.every((element) => typeof element === 'number') ? (content as number[]) : undefined;
}

/** `axis` counted from the front; undefined where it is outside the rank. */
export function axisIn(axis: number, rank: number): number | undefined {
  const positive = axis < 0 ? axis + rank : axis;
  return positive >= 0 && positive < rank ? positive : undefined;
}

/** Product of dimensions; null where one of them is not a number. */
export function product(dims: readonly Dim[]): number | null {
  let size = 1;
  for (const dim of dims) {
    if (typeof dim !== 'number') return null;
    size *= dim;
  }
  return size;
}

/** The shape that operands broadcast to (NumPy's rule); undefined where a rank is unknown or shapes do not fit. */
export function broadcastDims(...shapes: (readonly Dim[] | undefined)[]): Dim[] | undefined {
  let result: Dim[] = [];
  for (const shape of shapes) {
    if (shape === undefined) return undefined;
    const rank = Math.max(result.length, shape.length);
    const joined: Dim[] = [];
    for (let i = 1; i <= rank; i++) {
      const dim = joinDims(
        result.at(-i) ?? (i > result.length ? 1 : null),
        shape.at(-i) ?? (i > shape.length ? 1 : null),
      );
      if (dim === undefined) return undefined;
      joined.unshift(dim);
    }
    result = joined;
  }
  return result;
}

function joinDims(a: Dim, b: Dim): Dim | undefined {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (typeof a === 'number' && typeof b === 'number') return undefined;
  // One of them is unknown: it is 1 or equal to the other, if that one is a number other than 1.
  return typeof a === 'number' ? a : typeof b === 'number' ? b : null;
}

/** Infers outputs of the shape and type of the first input. */
export const sameAsFirst: Infer = ({ inputs: [first] }) => [fact(first?.dtype, first?.shape)];
