import type { Conv2dShape } from '../../../src/kernels/contract.ts';
import {
  type IntegerRows,
  type IntegerUse,
  MOST_LEVEL,
  MOST_SUM,
  type SumFinish,
} from '../../../src/kernels/integer/contract.ts';
import { type Case, type Operation, SIZES } from '../support/operation.ts';
import type { Random } from '../support/random.ts';
import { anyEpilogue, anySteps, withOutput } from './conv2d.ts';
import { type FewBitLayer, fewBitLayers } from './few-bits.ts';
import { anyFixedFinish, halvesOf } from './fixed.ts';

const PLAIN = { strideHeight: 1, strideWidth: 1, dilationHeight: 1, dilationWidth: 1, padTop: 0, padLeft: 0 };

function anyCodes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.pick([0, 255, random.whole(0, 255), random.whole(0, 255)]));
}

/** Levels as large as the bound on sums allows, now and then all of them the largest. */
function anyLevels(random: Random, rows: number, columns: number): IntegerRows {
  const bits = random.whole(1, 8);
  const tableStride = random.pick([0, 1] as const);
  const most = Math.min(MOST_LEVEL, Math.floor(MOST_SUM / 255 / Math.max(columns, 1)));
  const isExtreme = random.chance(0.2);
  const rowBytes = Math.ceil(columns / 8) + random.whole(0, 2);
  return {
    bits,
    tableStride,
    rowBytes,
    planes: new Uint8Array(bits * rows * rowBytes).map(() => random.whole(0, 255)),
    levels: Int16Array.from({ length: (tableStride === 0 ? 1 : rows) << bits }, () =>
      isExtreme ? random.pick([most, -most]) : random.whole(-most, most),
    ),
  };
}

function anyFinish(random: Random, shape: Conv2dShape, columns: number): SumFinish {
  const { outChannels } = shape;
  const length = shape.batch * outChannels * shape.outHeight * shape.outWidth;
  if (random.chance(0.3)) return anyFixedFinish(random, outChannels, length);
  if (random.chance(0.4))
    return {
      kind: 'floats',
      y: new Float32Array(length).fill(Number.NaN),
      alpha: random.floats(outChannels),
      ...anyEpilogue(random, outChannels, length),
    };
  const spread = 2 ** 32 / Math.max(1, columns);
  const low = random.pick([0, 0, 3]);
  return {
    kind: 'codes',
    y: new Uint8Array(length).fill(170),
    multipliers: Int32Array.from({ length: outChannels }, () =>
      random.chance(0.1)
        ? random.pick([2 ** 31 - 1, -(2 ** 31), 0])
        : (random.unit() - 0.5) * Math.min(spread, 2 ** 31),
    ),
    offsets: BigInt64Array.from({ length: outChannels }, () =>
      random.chance(0.1)
        ? random.pick([2n ** 62n, -(2n ** 62n)])
        : BigInt(random.whole(-300, 300)) * 2n ** 32n + BigInt(random.whole(0, 2 ** 31)),
    ),
    low,
    high: random.pick([255, 15, low]),
  };
}

/** What the kernel gives with memory of its own, as numbers that float32 tells apart. */
function outputOf(finish: SumFinish, run: (own: SumFinish) => void): Float32Array {
  const own = { ...finish, y: finish.y.slice() } as SumFinish;
  run(own);
  return own.kind === 'fixed' ? halvesOf(own.y) : Float32Array.from(own.y);
}

/** The same with levels in equal steps, in one order or the other: sums over the bits of a code. */
function withEqualSteps(random: Random, rows: IntegerRows): IntegerRows {
  const size = 1 << rows.bits;
  const levels = rows.levels.slice();
  for (let t = 0; t < levels.length; t += size) {
    const step = random.whole(-1, 1) * random.whole(0, Math.floor(Math.abs(levels[t]!) / size));
    for (let code = 0; code < size; code++) levels[t + code] = step * (2 * code - size + 1);
  }
  return { ...rows, levels };
}

