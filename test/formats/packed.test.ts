import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import onnxProto from 'onnx-proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INLINE_BYTES } from '../../src/formats/packed/format.ts';
import { encodePacked, packedSize, writePacked } from '../../src/formats/packed/write.ts';
import { readModel, readModelBytes } from '../../src/formats/read-model.ts';
import { decodeSafetensors } from '../../src/formats/safetensors.ts';
import { type Initializer, type Model, withInitializers } from '../../src/ir/graph.ts';
import { printModel } from '../../src/ir/print.ts';
import { quantizedInitializer } from '../../src/ir/quantized-initializer.ts';
import type { Granularity } from '../../src/ir/quantized-tensor.ts';
import { floats } from '../../src/tensor/tensor.ts';
import { sharedData } from '../shared-data.ts';
import { blank, naive, quantizeNaively } from './naive-quantize.ts';
import { bytesOf, modelBytes, modelWith, value } from './onnx-bytes.ts';

const options = { toolVersion: '1.2.3' };
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bnnq-packed-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A Conv, a MatMul that lies the other way, a bias and a large table that stays as it is. */
function sample(): Uint8Array {
  const raw = (length: number, seed: number) =>
    bytesOf(Float32Array.from({ length }, (_, i) => (((i * 7919 + seed) % 101) - 50) / 17));
  return modelBytes({
    node: [
      { opType: 'Conv', input: ['x', 'conv', 'bias'], output: ['a'] },
      { opType: 'MatMul', input: ['a', 'matmul'], output: ['b'] },
      { opType: 'Gather', input: ['table', 'b'], output: ['y'] },
    ],
    initializer: [
      { name: 'conv', dims: [5, 3, 3, 3], dataType: 1, rawData: raw(135, 1), docString: 'kept' },
      { name: 'bias', dims: [5], dataType: 1, floatData: [1, 2, 3, 4, 5] },
      { name: 'matmul', dims: [6, 7], dataType: 1, rawData: raw(42, 2) },
      { name: 'table', dims: [1000, 20], dataType: 1, rawData: raw(20000, 3) },
    ],
  });
}

async function quantized(bits: number, granularity: Granularity = 'channel'): Promise<Model> {
  return quantizeNaively(await readModelBytes(sample(), { file: '/some/where/m.onnx' }), bits, granularity);
}

const sha256 = (array: ArrayBufferView) => createHash('sha256').update(bytesOf(array)).digest('hex');

/** All that a model holds, weights as what they read as: small, so that a difference can be read. */
function everything(model: Model) {
  const weights = [...model.graph.initializers.values()].map(({ name, quantized: q, read }) => {
    const codes = q && { ...q, planes: sha256(q.planes), params: [...q.params] };
    return { name, codes, elements: sha256(read().data as Float32Array) };
  });
  return { text: printModel(model), weights };
}

