import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeTensor, encodeTensor } from '../../src/tensor/decode.ts';
import { byteLengthOf, DATA_TYPES, type DataType, dataTypeOf } from '../../src/tensor/dtype.ts';
import { floatData, floats, sizeOf, zeros } from '../../src/tensor/tensor.ts';

const STORED = (Object.keys(DATA_TYPES) as DataType[]).filter((dtype) => dtype !== 'STRING');

describe('element types', () => {
  it('are found by their number', () => {
    for (const dtype of Object.keys(DATA_TYPES) as DataType[])
      expect(dataTypeOf(DATA_TYPES[dtype].number)).toBe(dtype);
    expect(dataTypeOf(0)).toBeUndefined();
    expect(dataTypeOf(99)).toBeUndefined();
  });
});

describe('decoding raw bytes', () => {
  it('and encoding them again gives the same bytes, for every type and alignment', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...STORED),
        fc.nat(40),
        fc.nat(8),
        fc.infiniteStream(fc.nat(255)),
        (dtype, size, shift, stream) => {
          const length = byteLengthOf(dtype, size);
          const bytes = Uint8Array.from({ length: shift + length }, () => stream.next().value!).subarray(
            shift,
          );
          const spare = (8 - ((DATA_TYPES[dtype].bits * size) % 8)) % 8;
          if (spare > 0) bytes[length - 1] &= 0xff >> spare;
          if (dtype === 'BOOL') for (let i = 0; i < length; i++) bytes[i] %= 2;
          const tensor = decodeTensor(dtype, [size], bytes);
          expect(tensor.data.length).toBe(dtype.startsWith('COMPLEX') ? 2 * size : size);
          expect(encodeTensor(tensor)).toEqual(Uint8Array.from(bytes));
        },
      ),
      { seed: 3, numRuns: 500 },
    );
  });

  it('gives a view where the bytes are aligned, and plain arrays from Buffers', () => {
    const buffer = Buffer.from(new ArrayBuffer(16));
    expect((decodeTensor('FLOAT', [4], buffer).data as Float32Array).buffer).toBe(buffer.buffer);
    expect(decodeTensor('UINT8', [16], buffer).data.constructor).toBe(Uint8Array);
    expect(decodeTensor('BOOL', [16], buffer).data.constructor).toBe(Uint8Array);
  });

  it('is refused where their number is not that of the shape', () => {
    expect(() => decodeTensor('FLOAT', [3, 3], new Uint8Array(35))).toThrow(
      '35 bytes, shape [3,3] of FLOAT needs 36',
    );
    expect(() => decodeTensor('STRING', [1], new Uint8Array(1))).toThrow('strings have no raw layout');
  });
});

describe('tensors', () => {
  it('have one element where they have no dimensions', () => {
    expect(sizeOf([])).toBe(1);
    expect(sizeOf([2, 0, 3])).toBe(0);
  });

  it('are made of zeros or of floats that fit the shape', () => {
    expect(zeros('INT64', [2]).data).toEqual(new BigInt64Array(2));
    expect(floatData(floats([2], [1, 2]))).toEqual(Float32Array.of(1, 2));
    expect(() => floats([3], [1, 2])).toThrow('tensor of shape [3] needs 3 elements, got 2');
    expect(() => floatData(zeros('INT8', [1]))).toThrow('expected a FLOAT tensor, got INT8');
    expect(() => zeros('COMPLEX64', [1])).toThrow('cannot be computed with');
  });
});
