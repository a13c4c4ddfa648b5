import type { Model, Value } from '../ir/graph.ts';
import { sizeOf, type Tensor, zeros } from '../tensor/tensor.ts';
import { createSession } from './session.ts';
import { heldType } from './widen.ts';

export interface VerifyOptions {
  /** What to feed; by default pseudo-random values that depend on `seed` alone. */
  readonly feeds?: Readonly<Record<string, Tensor>>;
  readonly seed?: number;
  /** Compare every inner value that is left after fusing, not only the outputs. */
  readonly everyValue?: boolean;
}

export interface Difference {
  /** Name of the value, index of the element, and what either set of kernels gives. */
  readonly value: string;
  readonly index: number;
  readonly reference: number;
  readonly simd: number;
}

export interface Verification {
  readonly equal: boolean;
  /** Names of the values that were compared, in order. */
  readonly values: readonly string[];
  /** Elements compared. */
  readonly comparedElements: number;
  readonly differentElements: number;
  readonly firstDifference?: Difference;
}

/**
 * Runs a model with the reference kernels and with the SIMD kernels on the same input and compares the results bit for
 * bit (a NaN equals a NaN).
 * @throws unsupported where the engine has no WebAssembly SIMD
 */
export function verifyModel(model: Model, options: VerifyOptions = {}): Verification {
  const feeds = options.feeds ?? randomFeeds(model.graph.inputs, options.seed ?? 1);
  const fetch = options.everyValue === true ? 'all' : [];
  const [reference, simd] = (['reference', 'simd'] as const).map((kernels) => {
    const session = createSession(model, { kernels });
    try {
      return session.run(feeds, { fetch });
    } finally {
      session.dispose();
    }
  }) as [Map<string, Tensor>, Map<string, Tensor>];
  let comparedElements = 0;
  let differentElements = 0;
  let firstDifference: Difference | undefined;
  for (const [value, expected] of reference) {
    const actual = simd.get(value)!;
    comparedElements += expected.data.length;
    for (let index = 0; index < expected.data.length; index++) {
      if (Object.is(expected.data[index], actual.data[index])) continue;
      differentElements++;
      const [left, right] = [expected, actual].map((tensor) => Number(tensor.data[index]));
      firstDifference ??= { value, index, reference: left!, simd: right! };
    }
  }
  return {
    equal: differentElements === 0,
    values: [...reference.keys()],
    comparedElements,
    differentElements,
    ...(firstDifference === undefined ? {} : { firstDifference }),
  };
}

/** Reproducible inputs: uniform in [−1, 1) for floats, 0 or 1 for booleans, 0 … 9 for integers. Unknown dimensions are 1. */
export function randomFeeds(inputs: readonly Value[], seed: number): Record<string, Tensor> {
  const next = generator(seed);
  const feeds: Record<string, Tensor> = {};
  for (const { name, dtype = 'FLOAT', shape = [] } of inputs) {
    const tensor = zeros(
      heldType(dtype),
      shape.map((dim) => (typeof dim === 'number' ? dim : 1)),
    );
    for (let i = 0; i < sizeOf(tensor.shape); i++) {
      const value = next();
      if (tensor.data instanceof BigInt64Array || tensor.data instanceof BigUint64Array)
        tensor.data[i] = BigInt(Math.floor(value * 10));
      else if (tensor.dtype === 'FLOAT' || dtype === 'DOUBLE')
        (tensor.data as Float64Array)[i] = 2 * value - 1;
      else (tensor.data as Uint8Array)[i] = Math.floor(value * (dtype === 'BOOL' ? 2 : 10));
    }
    feeds[name] = tensor;
  }
  return feeds;
}

/** Uniform in [0, 1): a 32-bit xorshift generator (Marsaglia, "Xorshift RNGs", 2003). */
function generator(seed: number): () => number {
  let state = Math.imul(seed, 2654435761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 4294967296;
  };
}
