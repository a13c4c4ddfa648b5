import { deflateRawSync, deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { inflate } from '../../src/formats/inflate.ts';

describe('inflate', () => {
  const plain = Uint8Array.from({ length: 1000 }, (_, i) => i % 7);

  it.each([
    ['raw', deflateRawSync(plain)],
    ['zlib', deflateSync(plain)],
  ] as const)('unpacks data that is %s, up to the length that it may have', (form, bytes) => {
    expect(inflate(form, bytes, 1000, 'x')).toEqual(plain);
    expect(inflate(form, bytes, 5000, 'x')).toEqual(plain);
    expect(inflate(form, bytes, 999, 'x')).toBeUndefined();
    expect(inflate(form, bytes, 0, 'x')).toBeUndefined();
  });

  it('unpacks nothing to nothing', () => {
    expect(inflate('raw', deflateRawSync(''), 0, 'x')).toEqual(new Uint8Array(0));
  });

  it('refuses data that is damaged or cut off', () => {
    const bytes = deflateSync(plain);
    for (const broken of [bytes.subarray(0, -6), bytes.subarray(1), new Uint8Array(0)])
      expect(() => inflate('zlib', broken, 1000, 'x')).toThrow(
        expect.objectContaining({
          code: 'malformed',
          message: expect.stringMatching(/^x cannot be unpacked/),
        }),
      );
  });
});
