import { deflateRawSync, deflateSync, crc32 as nativeCrc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { crc32, portableCrc32 } from '../../src/formats/crc32.ts';
import { inflate, portableInflate } from '../../src/formats/inflate.ts';

const plain = Uint8Array.from({ length: 1000 }, (_, i) => i % 7);

describe.each([
  ['by Node', inflate],
  [
    'in JavaScript',
    (...[form, bytes, most]: Parameters<typeof inflate>) => portableInflate(form, bytes, most),
  ],
])('inflate %s', (_, unpack) => {
  it.each([
    ['raw', deflateRawSync(plain)],
    ['zlib', deflateSync(plain)],
  ] as const)('unpacks data that is %s, up to the length that it may have', (form, bytes) => {
    expect(unpack(form, bytes, 1000, 'x')).toEqual(plain);
    expect(unpack(form, bytes, 5000, 'x')).toEqual(plain);
    expect(unpack(form, bytes, 999, 'x')).toBeUndefined();
    expect(unpack(form, bytes, 0, 'x')).toBeUndefined();
  });

  it('unpacks data of many pieces, compressible or not', () => {
    const random = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i * 2654435761) >>> 13);
    for (const bytes of [random, new Uint8Array(100_000)])
      expect(unpack('zlib', deflateSync(bytes), bytes.length, 'x')).toEqual(bytes);
  });

  it('unpacks nothing to nothing', () => {
    expect(unpack('raw', deflateRawSync(''), 0, 'x')).toEqual(new Uint8Array(0));
  });

  it('stops soon in a bomb', () => {
    const bomb = deflateSync(new Uint8Array(2 ** 28), { level: 9 });
    expect(unpack('zlib', bomb, 1000, 'x')).toBeUndefined();
  });

  it('refuses data that is damaged or cut off', () => {
    const bytes = deflateSync(plain);
    for (const broken of [bytes.subarray(0, -6), bytes.subarray(1), new Uint8Array(0)])
      expect(() => unpack('zlib', broken, 1000, 'x')).toThrow();
    for (const broken of [deflateRawSync(plain).subarray(0, -1), new Uint8Array(0)])
      expect(() => unpack('raw', broken, 1000, 'x')).toThrow();
  });
});

describe('inflate', () => {
  it('says where the data was, in a sentence', () => {
    expect(() => inflate('zlib', new Uint8Array(3), 1000, 'x')).toThrow(
      expect.objectContaining({ code: 'malformed', message: expect.stringMatching(/^x cannot be unpacked/) }),
    );
  });
});

describe('crc32', () => {
  it('is that of zlib, in JavaScript too, in one go or in parts', () => {
    const text = new TextEncoder().encode('123456789');
    // The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
    expect(portableCrc32(text)).toBe(0xcbf43926);
    for (const bytes of [text, plain, new Uint8Array(0)]) {
      expect(portableCrc32(bytes)).toBe(nativeCrc32(bytes));
      expect(crc32(bytes)).toBe(nativeCrc32(bytes));
      expect(portableCrc32(bytes.subarray(5), portableCrc32(bytes.subarray(0, 5)))).toBe(nativeCrc32(bytes));
    }
  });
});
