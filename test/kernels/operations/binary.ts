import { mapBytes, SIGN_COMBINATIONS } from '../../../src/kernels/binary/contract.ts';
import type { Conv2dShape } from '../../../src/kernels/contract.ts';
import type { Case, Operation } from '../support/operation.ts';
import { SIZES } from '../support/operation.ts';
import type { Random } from '../support/random.ts';
import { anyEpilogue, anySteps, withOutput } from './conv2d.ts';

/** A map of random signs; spare bits are 0. */
function randomMap(random: Random, pixels: number, channels: number, negative = 0.5): Uint8Array {
  const bytes = mapBytes(channels);
  const map = new Uint8Array(pixels * bytes);
  for (let p = 0; p < pixels; p++)
    for (let c = 0; c < channels; c++)
      if (random.chance(negative)) map[p * bytes + (c >> 3)]! |= 1 << (c & 7);
  return map;
}

/** @param agreement how likely a weight and an input have the same sign */
function binaryConvolution(random: Random, shape: Conv2dShape, agreement = 0.5): Case {
  const { batch, inChannels, inHeight, inWidth, outChannels, kernelHeight, kernelWidth } = shape;
  const map = randomMap(random, batch * inHeight * inWidth, inChannels, agreement === 1 ? 0 : 0.5);
  const columns = (inChannels / shape.groups) * kernelHeight * kernelWidth;
  const negative = Uint8Array.from({ length: outChannels * columns }, () =>
    random.chance(agreement) ? 0 : 1,
  );
  const pixels = batch * shape.outHeight * shape.outWidth;
  const epilogue = { ...anyEpilogue(random, outChannels, 1), addend: undefined };
  const alpha = random.floats(outChannels).map(Math.abs);
  const length = outChannels * random.pick([1, 1, 2, 3]);
  const thresholds = Int32Array.from({ length }, () =>
    random.pick([random.whole(-columns - 1, columns + 1), columns, columns + 1]),
  );
  const flips = Uint8Array.from({ length }, () => random.whole(0, 1));
  const isSigns = random.chance(0.5);
  return {
    what: `${isSigns ? `${length} signs` : 'floats'}, ${JSON.stringify(shape)}`,
    run(kernels) {
      const weights = kernels.prepareBinary(negative, shape);
      const signs = new Uint8Array(pixels * mapBytes(length)).fill(255);
      const floats = new Float32Array(pixels * outChannels).fill(Number.NaN);
      if (isSigns) kernels.binaryConv2d(map, weights, shape, { kind: 'signs', y: signs, thresholds, flips });
      else kernels.binaryConv2d(map, weights, shape, { kind: 'floats', y: floats, alpha, ...epilogue });
      weights.release();
      return isSigns ? Float32Array.from(signs) : floats;
    },
  };
}

const PLAIN = { strideHeight: 1, strideWidth: 1, dilationHeight: 1, dilationWidth: 1, padTop: 0, padLeft: 0 };

/** Fully connected: one window over the whole image. */
function* connected(random: Random): Generator<Case> {
  for (const size of SIZES.filter((one) => one > 0))
    for (const [inChannels, outChannels] of [
      [size, random.whole(1, 70)],
      [random.whole(1, 70), size],
    ] as const) {
      const [inHeight, inWidth] = [random.pick([1, 1, 2]), random.pick([1, 3])];
      yield binaryConvolution(random, {
        ...PLAIN,
        ...{ batch: random.whole(1, 5), inChannels, outChannels, inHeight, inWidth, groups: 1 },
        ...{ kernelHeight: inHeight, kernelWidth: inWidth, outHeight: 1, outWidth: 1 },
      });
    }
}

/** Channels in and out of a group, and groups. */
function anyGroups(random: Random): Pick<Conv2dShape, 'inChannels' | 'outChannels' | 'groups'> {
  const groups = random.pick([2, 3, 4]);
  return {
    groups,
    inChannels: groups * random.pick([1, 5, 16, 33, 64, 70]),
    outChannels: groups * random.pick([1, 2, 3, 16, 33, 64]),
  };
}

