import { describe, expect, it } from 'vitest';
import { BnnqError } from '../../src/errors.ts';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import { DATA_TYPES, type DataType } from '../../src/tensor/dtype.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { bytesOf, modelBytes, modelWith, type TensorFields } from './onnx-bytes.ts';

const numberOf = (dtype: DataType) => DATA_TYPES[dtype].number;

function read(tensor: TensorFields): Tensor {
  return readOnnx(modelWith(tensor)).graph.initializers.get('w')!.read();
}

function messageOf(tensor: TensorFields): string {
  try {
    readOnnx(modelWith(tensor));
  } catch (error) {
    expect(error).toBeInstanceOf(BnnqError);
    expect((error as BnnqError).at.tensor).toBe('w');
    return (error as BnnqError).message;
  }
  throw new Error('it was accepted');
}

/** Type, what raw_data holds, what is to come out; two elements, or four of the packed types. */
const RAW: [DataType, ArrayBufferView, readonly unknown[]][] = [
  ['FLOAT', Float32Array.of(1.5, -2), [1.5, -2]],
  ['DOUBLE', Float64Array.of(0.1, -1e300), [0.1, -1e300]],
  ['INT8', Int8Array.of(-128, 127), [-128, 127]],
  ['UINT8', Uint8Array.of(0, 255), [0, 255]],
  ['INT16', Int16Array.of(-32768, 32767), [-32768, 32767]],
  ['UINT16', Uint16Array.of(0, 65535), [0, 65535]],
  ['INT32', Int32Array.of(-(2 ** 31), 2 ** 31 - 1), [-(2 ** 31), 2 ** 31 - 1]],
  ['UINT32', Uint32Array.of(0, 2 ** 32 - 1), [0, 2 ** 32 - 1]],
  ['INT64', BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n), [-(2n ** 63n), 2n ** 63n - 1n]],
  ['UINT64', BigUint64Array.of(0n, 2n ** 64n - 1n), [0n, 2n ** 64n - 1n]],
  ['BOOL', Uint8Array.of(0, 7), [0, 1]],
  ['FLOAT16', Uint16Array.of(0x3c00, 0xfc00), [0x3c00, 0xfc00]],
  ['BFLOAT16', Uint16Array.of(0x3f80, 0xff80), [0x3f80, 0xff80]],
  ['COMPLEX64', Float32Array.of(1, 2, 3, 4), [1, 2, 3, 4]],
  ['COMPLEX128', Float64Array.of(1, 2, 3, 4), [1, 2, 3, 4]],
  ['FLOAT8E4M3FN', Uint8Array.of(1, 254), [1, 254]],
  ['FLOAT8E4M3FNUZ', Uint8Array.of(1, 254), [1, 254]],
  ['FLOAT8E5M2', Uint8Array.of(1, 254), [1, 254]],
  ['FLOAT8E5M2FNUZ', Uint8Array.of(1, 254), [1, 254]],
  ['FLOAT8E8M0', Uint8Array.of(1, 254), [1, 254]],
  ['UINT4', Uint8Array.of(0x2f), [15, 2]],
  ['INT4', Uint8Array.of(0x8f), [-1, -8]],
  ['FLOAT4E2M1', Uint8Array.of(0x2f), [15, 2]],
  ['UINT2', Uint8Array.of(0b1101), [1, 3]],
  ['INT2', Uint8Array.of(0b1001), [1, -2]],
];

