import type { Conv2dShape, Epilogue } from '../../../src/kernels/contract.ts';
import type { Case, Operation } from '../support/operation.ts';
import type { Random } from '../support/random.ts';
import { anyRows, describeRows } from '../support/weights.ts';

/** The output size that makes a shape whole; undefined when no window fits. */
export function withOutput(
  shape: Omit<Conv2dShape, 'outHeight' | 'outWidth'>,
  padBottom: number,
  padRight: number,
): Conv2dShape | undefined {
  const out = (size: number, pads: number, kernel: number, stride: number, dilation: number): number =>
    Math.floor((size + pads - ((kernel - 1) * dilation + 1)) / stride) + 1;
  const { padTop, padLeft } = shape;
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = shape;
  const outHeight = out(shape.inHeight, padTop + padBottom, kernelHeight, strideHeight, dilationHeight);
  const outWidth = out(shape.inWidth, padLeft + padRight, kernelWidth, strideWidth, dilationWidth);
  return outHeight >= 1 && outWidth >= 1 ? { ...shape, outHeight, outWidth } : undefined;
}

/** Strides and dilations of a window. */
export function anySteps(
  random: Random,
): Pick<Conv2dShape, 'strideHeight' | 'strideWidth' | 'dilationHeight' | 'dilationWidth'> {
  return {
    strideHeight: random.whole(1, 3),
    strideWidth: random.whole(1, 3),
    dilationHeight: random.pick([1, 1, 2]),
    dilationWidth: random.pick([1, 1, 2]),
  };
}

export function anyEpilogue(random: Random, channels: number, length: number): Epilogue {
  return {
    scale: random.chance(0.4) ? random.floats(channels) : undefined,
    bias: random.chance(0.5) ? random.floats(channels) : undefined,
    addend: random.chance(0.4) ? random.floats(length) : undefined,
    low: random.chance(0.5) ? random.pick([0, -1]) : undefined,
    high: random.chance(0.3) ? 6 : undefined,
  };
}

function convolution(random: Random, shape: Conv2dShape): Case {
  const { batch, inChannels, outChannels, groups, kernelHeight, kernelWidth } = shape;
  const columns = (inChannels / groups) * kernelHeight * kernelWidth;
  const rows = anyRows(random, outChannels, columns);
  const x = random.floats(batch * inChannels * shape.inHeight * shape.inWidth);
  const length = batch * outChannels * shape.outHeight * shape.outWidth;
  const epilogue = anyEpilogue(random, outChannels, length);
  return {
    what: `${describeRows(rows)}, ${JSON.stringify(shape)}, epilogue ${Object.keys(epilogue)}`,
    run(kernels) {
      const weights = kernels.prepareConv2d(rows, shape);
      const y = new Float32Array(length).fill(Number.NaN);
      kernels.conv2d(x, weights, y, shape, epilogue);
      weights.release();
      return y;
    },
  };
}

/** 1 × 1 convolutions at every awkward number of channels and pixels. */
function* pointwise(random: Random): Generator<Case> {
  const plain = { kernelHeight: 1, kernelWidth: 1, strideHeight: 1, strideWidth: 1, padTop: 0, padLeft: 0 };
  const sizes = [1, 3, 4, 5, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128, 129];
  for (const size of sizes) {
    for (const [inChannels, outChannels, inWidth] of [
      [size, random.whole(1, 9), random.whole(1, 9)],
      [random.whole(1, 9), size, random.whole(1, 9)],
      [random.whole(1, 9), random.whole(1, 9), size],
    ] as const) {
      const batch = random.whole(1, 5);
      const shape = { batch, inChannels, outChannels, inWidth, inHeight: 1, groups: 1 };
      const whole = withOutput({ ...shape, ...plain, dilationHeight: 1, dilationWidth: 1 }, 0, 0);
      if (whole) yield convolution(random, whole);
    }
  }
}

