import { describe, expect, it } from 'vitest';
import { exportModel } from '../../../src/eval/export-model.ts';
import { readOnnx } from '../../../src/formats/onnx/read.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { floats, sizeOf, type Tensor } from '../../../src/tensor/tensor.ts';
import { bytesOf, type GraphFields, modelBytes, value } from '../../formats/onnx-bytes.ts';
import { buildModel, type ShortAttribute, type ShortNode } from '../../runtime/build-model.ts';
import { runOnnxRuntime } from '../../runtime/onnxruntime.ts';
import { randomFloats } from '../../runtime/random.ts';

const int64 = (values: readonly number[], shape: readonly number[] = [values.length]): Tensor => ({
  ...{ dtype: 'INT64', shape, data: BigInt64Array.from(values, BigInt) },
});

interface Case {
  readonly from: number;
  readonly to: number;
  readonly op: string;
  readonly attributes?: Readonly<Record<string, ShortAttribute>>;
  readonly shape?: readonly number[];
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly outputs?: readonly string[];
}

/** Operators that are said in other words in a newer set. */
const CASES: readonly Case[] = [
  { from: 9, to: 10, op: 'Slice', attributes: { starts: [1, -3], ends: [2, 1000], axes: [1, 2] } },
  { from: 7, to: 13, op: 'Slice', attributes: { starts: [0, 1], ends: [1, 3] } },
  { from: 9, to: 11, op: 'Slice', attributes: { starts: [1], ends: [Number.MAX_SAFE_INTEGER], axes: [3] } },
  { from: 7, to: 11, op: 'Clip', attributes: { min: { float: -0.25 }, max: { float: 0.5 } } },
  { from: 7, to: 13, op: 'Clip', attributes: { max: { float: 0.5 } } },
  { from: 7, to: 13, op: 'Clip' },
  { from: 7, to: 13, op: 'Dropout', attributes: { ratio: { float: 0.75 } } },
  { from: 9, to: 25, op: 'Dropout', outputs: ['y', 'unread'] },
  { from: 7, to: 11, op: 'Pad', attributes: { pads: [0, 0, 1, 2, 0, 0, 2, 1] } },
  { from: 7, to: 25, op: 'Pad', attributes: { pads: [0, 0, 1, 2, 0, 0, 2, 1], value: { float: 3 } } },
  { from: 7, to: 18, op: 'Pad', attributes: { pads: [0, 0, 1, 2, 0, 0, 2, 1], mode: 'reflect' } },
  { from: 7, to: 9, op: 'Upsample', attributes: { scales: { floats: [1, 1, 2, 3] }, mode: 'nearest' } },
  { from: 7, to: 11, op: 'Upsample', attributes: { scales: { floats: [1, 1, 2, 2] }, mode: 'linear' } },
  { from: 7, to: 19, op: 'Upsample', attributes: { scales: { floats: [1, 1, 1.5, 2] }, mode: 'nearest' } },
  {
    from: 9,
    to: 13,
    op: 'Upsample',
    attributes: { mode: 'linear' },
    constants: { s: floats([4], [1, 1, 2, 2]) },
  },
  {
    from: 10,
    to: 13,
    op: 'Resize',
    attributes: { mode: 'nearest' },
    constants: { s: floats([4], [1, 1, 0.6, 2]) },
  },
  {
    from: 10,
    to: 21,
    op: 'Resize',
    attributes: { mode: 'linear' },
    constants: { s: floats([4], [1, 1, 2, 2]) },
  },
  { from: 9, to: 13, op: 'Squeeze', attributes: { axes: [0] } },
  { from: 11, to: 13, op: 'Squeeze', attributes: { axes: [-4] } },
  { from: 9, to: 25, op: 'Squeeze' },
  { from: 9, to: 21, op: 'Unsqueeze', attributes: { axes: [0, 3] } },
  { from: 9, to: 13, op: 'Softmax' },
  { from: 9, to: 25, op: 'Softmax', attributes: { axis: 2 } },
  { from: 11, to: 13, op: 'Softmax', attributes: { axis: -1 } },
  { from: 11, to: 13, op: 'LogSoftmax', attributes: { axis: -2 } },
  { from: 9, to: 13, op: 'Softmax', shape: [1, 6, 1, 1] },
  { from: 9, to: 13, op: 'Hardmax', attributes: { axis: 3 } },
  { from: 9, to: 13, op: 'ReduceSum', attributes: { axes: [1, 3], keepdims: 0 } },
  { from: 9, to: 18, op: 'ReduceSum', attributes: { keepdims: 0 } },
  { from: 13, to: 18, op: 'ReduceMean', attributes: { axes: [-1] } },
  { from: 9, to: 20, op: 'ReduceMax', attributes: { axes: [2] } },
  { from: 9, to: 18, op: 'ReduceL2', attributes: { axes: [1, 2, 3] } },
  { from: 9, to: 13, op: 'Split', attributes: { axis: 2, split: [1, 3] }, outputs: ['y', 'z'] },
  { from: 9, to: 18, op: 'Split', attributes: { axis: 2 }, outputs: ['y', 'z'] },
  { from: 13, to: 25, op: 'Split', attributes: { axis: 2 }, outputs: ['y', 'z'] },
  { from: 9, to: 10, op: 'TopK', attributes: { k: 2, axis: 3 }, outputs: ['y', 'i'] },
  { from: 7, to: 21, op: 'TopK', attributes: { k: 1 }, outputs: ['y', 'i'] },
  {
    ...{ from: 10, to: 13, op: 'Scatter', attributes: { axis: 3 } },
    constants: { at: int64([3, 0], [1, 1, 1, 2]), updates: floats([1, 1, 1, 2], [7, 8]) },
  },
  {
    ...{ from: 7, to: 15, op: 'BatchNormalization', attributes: { epsilon: { float: 0.5 }, spatial: 1 } },
    constants: Object.fromEntries(['s', 'b', 'm', 'v'].map((name, i) => [name, floats([3], [1 + i, 2, 3])])),
  },
  {
    ...{ from: 16, to: 20, op: 'GridSample', attributes: { mode: 'bilinear', padding_mode: 'zeros' } },
    constants: { grid: floats([1, 2, 2, 2], randomFloats(8, 3, -1, 1)) },
  },
  {
    ...{
      from: 10,
      to: 16,
      op: 'RoiAlign',
      attributes: { output_height: 2, output_width: 2, sampling_ratio: 2 },
    },
    constants: { rois: floats([1, 4], [0, 0, 3, 3]), at: int64([0]) },
  },
];

