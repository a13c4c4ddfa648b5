import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BnnqError } from '../../src/errors.ts';
import { encodePacked } from '../../src/formats/packed/write.ts';
import { readModel, readModelBytes } from '../../src/formats/read-model.ts';
import { sharedData } from '../shared-data.ts';
import { quantizeNaively } from './naive-quantize.ts';
import { bytesOf, modelBytes, value } from './onnx-bytes.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bnnq-read-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

async function errorOf(bytes: Uint8Array): Promise<BnnqError> {
  const path = join(folder, 'model.onnx');
  writeFileSync(path, bytes);
  const error = await readModel(path).then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(BnnqError);
  return error;
}

/** A small model with a weight, a subgraph, a Constant and a value info, for damage. */
function sample(): Uint8Array {
  const rawData = bytesOf(Float32Array.from({ length: 48 }, (_, i) => i - 20));
  return modelBytes({
    input: [value('x', ['N', 3, 4, 4])],
    output: [value('y', ['N', 4])],
    node: [
      {
        opType: 'Conv',
        input: ['x', 'w'],
        output: ['a'],
        attribute: [{ name: 'strides', type: 7, ints: [1, 1] }],
      },
      {
        opType: 'Constant',
        output: ['c'],
        attribute: [{ name: 'value', type: 4, t: { dims: [1], dataType: 1, floatData: [2] } }],
      },
      {
        opType: 'If',
        input: ['c'],
        output: ['y'],
        attribute: [
          {
            name: 'then_branch',
            type: 5,
            g: { node: [{ opType: 'Relu', input: ['a'], output: ['z'] }], output: [value('z')] },
          },
        ],
      },
    ],
    initializer: [{ name: 'w', dims: [4, 3, 2, 2], dataType: 1, rawData }],
    valueInfo: [value('a', ['N', 4, 3, 3])],
  });
}

describe('what is no model', () => {
  it('is refused with its path when it is empty, missing or a folder', async () => {
    expect((await errorOf(new Uint8Array(0))).message).toMatch(/^".*model\.onnx" is empty$/);
    await expect(readModel(join(folder, 'none.onnx'))).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('no such file'),
    });
    await expect(readModel(folder)).rejects.toThrow('it is a folder');
  });

  it.each([
    ['empty zip', latin1(`PK\x05\x06${'\0'.repeat(18)}`), 'is a zip file without config.json'],
    ['JSON', latin1('{"a": 1}'), 'is a JSON file; expected the architecture of a Keras model'],
    ['text', latin1('hello, world\n'), 'is a text file'],
    ['PNG', latin1('\x89PNG\r\n\x1a\n\0\0'), 'is a PNG image'],
    ['TensorFlow Lite', latin1('\x1c\0\0\0TFL3\0\0'), 'is a TensorFlow Lite model'],
    ['a Git LFS pointer', latin1('version https://git-lfs.github.com/spec/v1\n'), 'is a Git LFS pointer'],
    [
      'a safetensors file of others',
      safetensors('{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1),
      'is a safetensors file, but no packed model',
    ],
    [
      'random bytes',
      Uint8Array.of(0xff, 0xfe, 0x00, 0x01, 0x99),
      'is not a model that is known here; expected an ONNX model, a Keras model',
    ],
  ])('is refused by name: %s', async (_, bytes, message) => {
    const error = await errorOf(bytes);
    expect(error.message).toContain(message);
    expect(error.message).toContain('model.onnx"');
    expect(error.message).not.toContain('\n');
    expect(error.code).toBe('unsupported');
  });

  it('is told apart by content and not by name', async () => {
    const path = join(folder, 'model.bnnq');
    writeFileSync(path, sample());
    expect((await readModel(path)).source.format).toBe('onnx');
  });
});

