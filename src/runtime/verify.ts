import type { Model, Value } from '../ir/graph.ts';
import { sizeOf, type Tensor, zeros } from '../tensor/tensor.ts';
import { createSession, type SessionOptions } from './session.ts';
import { heldType } from './widen.ts';

export interface VerifyOptions {
  /** What to feed; by default pseudo-random values that depend on `seed` alone. */
  readonly feeds?: Readonly<Record<string, Tensor>>;
  readonly seed?: number;
  /** Compare every inner value that is left after fusing, not only the outputs. */
  readonly everyValue?: boolean;
  /** Numbers of threads that the SIMD kernels are run with besides one; 2 and 3 by default. Leave it empty where there is no SharedArrayBuffer. */
  readonly threads?: readonly number[];
}

export interface Difference {
  /** Threads of the SIMD kernels that differ. */
  readonly threads: number;
  /** Name of the value, index of the element, and what either set of kernels gives. */
  readonly value: string;
  readonly index: number;
  readonly reference: number;
  readonly simd: number;
}

export interface Verification {
  readonly equal: boolean;
  /** Numbers of threads that the SIMD kernels were run with, each compared with the reference. */
  readonly threads: readonly number[];
  /** Names of the values that were compared, in order. */
  readonly values: readonly string[];
  /** Elements compared, for each number of threads. */
  readonly comparedElements: number;
  /** Elements that differ, of all numbers of threads together. */
  readonly differentElements: number;
  readonly firstDifference?: Difference;
}

/**
 * Runs a model with the reference kernels, and with the SIMD kernels on one thread and on several, on the same input and compares the
 * results bit for bit (a NaN equals a NaN).
 * @throws unsupported where the engine has no WebAssembly SIMD, or no threads; option for a number of threads that is none
 */
export function verifyModel(model: Model, options: VerifyOptions = {}): Verification {
  const feeds = options.feeds ?? randomFeeds(model.graph.inputs, options.seed ?? 1);
  const fetch = options.everyValue === true ? 'all' : [];
  const threads = [...new Set([1, ...(options.threads ?? [2, 3])])];
  const run = (session: SessionOptions): Map<string, Tensor> => {
    const opened = createSession(model, session);
    try {
      return opened.run(feeds, { fetch });
    } finally {
      opened.dispose();
    }
  };
  const reference = run({ kernels: 'reference' });
  let comparedElements = 0;
  let differentElements = 0;
  let firstDifference: Difference | undefined;
  for (const expected of reference.values()) comparedElements += expected.data.length;
  for (const count of threads) {
    const simd = run({ kernels: 'simd', threads: count });
    for (const [value, expected] of reference) {
      const actual = simd.get(value)!;
      for (let index = 0; index < expected.data.length; index++) {
        if (Object.is(expected.data[index], actual.data[index])) continue;
        differentElements++;
        const [left, right] = [expected, actual].map((tensor) => Number(tensor.data[index]));
        firstDifference ??= { threads: count, value, index, reference: left!, simd: right! };
      }
    }
  }
  return {
    equal: differentElements === 0,
    threads,
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
