import { describe, expect, it } from 'vitest';
import { constantInitializer } from '../../src/ir/constant-initializer.ts';
import type { Initializer } from '../../src/ir/graph.ts';
import { quantizedInitializer } from '../../src/ir/quantized-initializer.ts';
import {
  dequantize,
  type Granularity,
  planesOf,
  type QuantizedTensor,
  type RowLayout,
  rowsAndColumns,
} from '../../src/ir/quantized-tensor.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, int64, type ShortModel } from './build-model.ts';
import { generator, randomFloats } from './random.ts';

/** A weight of random codes and levels. */
function randomQuantized(
  shape: readonly number[],
  layout: RowLayout,
  bits: number,
  granularity: Granularity,
): QuantizedTensor {
  const { rows, columns } = rowsAndColumns(layout);
  const next = generator(bits + rows);
  const codes = Uint8Array.from({ length: rows * columns }, () => Math.floor(next() * 2 ** bits));
  const size = granularity.startsWith('group:') ? Number(granularity.slice(6)) : undefined;
  const groupSize = size ?? (granularity === 'channel' ? columns : rows * columns);
  const tables = granularity === 'tensor' ? 1 : rows * Math.ceil(columns / Math.min(groupSize, columns));
  return {
    scheme: 'codebook',
    bits,
    granularity,
    shape,
    dtype: 'FLOAT',
    layout,
    rows,
    columns,
    groupSize,
    rule: 'table',
    params: randomFloats(tables * 2 ** bits, bits),
    planes: planesOf(codes, bits),
  };
}

/** The same weight as plain floats. */
function expanded(name: string, q: QuantizedTensor): Initializer {
  return constantInitializer(name, floats(q.shape, dequantize(q)));
}

interface Layer {
  readonly note: string;
  readonly shape: readonly number[];
  readonly layout: RowLayout;
  readonly input: readonly number[];
  readonly nodes: ShortModel['nodes'];
  readonly constants?: Readonly<Record<string, Tensor>>;
}

const rowsFirst = (shape: readonly number[]): RowLayout => ({
  split: shape,
  perm: shape.map((_, i) => i),
  rowAxes: 1,
});
const node = (op: string, attributes: ShortModel['nodes'][0]['attributes'] = {}): ShortModel['nodes'] => [
  { op, inputs: ['x', 'w'], outputs: ['y'], attributes },
];

const LAYERS: readonly Layer[] = [
  {
    note: 'Conv',
    shape: [10, 5, 3, 3],
    layout: rowsFirst([10, 5, 3, 3]),
    input: [2, 5, 9, 8],
    nodes: node('Conv', { pads: [1, 1, 1, 1] }),
  },
  {
    note: 'grouped Conv',
    shape: [12, 3, 3, 3],
    layout: rowsFirst([12, 3, 3, 3]),
    input: [2, 6, 9, 8],
    nodes: node('Conv', { group: 2, strides: [2, 2] }),
  },
  {
    note: 'depthwise Conv',
    shape: [13, 1, 3, 3],
    layout: rowsFirst([13, 1, 3, 3]),
    input: [1, 13, 10, 11],
    nodes: node('Conv', { group: 13, pads: [1, 1, 1, 1] }),
  },
  {
    note: 'pointwise Conv',
    shape: [17, 19, 1, 1],
    layout: rowsFirst([17, 19, 1, 1]),
    input: [2, 19, 6, 7],
    nodes: node('Conv'),
  },
  {
    note: 'Conv over one axis',
    shape: [6, 5, 3],
    layout: rowsFirst([6, 5, 3]),
    input: [2, 5, 12],
    nodes: node('Conv'),
  },
  {
    note: 'ConvTranspose of two groups',
    shape: [6, 4, 2, 3],
    layout: { split: [2, 3, 4, 2, 3], perm: [0, 2, 1, 3, 4], rowAxes: 2 },
    input: [2, 6, 5, 4],
    nodes: node('ConvTranspose', { group: 2, strides: [2, 2] }),
  },
  {
    note: 'Gemm with weight rows',
    shape: [9, 21],
    layout: rowsFirst([9, 21]),
    input: [3, 21],
    nodes: node('Gemm', { transB: 1 }),
  },
  {
    note: 'Gemm with weight columns',
    shape: [21, 9],
    layout: { split: [21, 9], perm: [1, 0], rowAxes: 1 },
    input: [3, 21],
    nodes: node('Gemm'),
  },
  {
    note: 'MatMul',
    shape: [21, 9],
    layout: { split: [21, 9], perm: [1, 0], rowAxes: 1 },
    input: [2, 3, 21],
    nodes: node('MatMul'),
  },
  {
    note: 'MatMul with the weight on the left',
    shape: [9, 21],
    layout: rowsFirst([9, 21]),
    input: [2, 21, 5],
    nodes: [{ op: 'MatMul', inputs: ['w', 'x'], outputs: ['y'] }],
  },
  {
    note: 'MatMul of a reshaped weight',
    shape: [3, 7, 1, 9],
    layout: { split: [21, 9], perm: [1, 0], rowAxes: 1 },
    input: [4, 21],
    nodes: [
      { op: 'Reshape', inputs: ['w', 'matrix'], outputs: ['v'] },
      { op: 'MatMul', inputs: ['x', 'v'], outputs: ['y'] },
    ],
    constants: { matrix: int64([21, -1]) },
  },
  {
    note: 'MatMul of a transposed weight',
    shape: [9, 21],
    layout: rowsFirst([9, 21]),
    input: [4, 21],
    nodes: [
      { op: 'Transpose', inputs: ['w'], outputs: ['v'] },
      { op: 'MatMul', inputs: ['x', 'v'], outputs: ['y'] },
    ],
  },
];

