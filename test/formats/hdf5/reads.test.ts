import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileSource } from '../../../src/formats/file.ts';
import { datasetsOf, openHdf5 } from '../../../src/formats/hdf5/file.ts';
import { dataset, fixture, numbers, open } from './fixture.ts';

interface Expected {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

const expected: Record<string, Expected> = JSON.parse(
  readFileSync(new URL('../../fixtures/hdf5/expected.json', import.meta.url), 'utf8'),
);

describe('an HDF5 file as h5py writes it', () => {
  const root = open(fixture('features'));

  it.each(Object.keys(expected))('has the elements that h5py has at %s', (path) => {
    const found = dataset(root, path);
    expect(found.shape).toEqual(expected[path]!.shape);
    expect(numbers(found.read())).toEqual(expected[path]!.values);
  });

  it('has element types by the names of ONNX', () => {
    const types = ['f2', 'f4', 'f8', 'i1', 'i8', 'u2', '>f4', 'bool', 'bfloat16'].map(
      (name) => dataset(root, `types/${name}`).dtype,
    );
    expect(types).toEqual([
      'FLOAT16',
      'FLOAT',
      'DOUBLE',
      'INT8',
      'INT64',
      'UINT16',
      'FLOAT',
      'BOOL',
      'BFLOAT16',
    ]);
  });

  it('has texts of fixed and variable length, alone and in lists', () => {
    const texts = root.get('texts');
    if (texts?.kind !== 'group') throw new Error('no group');
    expect(texts.texts('long')).toEqual(['Größe '.repeat(3000)]);
    expect(texts.texts('bytes')).toEqual(['plain bytes']);
    expect(texts.texts('fixed')).toEqual(['fixed']);
    expect(texts.texts('list')).toEqual(['a/kernel:0', 'ü', '']);
    expect(texts.texts('byteList')).toEqual(['one', 'three']);
    expect(texts.texts('fixedList')).toEqual(['ab', 'c']);
    expect(texts.texts('number')).toBeUndefined();
    expect(texts.texts('absent')).toBeUndefined();
  });

  it('has groups of hundreds of names, and empty ones', () => {
    const many = root.get('many');
    expect(many?.kind === 'group' && many.names.length).toBe(300);
    expect(numbers(dataset(root, 'many/name217').read())).toEqual([217]);
    expect(root.get('shapes/nothing')).toMatchObject({ kind: 'group', names: [] });
  });

  it('has no object at a path that it does not have, also below a dataset', () => {
    expect(root.get('types/f9')).toBeUndefined();
    expect(root.get('types/f4/x')).toBeUndefined();
    expect(root.get('none/f4')).toBeUndefined();
  });

  it('reads a dataset that was declared without elements as none', () => {
    expect(numbers(dataset(root, 'shapes/null').read())).toEqual([]);
  });

  it('is the same by parts from disk', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bnnq-hdf5-'));
    const path = join(folder, 'features.h5');
    writeFileSync(path, fixture('features'));
    const onDisk = openHdf5(new FileSource(path), 'the file');
    const all = (group: typeof root) => [...datasetsOf(group)].map((one) => [one.path, numbers(one.read())]);
    expect(all(onDisk)).toEqual(all(root));
    rmSync(folder, { recursive: true });
  });
});

describe('an HDF5 file in the forms of HDF5 1.10', () => {
  it('is read where its groups are small and its chunks single', () => {
    const root = open(fixture('newer'));
    expect(root.texts('text')).toEqual(['new']);
    expect(numbers(dataset(root, 'g/w').read())).toEqual([0, 1, 2, 3]);
    expect(numbers(dataset(root, 'one').read())).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('is refused with the way out where they are not', () => {
    expect(() => open(fixture('dense'))).toThrow(
      'links are stored in the dense form of HDF5 1.8; rewrite the file with h5repack',
    );
  });
});
