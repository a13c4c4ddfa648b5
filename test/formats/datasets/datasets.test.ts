import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Dataset, Sample } from '../../../src/formats/datasets/dataset.ts';
import { openDataset } from '../../../src/formats/datasets/open-dataset.ts';
import { sharedData } from '../../shared-data.ts';
import { zipOf } from '../zip-file.ts';

const IMAGES = fileURLToPath(new URL('../../fixtures/images/', import.meta.url));
const ARRAYS = fileURLToPath(new URL('../../fixtures/npy/', import.meta.url));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bnnq-datasets-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let made = 0;
function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, `${made++}-${name}`);
  writeFileSync(path, content);
  return path;
}

async function samples(dataset: Dataset): Promise<Sample[]> {
  return Promise.all(Array.from({ length: dataset.count }, (_, i) => dataset.sample(i)));
}

const failure = (code: string, message: RegExp): unknown =>
  expect.objectContaining({ name: 'BnnqError', code, message: expect.stringMatching(message) });

describe('openDataset', () => {
  it('lists the kinds where it does not know one', async () => {
    for (const spec of ['images', 'zip:a.zip', 'cifar10:'])
      await expect(openDataset(spec)).rejects.toThrow(
        failure('option', /imagefolder.*csv.*cifar10.*idx.*npz/),
      );
  });

  it.each(['imagefolder', 'csv', 'cifar10', 'idx', 'npz'])(
    'says that the file of %s is missing',
    async (kind) => {
      await expect(openDataset(`${kind}:${folder}/none`)).rejects.toThrow(
        failure('not-found', /none": no such file/),
      );
    },
  );
});

describe('cifar10', () => {
  const records = (count: number): Uint8Array =>
    Uint8Array.from({ length: count * 3073 }, (_, i) =>
      i % 3073 === 0 ? Math.floor(i / 3073) % 10 : i % 251,
    );

  it('reads labels, names of classes, and pixels with the colours side by side', async () => {
    const bytes = records(12);
    const dataset = await openDataset(`cifar10:${file('a.bin', bytes)}`);
    expect(dataset.count).toBe(12);
    expect([...dataset.labels!]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    expect(dataset.classNames![9]).toBe('truck');
    const sample = (await dataset.sample(3)) as Extract<Sample, { kind: 'pixels' }>;
    expect([sample.width, sample.height, sample.channels]).toEqual([32, 32, 3]);
    const record = bytes.subarray(3 * 3073 + 1);
    expect([...sample.pixels.subarray(33 * 3, 33 * 3 + 3)]).toEqual([
      record[33],
      record[1024 + 33],
      record[2048 + 33],
    ]);
  });

  it('says both numbers where the file is not whole records', async () => {
    await expect(openDataset(`cifar10:${file('a.bin', records(2).subarray(1))}`)).rejects.toThrow(
      failure('dataset', /has 6145 bytes; 1 records of 3073 bytes .* take 3073/),
    );
  });

  it('names every record whose label is above 9', async () => {
    const bytes = records(3);
    bytes[0] = 10;
    bytes[2 * 3073] = 255;
    await expect(openDataset(`cifar10:${file('a.bin', bytes)}`)).rejects.toThrow(
      failure('dataset', /record 0: label 10, expected 0 to 9.*record 2: label 255/s),
    );
  });

  it('refuses an empty file', async () => {
    await expect(openDataset(`cifar10:${file('a.bin', '')}`)).rejects.toThrow(failure('dataset', /is empty/));
  });

  const shared = sharedData('cifar10/test_batch.bin');
  it.skipIf(shared === undefined)('reads the 10,000 test images (needs ../shared/data)', async () => {
    const dataset = await openDataset(`cifar10:${shared}`);
    expect(dataset.count).toBe(10_000);
    expect(dataset.fingerprint).toBe('e1d04cd0bdf20d91761b3d31780629e3af4209bbd4f948f693f161df47608eca');
  });
});

describe('idx', () => {
  const idx = (type: number, shape: number[], elements: number[]): Uint8Array =>
    Uint8Array.of(
      0,
      0,
      type,
      shape.length,
      ...shape.flatMap((dim) => [0, 0, dim >> 8, dim & 255]),
      ...elements,
    );
  const images = idx(8, [2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  const labels = idx(8, [2], [7, 0]);

  it('reads plain and gzipped files alike, with and without labels', async () => {
    const plain = await openDataset(`idx:${file('i', images)},${file('l', labels)}`);
    const packed = await openDataset(
      `idx:${file('i.gz', gzipSync(images))},${file('l.gz', gzipSync(labels))}`,
    );
    const bare = await openDataset(`idx:${file('with,comma', images)}`);
    const second = {
      kind: 'pixels',
      pixels: Uint8Array.of(7, 8, 9, 10, 11, 12),
      width: 3,
      height: 2,
      channels: 1,
    };
    for (const dataset of [plain, packed, bare]) expect(await dataset.sample(1)).toEqual(second);
    expect([...packed.labels!]).toEqual([7, 0]);
    expect(bare.labels).toBeUndefined();
    expect(plain.fingerprint).toBe(packed.fingerprint);
    expect(plain.fingerprint).not.toBe(bare.fingerprint);
  });

  it('refuses what only a bomb unfolds to', async () => {
    const bomb = gzipSync(Buffer.alloc(2 ** 27), { level: 9 });
    await expect(openDataset(`idx:${file('bomb.gz', bomb)}`)).rejects.toThrow(
      failure('limit', /unpacks from 13\d+ to more than 67108864 bytes/),
    );
  });

  it('reads other types as values', async () => {
    const dataset = await openDataset(
      `idx:${file('f', idx(13, [2, 1], [0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0]))}`,
    );
    expect(await samples(dataset)).toEqual([
      { kind: 'values', values: Float32Array.of(1) },
      { kind: 'values', values: Float32Array.of(-2.5) },
    ]);
  });

  it.each<[string, Uint8Array, Uint8Array, string, RegExp]>([
    ['labels of another number', images, idx(8, [3], [1, 2, 3]), 'dataset', /3 labels for 2 images/],
    ['labels of two dimensions', images, images, 'dataset', /labels ".*" have shape \[2,2,3\]/],
    [
      'a truncated file',
      images.subarray(0, 20),
      labels,
      'dataset',
      /has 4 bytes of elements, shape \[2,2,3\] of UINT8 needs 12/,
    ],
    [
      'a foreign file',
      new TextEncoder().encode('hello'),
      labels,
      'malformed',
      /is not an IDX file: 5 bytes that begin with 104/,
    ],
    ['a header without its dimensions', images.subarray(0, 6), labels, 'malformed', /3 dimensions need 16/],
    ['a negative label', images, idx(9, [2], [1, 255]), 'dataset', /label 1 is -1/],
    ['a truncated gzip', gzipSync(images).subarray(0, 20), labels, 'malformed', /cannot be unpacked/],
  ])('refuses %s', async (_, imageBytes, labelBytes, code, message) => {
    await expect(openDataset(`idx:${file('i', imageBytes)},${file('l', labelBytes)}`)).rejects.toThrow(
      failure(code, message),
    );
  });

  const shared = sharedData('mnist/');
  it.skipIf(shared === undefined)('reads the MNIST test images (needs ../shared/data)', async () => {
    const dataset = await openDataset(
      `idx:${shared}t10k-images-idx3-ubyte.gz,${shared}t10k-labels-idx1-ubyte.gz`,
    );
    expect(dataset.count).toBe(10_000);
    expect([...dataset.labels!.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
  });
});

describe('npz', () => {
  it.each(['images-stored.npz', 'images-deflated.npz'])(
    'reads pixels and labels of %s, channels first or last',
    async (name) => {
      const dataset = await openDataset(`npz:${ARRAYS}${name}`);
      expect([...dataset.labels!]).toEqual([2, 0, 1]);
      const pixels = Uint8Array.from({ length: 60 }, (_, i) => (60 + i) % 251);
      expect(await dataset.sample(1)).toEqual({ kind: 'pixels', pixels, width: 5, height: 4, channels: 3 });
    },
  );

  it('reads float16 as float32 values, without labels', async () => {
    const dataset = await openDataset(`npz:${ARRAYS}values.npz`);
    expect(dataset.labels).toBeUndefined();
    expect(await dataset.sample(1)).toEqual({ kind: 'values', values: Float32Array.of(1, 2, 3, 4) });
  });

  it('names the arrays that it has where the inputs are not among them', async () => {
    const path = file('a.npz', zipOf([{ name: 'weights.npy' }, { name: 'y.npy' }]));
    await expect(openDataset(`npz:${path}`)).rejects.toThrow(
      failure('dataset', /has the arrays weights, y, expected .* x,/),
    );
  });

  it('refuses damaged, truncated and foreign files', async () => {
    const { readFileSync } = await import('node:fs');
    const bytes = new Uint8Array(readFileSync(`${ARRAYS}images-stored.npz`));
    const deflated = new Uint8Array(readFileSync(`${ARRAYS}images-deflated.npz`));
    const damaged = deflated.slice();
    damaged.fill(0xff, 60, 90);
    await expect(openDataset(`npz:${file('a', damaged)}`)).rejects.toThrow(
      failure('malformed', /member "x_test.npy" cannot be unpacked/),
    );
    for (const cut of [10, 100, 400, bytes.length - 4])
      await expect(openDataset(`npz:${file('a', bytes.subarray(0, cut))}`)).rejects.toThrow(
        failure('malformed', /not a readable zip file/),
      );
    const shifted = file('a', bytes.subarray(300));
    await expect(openDataset(`npz:${shifted}`)).rejects.toThrow(
      failure('malformed', /not a readable zip file/),
    );
  });
});

describe('a hostile npz file', () => {
  const zeros = deflateRawSync(Buffer.alloc(2 ** 27), { level: 9 });
  it.each([
    [
      'that declares what a bomb unfolds to',
      { packed: zeros, length: 2 ** 27 },
      'limit',
      /at most 200 times as many/,
    ],
    [
      'that declares less than a bomb unfolds to',
      { packed: zeros, length: 100 },
      'malformed',
      /unpacks to more bytes/,
    ],
    ['with a name that goes up', { name: '../x.npy' }, 'malformed', /leads out of the archive/],
    ['with an absolute name', { name: '/x.npy' }, 'malformed', /leads out of the archive/],
    ['with a name of a drive', { name: 'C:x.npy' }, 'malformed', /leads out of the archive/],
  ])('%s is refused', async (_, member, code, message) => {
    const path = file('x.npz', zipOf([{ name: 'x.npy', ...member }]));
    await expect(openDataset(`npz:${path}`)).rejects.toThrow(failure(code, message));
  });

  it('whose array declares more than it has is refused before there is room for it', async () => {
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }\n";
    const bytes = Buffer.concat([
      Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length, 0]),
      Buffer.from(header),
    ]);
    const path = file('x.npz', zipOf([{ name: 'x.npy', bytes }]));
    await expect(openDataset(`npz:${path}`)).rejects.toThrow(
      failure('malformed', /0 bytes of elements, shape \[1099511627776\]/),
    );
  });
});

describe('csv', () => {
  const csvBeside = (text: string): string => {
    copyFileSync(`${IMAGES}grey.png`, join(folder, 'grey.png'));
    copyFileSync(`${IMAGES}rgb.png`, join(folder, 'with, comma.png'));
    return file('labels.csv', text);
  };

  it.each([
    ['with a header', 'file,label\ngrey.png,3\n"with, comma.png",0\n'],
    ['without one', 'grey.png,3\r\n"with, comma.png",0'],
    ['with more columns and blank lines', 'name,label,x\n\ngrey.png,3,a\n\n"with, comma.png",0,"b\nc"\n'],
  ])('reads files and labels %s', async (_, text) => {
    const dataset = await openDataset(`csv:${csvBeside(text)}`);
    expect([...dataset.labels!]).toEqual([3, 0]);
    expect([dataset.nameOf(0), dataset.nameOf(1)]).toEqual(['grey.png', 'with, comma.png']);
    expect((await samples(dataset)).map((sample) => sample.kind === 'pixels' && sample.channels)).toEqual([
      1, 3,
    ]);
  });

  it('reads files alone as a dataset without labels', async () => {
    const dataset = await openDataset(`csv:${csvBeside('file\ngrey.png\n')}`);
    expect([dataset.count, dataset.labels]).toEqual([1, undefined]);
  });

  it.each([
    [
      'a label that is no number',
      'grey.png,1\ngrey.png,cat\n',
      'dataset',
      /line 2: expected file,label with a class index from 0, got "grey.png,cat"/,
    ],
    ['a negative label', 'grey.png,-1\n', 'dataset', /line 1.*got "grey.png,-1"/],
    ['a row without label', 'grey.png,1\ngrey.png\n', 'dataset', /line 2/],
    ['a stray quote', 'grey.png,1\ngr"ey.png,1\n', 'malformed', /line 2: a quote in the wrong place/],
    ['no rows', 'file,label\n', 'dataset', /is empty/],
  ])('refuses %s', async (_, text, code, message) => {
    await expect(openDataset(`csv:${csvBeside(text)}`)).rejects.toThrow(failure(code, message));
  });

  it('names all the files that are missing', async () => {
    await expect(openDataset(`csv:${csvBeside('a.png,0\ngrey.png,1\nb.png,2\n')}`)).rejects.toThrow(
      failure('not-found', /2 problems.*a\.png.*b\.png/s),
    );
  });

  it('takes images from anywhere, as the user who writes it wishes, but nothing that is no file', async () => {
    const path = csvBeside('grey.png,0\n');
    const elsewhere = mkdtempSync(join(folder, 'list-'));
    const list = (text: string): string => {
      writeFileSync(join(elsewhere, 'labels.csv'), text);
      return `csv:${join(elsewhere, 'labels.csv')}`;
    };
    symlinkSync(join(path, '../grey.png'), join(elsewhere, 'link.png'));
    const dataset = await openDataset(list(`../grey.png,0\n${join(folder, 'grey.png')},1\nlink.png,2\n`));
    for (const sample of await samples(dataset)) expect(sample).toMatchObject({ width: 45, height: 38 });
    // A device has no end.
    for (const device of ['/dev/zero', '.', '..'])
      await expect(openDataset(list(`${device},0\n`))).rejects.toThrow(failure('dataset', /is not a file/));
  });

  it('has a fingerprint over names, sizes and labels', async () => {
    const fingerprint = async (text: string): Promise<string> =>
      (await openDataset(`csv:${csvBeside(text)}`)).fingerprint;
    const first = await fingerprint('file,label\ngrey.png,3\n');
    expect(await fingerprint('grey.png,3')).toBe(first);
    expect(await fingerprint('grey.png,2')).not.toBe(first);
    expect(await fingerprint('"with, comma.png",3')).not.toBe(first);
  });
});

describe('imagefolder', () => {
  const tree = (...paths: string[]): string => {
    const root = join(folder, `tree-${made++}`);
    mkdirSync(root);
    for (const path of paths) {
      mkdirSync(join(root, path, '..'), { recursive: true });
      copyFileSync(`${IMAGES}grey.png`, join(root, path));
    }
    return root;
  };

  it('takes class folders in the order of their names, images at any depth, hidden and other files left alone', async () => {
    const root = tree(
      'dog/2.png',
      'cat/1.PNG',
      'cat/deep/0.jpeg',
      'dog/notes.txt',
      '.git/9.png',
      'Zebra/z.jpg',
    );
    symlinkSync(join(root, 'cat/1.PNG'), join(root, 'dog/link.png'));
    const dataset = await openDataset(`imagefolder:${root}`);
    expect(dataset.classNames).toEqual(['Zebra', 'cat', 'dog']);
    expect(Array.from({ length: dataset.count }, (_, i) => dataset.nameOf(i))).toEqual([
      'Zebra/z.jpg',
      'cat/1.PNG',
      'cat/deep/0.jpeg',
      'dog/2.png',
      'dog/link.png',
    ]);
    expect([...dataset.labels!]).toEqual([0, 1, 1, 2, 2]);
    expect(await dataset.sample(4)).toMatchObject({ width: 45, height: 38, channels: 1 });
  });

  it('takes images straight in the folder as a dataset without labels', async () => {
    const dataset = await openDataset(`imagefolder:${tree('b.png', 'a.jpg')}`);
    expect([dataset.nameOf(0), dataset.nameOf(1), dataset.labels]).toEqual(['a.jpg', 'b.png', undefined]);
  });

  it('refuses images beside class folders, pictures that it cannot read, and an empty folder', async () => {
    await expect(openDataset(`imagefolder:${tree('a.png', 'b/c.png')}`)).rejects.toThrow(
      failure('dataset', /1 images .* beside 1 folders/),
    );
    await expect(openDataset(`imagefolder:${tree('b/c.webp')}`)).rejects.toThrow(
      failure('dataset', /only JPEG and PNG/),
    );
    await expect(openDataset(`imagefolder:${tree('b/c.txt')}`)).rejects.toThrow(
      failure('dataset', /is empty/),
    );
  });

  it('refuses a link to what is no file, and ends where links run in a circle', async () => {
    const device = tree('cat/a.png');
    symlinkSync('/dev/zero', join(device, 'cat/b.png'));
    await expect(openDataset(`imagefolder:${device}`)).rejects.toThrow(
      failure('dataset', /b\.png" is not a file/),
    );
    const circle = tree('cat/a.png');
    symlinkSync(circle, join(circle, 'cat/back'));
    await expect(openDataset(`imagefolder:${circle}`)).rejects.toThrow(
      failure('limit', /more than 16 folders deep/),
    );
  });

  it('names the image that is corrupt', async () => {
    const root = tree('cat/a.png');
    writeFileSync(join(root, 'cat/bad.png'), 'nonsense');
    const dataset = await openDataset(`imagefolder:${root}`);
    await expect(dataset.sample(1)).rejects.toThrow(
      failure('malformed', /cat\/bad\.png" is neither JPEG nor PNG/),
    );
  });
});