function modelOf(layer: Layer, weight: Initializer): ReturnType<typeof buildModel> {
  return buildModel({
    inputs: { x: ['FLOAT', layer.input] },
    outputs: ['y'],
    constants: { ...layer.constants, w: weight },
    nodes: layer.nodes,
  });
}

function outputOf(layer: Layer, weight: Initializer, kernels: 'reference' | 'auto'): Float32Array {
  const session = createSession(modelOf(layer, weight), { kernels });
  const x = floats(layer.input, randomFloats(sizeOf(layer.input), 5));
  session.run({ x });
  const y = session.run({ x }).get('y')!;
  session.dispose();
  return y.data as Float32Array;
}

describe('a discretized layer gives, bit for bit, what its dequantized floats give', () => {
  for (const layer of LAYERS)
    it(layer.note, () => {
      for (const granularity of ['tensor', 'channel', 'group:4'] as const)
        for (const bits of [1, 2, 3, 5, 8]) {
          const q = randomQuantized(layer.shape, layer.layout, bits, granularity);
          const fromFloats = outputOf(layer, expanded('w', q), 'reference');
          for (const kernels of ['reference', 'auto'] as const)
            expect(outputOf(layer, quantizedInitializer('w', q), kernels)).toEqual(fromFloats);
        }
    });
});

describe('a discretized weight of half precision', () => {
  it('has its levels rounded to half precision, as its floats are', () => {
    const layer = LAYERS[0]!;
    const q = { ...randomQuantized(layer.shape, layer.layout, 3, 'channel'), dtype: 'FLOAT16' as const };
    const codes = quantizedInitializer('w', q);
    const { quantized: _, ...plain } = codes;
    const fromFloats = outputOf(layer, plain, 'reference');
    expect(outputOf(layer, codes, 'reference')).toEqual(fromFloats);
    expect(fromFloats).not.toEqual(
      outputOf(layer, quantizedInitializer('w', { ...q, dtype: 'FLOAT' }), 'reference'),
    );
  });
});

describe('a discretized layer stays discretized', () => {
  const CASES: readonly Layer[] = [
    {
      note: 'Conv',
      shape: [64, 64, 3, 3],
      layout: rowsFirst([64, 64, 3, 3]),
      input: [1, 64, 4, 4],
      nodes: node('Conv'),
    },
    {
      note: 'MatMul',
      shape: [512, 256],
      layout: { split: [512, 256], perm: [1, 0], rowAxes: 1 },
      input: [2, 512],
      nodes: node('MatMul'),
    },
  ];
  for (const layer of CASES)
    for (const bits of [1, 2, 4])
      it(`${layer.note} of ${bits} bits takes ${bits} bits a weight of the heap, and its floats are never read`, () => {
        const q = randomQuantized(layer.shape, layer.layout, bits, 'channel');
        const weight: Initializer = {
          ...quantizedInitializer('w', q),
          read: () => {
            throw new Error('the floats were asked for');
          },
        };
        for (const kernels of ['reference', 'auto'] as const) {
          const session = createSession(modelOf(layer, weight), { kernels });
          session.run({ x: floats(layer.input, randomFloats(sizeOf(layer.input), 5)) });
          const count = sizeOf(layer.shape);
          const levels = q.params.length * 4;
          expect(session.memory.weightBytes).toBeGreaterThanOrEqual((count * bits) / 8);
          expect(session.memory.weightBytes).toBeLessThanOrEqual(1.05 * ((count * bits) / 8) + levels + 256);
          session.dispose();
        }
      });
});