/** Any geometry: kernels, strides, dilations, pads, groups, depthwise with multipliers. */
function* geometries(random: Random, count: number): Generator<Case> {
  for (let made = 0; made < count; ) {
    const isDepthwise = random.chance(0.4);
    const groups = isDepthwise ? random.whole(2, 7) : random.pick([1, 1, 2, 3]);
    const kernelHeight = random.whole(1, 5);
    const kernelWidth = random.chance(0.6) ? kernelHeight : random.whole(1, 5);
    const strideHeight = random.pick([1, 1, 2, 3]);
    const shape = withOutput(
      {
        batch: random.whole(1, 5),
        inChannels: groups * (isDepthwise ? 1 : random.whole(1, 9)),
        outChannels: groups * (isDepthwise ? random.whole(1, 2) : random.whole(1, 9)),
        groups,
        inHeight: random.whole(1, 18),
        inWidth: random.whole(1, 34),
        kernelHeight,
        kernelWidth,
        strideHeight,
        strideWidth: random.chance(0.7) ? strideHeight : random.whole(1, 4),
        dilationHeight: random.pick([1, 1, 2, 3]),
        dilationWidth: random.pick([1, 1, 2, 3]),
        padTop: random.whole(0, kernelHeight),
        padLeft: random.whole(0, kernelWidth),
      },
      random.whole(0, kernelHeight),
      random.whole(0, kernelWidth),
    );
    if (shape === undefined) continue;
    made++;
    yield convolution(random, shape);
  }
}

/** Large enough for several blocks of pixels and of decoded rows. */
function* blocked(random: Random): Generator<Case> {
  const base = { strideHeight: 1, strideWidth: 1, dilationHeight: 1, dilationWidth: 1, groups: 1 };
  const three = { ...base, kernelHeight: 3, kernelWidth: 3, padTop: 1, padLeft: 1 };
  for (let i = 0; i < 3; i++) {
    const wide = { ...three, batch: 1, inChannels: 33, outChannels: 9, inHeight: 14, inWidth: 23 };
    yield convolution(random, withOutput(wide, 1, 1)!);
    const deep = { ...three, batch: 3, inChannels: 130, outChannels: 70, inHeight: 4, inWidth: 5 };
    yield convolution(random, withOutput(deep, 1, 1)!);
  }
}

const PLAIN_3X3 = {
  ...{ strideHeight: 1, strideWidth: 1, dilationHeight: 1, dilationWidth: 1, groups: 1 },
  ...{ kernelHeight: 3, kernelWidth: 3 },
};

/** What Winograd's algorithm defines, and its neighbours: channels around panels and blocks, tiles that overhang, any padding. */
function* tiled(random: Random): Generator<Case> {
  const channels = [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129];
  for (const size of channels) {
    for (const [inChannels, outChannels] of [
      [size, random.whole(1, 9)],
      [random.whole(8, 20), size],
    ] as const) {
      for (let i = 0; i < 2; i++) {
        const pads = { padTop: random.whole(0, 3), padLeft: random.whole(0, 3) };
        const sizes = { inHeight: random.whole(2, 12), inWidth: random.whole(4, 36) };
        const shape = { ...PLAIN_3X3, ...pads, ...sizes, batch: random.whole(1, 5), inChannels, outChannels };
        const whole = withOutput(shape, random.whole(0, 3), random.whole(0, 3));
        if (whole) yield convolution(random, whole);
      }
    }
  }
  // Several blocks of tiles in an image, of images in the batch, and of rows of weights.
  for (const [batch, inChannels, outChannels, inHeight, inWidth] of [
    [1, 64, 42, 41, 43],
    [7, 64, 5, 13, 15],
    [2, 129, 37, 8, 9],
  ] as const) {
    const shape = { ...PLAIN_3X3, padTop: 1, padLeft: 1, batch, inChannels, outChannels, inHeight, inWidth };
    for (let i = 0; i < 2; i++) yield convolution(random, withOutput(shape, 1, 1)!);
  }
}

export const conv2d: Operation = {
  name: 'conv2d',
  *cases(random) {
    yield* pointwise(random);
    yield* geometries(random, 500);
    yield* blocked(random);
    yield* tiled(random);
  },
};