function modelOf({
  from,
  op,
  attributes = {},
  shape = [1, 3, 4, 4],
  constants = {},
  outputs = ['y'],
}: Case): Model {
  const node: ShortNode = { op, inputs: ['x', ...Object.keys(constants)], outputs: [...outputs], attributes };
  const read = outputs.filter((name) => name !== 'unread');
  return buildModel({
    ...{ opset: from, inputs: { x: ['FLOAT', shape] }, outputs: read, constants, nodes: [node] },
    outputTypes: { i: 'INT64' },
  });
}

describe('a model of an older operator set', () => {
  it.each(CASES)('computes the same in a newer one: $op, set $from in set $to, $attributes', async (one) => {
    const model = modelOf(one);
    const { shape = [1, 3, 4, 4], to } = one;
    const feeds = { x: floats(shape, randomFloats(sizeOf(shape), 3, -1, 1)) };
    const session = createSession(model);
    const ours = session.run(feeds);
    session.dispose();
    const bytes = exportModel(model, { to: 'onnx', opset: to });
    const raised = readOnnx(bytes);
    expect(raised.opsets.get('')).toBe(to);
    const again = createSession(raised);
    const back = again.run(feeds);
    again.dispose();
    const theirs = await runOnnxRuntime(bytes, feeds);
    expect([...theirs.keys()]).toEqual([...ours.keys()]);
    for (const [name, { shape: dims, data }] of ours) {
      expect(back.get(name)).toEqual({ dtype: ours.get(name)!.dtype, shape: dims, data });
      const other = theirs.get(name)!;
      expect(other.shape).toEqual(dims);
      Array.from(data as Float32Array, Number).forEach((v, i) => {
        expect(Math.abs(v - Number(other.data[i]))).toBeLessThan(1e-6 * (1 + Math.abs(v)));
      });
    }
  });

  it('keeps node names and doc strings of what is said in other words, and the words of all others', () => {
    const w = { name: 'w', dims: [2], dataType: 1, rawData: bytesOf(Float32Array.of(1, 2)) };
    const graph: GraphFields = {
      ...{ input: [value('x', [1, 2])], output: [value('y', [2])], initializer: [w] },
      node: [
        { name: 'add', opType: 'Add', input: ['x', 'w'], output: ['h'], docString: 'a sum' },
        {
          ...{ name: 'squeeze', opType: 'Squeeze', input: ['h'], output: ['y'], docString: 'no batch' },
          attribute: [{ name: 'axes', type: 7, ints: [0] }],
        },
      ],
    };
    const model = readOnnx(modelBytes(graph, { opsetImport: [{ domain: '', version: 9 }] }));
    const bytes = exportModel(model, { to: 'onnx', opset: 13 });
    expect(Buffer.from(bytes).includes('a sum')).toBe(true);
    expect(Buffer.from(bytes).includes('no batch')).toBe(true);
    const { nodes } = readOnnx(bytes).graph;
    expect(nodes.map(({ name }) => name)).toEqual(['add', 'squeeze']);
    expect(nodes[1]!.inputs).toEqual(['h', 'operand.0']);
  });

  it('is raised inside of branches, too', async () => {
    const branch = (axis: number): ShortAttribute => ({
      ...{ inputs: {}, outputs: [`b${axis}`] },
      nodes: [{ op: 'Unsqueeze', inputs: ['x'], outputs: [`b${axis}`], attributes: { axes: [axis] } }],
    });
    const model = buildModel({
      ...{ opset: 11, inputs: { x: ['FLOAT', [2]] }, outputs: ['y'] },
      constants: { c: { dtype: 'BOOL', shape: [], data: Uint8Array.of(1) } },
      nodes: [
        { op: 'Identity', inputs: ['c'], outputs: ['condition'] },
        {
          ...{ op: 'If', inputs: ['condition'], outputs: ['y'] },
          attributes: { then_branch: branch(0), else_branch: branch(1) },
        },
      ],
    });
    const bytes = exportModel(model, { to: 'onnx', opset: 13 });
    const { shape, data } = (await runOnnxRuntime(bytes, { x: floats([2], [1, 2]) })).get('y')!;
    expect([shape, [...(data as Float32Array)]]).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  it('is refused by the names of all nodes that the newer set has no words for', () => {
    const nodes: ShortNode[] = [
      {
        op: 'BatchNormalization',
        inputs: ['x', 's', 's', 's', 's'],
        outputs: ['a'],
        attributes: { spatial: 0 },
      },
      { op: 'Dropout', inputs: ['a'], outputs: ['y', 'mask'] },
    ];
    const model = buildModel({
      ...{ opset: 7, inputs: { x: ['FLOAT', [1, 3]] }, outputs: ['y', 'mask'], nodes },
      constants: { s: floats([3], [1, 2, 3]) },
    });
    expect(() => exportModel(model, { to: 'onnx', opset: 13 })).toThrow(
      /^onnx: the model is of operator set 7 and cannot be raised to 13: 2 nodes mean something else there, or may: node "BatchNormalization_0" .*"Dropout_1"/,
    );
  });
});
