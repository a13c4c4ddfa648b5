import { describe, expect, it } from 'vitest';
import { BnnqError } from '../../../src/errors.ts';
import { memorySource } from '../../../src/formats/byte-source.ts';
import { Cursor } from '../../../src/formats/hdf5/cursor.ts';
import { datasetsOf } from '../../../src/formats/hdf5/file.ts';
import { readFilters } from '../../../src/formats/hdf5/filters.ts';
import { Storage } from '../../../src/formats/hdf5/storage.ts';
import { dataset, fixture, open, placeOf, readAll } from './fixture.ts';

/** The error of reading everything; one sentence that names the file. */
function errorOf(bytes: Uint8Array): BnnqError {
  try {
    readAll(bytes);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(BnnqError);
    const error = thrown as BnnqError;
    expect(error.message).toMatch(/^hdf5: "x\.h5"/);
    expect(error.message).not.toContain('\n');
    return error;
  }
  throw new Error('it was accepted');
}

describe('a hostile HDF5 file', () => {
  it.each([
    ['whose group is in itself', 'circle', 'malformed', 'groups "a" and "a/b/back" are one and the same'],
    ['with 2^39 paths to one group', 'two-ways', 'malformed', 'are one and the same'],
    ['of 100 levels', 'deep', 'limit', 'more than 64 levels of groups'],
    ['with soft links in a circle', 'soft', 'unsupported', '"a" is a soft link'],
    ['with a link to another file', 'external', 'unsupported', '"a" is an external link'],
    [
      'with elements in another file',
      'outside',
      'unsupported',
      'dataset "a" has its elements in other files',
    ],
    [
      'with a virtual dataset',
      'virtual',
      'unsupported',
      'a virtual dataset takes its elements from other files',
    ],
    ['that unfolds to 1000 times its size', 'bomb', 'limit', 'at most 200 times as many are read'],
    [
      'of 2^62 elements',
      'huge',
      'limit',
      'shape [1125899906842624,4096] has more than 1099511627776 elements',
    ],
    ['compressed in a way that is not known', 'lzf', 'unsupported', 'chunks are compressed by lzf'],
  ])('%s is refused', (_, name, code, message) => {
    const error = errorOf(fixture(name));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });

  it('with a large dataset of which one chunk was written is refused', () => {
    expect(() => dataset(open(fixture('huge')), 'b')).toThrow('unpacks from 20672 to 17179869184 bytes');
  });

  it('whose chunks went through one filter again and again is refused', () => {
    const file = new Storage(memorySource(new Uint8Array(0)), '"x.h5"');
    // Version 2, then number, flags and count of values of each.
    const shuffles = Array.from({ length: 255 }, () => [2, 0, 0, 0, 0, 0]).flat();
    const pipeline = new Cursor(Uint8Array.of(2, 255, ...shuffles), 'the filters');
    expect(() => readFilters(file, pipeline)).toThrow('chunks went through the same filter twice');
  });

  it('that declares more elements than it has is refused before anyone makes room for them', () => {
    const bytes = fixture('compound').slice();
    // The dataspace message: version 1, rank 1, with a largest size, five bytes of nothing, the size.
    const size = placeOf(bytes, '\x01\x01\x01\0\0\0\0\0\x02') + 8;
    new DataView(bytes.buffer).setBigUint64(size, 2n ** 36n, true);
    expect(() => open(bytes).get('a')).toThrow(/needs the bytes \d+ to \d+, the file ends at/);
  });

  it('with elements that are no numbers is refused when they are read', () => {
    expect(() => dataset(open(fixture('compound')), 'a').read()).toThrow('has compound elements of 8 bytes');
  });

  it('whose chunks claim to be huge takes no memory for them', () => {
    const bytes = fixture('bomb').slice();
    // The layout message: version 3, class 2, two dimensions, address, then 2^24 elements of 4 bytes a chunk.
    const layout = placeOf(bytes, '\x03\x02\x02');
    const view = new DataView(bytes.buffer);
    expect(view.getUint32(layout + 11, true)).toBe(2 ** 24);
    view.setUint32(layout + 11, 0xffffffff, true);
    expect(errorOf(bytes).code).toBe('limit');
  });

  it('whose tree leads back into itself ends', () => {
    const bytes = fixture('features').slice();
    const tree = placeOf(bytes, 'TREE');
    const view = new DataView(bytes.buffer);
    bytes[tree + 5] = 1; // one level above the leaves
    view.setBigUint64(tree + 32, BigInt(tree), true);
    expect(errorOf(bytes).message).toMatch(/is at level 1, expected 0/);
  });

  it('whose continued header leads back into itself ends', () => {
    const bytes = fixture('features').slice();
    const view = new DataView(bytes.buffer);
    // The root's header: continued at its own first message, and said to have all messages there are.
    const root = Number(view.getBigUint64(64, true));
    view.setUint16(root + 2, 0xffff, true);
    view.setUint16(root + 16, 0x10, true);
    view.setUint16(root + 18, 16, true);
    view.setBigUint64(root + 24, BigInt(root + 16), true);
    view.setBigUint64(root + 32, 24n, true);
    expect(errorOf(bytes).message).toMatch(/it leads back into itself/);
  });

  it('cut off anywhere is refused by a sentence', () => {
    const bytes = fixture('newer');
    const cuts = [fixture('features'), bytes].flatMap((whole) =>
      Array.from({ length: 60 }, (_, i) => whole.subarray(0, Math.floor((i / 60) * whole.length))),
    );
    for (const cut of cuts) expect(['malformed', 'unsupported']).toContain(errorOf(cut).code);
  });

  it('with any byte of its structures changed never crashes', () => {
    const whole = fixture('newer');
    for (let at = 0; at < whole.length; at++)
      for (const value of [0, 0xff, whole[at]! ^ 1]) {
        const bytes = whole.slice();
        bytes[at] = value;
        try {
          for (const one of datasetsOf(open(bytes))) one.read();
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(BnnqError);
        }
      }
  });
});