describe('a packed file', () => {
  const GRANULARITIES: Granularity[] = ['tensor', 'channel', 'group:4'];
  const settings = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((bits) => GRANULARITIES.map((g) => [bits, g] as const));

  it.each(settings)('of %i bits and granularity %s reads as what was written', async (bits, granularity) => {
    const model = await quantized(bits, granularity);
    const back = await readModelBytes(encodePacked(model, options));
    expect(everything(back)).toEqual(everything(model));
    expect(back.source).toMatchObject({ format: 'packed', file: 'm.onnx', sha256: model.source.sha256 });
    expect(back.source.byteLength).toBe(sample().length);
  });

  it('is the same bytes every time, and again after it was read', async () => {
    const bytes = encodePacked(await quantized(3), { ...options, options: { seed: 1, fit: 'correlation' } });
    const other = encodePacked(await quantized(3), { ...options, options: { fit: 'correlation', seed: 1 } });
    expect(Buffer.compare(bytes, other)).toBe(0);
    expect(Buffer.compare(encodePacked(await readModelBytes(bytes), options), bytes)).toBe(0);
  });

  it('has exactly the size that is foretold, part by part', async () => {
    const model = await quantized(3);
    const bytes = encodePacked(model, options);
    const size = packedSize(model, options);
    const file = decodeSafetensors(bytes, 'it');
    const bytesIn = (name: string) => file.tensors.get(name)!.end - file.tensors.get(name)!.start;
    expect(size).toEqual({
      codes: 3 * (Math.ceil(135 / 8) + Math.ceil(42 / 8)),
      levels: 4 * (5 + 7),
      other: 80000,
      graph: bytesIn('__graph__'),
      header: bytes.length - file.data.length,
      total: bytes.length,
    });
    expect(size.codes + size.levels + size.other + size.graph + size.header).toBe(size.total);
    expect(bytesIn('__codes__')).toBe(size.codes);
    expect(bytesIn('table')).toBe(80000);
  });

  it('says in its metadata what it is and where it comes from', async () => {
    const model = await quantized(3);
    const { metadata } = decodeSafetensors(encodePacked(model, options), 'it');
    expect(Object.fromEntries(metadata)).toEqual({
      bnnq: '1',
      tool: 'bnn-quantize 1.2.3',
      source: 'm.onnx',
      source_bytes: String(sample().length),
      source_sha256: model.source.sha256,
      scheme: 'linear',
      rule: 'linear',
      bits: '3',
      granularity: 'channel',
      index: expect.stringMatching(/^\[\d+,\d+\]$/),
      graph_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('holds a graph that other ONNX readers open, with the bytes of the source around the weights', async () => {
    const file = decodeSafetensors(encodePacked(await quantized(2), options), 'it');
    const { start, end } = file.tensors.get('__graph__')!;
    const proto = onnxProto.onnx.ModelProto.decode(file.data.subarray(start, end));
    const [conv, bias, matmul, table] = proto.graph!.initializer!;
    const location = (name: string) => [{ key: 'location', value: name }];
    expect(conv).toMatchObject({
      name: 'conv',
      docString: 'kept',
      dataLocation: 1,
      externalData: location('__codes__'),
    });
    expect(matmul).toMatchObject({ dataLocation: 1, externalData: location('__codes__') });
    expect(table).toMatchObject({ dataLocation: 1, externalData: location('table') });
    expect(conv.rawData).toHaveLength(0);
    expect(bias).toMatchObject({ floatData: [1, 2, 3, 4, 5], externalData: [] });
  });

  it('keeps every tensor aligned to its element size', async () => {
    const bytes = encodePacked(await quantized(3), options);
    const file = decodeSafetensors(bytes, 'it');
    expect((bytes.length - file.data.length) % 8).toBe(0);
    for (const { dtype, start } of file.tensors.values()) expect(start % (dtype === 'F32' ? 4 : 1)).toBe(0);
  });

  it('may mix bits, schemes and layouts, and holds what differs from the rest once a weight', async () => {
    const model = await readModelBytes(sample());
    const { conv, matmul } = Object.fromEntries(model.graph.initializers) as Record<string, Initializer>;
    const transposed = { split: [6, 7], perm: [1, 0], rowAxes: 1 };
    const two = { ...naive(conv, 2, 'tensor'), scheme: 'mine' };
    const mixed = withInitializers(
      model,
      new Map([
        ['conv', quantizedInitializer('conv', two)],
        ['matmul', quantizedInitializer('matmul', naive(matmul, 5, 'group:3', transposed))],
      ]),
    );
    const bytes = encodePacked(mixed, options);
    expect(everything(await readModelBytes(bytes))).toEqual(everything(mixed));
  });

  it('of a model without discretized weights has no codes and reads the same', async () => {
    const model = await readModelBytes(sample());
    const bytes = encodePacked(model, options);
    expect([...decodeSafetensors(bytes, 'it').tensors.keys()]).toEqual(['table', '__graph__']);
    expect(everything(await readModelBytes(bytes))).toEqual(everything(model));
    expect(Buffer.compare(encodePacked(await readModelBytes(bytes), options), bytes)).toBe(0);
  });

  it('carries changed values of tensors that are not discretized', async () => {
    const model = await quantized(3);
    const bias = { ...model.graph.initializers.get('bias')!, read: () => floats([5], [9, 8, 7, 6, 5]) };
    const back = await readModelBytes(
      encodePacked(withInitializers(model, new Map([['bias', bias]])), options),
    );
    expect([...back.graph.initializers.get('bias')!.read().data]).toEqual([9, 8, 7, 6, 5]);
  });

  it('of a model whose graph was changed is written from the IR, and round-trips all the same', async () => {
    const model = await quantized(3);
    const changed = { ...model, graph: { ...model.graph, nodes: [...model.graph.nodes] } };
    const bytes = encodePacked(changed, options);
    const back = await readModelBytes(bytes);
    expect(everything(back)).toEqual(everything(model));
    expect(Buffer.compare(encodePacked(back, options), bytes)).toBe(0);
  });

  it('stands alone where the source had its data outside', async () => {
    const externalData = [{ key: 'location', value: 'w.bin' }];
    const path = join(folder, 'm.onnx');
    const inner = { name: 'v', dims: [2], dataType: 1, dataLocation: 1, externalData };
    const branch = {
      node: [{ opType: 'Add', input: ['x', 'v'], output: ['z'] }],
      initializer: [inner],
      output: [value('z')],
    };
    writeFileSync(
      path,
      modelBytes({
        node: [
          {
            opType: 'If',
            input: ['x'],
            output: ['y'],
            attribute: [{ name: 'then_branch', type: 5, g: branch }],
          },
        ],
        initializer: [{ name: 'w', dims: [4], dataType: 1, dataLocation: 1, externalData }],
      }),
    );
    writeFileSync(join(folder, 'w.bin'), bytesOf(Float32Array.of(1, 2, 3, 4)));
    const bytes = encodePacked(await readModel(path), options);
    const { graph } = await readModelBytes(bytes);
    expect([...graph.initializers.get('w')!.read().data]).toEqual([1, 2, 3, 4]);
    const attribute = graph.nodes[0].attributes.get('then_branch')!;
    expect(attribute.type === 'GRAPH' && [...attribute.value.initializers.get('v')!.read().data]).toEqual([
      1, 2,
    ]);
  });

  it('keeps a large tensor of a type that safetensors does not have, or of a reserved name, in the graph', async () => {
    const packed = {
      dims: [2 * INLINE_BYTES + 2],
      dataType: 22,
      rawData: new Uint8Array(INLINE_BYTES + 1).fill(0x21),
    };
    const int4 = encodePacked(await readModelBytes(modelWith(packed)), options);
    expect([...decodeSafetensors(int4, 'it').tensors.keys()]).toEqual(['__graph__']);
    const initializer = [
      { name: '__graph__', dims: [INLINE_BYTES + 1], dataType: 2, rawData: new Uint8Array(INLINE_BYTES + 1) },
    ];
    const reserved = encodePacked(await readModelBytes(modelBytes({ initializer })), options);
    expect((await readModelBytes(reserved)).graph.initializers.get('__graph__')!.byteLength).toBe(
      INLINE_BYTES + 1,
    );
  });

  it('is refused when it is of another format version', async () => {
    const text = Buffer.from(encodePacked(await quantized(1), options)).toString('latin1');
    const bytes = Buffer.from(text.replace('"bnnq":"1"', '"bnnq":"3"'), 'latin1');
    await expect(readModelBytes(bytes)).rejects.toThrow(
      'packed: the file has packed format 3, formats 1 and 2 are read',
    );
  });
});

describe('writing a packed file', () => {
  it('leaves nothing but the file and tells its size', async () => {
    const path = join(folder, 'out.bnnq');
    const size = await writePacked(await quantized(3), path, options);
    expect(statSync(path).size).toBe(size.total);
    expect(readdirSync(folder).filter((name) => name.includes('tmp'))).toEqual([]);
    expect(everything(await readModel(path))).toEqual(everything(await quantized(3)));
  });

  it('does not overwrite a file unless it is forced to', async () => {
    const path = join(folder, 'exists.bnnq');
    writeFileSync(path, 'precious');
    const model = await quantized(1);
    await expect(writePacked(model, path, options)).rejects.toMatchObject({ code: 'exists' });
    expect(readFileSync(path, 'utf8')).toBe('precious');
    await writePacked(model, path, { ...options, force: true });
    expect((await readModel(path)).source.format).toBe('packed');
  });

  it('over its own source works when it is forced', async () => {
    const path = join(folder, 'self.bnnq');
    await writePacked(await quantized(2), path, options);
    const before = readFileSync(path);
    await writePacked(await readModel(path), path, { ...options, force: true });
    expect(Buffer.compare(readFileSync(path), before)).toBe(0);
  });
});

describe.skipIf(!sharedData('models'))('packed files of real networks (need ../shared/data)', () => {
  const MODELS = [
    'cifar10_resnet20',
    'mobilenet_v2_1.0_224_bn_float_hybrid',
    'mobilenet_v2_1.0_224_float_hybrid',
  ];
  const cases = MODELS.flatMap((name) => [1, 2, 3, 4, 5, 6, 7, 8].map((bits) => [name, bits] as const));

  it.each(cases)('%s at %i bits: at most 1.02 of codes and levels, plus the graph', async (name, bits) => {
    const model = await readModel(sharedData(`models/${name}.onnx`)!);
    for (const granularity of ['tensor', 'channel'] as const) {
      const q = quantizeNaively(model, bits, granularity, blank);
      const { total, graph } = packedSize(q, options);
      let ideal = 0;
      for (const { quantized: w } of q.graph.initializers.values())
        if (w !== undefined) ideal += (w.bits * w.rows * w.columns) / 8 + 4 * w.params.length;
      expect(total).toBeLessThanOrEqual(1.02 * ideal + graph);
      expect(graph).toBeLessThan(model.source.byteLength! * 0.03 + 320_000);
    }
  });

  it('hold FLOAT16 weights and weights from Constant nodes', async () => {
    for (const name of ['SqueezeNet_fp16', 'ch_PP-OCRv4_det_infer']) {
      const model = quantizeNaively(await readModel(sharedData(`models/${name}.onnx`)!), 4);
      const bytes = encodePacked(model, options);
      const back = await readModelBytes(bytes);
      const weights = [...model.graph.initializers.values()].filter(({ quantized: q }) => q !== undefined);
      expect(weights.length).toBeGreaterThan(20);
      for (const { name: weight, dtype, read } of weights) {
        const other = back.graph.initializers.get(weight)!;
        expect(other.dtype).toBe(dtype);
        expect(Buffer.compare(new Uint8Array(bufferOf(other)), new Uint8Array(bufferOf({ read })))).toBe(0);
      }
      expect(bytes.length).toBeLessThan(model.source.byteLength! / 3);
    }
  });
});

function bufferOf({ read }: Pick<Initializer, 'read'>): ArrayBufferLike {
  return (read().data as Float32Array).slice().buffer;
}
