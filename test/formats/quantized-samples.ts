import fc from 'fast-check';
import type { Model } from '../../src/ir/graph.ts';
import { LEVEL_RULES, type LevelRule, paramCount } from '../../src/ir/levels.ts';
import { quantizedInitializer } from '../../src/ir/quantized-initializer.ts';
import {
  type Granularity,
  planesOf,
  type QuantizedTensor,
  type RowLayout,
  rowsAndColumns,
  tableCount,
} from '../../src/ir/quantized-tensor.ts';
import type { DataType } from '../../src/tensor/dtype.ts';
import { buildModel } from '../runtime/build-model.ts';
import { generator } from '../runtime/random.ts';

/** A weight of the given kind, with codes and parameters out of a hat. */
export interface SampleWeight {
  readonly rule: LevelRule;
  readonly bits: number;
  readonly granularity: Granularity;
  readonly shape: readonly number[];
  readonly layout: RowLayout;
  readonly dtype: DataType;
  readonly seed: number;
}

export function sampleWeight(sample: SampleWeight): QuantizedTensor {
  const { rule, bits, granularity, shape, layout, dtype, seed } = sample;
  const { rows, columns } = rowsAndColumns(layout);
  const groupSize =
    granularity === 'tensor'
      ? rows * columns
      : granularity === 'channel'
        ? columns
        : Number(granularity.slice(6));
  const tables = tableCount({ rows, columns, granularity, groupSize });
  const next = generator(seed);
  const params = Float32Array.from({ length: tables * paramCount(rule, bits) }, () => next() * 0.9 + 0.05);
  if (rule === 'affine') for (let t = 0; t < tables; t++) params[2 * t + 1] = Math.floor(next() * 2 ** bits);
  const codes = Uint8Array.from({ length: rows * columns }, () => Math.floor(next() * 2 ** bits));
  return {
    ...{ scheme: `of ${rule}`, rule, bits, granularity, shape, dtype, layout },
    ...{ rows, columns, groupSize, params, planes: planesOf(codes, bits) },
  };
}

const plain = (shape: readonly number[]): { shape: readonly number[]; layout: RowLayout } => ({
  shape,
  layout: { split: shape, perm: shape.map((_, i) => i), rowAxes: 1 },
});

/** Shapes with the layouts that layers give them. */
const LAYOUTS: fc.Arbitrary<{ shape: readonly number[]; layout: RowLayout }> = fc.oneof(
  fc.tuple(sizes(6), sizes(5), sizes(3), sizes(3)).map(plain), // Conv, also depthwise and pointwise
  fc.tuple(sizes(9), sizes(17)).map(plain), // Gemm with transB
  fc
    .tuple(sizes(17), sizes(9)) // MatMul
    .map((shape) => ({ shape, layout: { split: shape, perm: [1, 0], rowAxes: 1 } })),
  fc.tuple(sizes(3), sizes(7), sizes(5)).map((shape) => ({
    shape, // a stack of matrices
    layout: { split: shape, perm: [0, 2, 1], rowAxes: 2 },
  })),
  fc
    .tuple(sizes(3), sizes(3), sizes(4), sizes(3)) // ConvTranspose of g groups
    .map(([g, c, m, k]) => ({
      shape: [g * c, m, k, k],
      layout: { split: [g, c, m, k, k], perm: [0, 2, 1, 3, 4], rowAxes: 2 },
    })),
  fc
    .tuple(sizes(2), sizes(8), sizes(5)) // LSTM: directions, gates, inputs
    .map((shape) => ({ shape, layout: { split: shape, perm: [0, 1, 2], rowAxes: 2 } })),
);

function sizes(max: number): fc.Arbitrary<number> {
  return fc.integer({ min: 1, max });
}

export const WEIGHTS: fc.Arbitrary<SampleWeight> = fc
  .record({
    rule: fc.constantFrom(...LEVEL_RULES),
    bits: fc.integer({ min: 1, max: 8 }),
    granularity: fc.constantFrom<Granularity>('tensor', 'channel', 'group:3', 'group:8'),
    place: LAYOUTS,
    dtype: fc.constantFrom<DataType>('FLOAT', 'FLOAT', 'FLOAT16', 'DOUBLE'),
    seed: fc.integer({ min: 1, max: 1e6 }),
  })
  .map(({ place, ...rest }) => ({ ...rest, ...place, bits: rest.rule === 'ternary' ? 2 : rest.bits }));

/** A model whose outputs `y0`, `y1`… are its weights `w0`, `w1`…; it has an input, for runtimes that want one. */
export function modelOfWeights(weights: readonly QuantizedTensor[], opset = 13): Model {
  const names = weights.map((_, i) => `w${i}`);
  const initializers = weights.map((q, i) => [names[i]!, quantizedInitializer(names[i]!, q)] as const);
  const model = buildModel({
    opset,
    inputs: { x: ['FLOAT', [1]] },
    outputs: ['z', ...names.map((_, i) => `y${i}`)],
    outputTypes: Object.fromEntries(weights.map(({ dtype }, i) => [`y${i}`, dtype])),
    constants: Object.fromEntries(initializers),
    nodes: [
      { op: 'Identity', inputs: ['x'], outputs: ['z'] },
      ...names.map((name, i) => ({ op: 'Identity', inputs: [name], outputs: [`y${i}`] })),
    ],
  });
  const outputs = model.graph.outputs.map((output, i) => ({
    ...output,
    shape: weights[i - 1]?.shape ?? [1],
  }));
  return { ...model, graph: { ...model.graph, outputs } };
}