function safetensors(header: string, dataBytes: number): Uint8Array {
  const bytes = new Uint8Array(8 + header.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(latin1(header), 8);
  return bytes;
}

/** Reads bytes and demands that nothing but a BnnqError of a foreseen kind comes out; true when they were accepted. */
async function survives(bytes: Uint8Array): Promise<boolean> {
  try {
    const model = await readModelBytes(bytes);
    for (const initializer of model.graph.initializers.values()) initializer.read();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(BnnqError);
    expect((error as BnnqError).code).toMatch(/^(malformed|unsupported|limit|not-found)$/);
    expect((error as BnnqError).message.length).toBeLessThan(5000);
    return false;
  }
}

describe('a damaged ONNX file', () => {
  it('cut off at any byte gives one clear error', async () => {
    const bytes = sample();
    for (let length = 1; length < bytes.length; length++)
      expect(await survives(bytes.subarray(0, length))).toBe(false);
    expect(await survives(bytes)).toBe(true);
  });

  it('says where it is cut off and how much is missing', async () => {
    const bytes = sample();
    expect((await errorOf(bytes.subarray(0, 100))).message).toMatch(
      /^onnx: ".*model\.onnx" is damaged or cut off at byte 2: field 7 says \d+ bytes, 95 are left$/,
    );
  });

  it('with any byte changed never crashes', async () => {
    const bytes = sample();
    for (let at = 0; at < bytes.length; at++)
      for (const byte of [0, 1, 0x7f, 0x80, 0xff]) {
        const changed = bytes.slice();
        changed[at] = byte;
        await survives(changed);
      }
  });

  it('with bytes removed, doubled, or replaced at random never crashes', async () => {
    const bytes = sample();
    const edit = fc.record({
      at: fc.nat(bytes.length - 1),
      remove: fc.nat(12),
      insert: fc.uint8Array({ maxLength: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        let changed = [...bytes];
        for (const { at, remove, insert } of edits)
          changed = [...changed.slice(0, at), ...insert, ...changed.slice(at + remove)];
        await survives(Uint8Array.from(changed));
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  it('of random bytes never crashes', async () => {
    const prefix = fc.constantFrom([], [0x08, 8, 0x3a], [0x08, 8, 0x12]);
    await fc.assert(
      fc.asyncProperty(prefix, fc.uint8Array({ minLength: 1, maxLength: 200 }), async (head, tail) => {
        await survives(Uint8Array.from([...head, ...tail]));
      }),
      { numRuns: 2000, seed: 2 },
    );
  });

  it.skipIf(!sharedData('models/cifar10_resnet20.onnx'))(
    'of a real network, cut off at 200 places, gives one clear error each (needs ../shared/data)',
    async () => {
      const bytes = readFileSync(sharedData('models/cifar10_resnet20.onnx')!);
      for (let i = 0; i < 200; i++) {
        const length = 1 + Math.floor((i * (bytes.length - 2)) / 199);
        expect(await survives(bytes.subarray(0, length))).toBe(false);
      }
    },
  );
});

describe('a damaged packed file', () => {
  const packed = async () =>
    encodePacked(quantizeNaively(await readModelBytes(sample()), 3), { toolVersion: '0' });

  it('cut off at any byte gives one clear error', async () => {
    const bytes = await packed();
    for (let length = 1; length < bytes.length; length++)
      expect(await survives(bytes.subarray(0, length))).toBe(false);
    expect(await survives(bytes)).toBe(true);
  });

  it('with any bit of its tensors changed is refused by their hashes', async () => {
    const bytes = await packed();
    const start = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
    for (let at = start; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] ^= 1 << (at % 8);
      expect(await survives(changed)).toBe(false);
    }
  });

  it('with any byte of the header changed never crashes', async () => {
    const bytes = await packed();
    const end = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
    for (let at = 0; at < end; at++)
      for (const byte of [0x20, 0x22, 0x30, 0x39, 0x7d, 0xff]) {
        const changed = bytes.slice();
        changed[at] = byte;
        await survives(changed);
      }
  });

  it('whose hashes are not checked never crashes either', async () => {
    const bytes = await packed();
    for (let at = 0; at < bytes.length; at++)
      for (const flip of [1, 0x80, 0xff]) {
        const changed = bytes.slice();
        changed[at] ^= flip;
        try {
          const model = await readModelBytes(changed, { verify: false });
          for (const initializer of model.graph.initializers.values()) initializer.read();
        } catch (error) {
          expect(error).toBeInstanceOf(BnnqError);
          expect((error as BnnqError).code).not.toBe('internal');
        }
      }
  });
});
