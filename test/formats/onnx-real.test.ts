import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import type { Graph, Model } from '../../src/ir/graph.ts';
import { encodeTensor } from '../../src/tensor/decode.ts';
import { DATA_TYPES } from '../../src/tensor/dtype.ts';
import { sharedData } from '../shared-data.ts';

type GraphProto = onnxProto.onnx.IGraphProto;
type TensorProto = onnxProto.onnx.ITensorProto;

const models = sharedData('models');
const nodeTests = sharedData('onnx-node-tests');

/** Elements of a tensor in raw layout as the package onnx-proto decodes it: an independent reading of the same bytes. */
function rawOf(tensor: TensorProto): Uint8Array | undefined {
  if (tensor.rawData?.length) return tensor.rawData;
  if (tensor.floatData?.length) return new Uint8Array(Float32Array.from(tensor.floatData).buffer);
  if (tensor.int64Data?.length)
    return new Uint8Array(BigInt64Array.from(tensor.int64Data, (value) => BigInt(value.toString())).buffer);
  if (tensor.int32Data?.length && tensor.dataType === 6)
    return new Uint8Array(Int32Array.from(tensor.int32Data).buffer);
  return undefined;
}

/** Compares the IR of a graph with the decoded messages; Constant nodes are counted as initializers. */
function expectSame(graph: Graph, proto: GraphProto): void {
  const constants = proto.node!.filter((node) => node.opType === 'Constant');
  expect(graph.nodes).toHaveLength(proto.node!.length - constants.length);
  const tensors = new Map(proto.initializer!.map((tensor) => [tensor.name!, tensor]));
  for (const node of constants) {
    const tensor = node.attribute!.find(({ name }) => name === 'value')?.t;
    if (tensor) tensors.set(node.output![0], tensor);
  }
  expect(graph.initializers.size).toBe(
    proto.initializer!.length + proto.sparseInitializer!.length + constants.length,
  );
  for (const [name, tensor] of tensors) {
    const initializer = graph.initializers.get(name)!;
    expect(initializer.shape).toEqual(tensor.dims!.map(Number));
    expect(DATA_TYPES[initializer.dtype].number).toBe(tensor.dataType);
    const raw = rawOf(tensor);
    if (raw === undefined || DATA_TYPES[initializer.dtype].bits === 0) continue;
    expect(sha256(encodeTensor(initializer.read()))).toBe(sha256(raw));
  }
  const named = new Set(tensors.keys());
  expect(graph.inputs.map((input) => input.name)).toEqual(
    proto.input!.map((input) => input.name).filter((name) => !named.has(name!)),
  );
  expect(graph.outputs.map((output) => output.name)).toEqual(proto.output!.map((output) => output.name));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function decode(path: string): { model: Model; proto: onnxProto.onnx.ModelProto } {
  const bytes = readFileSync(path);
  return { model: readOnnx(bytes, { file: path }), proto: onnxProto.onnx.ModelProto.decode(bytes) };
}

describe.skipIf(!models)('the trained models (needs ../shared/data)', () => {
  const names = models === undefined ? [] : readdirSync(models).filter((name) => name.endsWith('.onnx'));

  it.each(names)('%s is read with every initializer as the package onnx-proto decodes it', (name) => {
    const { model, proto } = decode(`${models}/${name}`);
    expectSame(model.graph, proto.graph!);
    expect(model.irVersion).toBe(Number(proto.irVersion));
    expect(model.source.sha256).toBe(sha256(readFileSync(`${models}/${name}`)));
  });

  it('have as many weights as their sources say', () => {
    const { graph } = decode(`${models}/cifar10_resnet20.onnx`).model;
    const weights = [...graph.initializers.values()].filter(
      ({ shape }) => shape.length === 4 || shape.length === 2,
    );
    expect(weights).toHaveLength(20);
    expect(weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0)).toBe(268336);
  });
});

describe.skipIf(!nodeTests)('the ONNX conformance models (needs ../shared/data)', () => {
  it('are all read, with every initializer as the package onnx-proto decodes it', () => {
    const names = readdirSync(nodeTests!).filter((name) => existsSync(`${nodeTests}/${name}/model.onnx`));
    expect(names.length).toBeGreaterThan(1400);
    for (const name of names) {
      const { model, proto } = decode(`${nodeTests}/${name}/model.onnx`);
      expectSame(model.graph, proto.graph!);
      expect(model.functions).toHaveLength(proto.functions.length);
    }
  });
});
