import type { Workspace } from '../wasm/workspace.ts';
import { checkAddFixed, checkCodesOfFixed, checkFixedOfCodes, checkPoolFixed } from './check-fixed.ts';
import type { FixedKernels } from './fixed-reference.ts';

/** Nanoseconds that a value takes one thread, about: to become a code, to be added, a tap of a window, and to be looked up. */
const CODE_NS = 0.4;
const ADD_NS = 0.3;
const TAP_NS = 1;
const LOOKUP_NS = 0.7;
/** Parts begin at multiples of this many values, a cache line of codes. */
const LINE = 64;

/** The kernels on fixed-point values in WebAssembly. */
export function fixedSimd(workspace: Workspace): FixedKernels {
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
    fixedOfCodes(codes, table, y) {
      checkFixedOfCodes(codes, table, y);
      const work = { nanoseconds: codes.length * LOOKUP_NS, step: LINE };
      workspace.call(y, [codes, table], 0, (out, _, [at, values]) => {
        workspace.run(
          workspace
            .ranges(codes.length, work)
            .map(({ from, to }) => [['fixedOfCodes', at! + from, to - from, values!, out + 4 * from]]),
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
