import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readModel, readModelBytes } from '../../src/formats/read-model.ts';
import { bytesOf, modelWith } from './onnx-bytes.ts';

let folder: string;
let modelFolder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bnnq-external-'));
  modelFolder = join(folder, 'model');
  mkdirSync(join(modelFolder, 'sub'), { recursive: true });
  const data = bytesOf(Float32Array.of(0, 1, 2, 3));
  writeFileSync(join(modelFolder, 'w.bin'), data);
  writeFileSync(join(modelFolder, 'sub', 'w.bin'), data);
  writeFileSync(join(folder, 'secret.bin'), data);
});
afterEach(() => rmSync(folder, { recursive: true }));

function bytesWith(entries: Record<string, string>): Uint8Array {
  const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
  return modelWith({ dims: [2], dataType: 1, dataLocation: 1, externalData });
}

async function read(entries: Record<string, string>) {
  const path = join(modelFolder, 'm.onnx');
  writeFileSync(path, bytesWith(entries));
  return (await readModel(path)).graph.initializers.get('w')!;
}

describe('external data', () => {
  it('is read from a file beside the model or below, by offset and length', async () => {
    expect([...(await read({ location: 'w.bin' })).read().data]).toEqual([0, 1]);
    expect([...(await read({ location: 'w.bin', offset: '8', length: '8' })).read().data]).toEqual([2, 3]);
    expect([...(await read({ location: 'sub/w.bin', offset: '4' })).read().data]).toEqual([1, 2]);
    expect([...(await read({ location: './w.bin', checksum: 'abc' })).read().data]).toEqual([0, 1]);
  });

  it('may be in a file that a symbolic link inside the folder names', async () => {
    symlinkSync(join(modelFolder, 'w.bin'), join(modelFolder, 'sub', 'link.bin'));
    expect([...(await read({ location: 'sub/link.bin' })).read().data]).toEqual([0, 1]);
  });

  it.each([
    ['../secret.bin'],
    ['sub/../../secret.bin'],
    ['..'],
    ['/etc/passwd'],
    ['\\\\server\\share'],
    ['..\\secret.bin'],
    ['C:\\secret.bin'],
  ])('is refused where its location leaves the folder: %s', async (location) => {
    await expect(read({ location })).rejects.toThrow(
      `onnx: initializer "w": external data location "${location}" leaves the model's folder`,
    );
  });

  it('is refused where a symbolic link leaves the folder', async () => {
    symlinkSync(join(folder, 'secret.bin'), join(modelFolder, 'link.bin'));
    await expect(read({ location: 'link.bin' })).rejects.toThrow(
      'onnx: initializer "w": external data location "link.bin" leaves the model\'s folder by a symbolic link',
    );
    symlinkSync(folder, join(modelFolder, 'up'));
    await expect(read({ location: 'up/secret.bin' })).rejects.toThrow('by a symbolic link');
  });

  it.each([
    [{ location: 'no.bin' }, 'external data file "no.bin" is missing'],
    [{}, 'its external data has no location'],
    [{ location: '' }, 'external data location "" is not a file name'],
    [{ location: 'w\0.bin' }, 'is not a file name'],
    [{ location: 'sub' }, 'external data location "sub" is not a file'],
    [
      { location: 'w.bin', offset: '12' },
      'external data file "w.bin" has 16 bytes, bytes 12 to 20 are needed',
    ],
    [{ location: 'w.bin', offset: '99' }, 'has 16 bytes, bytes 99 to 107 are needed'],
    [{ location: 'w.bin', length: '12' }, 'its external data has 12 bytes, its shape needs 8'],
    [{ location: 'w.bin', offset: '-4' }, 'the offset of its external data is "-4", expected a whole number'],
    [{ location: 'w.bin', length: '1e1' }, 'the length of its external data is "1e1"'],
    [{ location: 'w.bin', offset: '99999999999999999999' }, 'the offset of its external data is'],
  ])('is refused for %o', async (entries, message) => {
    await expect(read(entries as Record<string, string>)).rejects.toThrow(message);
    await expect(read(entries as Record<string, string>)).rejects.toMatchObject({
      name: 'BnnqError',
      at: { tensor: 'w' },
    });
  });

  it('is refused where the model came from memory and no folder is named', async () => {
    const bytes = bytesWith({ location: 'w.bin' });
    await expect(readModelBytes(bytes)).rejects.toThrow("the model's folder is not known");
    const model = await readModelBytes(bytes, { directory: modelFolder });
    expect([...model.graph.initializers.get('w')!.read().data]).toEqual([0, 1]);
  });

  it('that became shorter since is refused when it is read', async () => {
    const weight = await read({ location: 'w.bin' });
    truncateSync(join(modelFolder, 'w.bin'), 4);
    expect(() => weight.read()).toThrow('external data file "w.bin" became shorter while it was read');
    rmSync(join(modelFolder, 'w.bin'));
    expect(() => weight.read()).toThrow('no such file');
  });
});
