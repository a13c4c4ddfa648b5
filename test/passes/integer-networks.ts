import { expect } from 'vitest';
import type { Initializer, Model } from '../../src/ir/graph.ts';
import type { LevelRule } from '../../src/ir/levels.ts';
import { quantizedInitializer } from '../../src/ir/quantized-initializer.ts';
import { type Granularity, planesOf } from '../../src/ir/quantized-tensor.ts';
import { fuseAffine } from '../../src/passes/fuse-affine.ts';
import { fuseClamp } from '../../src/passes/fuse-clamp.ts';
import { fuseInteger } from '../../src/passes/fuse-integer.ts';
import { fuseResidual } from '../../src/passes/fuse-residual.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { Random } from '../kernels/support/random.ts';
import { buildModel, type ShortModel, type ShortNode } from '../runtime/build-model.ts';
import { randomFloats } from '../runtime/random.ts';

interface WeightOptions {
  readonly rule?: LevelRule;
  readonly bits?: number;
  readonly granularity?: Granularity;
  /** Parameters of a table. */
  readonly params?: readonly number[];
  /** Rows are the second axis of a matrix. */
  readonly isTransposed?: boolean;
}

/** Random codes; levels ±(j + ½)/8 where nothing else is said. */
export function codes(name: string, shape: readonly number[], options: WeightOptions = {}): Initializer {
  const {
    rule = 'linear',
    bits = 3,
    granularity = 'channel',
    params = [1 / 8],
    isTransposed = false,
  } = options;
  const random = new Random(sizeOf(shape) + bits);
  const rows = isTransposed ? shape[1]! : shape[0]!;
  const columns = sizeOf(shape) / rows;
  const groupSize = granularity === 'tensor' ? rows * columns : granularity === 'channel' ? columns : 3;
  const tables = granularity === 'tensor' ? 1 : rows * Math.ceil(columns / groupSize);
  return quantizedInitializer(name, {
    ...{ scheme: 'linear', bits, granularity, shape, dtype: 'FLOAT', rows, columns, groupSize, rule },
    layout: { split: shape, perm: isTransposed ? [1, 0] : shape.map((_, axis) => axis), rowAxes: 1 },
    params: Float32Array.from({ length: tables * params.length }, (_, i) => params[i % params.length]!),
    planes: planesOf(
      Uint8Array.from({ length: rows * columns }, () => random.whole(0, 2 ** bits - 1)),
      bits,
    ),
  });
}

export const node = (
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: ShortNode['attributes'] = {},
): ShortNode => ({ op, inputs, outputs: [output], attributes });

/** Rounds to the grid whose scale and zero have that name. */
export const quant = (
  input: string,
  output: string,
  grid = 'unsigned',
  attributes: ShortNode['attributes'] = { signed: 0 },
): ShortNode => ({
  ...node('Quant', [input, `${grid}_scale`, `${grid}_zero`, 'eight'], output, attributes),
  domain: 'qonnx.custom_op.general',
});

export const scalar = (value: number): Tensor => floats([], Float32Array.of(value));
const GRIDS = {
  eight: scalar(8),
  unsigned_scale: scalar(1 / 32),
  unsigned_zero: scalar(0),
  shifted_scale: scalar(1 / 16),
  shifted_zero: scalar(100),
  signed_scale: scalar(1 / 32),
  signed_zero: scalar(0),
};
export const PADDED = { pads: [1, 1, 1, 1] };
const IMAGE: ShortModel['inputs'] = { x: ['FLOAT', ['N', 5, 9, 8]] };
export const image = (batch = 3): Tensor => floats([batch, 5, 9, 8], randomFloats(batch * 360, 3));

/** A quarter of a step more than a multiple of half a step: no sum of products lies half way between two codes. */
export const bias = (channels: number): Tensor =>
  floats(
    [channels],
    Float32Array.from({ length: channels }, (_, c) => ((c % 7) - 3) / 8 + 1 / 2 ** 13),
  );

export function operatorsOf(model: Model): string[] {
  const passes = [fuseAffine, fuseResidual, fuseClamp, fuseInteger];
  return runPasses(model, passes).model.graph.nodes.map(({ opType }) => opType);
}

/** What the network gives with every value kept, so that nothing is fused, and as it is executed by both sets of kernels. */
export function runs(
  model: Model,
  x: Tensor,
): { plain: Float32Array; reference: Float32Array; simd: Float32Array } {
  const run = (kernels: 'reference' | 'simd', keep: readonly string[]): Float32Array => {
    const session = createSession(model, { kernels, keep });
    const y = session.run({ x }).get(model.graph.outputs[0]!.name)!.data as Float32Array;
    session.dispose();
    return y;
  };
  const all = model.graph.nodes.flatMap(({ outputs }) => outputs);
  return { plain: run('reference', all), reference: run('reference', []), simd: run('simd', []) };
}

/** Scales that are powers of two and few bits: float sums are exact, so that integers must give the very same. */
export function expectSame(model: Model, x: Tensor = image()): void {
  const { plain, reference, simd } = runs(model, x);
  expect(reference).toEqual(plain);
  expect(simd).toEqual(plain);
  expect(new Set(plain).size).toBeGreaterThan(plain.length / 50);
}

export function networkOf(
  nodes: readonly (ShortNode | readonly ShortNode[])[],
  constants: ShortModel['constants'] = {},
  inputs = IMAGE,
): Model {
  return buildModel({ inputs, outputs: ['y'], constants: { ...GRIDS, ...constants }, nodes: nodes.flat() });
}