describe('initializers in raw_data', () => {
  it.each(RAW)('of %s are read in their own type', (dtype, raw, elements) => {
    const tensor = read({ dims: [2], dataType: numberOf(dtype), rawData: bytesOf(raw) });
    expect(tensor.dtype).toBe(dtype);
    expect(tensor.shape).toEqual([2]);
    expect([...tensor.data]).toEqual(elements);
  });

  it('cover every type of ONNX but STRING', () => {
    const missing = Object.keys(DATA_TYPES).filter((name) => !RAW.some(([dtype]) => dtype === name));
    expect(missing).toEqual(['STRING']);
  });

  it('may end in the middle of a byte where elements are smaller than one', () => {
    expect([...read({ dims: [3], dataType: 22, rawData: Uint8Array.of(0x21, 0x03) }).data]).toEqual([
      1, 2, 3,
    ]);
    expect([...read({ dims: [5], dataType: 25, rawData: Uint8Array.of(0xe4, 2) }).data]).toEqual([
      0, 1, 2, 3, 2,
    ]);
  });

  it('may be a scalar, or have no elements at all', () => {
    expect(read({ dims: [], dataType: 1, rawData: bytesOf(Float32Array.of(3)) })).toMatchObject({
      shape: [],
    });
    expect(read({ dims: [0, 3], dataType: 1 }).data).toHaveLength(0);
    expect(read({ dims: [0], dataType: 8 }).data).toEqual([]);
  });

  it('are views of the file where they are aligned, and copies where not', () => {
    let views = 0;
    for (let shift = 0; shift < 4; shift++) {
      const name = 'w'.repeat(shift + 1);
      const bytes = modelBytes({
        initializer: [{ name, dims: [2], dataType: 1, rawData: bytesOf(Float32Array.of(1, 2)) }],
      });
      const tensor = readOnnx(bytes).graph.initializers.get(name)!.read();
      expect([...tensor.data]).toEqual([1, 2]);
      if ((tensor.data as Float32Array).buffer === bytes.buffer) views++;
    }
    expect(views).toBe(1);
  });
});

describe('initializers in typed fields', () => {
  const TYPED: [string, TensorFields, readonly unknown[]][] = [
    ['float_data of FLOAT', { dataType: 1, floatData: [1.5, -2] }, [1.5, -2]],
    ['float_data of COMPLEX64', { dataType: 14, floatData: [1, 2, 3, 4] }, [1, 2, 3, 4]],
    ['double_data of DOUBLE', { dataType: 11, doubleData: [0.1, -0.2] }, [0.1, -0.2]],
    ['double_data of COMPLEX128', { dataType: 15, doubleData: [1, 2, 3, 4] }, [1, 2, 3, 4]],
    ['int32_data of INT32', { dataType: 6, int32Data: [-5, 2 ** 31 - 1] }, [-5, 2 ** 31 - 1]],
    ['int32_data of INT8', { dataType: 3, int32Data: [-128, 127] }, [-128, 127]],
    ['int32_data of UINT8', { dataType: 2, int32Data: [0, 255] }, [0, 255]],
    ['int32_data of INT16', { dataType: 5, int32Data: [-300, 300] }, [-300, 300]],
    ['int32_data of UINT16', { dataType: 4, int32Data: [0, 65535] }, [0, 65535]],
    ['int32_data of BOOL', { dataType: 9, int32Data: [1, 0] }, [1, 0]],
    ['int32_data of FLOAT16', { dataType: 10, int32Data: [0x3c00, 0xbc00] }, [0x3c00, 0xbc00]],
    ['int32_data of BFLOAT16', { dataType: 16, int32Data: [0x3f80, 0xbf80] }, [0x3f80, 0xbf80]],
    ['int32_data of FLOAT8E4M3FN', { dataType: 17, int32Data: [1, 254] }, [1, 254]],
    ['int32_data of INT4, two in a byte', { dataType: 22, int32Data: [0x8f] }, [-1, -8]],
    ['int32_data of UINT2, four in a byte', { dataType: 25, int32Data: [0b1101] }, [1, 3]],
    ['int64_data of INT64', { dataType: 7, int64Data: [-1, 2 ** 40] }, [-1n, 2n ** 40n]],
    ['uint64_data of UINT64', { dataType: 13, uint64Data: [1, 2 ** 40] }, [1n, 2n ** 40n]],
    ['uint64_data of UINT32', { dataType: 12, uint64Data: [1, 2 ** 32 - 1] }, [1, 2 ** 32 - 1]],
    ['string_data of STRING', { dataType: 8, stringData: [Buffer.from('ä'), Buffer.from('')] }, ['ä', '']],
  ];
  it.each(TYPED)('%s is read', (_, tensor, elements) => {
    expect([...read({ dims: [2], ...tensor }).data]).toEqual(elements);
  });

  it('are read where every value has its own tag, as protobuf allows', () => {
    // dims 3, data_type FLOAT, float_data unpacked: tag (4 << 3 | 5) before each
    const floats = Float32Array.of(1, 2, 3);
    const values = [...floats].flatMap((_, i) => [0x25, ...bytesOf(floats.slice(i, i + 1))]);
    const tensor = Uint8Array.from([0x08, 3, 0x10, 1, 0x42, 1, 0x77, ...values]);
    const graph = Uint8Array.from([0x2a, tensor.length, ...tensor]);
    const bytes = Uint8Array.from([0x08, 8, 0x3a, graph.length, ...graph, 0x42, 2, 0x10, 13]);
    expect([...readOnnx(bytes).graph.initializers.get('w')!.read().data]).toEqual([1, 2, 3]);
  });
});

