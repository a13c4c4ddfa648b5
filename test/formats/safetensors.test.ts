import { describe, expect, it } from 'vitest';
import { BnnqError } from '../../src/errors.ts';
import { decodeSafetensors, encodeHeader, tensorBytes } from '../../src/formats/safetensors.ts';

/** A file with that header text, padded as told, and that many bytes of data. */
function fileOf(header: string, dataBytes: number, claimed = header.length): Uint8Array {
  const bytes = new Uint8Array(8 + header.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimed), true);
  bytes.set(new TextEncoder().encode(header), 8);
  return bytes;
}

const entry = (start: number, end: number, shape: unknown = [end - start], dtype: unknown = 'U8') => ({
  dtype,
  shape,
  data_offsets: [start, end],
});

describe('a safetensors header', () => {
  const header = encodeHeader(new Map([['k', 'v"ä']]), [
    ['a', { dtype: 'F32', shape: [2], byteLength: 8 }],
    ['b', { dtype: 'U8', shape: [3, 1], byteLength: 3 }],
  ]);

  it('is JSON padded with spaces, so that the data begins at a multiple of 8', () => {
    expect(header.length % 8).toBe(0);
    expect(Number(new DataView(header.buffer).getBigUint64(0, true))).toBe(header.length - 8);
    expect(JSON.parse(Buffer.from(header.subarray(8)).toString())).toEqual({
      __metadata__: { k: 'v"ä' },
      a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
      b: { dtype: 'U8', shape: [3, 1], data_offsets: [8, 11] },
    });
  });

  it('reads as what was written', () => {
    const file = decodeSafetensors(Buffer.concat([header, Buffer.from('01234567abc')]), 'it');
    expect([...file.metadata]).toEqual([['k', 'v"ä']]);
    expect([...file.tensors.keys()]).toEqual(['a', 'b']);
    expect(Buffer.from(tensorBytes(file, file.tensors.get('b')!)).toString()).toBe('abc');
  });

  it('may name types that are not known here, and have no metadata', () => {
    expect(
      decodeSafetensors(fileOf(JSON.stringify({ a: entry(0, 3, [4], 'F6') }), 3), 'it').tensors.size,
    ).toBe(1);
  });
});

describe('a broken safetensors file is refused with a sentence:', () => {
  const BAD: [string, Uint8Array, string][] = [
    ['no length', new Uint8Array(5), 'has 5 bytes, a header length needs 8'],
    [
      'a header that is cut off',
      fileOf('{}', 0, 10),
      'its header has 10 bytes, the file has 2 after the length',
    ],
    [
      'a huge header',
      fileOf('{}', 0, 2 ** 40),
      `has a header of ${2 ** 40} bytes, at most 100000000 are read`,
    ],
    ['no JSON', fileOf('{nope}', 0), 'has a header that is not JSON'],
    ['a list', fileOf('[]', 0), 'has a header that is not a JSON object'],
    ['metadata of numbers', fileOf('{"__metadata__":{"a":1}}', 0), 'the metadata "a", which is not a string'],
    ['an entry that is text', fileOf('{"a":"b"}', 0), 'has a broken entry for tensor "a"'],
    ['a null entry', fileOf('{"a":null}', 0), 'has a broken entry for tensor "a"'],
    [
      'a negative dimension',
      fileOf(JSON.stringify({ a: entry(0, 4, [-4]) }), 4),
      'has a broken entry for tensor "a"',
    ],
    ['a fraction', fileOf(JSON.stringify({ a: entry(0, 1.5) }), 4), 'has a broken entry for tensor "a"'],
    ['offsets backwards', fileOf(JSON.stringify({ a: entry(4, 0, [4]) }), 4), 'has -4 bytes for tensor "a"'],
    [
      'a wrong length',
      fileOf(JSON.stringify({ a: entry(0, 4, [3]) }), 4),
      'has 4 bytes for tensor "a", shape [3] of U8 needs 3',
    ],
    [
      'an overlap',
      fileOf(JSON.stringify({ a: entry(0, 4), b: entry(3, 5) }), 5),
      'has tensor "b" at byte 3 of the data, expected 4',
    ],
    [
      'a gap',
      fileOf(JSON.stringify({ a: entry(0, 2), b: entry(3, 5) }), 5),
      'has tensor "b" at byte 3 of the data, expected 2',
    ],
    [
      'data that is cut off',
      fileOf(JSON.stringify({ a: entry(0, 4) }), 3),
      'is cut off: its tensors have 4 bytes, 3 are there',
    ],
    [
      'data left over',
      fileOf(JSON.stringify({ a: entry(0, 4) }), 6),
      'has 6 bytes of data, its tensors have 4',
    ],
  ];
  it.each(BAD)('%s', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, '"x.bnnq"')).toThrow(BnnqError);
    expect(() => decodeSafetensors(bytes, '"x.bnnq"')).toThrow('safetensors: "x.bnnq"');
    expect(() => decodeSafetensors(bytes, '"x.bnnq"')).toThrow(message);
  });

  it('a header that is nested without end', () => {
    expect(() => decodeSafetensors(fileOf('{"a":'.repeat(2 ** 20), 0), '"x.bnnq"')).toThrow(
      'safetensors: "x.bnnq": its header is nested more than 256 levels deep',
    );
  });

  it('a header that is no UTF-8', () => {
    const bytes = fileOf('{"a":1}', 0);
    bytes[10] = 0xff;
    expect(() => decodeSafetensors(bytes, 'it')).toThrow('has a header that is not JSON');
  });
});
