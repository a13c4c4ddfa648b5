import { describe, expect, it } from 'vitest';
import { BnnqError } from '../../src/errors.ts';
import { encodePacked } from '../../src/formats/packed/write.ts';
import { readModelBytes } from '../../src/formats/read-model.ts';
import { quantizeNaively } from './naive-quantize.ts';
import { bytesOf, modelBytes } from './onnx-bytes.ts';

/** Two weights of 3 bits, and a table that stays outside the graph. */
async function packed(): Promise<Buffer> {
  const raw = (length: number) => bytesOf(Float32Array.from({ length }, (_, i) => ((i * 31) % 17) - 8));
  const bytes = modelBytes({
    node: [
      { opType: 'Conv', input: ['x', 'conv'], output: ['a'] },
      { opType: 'Gemm', input: ['a', 'gemm'], output: ['b'] },
      { opType: 'Gather', input: ['table', 'b'], output: ['y'] },
    ],
    initializer: [
      { name: 'conv', dims: [5, 3, 3, 3], dataType: 1, rawData: raw(135) },
      { name: 'gemm', dims: [6, 7], dataType: 1, rawData: raw(42) },
      { name: 'table', dims: [20000], dataType: 1, rawData: raw(20000) },
    ],
  });
  const model = quantizeNaively(await readModelBytes(bytes), 3);
  return Buffer.from(encodePacked(model, { toolVersion: '0', options: { a: 'bcd' } }));
}

/** The file with some text replaced by other text of the same length, filled with spaces. */
function changed(bytes: Buffer, from: string, to: string): Buffer {
  const text = bytes.toString('latin1');
  expect(text.split(from).length, `"${from}" is there`).toBeGreaterThan(1);
  expect(to.length).toBeLessThanOrEqual(from.length);
  return Buffer.from(text.replaceAll(from, to.padEnd(from.length, ' ')), 'latin1');
}

const conv = '{"name":"conv","shape":[5,3,3,3]}';
const gemm = '{"name":"gemm","shape":[6,7]}';

