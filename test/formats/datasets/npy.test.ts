import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readNpy, writeNpy } from '../../../src/formats/npy/npy.ts';
import { float16ToNumber, numberToBfloat16 } from '../../../src/tensor/float16.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';

const bytesOf = (name: string): Uint8Array =>
  readFileSync(new URL(`../../fixtures/npy/${name}`, import.meta.url));
const read = (name: string): Tensor => readNpy(bytesOf(name), name);
const numbers = (tensor: Tensor): number[] => Array.from(tensor.data as ArrayLike<number>, Number);
const counting = (count: number): number[] => Array.from({ length: count }, (_, i) => i - 3);

describe('readNpy', () => {
  it.each([
    ['f4.npy', 'FLOAT', [2, 3, 4]],
    ['f4-fortran.npy', 'FLOAT', [2, 3, 4]],
    ['f8-big-fortran.npy', 'DOUBLE', [3, 5]],
    ['i8-version2.npy', 'INT64', [2, 2]],
    ['i2-big-version3.npy', 'INT16', [6]],
    ['scalar.npy', 'FLOAT', []],
    ['empty.npy', 'FLOAT', [0, 3]],
  ])('reads %s, written by NumPy, in row-major order', (name, dtype, shape) => {
    const tensor = read(name);
    expect(tensor.dtype).toBe(dtype);
    expect(tensor.shape).toEqual(shape);
    expect(numbers(tensor)).toEqual(counting(tensor.data.length));
  });

  it('keeps float16 as bit patterns and booleans as 0 and 1', () => {
    expect(numbers(read('f2.npy')).map(float16ToNumber)).toEqual(counting(7));
    expect(read('bool.npy')).toEqual({ dtype: 'BOOL', shape: [5], data: Uint8Array.of(1, 0, 1, 0, 1) });
  });

  it.each([
    ['complex.npy', 'unsupported', /type <c8/],
    ['text.npy', 'unsupported', /type <U1/],
    ['structured.npy', 'unsupported', /structured/],
  ])('refuses %s by a sentence', (name, code, message) => {
    expect(() => read(name)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('says how many bytes there are and how many the shape needs', () => {
    const bytes = bytesOf('f4.npy');
    expect(() => readNpy(bytes.subarray(0, bytes.length - 1), 'a.npy')).toThrow(
      'a.npy: 95 bytes of elements, shape [2,3,4] of <f4 needs 96',
    );
    expect(() => readNpy(new Uint8Array([...bytes, 0]), 'a.npy')).toThrow('97 bytes of elements');
  });

  it('refuses what is no .npy file, a header that runs over the end, and one that is too long', () => {
    expect(() => readNpy(new Uint8Array(0), 'a.npy')).toThrow('not a .npy file: 0 bytes');
    expect(() => readNpy(new Uint8Array(64), 'a.npy')).toThrow('not a .npy file');
    const bytes = bytesOf('f4.npy');
    expect(() => readNpy(bytes.subarray(0, 100), 'a.npy')).toThrow(
      'header of 118 bytes from byte 10 on, the file has 100',
    );
    const long = bytesOf('i8-version2.npy').slice();
    long[11] = 1; // 2^24 more bytes of header
    expect(() => readNpy(long, 'a.npy')).toThrow(expect.objectContaining({ code: 'limit' }));
    const unknown = bytes.slice();
    unknown[6] = 4;
    expect(() => readNpy(unknown, 'a.npy')).toThrow('.npy version 4');
  });
});

describe('writeNpy', () => {
  it('writes the very bytes that NumPy reads back as the same array', () => {
    for (const name of ['f4.npy', 'f2.npy', 'bool.npy', 'scalar.npy', 'empty.npy']) {
      const bytes = writeNpy(read(name));
      expect(readNpy(bytes, name)).toEqual(read(name));
      expect(bytes.indexOf(10) % 64).toBe(63); // elements aligned to 64 bytes
      expect(new TextDecoder('latin1').decode(bytes)).toContain("'fortran_order': False");
    }
  });

  it('writes bfloat16 as float32 and refuses text', () => {
    const data = Uint16Array.from([1.5, -2], numberToBfloat16);
    expect(readNpy(writeNpy({ dtype: 'BFLOAT16', shape: [2], data }), 'b').data).toEqual(
      Float32Array.of(1.5, -2),
    );
    expect(() => writeNpy({ dtype: 'STRING', shape: [1], data: ['a'] })).toThrow(
      'type STRING cannot be written',
    );
  });
});
