import { readdirSync, readFileSync } from 'node:fs';
import onnxProto from 'onnx-proto';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../src/formats/onnx/encode.ts';
import { patchOnnx } from '../../src/formats/onnx/patch.ts';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import type { StoredTensor } from '../../src/formats/onnx/stored-tensor.ts';
import { onnxBytes } from '../../src/formats/onnx/write.ts';
import { type Model, withInitializers } from '../../src/ir/graph.ts';
import { printModel } from '../../src/ir/print.ts';
import { encodeTensor } from '../../src/tensor/decode.ts';
import { floats } from '../../src/tensor/tensor.ts';
import { sharedData } from '../shared-data.ts';
import { quantizeNaively } from './naive-quantize.ts';
import { bytesOf, modelBytes, value } from './onnx-bytes.ts';

const models = sharedData('models');
const nodeTests = sharedData('onnx-node-tests');

/** Appends a field that no schema knows (number 999) to a message. */
const unknownField = [0xba, 0x3e, 3, 1, 2, 3];

function startOf(model: Model, name: string): number {
  return (model.graph.initializers.get(name) as StoredTensor).span.start;
}

describe('patching a file', () => {
  const raw = bytesOf(Float32Array.of(7, 8));

  it('replaces the elements of a tensor, whatever form they were in, and keeps every other byte', () => {
    const bytes = modelBytes(
      {
        docString: 'a graph',
        initializer: [
          { name: 'a', dims: [2], dataType: 1, floatData: [1, 2], docString: 'first' },
          { name: 'b', dims: [2], dataType: 1, rawData: bytesOf(Float32Array.of(3, 4)) },
        ],
      },
      { docString: 'a model', metadataProps: [{ key: 'k', value: 'v' }] },
    );
    const patched = patchOnnx(bytes, new Map([[startOf(readOnnx(bytes), 'a'), { raw }]]));
    const proto = onnxProto.onnx.ModelProto.decode(patched);
    const [a, b] = proto.graph!.initializer!;
    expect([...a.rawData!]).toEqual([...raw]);
    expect(a).toMatchObject({ name: 'a', floatData: [], docString: 'first', dataType: 1 });
    expect([...b.rawData!]).toEqual([...bytesOf(Float32Array.of(3, 4))]);
    expect(proto).toMatchObject({ docString: 'a model', graph: { docString: 'a graph' } });
    expect(proto.metadataProps).toMatchObject([{ key: 'k', value: 'v' }]);
  });

  it('without patches gives the same bytes', () => {
    const bytes = modelBytes({ initializer: [{ name: 'a', dims: [2], dataType: 1, floatData: [1, 2] }] });
    expect([...patchOnnx(bytes, new Map())]).toEqual([...bytes]);
  });

  it('keeps fields that the schema of onnx-proto does not know', () => {
    const tensor = [0x08, 1, 0x10, 1, 0x42, 1, 0x77, 0x25, 0, 0, 0x80, 0x3f, ...unknownField];
    const graph = [0x2a, tensor.length, ...tensor, ...unknownField];
    const bytes = Uint8Array.from([
      0x08,
      8,
      0x3a,
      graph.length,
      ...graph,
      0x42,
      2,
      0x10,
      13,
      ...unknownField,
    ]);
    const patched = patchOnnx(bytes, new Map([[startOf(readOnnx(bytes), 'w'), { raw: raw.subarray(0, 4) }]]));
    const newTensor = [0x08, 1, 0x10, 1, 0x42, 1, 0x77, ...unknownField, 0x4a, 4, ...raw.subarray(0, 4)];
    const newGraph = [0x2a, newTensor.length, ...newTensor, ...unknownField];
    expect([...patched]).toEqual([
      0x08,
      8,
      0x3a,
      newGraph.length,
      ...newGraph,
      0x42,
      2,
      0x10,
      13,
      ...unknownField,
    ]);
  });

  it('reaches tensors of Constant nodes, subgraphs and functions', () => {
    const t = { name: 't', dims: [2], dataType: 1, floatData: [1, 2] };
    const constant = { opType: 'Constant', output: ['c'], attribute: [{ name: 'value', type: 4, t }] };
    const branch = { node: [constant], output: [value('c')] };
    const bytes = modelBytes(
      {
        node: [
          { ...constant, output: ['k'] },
          {
            opType: 'If',
            input: ['x'],
            output: ['y'],
            attribute: [{ name: 'then_branch', type: 5, g: branch }],
          },
        ],
      },
      { functions: [{ name: 'F', domain: 'd', output: ['c'], node: [constant] }] },
    );
    const container = readOnnx(bytes).source.container as { tensors: StoredTensor[] };
    expect(container.tensors).toHaveLength(3);
    const patches = new Map(container.tensors.map((tensor) => [tensor.span.start, { raw }]));
    const proto = onnxProto.onnx.ModelProto.decode(patchOnnx(bytes, patches));
    const tensors = [
      proto.graph!.node![0].attribute![0].t!,
      proto.graph!.node![1].attribute![0].g!.node![0].attribute![0].t!,
      proto.functions[0].node![0].attribute![0].t!,
    ];
    for (const tensor of tensors) expect([...tensor.rawData!]).toEqual([...raw]);
  });

  it('puts a metadata entry at the end and takes out one of the same key', () => {
    const entry = (text: string) => ({ key: 'bnnq', value: text });
    const bytes = modelBytes({}, { metadataProps: [entry('old'), { key: 'k', value: 'v' }] });
    const patched = patchOnnx(bytes, new Map(), entry('new'));
    expect(onnxProto.onnx.ModelProto.decode(patched).metadataProps).toMatchObject([
      { key: 'k', value: 'v' },
      entry('new'),
    ]);
    expect(Buffer.from(patched.subarray(-3)).toString()).toBe('new');
    expect([...patchOnnx(patched, new Map(), entry('new'))]).toEqual([...patched]);
  });
});