/** Any geometry; windows may lie wholly in the padding. */
function* geometries(random: Random, count: number, isGrouped = false): Generator<Conv2dShape> {
  for (let made = 0; made < count; ) {
    const kernelHeight = random.whole(1, 4);
    const kernelWidth = random.chance(0.6) ? kernelHeight : random.whole(1, 4);
    const shape = withOutput(
      {
        batch: random.whole(1, 3),
        inChannels: random.pick([1, 2, 31, 63, 64, 65, 130]),
        outChannels: random.pick([1, 2, 3, 5, 63, 64, 65, 70]),
        groups: 1,
        ...(isGrouped ? anyGroups(random) : {}),
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

export const binaryConv2d: Operation = {
  name: 'binaryConv2d',
  *cases(random) {
    yield* connected(random);
    for (const shape of geometries(random, 120)) yield binaryConvolution(random, shape);
    for (const shape of geometries(random, 60, true)) yield binaryConvolution(random, shape);
    // More windows than a block of pixels holds.
    const many = { batch: 1, inChannels: 256, inHeight: 24, inWidth: 23, outChannels: 33, groups: 1 };
    const kernel = { ...PLAIN, kernelHeight: 3, kernelWidth: 3, padTop: 1, padLeft: 1 };
    yield binaryConvolution(random, withOutput({ ...many, ...kernel }, 1, 1)!);
    // Rows enough for tables of sums: several strips of lines, strides and dilations, groups, images, and terms that 16 bits just hold.
    const rows = { ...many, outChannels: 48, kernelHeight: 2, kernelWidth: 1 };
    yield binaryConvolution(random, withOutput({ ...PLAIN, ...rows, inHeight: 70, inWidth: 50 }, 0, 0)!);
    for (const shape of geometries(random, 40)) {
      const inChannels = shape.inChannels * random.pick([1, 2]);
      const groups = random.pick([1, 1, 2]);
      const outChannels = groups * random.pick([48, 50, 64, 65, 100]);
      const larger = { inHeight: shape.inHeight + 5, inWidth: shape.inWidth + 6 };
      const wide = withOutput(
        { ...shape, ...larger, inChannels: inChannels * groups, outChannels, groups },
        random.whole(0, 3),
        random.whole(0, 3),
      );
      if (wide !== undefined) yield binaryConvolution(random, wide);
    }
    const long = { batch: 1, inChannels: 32766, outChannels: 48, groups: 1, inHeight: 3, inWidth: 8 };
    yield binaryConvolution(
      random,
      withOutput({ ...PLAIN, ...long, kernelHeight: 1, kernelWidth: 1 }, 0, 0)!,
    );
  },
};

export const packSigns: Operation = {
  name: 'packSigns',
  *cases(random) {
    for (const channels of SIZES)
      for (const pixels of [1, 3, 4, 16, 37]) {
        const batch = random.whole(1, 3);
        const length = batch * channels * pixels;
        const hasNone = random.chance(0.5);
        const x = random.floats(length).map((v) => (hasNone || Math.abs(v) > 0 ? v : 1));
        if (random.chance(0.2) && length > 0) x[random.whole(0, length - 1)] = Number.NaN;
        const slices = random.pick([0, 0, 1, 2, 3]);
        const thresholds = slices === 0 ? undefined : random.floats(slices * channels);
        // A value that is at its threshold.
        if (slices > 0 && hasNone && length > 0) thresholds![0] = x[0]!;
        yield {
          what: `${batch} × ${channels} channels × ${pixels} pixels, ${slices} slices`,
          run(kernels) {
            const bytes = mapBytes(Math.max(1, slices) * channels);
            const map = new Uint8Array(batch * pixels * bytes).fill(255);
            const found = kernels.packSigns(x, map, batch, channels, pixels, thresholds);
            return Float32Array.of(found ? 1 : 0, ...map);
          },
        };
      }
  },
};

export const poolSigns: Operation = {
  name: 'poolSigns',
  *cases(random) {
    for (const shape of geometries(random, 3000)) {
      const { batch, inChannels, inHeight, inWidth, kernelHeight, kernelWidth } = shape;
      // Windows that lie wholly in the padding are outside the contract.
      if (inHeight < 3 * kernelHeight || inWidth < 3 * kernelWidth) continue;
      if (shape.padTop >= kernelHeight || shape.padLeft >= kernelWidth) continue;
      if ((shape.outHeight - 1) * shape.strideHeight - shape.padTop >= inHeight) continue;
      if ((shape.outWidth - 1) * shape.strideWidth - shape.padLeft >= inWidth) continue;
      const map = randomMap(random, batch * inHeight * inWidth, inChannels);
      yield {
        what: JSON.stringify(shape),
        run(kernels) {
          const y = new Uint8Array(batch * shape.outHeight * shape.outWidth * mapBytes(inChannels)).fill(170);
          kernels.poolSigns(map, y, { ...shape, outChannels: inChannels });
          return Float32Array.from(y);
        },
      };
    }
  },
};

export const unpackSigns: Operation = {
  name: 'unpackSigns',
  *cases(random) {
    for (const channels of SIZES)
      for (const pixels of [1, 4, 9]) {
        const batch = random.whole(1, 3);
        const map = randomMap(random, batch * pixels, channels);
        yield {
          what: `${batch} × ${channels} channels × ${pixels} pixels`,
          run(kernels) {
            const y = new Float32Array(batch * channels * pixels).fill(Number.NaN);
            kernels.unpackSigns(map, y, batch, channels, pixels);
            return y;
          },
        };
      }
  },
};

export const combineSigns: Operation = {
  name: 'combineSigns',
  *cases(random) {
    for (const channels of SIZES)
      for (const how of SIGN_COMBINATIONS) {
        const [a, b] = [randomMap(random, 5, channels), randomMap(random, 5, channels)];
        yield {
          what: `${how} of ${channels} channels`,
          run(kernels) {
            const y = new Uint8Array(a.length).fill(170);
            kernels.combineSigns(how, a, b, y);
            return Float32Array.from(y);
          },
        };
      }
  },
};

/** Runs of random lengths, or of one channel each, from anywhere that fill the channels of the output but for some gaps. */
function randomRuns(
  random: Random,
  inChannels: readonly number[],
  outChannels: number,
  isShuffle: boolean,
): Int32Array[] {
  const runs = inChannels.map((): number[] => []);
  for (let to = 0; to < outChannels; ) {
    const part = random.whole(0, inChannels.length - 1);
    const most = Math.min(inChannels[part]!, outChannels - to);
    const length = !isShuffle && random.chance(0.5) ? random.whole(0, most) : Math.min(most, 1);
    runs[part]!.push(random.whole(0, inChannels[part]! - length), to, length);
    to += Math.max(1, length) + (random.chance(0.2) ? 1 : 0);
  }
  return runs.map((own) => Int32Array.from(own));
}

export const moveChannels: Operation = {
  name: 'moveChannels',
  *cases(random) {
    for (const outChannels of SIZES)
      for (let i = 0; i < 4; i++) {
        const channels = Array.from({ length: random.whole(1, 3) }, () => random.whole(1, 200));
        const pixels = random.pick([1, 3, 64, 70, 130]);
        const runs = randomRuns(random, channels, outChannels, i < 2);
        const parts = channels.map((count, part) => ({
          map: randomMap(random, pixels, count),
          channels: count,
          runs: runs[part]!,
        }));
        yield {
          what: `${outChannels} channels from ${channels}: ${runs.map((own) => `[${own}]`)}`,
          run(kernels) {
            const y = new Uint8Array(pixels * mapBytes(outChannels)).fill(170);
            kernels.moveChannels(parts, y, pixels, outChannels);
            return Float32Array.from(y);
          },
        };
      }
  },
};

export const padSigns: Operation = {
  name: 'padSigns',
  *cases(random) {
    for (let i = 0; i < 40; i++) {
      const channels = random.pick([1, 64, 65, 200]);
      const [batch, inHeight, inWidth] = [random.whole(1, 2), random.whole(1, 5), random.whole(1, 5)];
      const [padTop, padLeft] = [random.whole(0, 3), random.whole(0, 3)];
      const outHeight = inHeight + padTop + random.whole(0, 3);
      const outWidth = inWidth + padLeft + random.whole(0, 3);
      const shape = { batch, inHeight, inWidth, outHeight, outWidth, padTop, padLeft };
      const map = randomMap(random, batch * inHeight * inWidth, channels);
      const isEdge = random.chance(0.5);
      yield {
        what: `${channels} channels, ${isEdge ? 'edge' : '+1'}, ${JSON.stringify(shape)}`,
        run(kernels) {
          const y = new Uint8Array(batch * outHeight * outWidth * mapBytes(channels)).fill(170);
          kernels.padSigns(map, y, mapBytes(channels), shape, isEdge);
          return Float32Array.from(y);
        },
      };
    }
  },
};
