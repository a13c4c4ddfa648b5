import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../../src/formats/byte-source.ts';
import { companionFiles } from '../../../../src/formats/keras/files/companion-files.ts';
import { parseJson } from '../../../../src/formats/keras/files/json.ts';
import { openKerasHdf5, openKerasJson, openKerasZip } from '../../../../src/formats/keras/files/open.ts';
import { readModel } from '../../../../src/formats/read-model.ts';
import { type Member, zipOf } from '../../zip-file.ts';
import { fixture, folderOf, numbersFound, VARIABLES } from './fixture.ts';

/** A file with what lies around it. */
const placed = <Place extends Parameters<typeof companionFiles>[0]>(place: Place) => ({
  ...place,
  companions: companionFiles(place),
});

const sound = zipOf([
  { name: 'metadata.json', bytes: '{"keras_version": "3.15.1"}' },
  { name: 'config.json', bytes: fixture('v3.json') },
  { name: 'model.weights.h5', bytes: fixture('v3.weights.h5') },
]);

function openZip(bytes: Uint8Array) {
  return openKerasZip(memorySource(bytes), { file: 'x.keras' }).keras;
}

const members = (change: Partial<Member>): Member[] => [
  { name: 'config.json', bytes: fixture('v3.json') },
  { name: 'model.weights.h5', bytes: fixture('v3.weights.h5'), ...change },
];

describe('a .keras file', () => {
  it('is read from any sound zip archive', () => {
    expect(numbersFound(openZip(sound))).toEqual(VARIABLES.map((_, k) => k));
  });

  it('is read from an archive in the form of zip64', () => {
    const bytes = zipOf(members({}).map((member) => ({ ...member, zip64: true })));
    expect(numbersFound(openZip(bytes))).toEqual(VARIABLES.map((_, k) => k));
  });

  const zeros = deflateRawSync(Buffer.alloc(2 ** 27), { level: 9 });
  it.each<[string, Member[], RegExp]>([
    [
      'that declares what a bomb unfolds to',
      members({ packed: zeros, length: 2 ** 27 }),
      /unpacks from 13\d+ to 134217728 bytes, at most 200 times as many/,
    ],
    [
      'that declares less than a bomb unfolds to',
      members({ packed: zeros, length: 1000 }),
      /unpacks to more bytes, its header says 1000/,
    ],
    [
      'that declares more than there is',
      members({ packed: deflateRawSync('abc'), length: 5 }),
      /unpacks to 3 bytes, its header says 5/,
    ],
    [
      'whose member is not the length that it is stored in',
      members({ length: 10 }),
      /is stored in \d+ bytes and has 10/,
    ],
    [
      'with a member twice',
      [...members({}), { name: 'config.json', bytes: '{}' }],
      /member "config\.json" is there twice/,
    ],
    ['with an encrypted member', members({ flags: 1 }), /member "model\.weights\.h5" is encrypted/],
    ['with another compression', members({ method: 12 }), /is compressed by method 12, expected deflate/],
    [
      'with an absolute name',
      [...members({}), { name: '/etc/passwd', bytes: '' }],
      /"\/etc\/passwd" leads out/,
    ],
    ['with a name of a drive', [...members({}), { name: 'C:\\x', bytes: '' }], /leads out of the archive/],
    [
      'with a name that goes up',
      [...members({}), { name: 'assets/../../x', bytes: '' }],
      /leads out of the archive/,
    ],
    ['whose checksum is wrong', members({ crc32: 1 }), /"model\.weights\.h5" is damaged: its checksum/],
    [
      'whose members overlap',
      [...members({}), ...members({}).map((one, i) => ({ ...one, name: `x${i}`, isListedOnly: true }))],
      /have more bytes than the file: they overlap/,
    ],
    ['whose list points nowhere', members({ offset: 2 ** 31 }), /bytes 2147483648 to 2147483678 are needed/],
    [
      'whose list points to another member',
      members({ offset: 0 }),
      /the header at byte 0 is that of another member/,
    ],
    ['without weights', [members({})[0]!], /is a zip file without model\.weights\.h5/],
    ['with weights that are no HDF5', members({ bytes: 'hello' }), /x\.keras.*model\.weights\.h5/],
    [
      'whose configuration is no JSON',
      [{ name: 'config.json', bytes: '{' }, members({})[1]!],
      /config\.json is not JSON/,
    ],
  ])('%s is refused', (_, parts, message) => {
    const bytes = zipOf(parts);
    expect(() => openZip(bytes)).toThrow(message);
  });

  it('with a damaged zip64 field is refused', () => {
    const bytes = zipOf(
      members({}).map((member) => ({ ...member, zip64: true, extra: Buffer.of(1, 0, 4, 0, 0, 0, 0, 0) })),
    );
    expect(() => openZip(bytes)).toThrow(/a zip64 field is cut off/);
  });

  it('cut off anywhere is refused, and so is what is no archive', () => {
    for (let i = 0; i < 100; i++)
      expect(() => openZip(sound.subarray(0, Math.floor((i / 100) * sound.length)))).toThrow(
        /not a readable zip file/,
      );
    expect(() => openZip(zipOf([{ name: 'archive/data.pkl', bytes: 'x' }]))).toThrow(
      /is a PyTorch checkpoint/,
    );
    expect(() => openZip(zipOf([{ name: 'x.npy', bytes: 'x' }]))).toThrow(/is a file of NumPy arrays/);
  });

  it('is read without writing anything beside it', async () => {
    const folder = folderOf({ 'x.keras': sound });
    await readModel(join(folder, 'x.keras'));
    expect(readdirSync(folder)).toEqual(['x.keras']);
  });
});