describe('initializers whose data does not fit', () => {
  it('are refused with both numbers', () => {
    const bytes = modelBytes({
      initializer: [{ name: 'conv1.weight', dims: [3, 3], dataType: 1, rawData: new Uint8Array(35) }],
    });
    expect(() => readOnnx(bytes)).toThrow(
      'onnx: initializer "conv1.weight": raw_data has 35 bytes, shape [3,3] of FLOAT needs 36',
    );
  });

  const BAD: [string, TensorFields, string][] = [
    ['no data', { dims: [2], dataType: 1 }, 'it has no data, shape [2] of FLOAT needs 8 bytes'],
    [
      'too few values',
      { dims: [2], dataType: 1, floatData: [1] },
      'float_data has 1 values, shape [2] of FLOAT needs 2',
    ],
    [
      'too many values',
      { dims: [2], dataType: 7, int64Data: [1, 2, 300] },
      'int64_data has 3 values, shape [2] of INT64 needs 2',
    ],
    [
      'too few strings',
      { dims: [2], dataType: 8, stringData: [Buffer.from('a')] },
      'string_data has 1 values',
    ],
    [
      'strings in raw_data',
      { dims: [1], dataType: 8, rawData: Uint8Array.of(65) },
      'string_data has 0 values',
    ],
    [
      'a field of another type',
      { dims: [1], dataType: 1, int64Data: [1] },
      'elements of type FLOAT cannot be in int64_data',
    ],
    [
      'two forms',
      { dims: [1], dataType: 1, floatData: [1], rawData: new Uint8Array(4) },
      'in both raw_data and float_data',
    ],
    [
      'an unknown type',
      { dims: [1], dataType: 99, rawData: new Uint8Array(4) },
      'data type 99 is not one of ONNX',
    ],
    ['no type', { dims: [1], rawData: new Uint8Array(4) }, 'data type 0 is not one of ONNX'],
    [
      'a negative dimension',
      { dims: [-1, 4], dataType: 1, rawData: new Uint8Array(4) },
      'negative dimension -1',
    ],
    [
      'a huge dimension',
      { dims: [2 ** 62], dataType: 1, rawData: new Uint8Array(4) },
      'more than 1099511627776 elements',
    ],
    [
      'a huge product',
      { dims: [2 ** 30, 2 ** 30], dataType: 1, rawData: new Uint8Array(4) },
      'more than 1099511627776 elements',
    ],
    [
      'a huge dimension beside a zero',
      { dims: [2 ** 62, 0], dataType: 1 },
      'more than 1099511627776 elements',
    ],
    [
      'too many dimensions',
      { dims: new Array(65).fill(1), dataType: 1, rawData: new Uint8Array(4) },
      '65 dimensions, at most 64',
    ],
    [
      'segments',
      { dims: [1], dataType: 1, segment: { begin: 0, end: 1 }, rawData: new Uint8Array(4) },
      'in segments',
    ],
  ];
  it.each(BAD)('are refused for %s', (_, tensor, message) => {
    expect(messageOf(tensor)).toContain('onnx: initializer "w"');
    expect(messageOf(tensor)).toContain(message);
  });

  it('are reported all at once', () => {
    const bytes = modelBytes({
      initializer: ['a', 'b', 'c'].map((name) => ({
        name,
        dims: [2],
        dataType: 1,
        rawData: new Uint8Array(7),
      })),
    });
    expect(() => readOnnx(bytes)).toThrow(/^3 problems:\n.*"a".*\n.*"b".*\n.*"c"/);
  });

  it('are refused when a varint of more than ten bytes is read', () => {
    const varint = [...new Array(10).fill(0xff), 1];
    const tensor = Uint8Array.from([0x08, 1, 0x10, 7, 0x42, 1, 0x77, 0x3a, varint.length, ...varint]);
    const graph = Uint8Array.from([0x2a, tensor.length, ...tensor]);
    const bytes = Uint8Array.from([0x08, 8, 0x3a, graph.length, ...graph, 0x42, 2, 0x10, 13]);
    const weight = readOnnx(bytes).graph.initializers.get('w')!;
    expect(() => weight.read()).toThrow('onnx: initializer "w": int64_data is damaged');
  });
});