describe('a packed file whose hashes are not checked is refused with a sentence:', () => {
  const BAD: [string, string, string, string][] = [
    ['a weight that is null', conv, 'null', 'has a weight without a name'],
    ['a weight that is a number', conv, '7', 'has a weight without a name'],
    ['a weight without a shape', conv, '{"name":"conv"}', 'has the weight "conv" with the shape undefined'],
    ['a shape that is text', conv, '{"name":"conv","shape":"5"}', 'has the weight "conv" with the shape "5"'],
    [
      'a shape of the wrong size',
      conv,
      '{"name":"conv","shape":[5,3,3,4]}',
      'has codes for "conv" of shape [5,3,3,4], its graph has no such weight',
    ],
    [
      'a weight that is not in the graph',
      '"name":"conv"',
      '"name":"vonc"',
      'has codes for "vonc" of shape [5,3,3,3], its graph has no such weight',
    ],
    ['no elements', conv, '{"name":"conv","shape":[0]}', 'has the weight "conv" with no elements'],
    ['a weight twice', gemm, '{"name":"conv","shape":[5]}', 'has codes for "conv" of shape [5], its graph'],
    ['a weight too few', `,${gemm}`, '', 'has 2 discretized weights in its graph and 1 in its index'],
    ['another type', gemm, '{"name":"gemm","dtype":"INT"}', 'has the weight "gemm" with'],
    ['a layout that is null', gemm, '{"name":"gemm","layout":null}', 'has the weight "gemm" with the shape'],
    ['9 bits', '"bits":"3"', '"bits":"9"', 'has the weight "conv" with 9 bits, expected 1 to 8'],
    ['no bits', '"bits":"3"', '"b":"3"', 'bits, expected 1 to 8'],
    ['other bits', '"bits":"3"', '"bits":"2"', 'bytes of codes and 11 level parameters, its weights need'],
    [
      'an unknown rule',
      '"rule":"linear"',
      '"rule":"sqrt"',
      'has the weight "conv" with the unknown level rule "sqrt"',
    ],
    ['another rule', '"rule":"linear"', '"rule":"bases"', 'level parameters, its weights need'],
    [
      'an unknown granularity',
      '"granularity":"channel"',
      '"granularity":"row"',
      'has the weight "conv" with the granularity "row"',
    ],
    [
      'groups of none',
      '"granularity":"channel"',
      '"granularity":"group:0"',
      'with the granularity "group:0"',
    ],
    [
      'another granularity',
      '"granularity":"channel"',
      '"granularity":"tensor"',
      'level parameters, its weights need',
    ],
    ['no version', '"bnnq":"1"', '"bnnx":"1"', 'is a safetensors file, but no packed model'],
    ['no index', '"index":', '"xedni":', 'has its index at ""'],
    ['an index that is no JSON', '{"weights":', '[weights:', 'has an index that is not JSON'],
    ['an index that is a list', '{"weights":[', '[', 'has an index that is not JSON'],
    ['an index without weights', '{"weights":', '{"w":', 'has an index without weights or hashes'],
    [
      'options that are a list',
      '"options":{"a":"bcd"}',
      '"options":["a","b"]',
      'has an index without weights or hashes',
    ],
    ['no graph', '"__graph__":{', '"__hparg__":{', 'has no tensor "__graph__"'],
    [
      'a table of another type',
      '"table":{"dtype":"F32"',
      '"table":{"dtype":"I32"',
      'has the tensor "table" as I32, its graph says FLOAT',
    ],
    ['a table that is not there', '"table":{', '"elbat":{', 'tensor "table" of the packed file is missing'],
    [
      'levels of another type',
      '"__levels__":{"dtype":"F32"',
      '"__levels__":{"dtype":"I32"',
      'has the tensor "__levels__" of type I32, expected F32',
    ],
    ['no codes', '"__codes__":{', '"__sedoc__":{', 'has no tensor "__codes__"'],
  ];
  it.each(BAD)('%s', async (_, from, to, message) => {
    const bytes = changed(await packed(), from, to);
    const read = () => readModelBytes(bytes, { verify: false, file: 'm.bnnq' });
    await expect(read()).rejects.toBeInstanceOf(BnnqError);
    await expect(read()).rejects.toThrow(message);
    await expect(read()).rejects.toMatchObject({ at: { file: 'm.bnnq' }, code: /malformed|unsupported/ });
  });

  it('a level parameter that is no number', async () => {
    const bytes = await packed();
    const levels = 8 + Number(bytes.readBigUInt64LE(0)) + 80_000;
    bytes.writeFloatLE(Number.NaN, levels);
    await expect(readModelBytes(bytes, { verify: false })).rejects.toThrow(
      'packed: the file has the weight "conv" with a level parameter NaN',
    );
  });

  it('an index beyond the graph', async () => {
    const bytes = await packed();
    const [text] = /"index":"\[\d+,\d+\]"/.exec(bytes.toString('latin1'))!;
    const read = (to: string) => readModelBytes(changed(bytes, text, `"index":"${to}"`), { verify: false });
    await expect(read('[0,99999]')).rejects.toThrow('has its index at "[0,99999]", the graph has');
    await expect(read('[9,8]')).rejects.toThrow('has its index at "[9,8]"');
    await expect(read('[-1,8]')).rejects.toThrow('has its index at "[-1,8]"');
  });
});

describe('a packed file whose hashes are checked', () => {
  it('is refused for a tensor that differs, by name and with both hashes', async () => {
    const bytes = await packed();
    bytes[8 + Number(bytes.readBigUInt64LE(0)) + 5] ^= 1;
    await expect(readModelBytes(bytes)).rejects.toThrow(
      /^packed: the file is damaged: tensor "table" has SHA-256 \S{44}, expected \S{44}$/,
    );
    expect((await readModelBytes(bytes, { verify: false })).source.format).toBe('packed');
  });

  it('is refused for a graph that differs, and for a tensor without a hash', async () => {
    const bytes = await packed();
    await expect(readModelBytes(changed(bytes, '"name":"conv"', '"name":"vonc"'))).rejects.toThrow(
      'tensor "__graph__" has SHA-256',
    );
    await expect(readModelBytes(changed(bytes, '"table":{', '"elbat":{'))).rejects.toThrow(
      'tensor "elbat" has SHA-256',
    );
  });
});
