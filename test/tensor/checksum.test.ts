import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checksum } from '../../src/tensor/checksum.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('the checksum of a tensor', () => {
  it('is the SHA-256 of its little-endian elements', () => {
    // 1 is 0x3f800000, −2 is 0xc0000000.
    const bytes = Uint8Array.of(0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0);
    expect(checksum({ data: Float32Array.of(1, -2) })).toBe(sha256(bytes));
    expect(checksum({ data: BigInt64Array.of(-2n) })).toBe(
      sha256(Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)),
    );
  });

  it('covers a view alone, not the buffer below it', () => {
    const whole = Float32Array.of(1, 2, 3, 4);
    expect(checksum({ data: whole.subarray(1, 3) })).toBe(checksum({ data: Float32Array.of(2, 3) }));
  });

  it('tells the two zeros apart, which are different bits', () => {
    expect(checksum({ data: Float32Array.of(0) })).not.toBe(checksum({ data: Float32Array.of(-0) }));
  });

  it('does not depend on the payload of a NaN', () => {
    const odd = new Float32Array(Uint32Array.of(0xffc01234, 0x3f800000).buffer);
    expect(checksum({ data: odd })).toBe(
      sha256(new Uint8Array(Uint32Array.of(0x7fc00000, 0x3f800000).buffer)),
    );
    const wide = new Float64Array(BigUint64Array.of(0xfff8000000000123n).buffer);
    expect(checksum({ data: wide })).toBe(
      sha256(new Uint8Array(BigUint64Array.of(0x7ff8000000000000n).buffer)),
    );
  });

  it('tells texts apart however they are cut', () => {
    expect(checksum({ data: ['ab', 'c'] })).not.toBe(checksum({ data: ['a', 'bc'] }));
    expect(checksum({ data: ['é'] })).toBe(sha256(Uint8Array.of(0xc3, 0xa9, 0)));
  });
});