describe('a TensorFlow.js layers model', () => {
  const topology = {
    keras_version: 'tfjs-layers 4.2.0',
    model_config: { class_name: 'Sequential', config: { layers: [] } },
  };
  const weight = (name: string, shape: number[], quantization?: object) => ({
    name,
    shape,
    dtype: 'float32',
    ...(quantization && { quantization }),
  });
  const model = (paths: string[], weights: object[], more: object = {}) =>
    JSON.stringify({ modelTopology: topology, weightsManifest: [{ paths, weights }], ...more });
  const openIn = (folder: string) => {
    const file = join(folder, 'model.json');
    const bytes = memorySource(new Uint8Array(readFileSync(file)));
    return openKerasJson(bytes, placed({ file, directory: folder }));
  };

  it('has its weights in shards that are one stretch, in any of its quantizations', () => {
    const plain = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
    const folder = folderOf({
      'model.json': model(
        ['a.bin', 'sub.bin'],
        [
          weight('d/kernel', [2, 3]),
          weight('d/bias', [3], { dtype: 'uint8', scale: 0.5, min: -1 }),
          weight('e/kernel', [2], { dtype: 'uint16', scale: 0.1, min: 0.3 }),
          weight('e/bias', [2], { dtype: 'float16' }),
        ],
      ),
      'a.bin': plain.subarray(0, 10),
      'sub.bin': Buffer.concat([
        plain.subarray(10),
        Buffer.of(0, 2, 255),
        Buffer.of(1, 0, 255, 255),
        Buffer.of(0, 0x3c, 0, 0xc0),
      ]),
    });
    const { keras, files } = openIn(folder);
    const of = (layer: string, name: string, shape: number[]) =>
      Array.from(
        keras.weights.find({ layer: [layer], part: [], name, index: 0 }, shape)!.read().data as Float32Array,
      );
    expect(of('d', 'kernel', [2, 3])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(of('d', 'bias', [3])).toEqual([-1, 0, 126.5]);
    expect(of('e', 'kernel', [2])).toEqual([0.1 + 0.3, 65535 * 0.1 + 0.3].map(Math.fround));
    expect(of('e', 'bias', [2])).toEqual([1, -2]);
    expect(keras.kerasVersion).toBe('2');
    expect(files).toHaveLength(3);
  });

  it.each([
    ['../secret', "leaves the model's folder"],
    ['a/../../secret', "leaves the model's folder"],
    ['/etc/passwd', "leaves the model's folder"],
    ['https://example.org/x.bin', "leaves the model's folder"],
    ['C:\\x', "leaves the model's folder"],
    ['link.bin', "leaves the model's folder by a symbolic link"],
    ['folder', 'is not a file'],
    ['none.bin', 'is missing'],
    ['', 'is not a file name'],
    ['a\0b', 'is not a file name'],
  ])('whose shard is %j is refused', (path, message) => {
    const outside = folderOf({ secret: 'xxxx' });
    const folder = folderOf({ 'model.json': model([path], [weight('d/kernel', [1])]) });
    symlinkSync(join(outside, 'secret'), join(folder, 'link.bin'));
    mkdirSync(join(folder, 'folder'));
    expect(() => openIn(folder)).toThrow(message);
  });

  it.each<[string, string, RegExp]>([
    [
      'with shards of another length',
      model(['a.bin'], [weight('d/kernel', [5])]),
      /has 16 bytes in 1 shards, its weights need 20/,
    ],
    [
      'with a shape that is none',
      model(['a.bin'], [{ name: 'w', shape: [-1], dtype: 'float32' }]),
      /weight "w" has no shape/,
    ],
    [
      'with a shard twice, under whatever name',
      model(['a.bin', './a.bin'], [weight('d/kernel', [8])]),
      /shard "\.\/a\.bin" is listed twice/,
    ],
    ['with a huge shape', model(['a.bin'], [weight('w', [2 ** 52, 2 ** 52])]), /which is too large/],
    [
      'with texts',
      model(['a.bin'], [{ name: 'w', shape: [1], dtype: 'string' }]),
      /elements of type "string"/,
    ],
    [
      'with a broken quantization',
      model(['a.bin'], [weight('w', [16], { dtype: 'uint8' })]),
      /without scale and min/,
    ],
    ['without weights', JSON.stringify({ modelTopology: topology }), /has no weightsManifest/],
    [
      'without an architecture',
      JSON.stringify({ modelTopology: {}, weightsManifest: [] }),
      /names no class of model/,
    ],
    ['of operators', model([], [], { format: 'graph-model' }), /is a TensorFlow\.js graph model.*tf2onnx/],
  ])('%s is refused', (_, json, message) => {
    const folder = folderOf({ 'model.json': json, 'a.bin': new Uint8Array(16) });
    expect(() => openIn(folder)).toThrow(message);
  });
});

describe('weights and architectures in files of their own', () => {
  it('are asked for by their names where one of them is missing', () => {
    const folder = folderOf({ 'net.weights.h5': fixture('v3.weights.h5'), 'net.json': '' });
    const alone = folderOf({ 'net.weights.h5': fixture('v3.weights.h5'), 'other.json': fixture('v3.json') });
    const open = (file: string) => openKerasHdf5(memorySource(fixture('v3.weights.h5')), placed({ file }));
    expect(() => open(join(alone, 'net.weights.h5'))).toThrow(
      /holds weights and no architecture; expected net\.weights\.json or net\.json or model\.json/,
    );
    expect(() => open(join(folder, 'net.weights.h5'))).toThrow(/net\.json" is not JSON/);
    expect(() =>
      openKerasJson(memorySource(fixture('v3.json')), placed({ file: join(alone, 'other.json') })),
    ).toThrow(/holds an architecture and no weights; expected other\.weights\.h5/);
    expect(() => openKerasJson(memorySource(fixture('v3.json')), {})).toThrow(/its folder is not known/);
    expect(() => openKerasHdf5(memorySource(fixture('v3.weights.h5')), {})).toThrow(/no architecture/);
  });

  it('are not looked for outside of their folder: neither by a symbolic link nor by what is no file', () => {
    const outside = folderOf({ 'v3.json': fixture('v3.json'), 'v3.weights.h5': fixture('v3.weights.h5') });
    const folder = folderOf({ 'net.weights.h5': fixture('v3.weights.h5'), 'other.json': fixture('v3.json') });
    symlinkSync(join(outside, 'v3.json'), join(folder, 'net.json'));
    symlinkSync(join(outside, 'v3.weights.h5'), join(folder, 'other.weights.h5'));
    const weights = placed({ file: join(folder, 'net.weights.h5') });
    expect(() => openKerasHdf5(memorySource(fixture('v3.weights.h5')), weights)).toThrow(
      /the location "net\.json" leaves the model's folder by a symbolic link/,
    );
    expect(() =>
      openKerasJson(memorySource(fixture('v3.json')), placed({ file: join(folder, 'other.json') })),
    ).toThrow(/the location "other\.weights\.h5" leaves the model's folder by a symbolic link/);
    // Whoever names the file may have it anywhere.
    const named = placed({ file: weights.file, architecture: join(outside, 'v3.json') });
    expect(openKerasHdf5(memorySource(fixture('v3.weights.h5')), named).files).toHaveLength(2);
    const devices = folderOf({ 'net.weights.h5': fixture('v3.weights.h5') });
    symlinkSync('/dev/zero', join(devices, 'net.json'));
    expect(() =>
      openKerasHdf5(
        memorySource(fixture('v3.weights.h5')),
        placed({ file: join(devices, 'net.weights.h5') }),
      ),
    ).toThrow(/holds weights and no architecture/);
  });

  it('are not told apart by an option that does not belong to them', async () => {
    const path = join(folderOf({ 'x.keras': sound, 'a.json': fixture('v3.json') }), 'x.keras');
    await expect(readModel(path, { architecture: 'a.json' })).rejects.toMatchObject({ code: 'option' });
  });
});

describe('JSON of Python', () => {
  it('may hold NaN and Infinity, which in texts are left alone', () => {
    expect(parseJson('{"a": [NaN, -Infinity, Infinity], "b": "NaN \\" Infinity"}', 'x')).toEqual({
      a: [null, -Infinity, Infinity],
      b: 'NaN " Infinity',
    });
  });

  it('is refused in one pass where a text never ends, and is read where it is long', () => {
    // Looked at from each quote again, this takes hours.
    expect(() => parseJson(`"${'\\"'.repeat(2 ** 21)}`, 'x')).toThrow('x is not JSON');
    expect(parseJson(`"${'a'.repeat(2 ** 24)}"`, 'x')).toHaveLength(2 ** 24);
  });

  it('is refused when it is nested too deep, however it ends', () => {
    expect(() => parseJson('['.repeat(100_000), 'x')).toThrow('x is nested more than 256 levels deep');
    expect(() => parseJson(`${'{"a":'.repeat(300)}1${'}'.repeat(300)}`, 'x')).toThrow('nested more than');
    expect(parseJson(`${'['.repeat(200)}${']'.repeat(200)}`, 'x')).toHaveLength(1);
  });
});
