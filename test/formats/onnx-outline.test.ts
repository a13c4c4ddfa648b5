import { createHash } from 'node:crypto';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BnnqError } from '../../src/errors.ts';
import { outlineOnnx } from '../../src/formats/onnx/outline.ts';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import type { StoredTensor } from '../../src/formats/onnx/stored-tensor.ts';
import { encodePacked } from '../../src/formats/packed/write.ts';
import { readModel, readModelBytes } from '../../src/formats/read-model.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { sharedData } from '../shared-data.ts';
import { quantizeNaively } from './naive-quantize.ts';
import { bytesOf, modelBytes, value } from './onnx-bytes.ts';

const models = sharedData('models');
const onDisk = { maxResidentBytes: 0 };
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bnnq-outline-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const sourceOf = (bytes: Uint8Array) => ({
  length: bytes.length,
  read: (offset: number, length: number) => bytes.slice(offset, offset + length),
});
const hashOf = ({ data }: Pick<Tensor, 'data'>) =>
  createHash('sha256')
    .update(bytesOf(data as Float32Array))
    .digest('hex');
const sequence = (length: number, from = 0) => Float32Array.from({ length }, (_, i) => from + i);

/** A model with a large tensor in every form and place. */
function sample(): Uint8Array {
  const raw = (from: number) => ({ dims: [20000], dataType: 1, rawData: bytesOf(sequence(20000, from)) });
  const constant = {
    opType: 'Constant',
    output: ['k'],
    attribute: [{ name: 'value', type: 4, t: { name: 't', ...raw(3) } }],
  };
  const branch = {
    node: [{ opType: 'Add', input: ['x', 'v'], output: ['z'] }],
    initializer: [{ name: 'v', ...raw(4) }],
    output: [value('z')],
    docString: 'd'.repeat(100_000),
  };
  return modelBytes({
    node: [
      constant,
      { opType: 'If', input: ['x'], output: ['y'], attribute: [{ name: 'then_branch', type: 5, g: branch }] },
    ],
    initializer: [
      { name: 'small', dims: [2], dataType: 1, floatData: [1, 2] },
      { name: 'raw', ...raw(0) },
      { name: 'floats', dims: [20000], dataType: 1, floatData: [...sequence(20000, 1)] },
      { name: 'doubles', dims: [20000], dataType: 11, doubleData: [...sequence(20000, 2)] },
      { name: 'ints', dims: [40000], dataType: 7, int64Data: [...sequence(40000)] },
    ],
  });
}

describe('the outline of a file', () => {
  it('leaves large payloads out, wherever they are, and reads as the whole file', () => {
    const whole = sample();
    const { bytes, cuts } = outlineOnnx(sourceOf(whole), 'm');
    expect(cuts.size).toBe(5);
    expect(bytes.length).toBeLessThan(whole.length - 3 * 80_000 - 2 * 160_000 + 400_000);
    const [all, outlined] = [readOnnx(whole), readOnnx(bytes, { cuts })];
    for (const { name, dtype, shape, byteLength, read } of all.graph.initializers.values()) {
      const other = outlined.graph.initializers.get(name)!;
      expect(other).toMatchObject({ dtype, shape, byteLength });
      expect(hashOf(other.read())).toBe(hashOf(read()));
    }
    const inner = outlined.graph.nodes[0].attributes.get('then_branch')!;
    const v = inner.type === 'GRAPH' ? inner.value.initializers.get('v')! : undefined;
    expect(hashOf(v!.read())).toBe(hashOf({ data: sequence(20000, 4) }));
    expect(
      [...outlined.graph.initializers.values()].filter((i) => (i as StoredTensor).isOutside),
    ).toHaveLength(4);
  });

  it('is the file itself where nothing is large', () => {
    const bytes = modelBytes({ initializer: [{ name: 'w', dims: [2], dataType: 1, floatData: [1, 2] }] });
    const outline = outlineOnnx(sourceOf(bytes), 'm');
    expect([...outline.bytes]).toEqual([...bytes]);
    expect(outline.cuts.size).toBe(0);
  });

  it('of a file that is cut off says the same as reading the whole', () => {
    const bytes = sample();
    for (let i = 1; i < 100; i++) {
      const part = bytes.subarray(0, Math.floor((bytes.length * i) / 100));
      const messageOf = (work: () => unknown) => {
        try {
          work();
        } catch (error) {
          expect(error).toBeInstanceOf(BnnqError);
          return (error as BnnqError).message;
        }
        return 'nothing';
      };
      const outlined = () => {
        const { bytes: outline, cuts } = outlineOnnx(sourceOf(part), 'the model');
        return readOnnx(outline, { cuts });
      };
      expect(messageOf(outlined)).toBe(messageOf(() => readOnnx(part)));
    }
  });
});

