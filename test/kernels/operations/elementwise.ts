import type { BinaryName, UnaryName } from '../../../src/kernels/contract.ts';
import type { Operation } from '../support/operation.ts';
import { SIZES } from '../support/operation.ts';

const UNARY_NAMES = Object.keys({
  relu: 0,
  leakyRelu: 0,
  clip: 0,
  neg: 0,
  abs: 0,
  sqrt: 0,
  reciprocal: 0,
  floor: 0,
  ceil: 0,
  round: 0,
  sign: 0,
  exp: 0,
  log: 0,
  sigmoid: 0,
  tanh: 0,
  erf: 0,
  softplus: 0,
  hardSigmoid: 0,
  hardSwish: 0,
  elu: 0,
  selu: 0,
  gelu: 0,
  sin: 0,
  cos: 0,
} satisfies Record<UnaryName, 0>) as UnaryName[];

const BINARY_NAMES = Object.keys({
  add: 0,
  sub: 0,
  mul: 0,
  div: 0,
  max: 0,
  min: 0,
  pow: 0,
  prelu: 0,
} satisfies Record<BinaryName, 0>) as BinaryName[];

/** Halves, the borders of the series, the borders of float32, and what is no number. */
const SPECIAL = [
  0,
  -0,
  0.5,
  -0.5,
  1.5,
  -1.5,
  2.5,
  1,
  -1,
  0.35,
  -0.35,
  1e-10,
  -1e-10,
  1e-40,
  -1e-45,
  16777217,
  8388607.5,
  20.5,
  -17,
  88.8,
  -104,
  709,
  -745,
  3e38,
  -3e38,
  1e5,
  131072,
  2 ** 60,
  -(2 ** 120),
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
];

export const unary: Operation = {
  name: 'unary',
  *cases(random) {
    for (const name of UNARY_NAMES) {
      for (const size of [...SIZES, 1000]) {
        const x = random.floats(size);
        if (size >= SPECIAL.length) x.set(SPECIAL);
        const slopes = random.chance(0.5) ? ([0.3, 1.7] as const) : ([undefined, undefined] as const);
        const inPlace = random.chance(0.5);
        yield {
          what: `${name} of ${size}, alpha ${slopes[0]}, beta ${slopes[1]}`,
          run(kernels) {
            const from = x.slice();
            const y = inPlace ? from : new Float32Array(size).fill(Number.NaN);
            kernels.unary(name, from, y, ...slopes);
            return y;
          },
        };
      }
    }
  },
};

export const binary: Operation = {
  name: 'binary',
  *cases(random) {
    for (const name of BINARY_NAMES) {
      for (const size of SIZES) {
        for (const [outer, channels, inner] of [
          [1, size, 1],
          [1, 1, size],
          [random.whole(1, 5), random.whole(1, 5), size],
          [random.whole(1, 5), size, random.whole(1, 5)],
          [size, random.whole(1, 5), 1],
        ] as const) {
          const a = random.floats(outer * channels * inner);
          const b = random.floats(channels);
          const swapped = random.chance(0.5);
          yield {
            what: `${name} of [${outer}, ${channels}, ${inner}]${swapped ? ', swapped' : ''}`,
            run(kernels) {
              const y = new Float32Array(a.length).fill(Number.NaN);
              kernels.binary(name, a, b, y, outer, channels, inner, swapped);
              return y;
            },
          };
        }
      }
      const [a, b] = crossed(SPECIAL);
      yield {
        what: `${name} of special values`,
        run(kernels) {
          const y = new Float32Array(a.length);
          kernels.binary(name, a, b, y, 1, a.length, 1);
          return y;
        },
      };
    }
  },
};

/** Every value with every value. */
function crossed(values: readonly number[]): [a: Float32Array, b: Float32Array] {
  const pairs = values.flatMap((a) => values.map((b) => [a, b] as const));
  return [Float32Array.from(pairs, ([a]) => a), Float32Array.from(pairs, ([, b]) => b)];
}

export const affine: Operation = {
  name: 'affine',
  *cases(random) {
    for (const size of SIZES) {
      for (const [outer, channels, inner] of [
        [2, 3, size],
        [2, size, 3],
        [size, 3, 1],
      ] as const) {
        const x = random.floats(outer * channels * inner);
        const [scale, shift] = [random.floats(channels), random.floats(channels)];
        const bounds = random.chance(0.5) ? ([0, 6] as const) : ([] as const);
        yield {
          what: `affine of [${outer}, ${channels}, ${inner}], bounds ${bounds}`,
          run(kernels) {
            const y = new Float32Array(x.length).fill(Number.NaN);
            kernels.affine(x, scale, shift, y, outer, channels, inner, ...bounds);
            return y;
          },
        };
      }
    }
  },
};

export const softmax: Operation = {
  name: 'softmax',
  *cases(random) {
    for (const length of [1, 2, 7, 8, 33, 129, 1001]) {
      for (const logarithm of [false, true]) {
        const [outer, inner] = [random.whole(1, 4), random.whole(1, 4)];
        const x = random.floats(outer * length * inner).map((v) => v * 10);
        yield {
          what: `softmax of [${outer}, ${length}, ${inner}]${logarithm ? ', logarithm' : ''}`,
          run(kernels) {
            const y = new Float32Array(x.length).fill(Number.NaN);
            kernels.softmax(x, y, outer, length, inner, logarithm);
            return y;
          },
        };
      }
    }
  },
};
