import type { Conv2dShape } from '../../../src/kernels/contract.ts';
import {
  type IntegerRows,
  type IntegerUse,
  MOST_LEVEL,
  MOST_SUM,
} from '../../../src/kernels/integer/contract.ts';
import type { Random } from '../support/random.ts';
import { anySteps, withOutput } from './conv2d.ts';

/** A layer of few bits by few bits on codes. */
export interface FewBitLayer {
  readonly what: string;
  readonly rows: IntegerRows;
  readonly shape: Conv2dShape;
  readonly use: IntegerUse;
  readonly codes: Uint8Array;
  readonly zero: number;
  readonly high: number;
}

/** Bits of a weight and of a code with a product of 4 at most. */
const PRODUCTS = [1, 2, 3, 4].flatMap((bits) =>
  [1, 2, 3, 4].filter((planes) => bits * planes <= 4).map((planes) => [bits, planes] as const),
);
/** Around the ends of vectors and words. */
const COLUMNS = [1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 255, 257, 512, 600];
const PLAIN = { strideHeight: 1, strideWidth: 1, dilationHeight: 1, dilationWidth: 1, padTop: 0, padLeft: 0 };

/** Fully connected layers and convolutions in every product, some of them large enough for the rule that counts bits. */
export function* fewBitLayers(random: Random): Generator<FewBitLayer> {
  for (const [bits, planes] of PRODUCTS) {
    for (const inChannels of COLUMNS) {
      const size = { inHeight: 1, inWidth: 1, kernelHeight: 1, kernelWidth: 1, groups: 1 };
      const [batch, outChannels] = [random.whole(1, 5), random.whole(1, 40)];
      const shape = withOutput({ ...PLAIN, ...size, batch, inChannels, outChannels }, 0, 0)!;
      yield layerOf(random, shape, bits, planes, random.pick(['images', 'vector']));
    }
    for (let made = 0; made < 16; ) {
      const shape = anyGeometry(random);
      if (shape === undefined) continue;
      made++;
      yield layerOf(random, shape, bits, planes, 'images');
    }
    // More pixels than a block holds.
    const large = { inHeight: 43, inWidth: 42, kernelHeight: 3, kernelWidth: 3, groups: 1 };
    const padded = { ...PLAIN, ...large, padTop: 1, padLeft: 1, batch: 2, inChannels: 3, outChannels: 17 };
    yield layerOf(random, withOutput(padded, 1, 1)!, bits, planes, 'images');
  }
}

function anyGeometry(random: Random): Conv2dShape | undefined {
  const kernelHeight = random.whole(1, 4);
  return withOutput(
    {
      batch: random.whole(1, 3),
      inChannels: random.pick([1, 3, 8, 17, 64, 72]),
      outChannels: random.pick([1, 2, 5, 16, 19]),
      groups: 1,
      inHeight: random.whole(1, 9),
      inWidth: random.whole(1, 12),
      kernelHeight,
      kernelWidth: random.chance(0.6) ? kernelHeight : random.whole(1, 4),
      ...anySteps(random),
      padTop: random.whole(0, 3),
      padLeft: random.whole(0, 3),
    },
    random.whole(0, 3),
    random.whole(0, 3),
  );
}

function layerOf(
  random: Random,
  shape: Conv2dShape,
  bits: number,
  planes: number,
  use: IntegerUse,
): FewBitLayer {
  // Not all codes that so many planes can hold need to be there.
  const high = random.pick([2 ** planes - 1, 2 ** planes - 1, 2 ** (planes - 1)]);
  const zero = random.pick([0, high, random.whole(0, high)]);
  const rows = anyRows(random, shape, bits, high);
  const { batch, inHeight, inWidth, inChannels } = shape;
  const codes = Uint8Array.from({ length: batch * inHeight * inWidth * inChannels }, () =>
    random.whole(0, high),
  );
  const what = `${use}, ${bits} bits × ${planes} planes, zero ${zero}, levels ${rows.levels.slice(0, 4)}, ${JSON.stringify(shape)}`;
  return { what, rows, shape, use, codes, zero, high };
}

function anyRows(random: Random, shape: Conv2dShape, bits: number, high: number): IntegerRows {
  const { outChannels } = shape;
  const columns = shape.inChannels * shape.kernelHeight * shape.kernelWidth;
  const most = Math.min(MOST_LEVEL, Math.floor(MOST_SUM / high / columns));
  const tableStride = random.pick([0, 1] as const);
  const rowBytes = Math.ceil(columns / 8) + random.whole(0, 2);
  const tables = tableStride === 0 ? 1 : outChannels;
  return {
    bits,
    tableStride,
    rowBytes,
    planes: new Uint8Array(bits * outChannels * rowBytes).map(() => random.whole(0, 255)),
    levels: Int16Array.from(Array.from({ length: tables }, () => bitLevels(random, bits, most)).flat()),
  };
}

/** Levels that are sums over bits: any two, any three, −a, 0 and +a with a 0 or another twice, four about a centre, equal steps. */
function bitLevels(random: Random, bits: number, most: number): number[] {
  const any = (): number => random.whole(-most, most);
  if (bits === 1) return [any(), any()];
  const kind = random.pick(['three', 'ternary', 'four', 'steps'] as const);
  if (bits === 2 && kind !== 'steps') {
    const [a, b] = [any(), Math.floor(any() / 2)];
    if (kind === 'four') return [b, Math.floor(a / 2), -b, -Math.floor(a / 2)];
    const [low, middle, high] = kind === 'three' ? [a, b, any()] : [-a, 0, a];
    return random.pick([
      [middle, high, middle, low],
      [low, middle, high, high],
      [high, low, low, middle],
    ]);
  }
  const step = random.pick([-1, 1]) * Math.floor(most / 2 ** bits);
  return Array.from({ length: 1 << bits }, (_, code) => step * (2 * code - (1 << bits) + 1));
}
