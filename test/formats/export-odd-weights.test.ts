import { describe, expect, it } from 'vitest';
import { type ExportOptions, exportModel } from '../../src/eval/export-model.ts';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import type { Model } from '../../src/ir/graph.ts';
import { quantizedInitializer } from '../../src/ir/quantized-initializer.ts';
import type { Granularity, QuantizedTensor } from '../../src/ir/quantized-tensor.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, type Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, type ShortAttribute, type ShortNode } from '../runtime/build-model.ts';
import { runOnnxRuntime } from '../runtime/onnxruntime.ts';
import { randomFloats } from '../runtime/random.ts';
import { bytesOf } from './onnx-bytes.ts';
import { modelOfWeights, type SampleWeight, sampleWeight } from './quantized-samples.ts';

const FORMS: readonly ExportOptions[] = [
  { to: 'onnx' },
  { to: 'onnx', opset: 25 },
  { to: 'onnx', flavor: 'msft' },
  { to: 'onnx', flavor: 'float' },
  { to: 'qonnx' },
];

const plain = (shape: readonly number[]): Pick<SampleWeight, 'shape' | 'layout'> => ({
  ...{
    shape,
    layout: { split: shape, perm: shape.map((_, axis) => axis), rowAxes: Math.min(1, shape.length) },
  },
});

function codedOf(bytes: Uint8Array): (QuantizedTensor | undefined)[] {
  return [...readOnnx(bytes).graph.initializers.values()].map(({ quantized }) => quantized);
}

describe('weights of odd shapes', () => {
  const SHAPES: readonly (readonly number[])[] = [
    [],
    [1],
    [1, 1],
    [1, 1, 1, 1],
    [1, 65],
    [257, 1],
    [3, 1, 1, 1],
    [2, 1, 7],
  ];
  const samples = SHAPES.flatMap((shape) =>
    (['tensor', 'channel', 'group:3', 'group:300'] as Granularity[]).flatMap((granularity) =>
      (
        [
          ['linear', 3],
          ['linear', 4],
          ['affine', 4],
          ['linear', 1],
        ] as const
      ).map(
        ([rule, bits], i): SampleWeight => ({
          ...plain(shape),
          rule,
          bits,
          granularity,
          dtype: 'FLOAT',
          seed: i + 1,
        }),
      ),
    ),
  );

  it.each(FORMS)('are the very floats that they stand for, and come back: %j', async (options) => {
    const weights = samples.map(sampleWeight);
    const bytes = exportModel(modelOfWeights(weights, 21), options);
    const results =
      options.to === 'onnx'
        ? await runOnnxRuntime(bytes, { x: floats([1], [1]) })
        : createSession(readOnnx(bytes)).run({ x: floats([1], [1]) });
    weights.forEach((q, i) => {
      const expected = quantizedInitializer('', q).read();
      const actual = results.get(`y${i}`)!;
      expect(actual.shape, JSON.stringify(samples[i])).toEqual(expected.shape);
      const [ours, theirs] = [expected, actual].map(({ data }) =>
        bytesOf((data as Float32Array).map((v) => v + 0)),
      );
      expect(Buffer.compare(ours!, theirs!), JSON.stringify(samples[i])).toBe(0);
    });
    const back = readOnnx(bytes).graph.initializers;
    if (options.flavor !== 'float')
      weights.forEach((q, i) => {
        expect(back.get(`w${i}`)?.quantized?.granularity, JSON.stringify(samples[i])).toBe(q.granularity);
      });
  });
});

describe('weights in odd places', () => {
  const feeds = { x: floats([2, 32], randomFloats(64, 3, -1, 1)) };

  async function expectSame(model: Model): Promise<void> {
    const session = createSession(model);
    const ours = session.run(feeds);
    session.dispose();
    for (const options of FORMS.filter(({ to }) => to === 'onnx')) {
      const bytes = exportModel(model, options);
      const theirs = await runOnnxRuntime(bytes, feeds);
      for (const [name, { data }] of ours)
        Array.from(data as Float32Array).forEach((v, i) => {
          expect(Math.abs(v - (theirs.get(name) as Tensor & { data: Float32Array }).data[i]!)).toBeLessThan(
            1e-5,
          );
        });
      const count = [...model.graph.initializers.values()].filter(({ quantized }) => quantized).length;
      if (options.flavor !== 'float') expect(codedOf(bytes).filter(Boolean)).toHaveLength(count);
    }
  }
  const w = floats([32, 32], randomFloats(1024, 5, -1, 1));
  const coded = (nodes: readonly ShortNode[], outputs: readonly string[], constants = {}): Model =>
    quantizeModel(
      buildModel({
        ...{ opset: 21, inputs: { x: ['FLOAT', [2, 32]] }, outputs, nodes },
        constants: { w, ...constants },
      }),
      { scheme: 'linear', bits: 4, granularity: 'group:32' },
    ).model;

  it('are written once and serve every node: two products, a product that reads it as an output of the graph as well', async () => {
    const product = (output: string): ShortNode => ({ op: 'MatMul', inputs: ['x', 'w'], outputs: [output] });
    const model = coded([product('a'), product('b')], ['a', 'b']);
    await expectSame(model);
    expect(exportModel(model, { to: 'onnx', flavor: 'msft' }).length).toBeLessThan(2000);
    await expectSame(coded([product('a'), { op: 'Identity', inputs: ['w'], outputs: ['b'] }], ['a', 'b']));
  });

  it('serve a branch that takes them from the graph around it', async () => {
    const branch = (op: string): ShortAttribute => ({
      ...{ inputs: {}, outputs: [`${op}_y`] },
      nodes: [
        { op: 'MatMul', inputs: ['h', 'w'], outputs: [`${op}_h`] },
        { op, inputs: [`${op}_h`], outputs: [`${op}_y`] },
      ],
    });
    await expectSame(
      coded(
        [
          { op: 'MatMul', inputs: ['x', 'w'], outputs: ['h'] },
          { op: 'Identity', inputs: ['c'], outputs: ['condition'] },
          {
            ...{ op: 'If', inputs: ['condition'], outputs: ['y'] },
            attributes: { then_branch: branch('Relu'), else_branch: branch('Neg') },
          },
        ],
        ['y'],
        { c: { dtype: 'BOOL', shape: [], data: Uint8Array.of(1) } },
      ),
    );
  });

  it('of no elements stay as they are', async () => {
    const model = coded(
      [
        { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] },
        { op: 'MatMul', inputs: ['x', 'none'], outputs: ['z'] },
      ],
      ['y', 'z'],
      { none: floats([32, 0], []) },
    );
    expect(model.graph.initializers.get('none')!.quantized).toBeUndefined();
    await expectSame(model);
  });
});
