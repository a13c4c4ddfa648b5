import { describe, expect, it } from 'vitest';
import { createSession } from '../../../../src/runtime/session.ts';
import type { DataType } from '../../../../src/tensor/dtype.ts';
import { sizeOf, type Tensor } from '../../../../src/tensor/tensor.ts';
import { buildModel, type ShortModel } from '../../build-model.ts';
import { expectAsOnnxRuntime } from '../../oracle.ts';
import { one, scales, wholeRange } from './bytes.ts';

const SHAPES: readonly (readonly [a: readonly number[], b: readonly number[]])[] = [
  [
    [5, 37],
    [37, 9],
  ],
  [
    [2, 3, 5, 20],
    [20, 6],
  ],
  [
    [2, 3, 4, 7],
    [2, 3, 7, 5],
  ],
  [
    [3, 4, 7],
    [2, 1, 7, 5],
  ],
  [
    [4, 1100],
    [1100, 3],
  ],
];

/** Weights of 7 bits: see convolution.test.ts. */
const narrowed = (b: Tensor): Tensor => ({ ...b, data: (b.data as Int8Array).map((value) => value >> 1) });

describe('MatMulInteger agrees with onnxruntime', () => {
  for (const [a, b] of SHAPES)
    for (const isConstant of [false, true])
      for (const bType of ['UINT8', 'INT8'] as const) {
        const weight = bType === 'INT8' ? narrowed(wholeRange(bType, b, 2)) : wholeRange(bType, b, 2);
        const perColumn = b.length === 2;
        const zero: Tensor = perColumn
          ? { ...wholeRange(bType, [b[1]!], 3) }
          : one(bType, bType === 'INT8' ? -4 : 77);
        const note = `${a} by ${b}, ${bType} ${isConstant ? 'constants' : 'computed'}`;
        it(note, async () => {
          const short: ShortModel = {
            inputs: { a: ['UINT8', a], ...(isConstant ? {} : { b: [bType, b] as const }) },
            outputs: ['y'],
            outputTypes: { y: 'INT32' },
            constants: { az: one('UINT8', 99), bz: zero, ...(isConstant ? { b: weight } : {}) },
            nodes: [{ op: 'MatMulInteger', inputs: ['a', 'b', 'az', 'bz'], outputs: ['y'] }],
          };
          const feeds: Record<string, Tensor> = { a: wholeRange('UINT8', a, 1) };
          if (!isConstant) feeds.b = weight;
          await expectAsOnnxRuntime(short, feeds);
        });
      }
});

describe('QLinearMatMul agrees with onnxruntime to the last bit', () => {
  for (const [a, b] of SHAPES)
    for (const [aType, bType] of [
      ['UINT8', 'UINT8'],
      ['INT8', 'INT8'],
    ] as const)
      for (const perColumn of [false, true]) {
        if (perColumn && b.length > 2) continue;
        it(`${a} by ${b}, ${aType}, a scale ${perColumn ? 'a column' : 'for all'}`, async () => {
          const n = b.at(-1)!;
          await expectAsOnnxRuntime(
            {
              inputs: { a: [aType, a], b: [bType, b] },
              outputs: ['y'],
              outputTypes: { y: aType },
              constants: {
                as: scales(1, 0.02, 1, []),
                az: one(aType, aType === 'INT8' ? -7 : 131),
                bs: perColumn ? scales(n, 0.01, 2) : scales(1, 0.01, 2, []),
                bz: perColumn ? wholeRange(bType, [n], 8) : one(bType, aType === 'INT8' ? 3 : 120),
                ys: scales(1, 0.03 * Math.sqrt(a.at(-1)!), 3, []),
                yz: one(aType, aType === 'INT8' ? 5 : 117),
              },
              nodes: [
                {
                  op: 'QLinearMatMul',
                  inputs: ['a', 'as', 'az', 'b', 'bs', 'bz', 'ys', 'yz'],
                  outputs: ['y'],
                },
              ],
            },
            { a: wholeRange(aType, a, 4), b: wholeRange(bType, b, 5) },
          );
        });
      }
});

/** The result of one node on constants that are fed. */
function run(op: string, feeds: Record<string, Tensor>, dtype: DataType, opset = 21): Tensor {
  const session = createSession(
    buildModel({
      opset,
      inputs: Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, [t.dtype, t.shape]])),
      outputs: ['y'],
      outputTypes: { y: dtype },
      nodes: [{ op, inputs: Object.keys(feeds), outputs: ['y'] }],
    }),
  );
  const y = session.run(feeds).get('y')!;
  session.dispose();
  return y;
}

describe('integer matrix products, beyond what onnxruntime has', () => {
  it('take a zero point a row of A', () => {
    const [a, b] = [wholeRange('INT8', [2, 3, 4], 1), wholeRange('INT8', [4, 2], 2)];
    const rows: Tensor = { dtype: 'INT8', shape: [2, 3, 1], data: Int8Array.of(1, -2, 3, -4, 5, -6) };
    const y = run('MatMulInteger', { a, b, az: rows }, 'INT32');
    const expected = Array.from({ length: 12 }, (_, i) => {
      const [row, column] = [i >> 1, i & 1];
      let sum = 0;
      for (let k = 0; k < 4; k++)
        sum += (Number(a.data[row * 4 + k]) - Number(rows.data[row])) * Number(b.data[k * 2 + column]);
      return sum;
    });
    expect([...y.data]).toEqual(expected);
  });

  it('wrap around at 32 bits', () => {
    const k = 40_000;
    const ones = (shape: readonly number[]): Tensor => ({
      dtype: 'UINT8',
      shape,
      data: new Uint8Array(sizeOf(shape)).fill(255),
    });
    const y = run('MatMulInteger', { a: ones([1, k]), b: ones([k, 1]) }, 'INT32');
    expect(y.data[0]).toBe((k * 65025) | 0);
  });

  it('round the factor of scales of half precision to half precision', () => {
    const half = (value: number): Tensor => ({
      dtype: 'FLOAT16',
      shape: [],
      data: Uint16Array.of(value),
    });
    const scale = half(13653); // its square is 0.111056864, in half precision 0.111083984
    const feeds = { a: one('INT8', 104), as: scale, az: one('INT8', 0) };
    const more = { b: one('INT8', 10), bs: scale, bz: one('INT8', 0), ys: half(0x3c00), yz: one('INT8', 0) };
    const shaped = (t: Tensor): Tensor => ({ ...t, shape: [1, 1] });
    const y = run('QLinearMatMul', { ...feeds, ...more, a: shaped(feeds.a), b: shaped(more.b) }, 'INT8');
    expect(y.data[0]).toBe(116); // 1040 · 0.111084 = 115.527, while 1040 · 0.111057 = 115.499
  });
});
