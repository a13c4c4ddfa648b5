import { expect } from 'vitest';

/** Fails on the first float whose 32 bits differ; −0 and +0 differ. */
export function expectSameBits(actual: Float32Array, expected: Float32Array, what: string): void {
  expect(actual.length, what).toBe(expected.length);
  const a = new Uint32Array(actual.buffer, actual.byteOffset, actual.length);
  const b = new Uint32Array(expected.buffer, expected.byteOffset, expected.length);
  for (let i = 0; i < a.length; i++) {
    // Which of the many NaNs it is depends on the machine.
    if (a[i] !== b[i] && !(Number.isNaN(actual[i]) && Number.isNaN(expected[i]))) {
      expect.fail(`${what}: element ${i} of ${a.length} is ${actual[i]}, expected ${expected[i]}`);
    }
  }
}