/** A convolution with levels, codes and a finish of any kind. */
export function convolution(random: Random, shape: Conv2dShape, use: IntegerUse = 'images'): Case {
  const { batch, inChannels, inHeight, inWidth, outChannels, groups } = shape;
  const columns = (inChannels / groups) * shape.kernelHeight * shape.kernelWidth;
  const any = anyLevels(random, outChannels, columns);
  const rows = use === 'vector' && random.chance(0.6) ? withEqualSteps(random, any) : any;
  const codes = anyCodes(random, batch * inHeight * inWidth * inChannels);
  const zero = random.pick([0, 255, 128, random.whole(0, 255)]);
  const finish = anyFinish(random, shape, columns);
  return {
    what: `${use}, ${rows.bits} bits, table stride ${rows.tableStride}, zero ${zero}, ${finish.kind}, ${JSON.stringify(shape)}`,
    run(kernels) {
      const weights = kernels.prepareInteger(rows, shape, use);
      const y = outputOf(finish, (own) => kernels.integerConv2d(codes, zero, weights, shape, own));
      weights.release();
      return y;
    },
  };
}

function fewBits(random: Random, layer: FewBitLayer): Case {
  const { rows, shape, codes, zero, high, use } = layer;
  const finish = anyFinish(random, shape, shape.inChannels * shape.kernelHeight * shape.kernelWidth);
  return {
    what: `${layer.what}, ${finish.kind}`,
    run(kernels) {
      const weights = kernels.prepareInteger(rows, shape, use, high);
      const y = outputOf(finish, (own) => kernels.integerConv2d(codes, zero, weights, shape, own));
      weights.release();
      return y;
    },
  };
}

/** Fully connected: one window over the whole image. */
function* connected(random: Random): Generator<Case> {
  for (const size of SIZES.filter((one) => one > 0))
    for (const [inChannels, outChannels] of [
      [size, random.whole(1, 70)],
      [random.whole(1, 70), size],
    ] as const) {
      const [inHeight, inWidth] = [random.pick([1, 1, 2]), random.pick([1, 3])];
      for (const use of ['images', 'vector'] as const)
        yield convolution(
          random,
          {
            ...PLAIN,
            ...{ batch: random.whole(1, 6), inChannels, outChannels, inHeight, inWidth, groups: 1 },
            ...{ kernelHeight: inHeight, kernelWidth: inWidth, outHeight: 1, outWidth: 1 },
          },
          use,
        );
    }
}

/** Any geometry, depthwise too; windows may lie wholly in the padding. */
function* geometries(random: Random, count: number): Generator<Conv2dShape> {
  for (let made = 0; made < count; ) {
    const isDepthwise = random.chance(0.3);
    const kernelHeight = random.whole(1, 4);
    const kernelWidth = random.chance(0.6) ? kernelHeight : random.whole(1, 4);
    const channels = random.pick([1, 2, 3, 7, 8, 9, 16, 17, 33]);
    const shape = withOutput(
      {
        batch: random.whole(1, 3),
        inChannels: channels,
        outChannels: isDepthwise ? channels : random.pick([1, 2, 4, 5, 8, 9, 16, 31]),
        groups: isDepthwise ? channels : 1,
        inHeight: random.whole(1, 9),
        inWidth: random.whole(1, 12),
        kernelHeight,
        kernelWidth,
        ...anySteps(random),
        padTop: random.whole(0, 3),
        padLeft: random.whole(0, 3),
      },
      random.whole(0, 3),
      random.whole(0, 3),
    );
    if (shape === undefined) continue;
    made++;
    yield shape;
  }
}

/** 3 × 3 of stride 1, whose sums come by Winograd's algorithm from some size on. */
function* threeByThree(random: Random, count: number): Generator<Case> {
  for (let i = 0; i < count; i++) {
    const shape = withOutput(
      {
        ...PLAIN,
        batch: random.whole(1, 2),
        inChannels: random.pick([8, 16, 24, 40]),
        outChannels: random.pick([1, 5, 8, 12, 16]),
        groups: 1,
        inHeight: random.whole(4, 13),
        inWidth: random.whole(4, 13),
        kernelHeight: 3,
        kernelWidth: 3,
        padTop: random.whole(0, 2),
        padLeft: random.whole(0, 2),
      },
      random.whole(0, 2),
      random.whole(0, 2),
    );
    if (shape !== undefined) yield convolution(random, shape);
  }
}

