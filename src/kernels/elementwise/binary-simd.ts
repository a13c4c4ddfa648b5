import type { BinaryName } from '../contract.ts';
import { blocksOf } from '../threads/blocks.ts';
import type { KernelCall } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';

/** Codes of `binary` (binary.as.ts). */
const CODES: Record<BinaryName, number> = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  max: 4,
  min: 5,
  pow: 6,
  prelu: 7,
};

/** Nanoseconds an element, about. */
const VECTOR_NS = 0.4;
const POW_NS = 50;
/** Parts begin at whole cache lines of floats. */
const LINE = 16;

/**
 * Runs calls over [outer, channels, inner], whose rows are divided, or the elements of the only one.
 * @param call makes the call for a block; `at` and `channelAt` are byte offsets of its first element and channel
 */
function runDivided(
  workspace: Workspace,
  outer: number,
  channels: number,
  inner: number,
  elementNs: number,
  call: (at: number, channelAt: number, outer: number, channels: number, inner: number) => KernelCall,
): void {
  const rows = outer * channels;
  const nanoseconds = rows * inner * elementNs;
  if (workspace.parts(nanoseconds) === 1) workspace.run([[call(0, 0, outer, channels, inner)]]);
  else if (rows === 1)
    workspace.run(
      workspace
        .ranges(inner, { nanoseconds, step: LINE })
        .map(({ from, to }) => [call(from * 4, 0, 1, 1, to - from)]),
    );
  else
    workspace.run(
      workspace.ranges(rows, { nanoseconds, step: inner === 1 ? LINE : 1 }).map(({ from, to }) =>
        blocksOf(from, to, channels).map((block) => {
          const at = (block.outer * channels + block.channel) * inner * 4;
          return call(at, block.channel * 4, block.count, block.channels, inner);
        }),
      ),
    );
}

/** y = f(a, b) over [outer, channels, inner], as `binaryReference`. */
export function binarySimd(
  workspace: Workspace,
  name: BinaryName,
  a: Float32Array,
  b: Float32Array,
  y: Float32Array,
  outer: number,
  channels: number,
  inner: number,
  swapped = false,
): void {
  workspace.call(y, [a, b], 0, (yAt, _scratch, [aAt, bAt]) => {
    const elementNs = name === 'pow' ? POW_NS : VECTOR_NS;
    const swap = swapped ? 1 : 0;
    runDivided(workspace, outer, channels, inner, elementNs, (at, channelAt, o, c, i) => {
      return ['binary', CODES[name], aAt! + at, bAt! + channelAt, yAt + at, o, c, i, swap];
    });
  });
}

/** y = clamp(x · scale[c] + shift[c]) over [outer, channels, inner], as `affineReference`. */
export function affineSimd(
  workspace: Workspace,
  x: Float32Array,
  scale: Float32Array,
  shift: Float32Array,
  y: Float32Array,
  outer: number,
  channels: number,
  inner: number,
  low: number = Number.NEGATIVE_INFINITY,
  high: number = Number.POSITIVE_INFINITY,
): void {
  workspace.call(y, [x, scale, shift], 0, (yAt, _scratch, [xAt, scaleAt, shiftAt]) => {
    runDivided(workspace, outer, channels, inner, VECTOR_NS, (at, channelAt, o, c, i) => {
      const [scales, shifts] = [scaleAt! + channelAt, shiftAt! + channelAt];
      return ['affine', xAt! + at, scales, shifts, yAt + at, o, c, i, low, high];
    });
  });
}
