import type { Conv2dShape } from '../../../src/kernels/contract.ts';
import { type FixedFinish, MOST_FIXED } from '../../../src/kernels/integer/fixed-contract.ts';
import { type Case, type Operation, SIZES } from '../support/operation.ts';
import type { Random } from '../support/random.ts';
import { anySteps, withOutput } from './conv2d.ts';

/** Halves of 32-bit integers: float32 holds these exactly. */
export function halvesOf(values: Int32Array): Float32Array {
  return Float32Array.from(new Uint16Array(values.buffer, values.byteOffset, 2 * values.length));
}

function anyValues(random: Random, length: number): Int32Array {
  return Int32Array.from({ length }, () =>
    random.pick([
      0,
      -1,
      MOST_FIXED,
      -MOST_FIXED,
      random.whole(-MOST_FIXED, MOST_FIXED),
      random.whole(-300, 300),
    ]),
  );
}

/** Multipliers and offsets of any size: of what wraps around all kernels must make the same. */
export function anyFixedFinish(random: Random, outChannels: number, length: number): FixedFinish {
  const low = random.pick([0, -MOST_FIXED, random.whole(-1000, 1000)]);
  return {
    kind: 'fixed',
    y: new Int32Array(length).fill(170),
    multipliers: Int32Array.from({ length: outChannels }, () =>
      random.pick([
        2 ** 31 - 1,
        -(2 ** 31),
        0,
        random.whole(-(2 ** 31), 2 ** 31 - 1),
        random.whole(-(2 ** 20), 2 ** 20),
      ]),
    ),
    offsets: BigInt64Array.from({ length: outChannels }, () =>
      random.pick([
        2n ** 62n,
        -(2n ** 62n),
        BigInt(random.whole(-(2 ** 40), 2 ** 40)) << BigInt(random.whole(0, 20)),
      ]),
    ),
    limits: Int32Array.from({ length: outChannels }, () =>
      random.pick([0, 2 ** 29, random.whole(0, 2 ** 20)]),
    ),
    shift: random.pick([0, 32, random.whole(0, 32)]),
    addend: random.chance(0.5) ? anyValues(random, length) : undefined,
    low,
    high: random.pick([MOST_FIXED, Math.max(low, 5), low]),
  };
}

export const addFixed: Operation = {
  name: 'addFixed',
  *cases(random) {
    for (const size of SIZES)
      for (const hasAddend of [true, false]) {
        const x = anyValues(random, size);
        const addend = hasAddend ? anyValues(random, size) : undefined;
        const [low, high] = random.pick([
          [-MOST_FIXED, MOST_FIXED],
          [0, 1000],
          [-7, -7],
        ] as const);
        yield {
          what: `${size} values, ${hasAddend ? 'with' : 'without'} an addend, from ${low} to ${high}`,
          run(kernels) {
            const y = new Int32Array(size).fill(170);
            kernels.addFixed(x, addend, y, low, high);
            return halvesOf(y);
          },
        };
      }
  },
};

export const codesOfFixed: Operation = {
  name: 'codesOfFixed',
  *cases(random) {
    for (const size of SIZES)
      for (const multiplier of [0, 1, 2 ** 31 - 1, random.whole(0, 2 ** 22), random.whole(0, 2 ** 10)]) {
        const x = anyValues(random, size);
        const high = random.pick([255, 15, 1]);
        const grid = { multiplier, zero: random.whole(0, high), high };
        yield {
          what: `${size} values, ${JSON.stringify(grid)}`,
          run(kernels) {
            const codes = new Uint8Array(size).fill(170);
            kernels.codesOfFixed(x, codes, grid);
            return Float32Array.from(codes);
          },
        };
      }
  },
};

export const fixedOfCodes: Operation = {
  name: 'fixedOfCodes',
  *cases(random) {
    for (const size of SIZES) {
      const codes = Uint8Array.from({ length: size }, () => random.whole(0, 255));
      const table = anyValues(random, 256);
      yield {
        what: `${size} codes`,
        run(kernels) {
          const y = new Int32Array(size).fill(170);
          kernels.fixedOfCodes(codes, table, y);
          return halvesOf(y);
        },
      };
    }
  },
};

function pooled(random: Random, shape: Conv2dShape, pooling: 'largest' | 'average'): Case {
  const { batch, inChannels, inHeight, inWidth, outHeight, outWidth } = shape;
  const x = anyValues(random, batch * inHeight * inWidth * inChannels);
  return {
    what: `${pooling} of ${JSON.stringify(shape)}`,
    run(kernels) {
      const y = new Int32Array(batch * outHeight * outWidth * inChannels).fill(170);
      kernels.poolFixed(x, y, shape, pooling);
      return halvesOf(y);
    },
  };
}

export const poolFixed: Operation = {
  name: 'poolFixed',
  *cases(random) {
    for (let made = 0; made < 120; ) {
      const channels = random.pick([1, 2, 3, 4, 5, 8, 17]);
      const kernelHeight = random.whole(1, 4);
      const kernelWidth = random.whole(1, 4);
      const shape = withOutput(
        {
          ...{ batch: random.whole(1, 2), inChannels: channels, outChannels: channels, groups: channels },
          ...{ inHeight: random.whole(1, 9), inWidth: random.whole(1, 9), kernelHeight, kernelWidth },
          ...anySteps(random),
          padTop: random.whole(0, kernelHeight - 1),
          padLeft: random.whole(0, kernelWidth - 1),
        },
        random.whole(0, kernelHeight - 1),
        random.whole(0, kernelWidth - 1),
      );
      // A largest value is only asked of windows that see something.
      if (shape === undefined || shape.dilationHeight > 1 || shape.dilationWidth > 1) continue;
      made++;
      yield pooled(random, shape, random.pick(['largest', 'average'] as const));
    }
  },
};