describe('a model that stays on disk', () => {
  const written = (name: string, bytes: Uint8Array) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };

  it.skipIf(!models).each(['cifar10_resnet20', 'SqueezeNet_fp16', 'ch_PP-OCRv4_det_infer', 'winml_mnist'])(
    'has the same weights, hash and packed file as one that is loaded: %s (needs ../shared/data)',
    async (name) => {
      const path = `${models}/${name}.onnx`;
      const [loaded, lazy] = [await readModel(path), await readModel(path, onDisk)];
      expect(lazy.source).toMatchObject({
        sha256: loaded.source.sha256,
        byteLength: loaded.source.byteLength,
      });
      for (const [key, { read }] of loaded.graph.initializers)
        expect(hashOf(lazy.graph.initializers.get(key)!.read())).toBe(hashOf(read()));
      for (const bits of [undefined, 4]) {
        const pack = (model: typeof lazy) =>
          encodePacked(bits === undefined ? model : quantizeNaively(model, bits), { toolVersion: '0' });
        expect(Buffer.compare(pack(lazy), pack(loaded))).toBe(0);
      }
    },
  );

  it('is packed with the payloads of its subgraphs', async () => {
    const model = await readModel(written('sample.onnx', sample()), onDisk);
    const back = await readModelBytes(encodePacked(model, { toolVersion: '0' }));
    const inner = back.graph.nodes[0].attributes.get('then_branch')!;
    const v = inner.type === 'GRAPH' ? inner.value.initializers.get('v')! : undefined;
    expect(hashOf(v!.read())).toBe(hashOf({ data: sequence(20000, 4) }));
    expect(hashOf(back.graph.initializers.get('k')!.read())).toBe(hashOf({ data: sequence(20000, 3) }));
  });

  it('is refused where a payload has the wrong length, with both numbers', async () => {
    const initializer = [{ name: 'w', dims: [20000], dataType: 1, rawData: new Uint8Array(79_999) }];
    await expect(readModel(written('short.onnx', modelBytes({ initializer })), onDisk)).rejects.toThrow(
      'onnx: initializer "w": raw_data has 79999 bytes, shape [20000] of FLOAT needs 80000',
    );
  });

  it('is refused when it was changed since it was read', async () => {
    const path = written('changed.onnx', sample());
    const model = await readModel(path, onDisk);
    appendFileSync(path, 'x');
    expect(() => model.graph.initializers.get('raw')!.read()).toThrow(
      `"${path}" was changed while it was in use`,
    );
    rmSync(path);
    expect(() => model.graph.initializers.get('raw')!.read()).toThrow('no such file');
    expect(model.graph.initializers.get('small')!.read().data).toEqual(Float32Array.of(1, 2));
  });

  it('is told by its content, and refused like any other', async () => {
    await expect(readModel(written('text.onnx', Buffer.from('hello\n')), onDisk)).rejects.toThrow(
      'is a text file',
    );
    await expect(readModel(written('empty.onnx', new Uint8Array(0)), onDisk)).rejects.toThrow('is empty');
    const packed = encodePacked(await readModelBytes(sample()), { toolVersion: '0' });
    expect((await readModel(written('packed.bnnq', packed), onDisk)).source.format).toBe('packed');
    expect(readFileSync(join(folder, 'packed.bnnq'))).toHaveLength(packed.length);
  });
});
