import type { Conv2dShape } from '../../../src/kernels/contract.ts';
import type { Operation } from '../support/operation.ts';
import type { Random } from '../support/random.ts';
import { anySteps, withOutput } from './conv2d.ts';

interface Pool {
  readonly shape: Conv2dShape;
  readonly padBottom: number;
  readonly padRight: number;
}

function* pools(random: Random, count: number): Generator<Pool> {
  for (let made = 0; made < count; ) {
    const kernelHeight = random.whole(1, 5);
    const kernelWidth = random.chance(0.6) ? kernelHeight : random.whole(1, 5);
    const channels = random.whole(1, 4);
    const padBottom = random.whole(0, kernelHeight - 1);
    const padRight = random.whole(0, kernelWidth - 1);
    const shape = withOutput(
      {
        batch: random.whole(1, 3),
        inChannels: channels,
        outChannels: channels,
        groups: channels,
        inHeight: random.whole(1, 17),
        inWidth: random.whole(1, 34),
        kernelHeight,
        kernelWidth,
        ...anySteps(random),
        padTop: random.whole(0, kernelHeight - 1),
        padLeft: random.whole(0, kernelWidth - 1),
      },
      padBottom,
      padRight,
    );
    // Windows that lie wholly in the padding are outside the contract.
    if (shape === undefined || shape.inHeight < 3 * kernelHeight || shape.inWidth < 3 * kernelWidth) continue;
    made++;
    yield { shape, padBottom, padRight };
  }
}

function sizes(shape: Conv2dShape): { inLength: number; outLength: number } {
  const planes = shape.batch * shape.inChannels;
  return {
    inLength: planes * shape.inHeight * shape.inWidth,
    outLength: planes * shape.outHeight * shape.outWidth,
  };
}

export const maxPool2d: Operation = {
  name: 'maxPool2d',
  *cases(random) {
    for (const { shape } of pools(random, 150)) {
      const { inLength, outLength } = sizes(shape);
      const x = random.floats(inLength);
      yield {
        what: JSON.stringify(shape),
        run(kernels) {
          const y = new Float32Array(outLength).fill(Number.NaN);
          kernels.maxPool2d(x, y, shape);
          return y;
        },
      };
    }
  },
};

export const averagePool2d: Operation = {
  name: 'averagePool2d',
  *cases(random) {
    const global = { kernelHeight: 7, kernelWidth: 8, inHeight: 7, inWidth: 8, outHeight: 1, outWidth: 1 };
    const unit = { strideHeight: 1, strideWidth: 1, dilationHeight: 1, dilationWidth: 1 };
    const whole: Conv2dShape = {
      ...{ batch: 2, inChannels: 5, outChannels: 5, groups: 5, padTop: 0, padLeft: 0 },
      ...{ ...global, ...unit },
    };
    for (const { shape, padBottom, padRight } of [
      { shape: whole, padBottom: 0, padRight: 0 },
      ...pools(random, 150),
    ]) {
      const { inLength, outLength } = sizes(shape);
      const x = random.floats(inLength);
      for (const countPadding of [false, true]) {
        yield {
          what: `${JSON.stringify(shape)}, ${countPadding ? 'padding counts' : 'padding does not count'}`,
          run(kernels) {
            const y = new Float32Array(outLength).fill(Number.NaN);
            kernels.averagePool2d(x, y, shape, countPadding, padBottom, padRight);
            return y;
          },
        };
      }
    }
  },
};
