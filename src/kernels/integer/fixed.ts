import type { Workspace } from '../wasm/workspace.ts';
import { checkAddFixed, checkCodesOfFixed, checkPoolFixed } from './check-fixed.ts';
import type { IntegerKernels } from './contract.ts';

/** Nanoseconds that a value takes one thread, about: to become a code, to be added, and a tap of a window. */
const CODE_NS = 0.4;
const ADD_NS = 0.3;
const TAP_NS = 1;
/** Parts begin at multiples of this many values, a cache line of codes. */
const LINE = 64;

/** The kernels on fixed-point values in WebAssembly. */
export function fixedSimd(
  workspace: Workspace,
): Pick<IntegerKernels, 'addFixed' | 'codesOfFixed' | 'poolFixed'> {
  return {
    codesOfFixed(x, codes, grid) {
      checkCodesOfFixed(x, codes, grid);
      const { multiplier, zero, high } = grid;
      const work = { nanoseconds: x.length * CODE_NS, step: LINE };
      workspace.call(codes, [x], 0, (y, _, [at]) => {
        workspace.run(
          workspace
            .ranges(x.length, work)
            .map(({ from, to }) => [
              ['codesOfFixed', at! + 4 * from, to - from, multiplier, zero, high, y + from],
            ]),
        );
      });
    },
    addFixed(x, addend, y, low, high) {
      checkAddFixed(x, addend, y, low, high);
      const work = { nanoseconds: x.length * ADD_NS, step: LINE };
      workspace.call(y, [x, addend], 0, (out, _, [a, b]) => {
        workspace.run(
          workspace.ranges(x.length, work).map(({ from, to }) => {
            const other = b === 0 ? 0 : b! + 4 * from;
            return [['addFixed', a! + 4 * from, other, to - from, low, high, out + 4 * from]];
          }),
        );
      });
    },
    poolFixed(x, y, shape, pooling) {
      checkPoolFixed(x, y, shape);
      const { batch, inChannels, inHeight, inWidth, outHeight, outWidth, kernelHeight, kernelWidth } = shape;
      const line = outWidth * inChannels;
      const nanoseconds = outHeight * line * kernelHeight * kernelWidth * TAP_NS;
      const steps = [
        ...[kernelHeight, kernelWidth, shape.dilationHeight, shape.dilationWidth],
        ...[shape.strideHeight, shape.strideWidth, shape.padTop, shape.padLeft],
      ];
      const isAverage = pooling === 'average' ? 1 : 0;
      workspace.call(y, [x], 0, (out, _, [at]) => {
        for (let n = 0; n < batch; n++)
          workspace.run(
            workspace.ranges(outHeight, { nanoseconds }).map(({ from, to }) => {
              const image = at! + 4 * n * inHeight * inWidth * inChannels;
              const own = out + 4 * (n * outHeight + from) * line;
              const head = [image, inChannels, inHeight, inWidth, ...steps];
              return [['poolFixed', ...head, from, to - from, outWidth, isAverage, own]];
            }),
          );
      });
    },
  };
}