export const integerConv2d: Operation = {
  name: 'integerConv2d',
  *cases(random) {
    yield* connected(random);
    for (const shape of geometries(random, 200)) yield convolution(random, shape);
    yield* threeByThree(random, 60);
    for (const layer of fewBitLayers(random)) yield fewBits(random, layer);
    // More columns than 16 bits hold the sums of.
    const long = { ...PLAIN, batch: 1, inChannels: 9001, outChannels: 19, groups: 1 };
    const one = { inHeight: 1, inWidth: 1, outHeight: 1, outWidth: 1, kernelHeight: 1, kernelWidth: 1 };
    for (let i = 0; i < 8; i++) yield convolution(random, { ...long, ...one }, 'vector');
    // More pixels, and more rows, than a block holds.
    const pointwise = { ...PLAIN, kernelHeight: 1, kernelWidth: 1, groups: 1 };
    const many = { batch: 1, inChannels: 5, inHeight: 90, inWidth: 91, outChannels: 9, ...pointwise };
    yield convolution(random, withOutput(many, 0, 0)!);
    const wide = { batch: 1, inChannels: 2050, inHeight: 1, inWidth: 3, outChannels: 330, ...pointwise };
    yield convolution(random, withOutput(wide, 0, 0)!);
    const tall = { ...PLAIN, kernelHeight: 3, kernelWidth: 3, groups: 1, padTop: 1, padLeft: 1 };
    const tiles = { batch: 1, inChannels: 128, inHeight: 33, inWidth: 32, outChannels: 9, ...tall };
    yield convolution(random, withOutput(tiles, 1, 1)!);
  },
};

export const quantizeCodes: Operation = {
  name: 'quantizeCodes',
  *cases(random) {
    for (const channels of SIZES)
      for (const pixels of [1, 3, 4, 9]) {
        const batch = random.whole(1, 3);
        const x = random.floats(batch * channels * pixels);
        const high = 2 ** random.whole(1, 8) - 1;
        const scale = random.pick([1, 0.5, 0.01, 1 / 3]);
        const rounds = random.pick(['sum', 'quotient', undefined] as const);
        const grid = { scale, zero: random.whole(0, high), high, rounds };
        // Values half way between codes, just below that, and what is no number.
        for (let i = 0; i < x.length; i += 3) x[i] = (random.whole(-300, 300) + 0.5) * scale;
        for (let i = 1; i < x.length; i += 7) x[i] = 1.4999999 * scale;
        if (x.length > 2) x.set([Number.NaN, Number.POSITIVE_INFINITY], random.whole(0, x.length - 2));
        yield {
          what: `${batch} × ${channels} channels × ${pixels} pixels, ${JSON.stringify(grid)}`,
          run(kernels) {
            const codes = new Uint8Array(x.length).fill(170);
            kernels.quantizeCodes(x, codes, batch, channels, pixels, grid);
            return Float32Array.from(codes);
          },
        };
      }
  },
};

export const valueRange: Operation = {
  name: 'valueRange',
  *cases(random) {
    for (const size of SIZES)
      for (const kind of ['any', 'positive', 'negative', 'no numbers', 'infinite'] as const) {
        const sign = { positive: Math.abs, negative: (v: number) => -Math.abs(v) };
        const x = random.floats(size).map((v) => (kind in sign ? sign[kind as 'positive'](v) : v));
        if (kind === 'no numbers') x.fill(Number.NaN, Math.min(size, 1), Math.max(1, size - 1));
        if (kind === 'infinite' && size > 0) x[random.whole(0, size - 1)] = Number.NEGATIVE_INFINITY;
        yield {
          what: `${size} values, ${kind}`,
          run(kernels) {
            const { least, most } = kernels.valueRange(x);
            return Float32Array.of(least, most);
          },
        };
      }
  },
};

export const poolCodes: Operation = {
  name: 'poolCodes',
  *cases(random) {
    for (const shape of geometries(random, 3000)) {
      const { batch, inChannels, inHeight, inWidth, kernelHeight, kernelWidth } = shape;
      // Windows that lie wholly in the padding are outside the contract.
      if (inHeight < 3 * kernelHeight || inWidth < 3 * kernelWidth) continue;
      if (shape.padTop >= kernelHeight || shape.padLeft >= kernelWidth) continue;
      if ((shape.outHeight - 1) * shape.strideHeight - shape.padTop >= inHeight) continue;
      if ((shape.outWidth - 1) * shape.strideWidth - shape.padLeft >= inWidth) continue;
      const codes = anyCodes(random, batch * inHeight * inWidth * inChannels);
      yield {
        what: JSON.stringify(shape),
        run(kernels) {
          const y = new Uint8Array(batch * shape.outHeight * shape.outWidth * inChannels).fill(170);
          kernels.poolCodes(codes, y, { ...shape, outChannels: inChannels });
          return Float32Array.from(y);
        },
      };
    }
  },
};