/** Everything of a model that the IR holds, as text; weights by their bytes. */
function everything(model: Model): string {
  const weights = [...model.graph.initializers.values()].map((initializer) => {
    const tensor = initializer.read();
    const elements = Array.isArray(tensor.data)
      ? tensor.data.join()
      : Buffer.from(encodeTensor(tensor)).toString('base64');
    return `${initializer.name} ${elements}`;
  });
  const attributes = model.graph.nodes.map((node) =>
    [...node.attributes].map(([name, { type, value }]) =>
      /TENSOR|GRAPH/.test(type) ? `${name} ${type}` : `${name} ${type} ${JSON.stringify(value)}`,
    ),
  );
  return `${printModel(model)}${weights.join('\n')}${attributes.join('\n')}${JSON.stringify([...model.graph.valueInfo])}`;
}

describe('writing a model from the IR', () => {
  it
    .skipIf(!models)
    .each(models === undefined ? [] : readdirSync(models).filter((name) => name.endsWith('.onnx')))(
    'gives one that reads the same: %s (needs ../shared/data)',
    (name) => {
      const model = readOnnx(readFileSync(`${models}/${name}`));
      expect(everything(readOnnx(encodeModel(model)))).toBe(everything(model));
    },
  );

  it.skipIf(!nodeTests)(
    'gives one that reads the same for the conformance models (needs ../shared/data)',
    () => {
      let written = 0;
      const refused: string[] = [];
      for (const name of readdirSync(nodeTests!)) {
        const model = readOnnx(readFileSync(`${nodeTests}/${name}/model.onnx`));
        try {
          expect(everything(readOnnx(encodeModel(model)))).toBe(everything(model));
          written++;
        } catch (error) {
          expect((error as Error).message).toMatch(/cannot be written|sparse tensor/);
          refused.push(name);
        }
      }
      expect(written).toBeGreaterThan(1400);
      expect(refused).toEqual(['test_if_opt']);
    },
  );

  it
    .skipIf(!models)
    .each(['cifar10_resnet20', 'SqueezeNet_fp16', 'ch_PP-OCRv4_det_infer', 'ultraface_version-slim-320'])(
    'and patching the source with discretized weights give models that onnxruntime loads: %s (needs ../shared/data)',
    async (name) => {
      const model = readOnnx(readFileSync(`${models}/${name}.onnx`));
      for (const bytes of [encodeModel(model), onnxBytes(quantizeNaively(model, 4))]) {
        const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
        expect(session.outputNames).toEqual(model.graph.outputs.map((output) => output.name));
        await session.release();
      }
    },
  );

  it('keeps INT64_MAX, functions with defaults and overloads, and references to attributes', () => {
    const max = { low: -1, high: 0x7fffffff, unsigned: false } as unknown as number;
    const slice = { name: 'ends', type: 7, ints: [max, -5] };
    const bytes = modelBytes({
      node: [{ opType: 'F', domain: 'd', input: ['x'], output: ['y'], attribute: [slice] }],
    });
    const model = readOnnx(bytes);
    const relu = { name: '', opType: 'LeakyRelu', domain: '', inputs: ['a'], outputs: ['b'] };
    const body = {
      name: 'F',
      domain: 'd',
      overload: 'v2',
      inputs: ['a'],
      outputs: ['b'],
      attributes: ['beta'],
      defaults: new Map([['alpha', { type: 'FLOAT', value: 0.5 } as const]]),
      nodes: [{ ...relu, attributes: new Map([['alpha', { type: 'REF', value: 'alpha' } as const]]) }],
      opsets: new Map([['', 13]]),
    };
    const again = readOnnx(encodeModel({ ...model, functions: [body] }));
    expect(again.functions).toEqual([body]);
    const proto = onnxProto.onnx.ModelProto.decode(encodeModel(model));
    expect(proto.graph!.node![0].attribute![0].ints!.map(String)).toEqual(['9223372036854775807', '-5']);
  });

  it('from ONNX changes nothing but the initializers that were replaced', async () => {
    const bytes = modelBytes(
      { initializer: [{ name: 'w', dims: [2], dataType: 1, floatData: [1, 2], docString: 'kept' }] },
      { docString: 'a model' },
    );
    const model = readOnnx(bytes);
    expect(Buffer.compare(onnxBytes(model), bytes)).toBe(0);
    const w = { ...model.graph.initializers.get('w')!, read: () => floats([2], [3, 4]) };
    const proto = onnxProto.onnx.ModelProto.decode(onnxBytes(withInitializers(model, new Map([['w', w]]))));
    expect(proto.docString).toBe('a model');
    expect(proto.graph!.initializer![0].docString).toBe('kept');
    expect([...proto.graph!.initializer![0].rawData!]).toEqual([...bytesOf(Float32Array.of(3, 4))]);
  });

  it('refuses attributes that the IR did not keep, by node', () => {
    const attribute = [{ name: 'type', type: 13, tp: { tensorType: { elemType: 1 } } }];
    const model = readOnnx(
      modelBytes({ node: [{ name: 'o', opType: 'Optional', output: ['y'], attribute }] }),
    );
    expect(() => encodeModel(model)).toThrow(
      'onnx: node "o" (Optional): attribute "type" is of a kind that cannot be written',
    );
  });
});
