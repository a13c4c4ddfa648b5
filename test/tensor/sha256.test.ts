import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { base64Of, createSha256, hexOf, PortableSha256, sha256Hex } from '../../src/tensor/sha256.ts';

const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 89 + 7) % 256);
const expected = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('SHA-256 without Node', () => {
  it('gives the examples of FIPS 180-4', () => {
    const hash = (text: string) =>
      hexOf(new PortableSha256().update(new TextEncoder().encode(text)).digest());
    expect(hash('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(hash('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')).toBe(
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    );
  });

  it('equals that of Node for every length around the edges of blocks', () => {
    for (let length = 0; length <= 200; length++)
      expect(hexOf(new PortableSha256().update(bytesOf(length)).digest())).toBe(expected(bytesOf(length)));
  });

  it('does not depend on how the bytes are cut into parts', () => {
    const bytes = bytesOf(1000);
    for (const part of [1, 3, 55, 56, 63, 64, 65, 128, 999]) {
      const hash = new PortableSha256();
      for (let at = 0; at < bytes.length; at += part) hash.update(bytes.subarray(at, at + part));
      expect(hexOf(hash.digest())).toBe(expected(bytes));
    }
  });
});

describe('the hash that is taken', () => {
  it('is the same in hexadecimal and base64 as that of Node', () => {
    const bytes = bytesOf(77);
    expect(sha256Hex(bytes)).toBe(expected(bytes));
    expect(base64Of(createSha256().update(bytes).digest())).toBe(
      createHash('sha256').update(bytes).digest('base64'),
    );
  });
});
