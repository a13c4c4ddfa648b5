import { describe, expect, it } from 'vitest';
import { createSession } from '../../../../src/runtime/session.ts';
import type { DataType } from '../../../../src/tensor/dtype.ts';
import type { Tensor } from '../../../../src/tensor/tensor.ts';
import { buildModel, type ShortAttribute, type ShortModel } from '../../build-model.ts';
import { expectAsOnnxRuntime } from '../../oracle.ts';
import { generator } from '../../random.ts';
import { one, scales, wholeRange } from './bytes.ts';

interface Shape {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly attributes?: Readonly<Record<string, ShortAttribute>>;
}

const SHAPES: Readonly<Record<string, Shape>> = {
  'pads on all sides': { x: [2, 5, 9, 8], w: [7, 5, 3, 3], attributes: { pads: [1, 0, 2, 1] } },
  'a stride': { x: [1, 4, 11, 9], w: [6, 4, 3, 2], attributes: { strides: [2, 3], pads: [1, 1, 1, 1] } },
  dilation: { x: [1, 3, 12, 12], w: [4, 3, 3, 3], attributes: { dilations: [2, 3] } },
  groups: { x: [2, 6, 7, 7], w: [8, 3, 3, 3], attributes: { group: 2, pads: [1, 1, 1, 1] } },
  'a depthwise kernel': {
    x: [2, 8, 9, 9],
    w: [8, 1, 3, 3],
    attributes: { group: 8, strides: [2, 2], pads: [0, 0, 1, 1] },
  },
  'a 1×1 kernel': { x: [1, 33, 6, 5], w: [17, 33, 1, 1] },
  'one axis': { x: [2, 4, 20], w: [5, 4, 5], attributes: { pads: [2, 2] } },
  'auto_pad SAME_UPPER': {
    x: [1, 3, 8, 9],
    w: [4, 3, 3, 3],
    attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] },
  },
  'more channels than float32 can sum': {
    x: [1, 160, 4, 4],
    w: [5, 160, 3, 3],
    attributes: { pads: [1, 1, 1, 1] },
  },
  'the same in groups': { x: [2, 320, 3, 3], w: [4, 160, 3, 3], attributes: { group: 2 } },
};

/** Element types of input, weight and output. */
const TYPES: readonly (readonly [DataType, DataType, DataType])[] = [
  ['UINT8', 'INT8', 'UINT8'],
  ['UINT8', 'UINT8', 'UINT8'],
  ['INT8', 'INT8', 'INT8'],
];

function qLinearConv(
  { x, w, attributes = {} }: Shape,
  [xType, wType, yType]: readonly [DataType, DataType, DataType],
  perChannel: boolean,
  constants: Readonly<Record<string, Tensor>> = {},
): ShortModel {
  const rows = w[0]!;
  const terms = w.slice(1).reduce((p, d) => p * d, 1);
  return {
    inputs: { x: [xType, x] },
    outputs: ['y'],
    outputTypes: { y: yType },
    constants: {
      xs: scales(1, 0.02, 1, []),
      xz: one(xType, xType === 'INT8' ? -7 : 131),
      w: forOnnxRuntime(wholeRange(wType, w, 5), xType),
      ws: perChannel ? scales(rows, 0.01, 2) : scales(1, 0.01, 2, []),
      wz: perChannel
        ? {
            dtype: wType,
            shape: [rows],
            data: wType === 'INT8' ? new Int8Array(rows) : new Uint8Array(rows).fill(128),
          }
        : one(wType, wType === 'INT8' ? 3 : 120),
      ys: scales(1, 0.03 * Math.sqrt(terms), 3, []),
      yz: one(yType, yType === 'INT8' ? 5 : 117),
      b: wholeRange('INT32', [rows], 4),
      ...constants,
    },
    nodes: [
      {
        op: 'QLinearConv',
        inputs: ['x', 'xs', 'xz', 'w', 'ws', 'wz', 'ys', 'yz', 'b'],
        outputs: ['y'],
        attributes,
      },
    ],
  };
}

/**
 * On x86 without VNNI onnxruntime adds products of UINT8 and INT8 in pairs that saturate at 16 bits: a flaw that its own
 * quantizer avoids by weights of 7 bits (`reduce_range`).
 */
function forOnnxRuntime(w: Tensor, xType: DataType): Tensor {
  if (w.dtype !== 'INT8' || xType !== 'UINT8') return w;
  return { ...w, data: (w.data as Int8Array).map((value) => value >> 1) };
}

describe('QLinearConv agrees with onnxruntime to the last bit', () => {
  for (const [note, shape] of Object.entries(SHAPES))
    for (const types of TYPES)
      for (const perChannel of [false, true])
        it(`${note}, ${types.join(' ')}, a scale ${perChannel ? 'a channel' : 'for all'}`, async () => {
          await expectAsOnnxRuntime(qLinearConv(shape, types, perChannel), {
            x: wholeRange(types[0], shape.x, 6),
          });
        });
});

function convInteger({ x, w, attributes = {} }: Shape, xType: DataType, wType: DataType): ShortModel {
  return {
    inputs: { x: [xType, x], w: [wType, w] },
    outputs: ['y'],
    outputTypes: { y: 'INT32' },
    constants: { xz: one(xType, xType === 'INT8' ? -7 : 131), wz: one(wType, wType === 'INT8' ? 3 : 100) },
    nodes: [{ op: 'ConvInteger', inputs: ['x', 'w', 'xz', 'wz'], outputs: ['y'], attributes }],
  };
}

describe('ConvInteger agrees with onnxruntime', () => {
  for (const [note, shape] of Object.entries(SHAPES))
    it(note, async () => {
      const feeds = { x: wholeRange('UINT8', shape.x, 1), w: wholeRange('UINT8', shape.w, 2) };
      await expectAsOnnxRuntime(convInteger(shape, 'UINT8', 'UINT8'), feeds);
    });

  /** The definition, in plain loops over whole numbers. */
  function sumsOf(x: Tensor, w: Tensor, xZero: number, wZeros: readonly number[]): number[] {
    const [channels, depth, height, width] = x.shape.slice(1) as [number, number, number, number];
    const [rows, , kd, kh, kw] = w.shape as [number, number, number, number, number];
    const sums: number[] = [];
    for (let m = 0; m < rows; m++)
      for (let p = 0; p <= depth - kd; p++)
        for (let q = 0; q <= height - kh; q++)
          for (let r = 0; r <= width - kw; r++) {
            let sum = 0;
            for (let c = 0; c < channels; c++)
              for (let i = 0; i < kd; i++)
                for (let j = 0; j < kh; j++)
                  for (let k = 0; k < kw; k++) {
                    const at = ((c * depth + p + i) * height + q + j) * width + r + k;
                    const tap = (((m * channels + c) * kd + i) * kh + j) * kw + k;
                    sum += (Number(x.data[at]) - xZero) * (Number(w.data[tap]) - wZeros[m]!);
                  }
            sums.push(sum);
          }
    return sums;
  }

  it('sums over three axes, and with a zero point a channel, as its definition says', () => {
    const [x, w] = [wholeRange('UINT8', [1, 2, 4, 5, 4], 1), wholeRange('INT8', [3, 2, 2, 3, 2], 2)];
    const session = createSession(
      buildModel({
        inputs: { x: ['UINT8', x.shape], w: ['INT8', w.shape] },
        outputs: ['y'],
        constants: { xz: one('UINT8', 9), wz: { dtype: 'INT8', shape: [3], data: Int8Array.of(1, -2, 3) } },
        nodes: [{ op: 'ConvInteger', inputs: ['x', 'w', 'xz', 'wz'], outputs: ['y'] }],
      }),
    );
    const y = session.run({ x, w }).get('y')!;
    session.dispose();
    expect(y.shape).toEqual([1, 3, 3, 3, 3]);
    expect([...y.data]).toEqual(sumsOf(x, w, 9, [1, -2, 3]));
  });

  it('is exact up to 2^24 in shapes that a float layer has other sums for', () => {
    // Σ |w| = 65,151, times 255 just below 2^24; products of Winograd's transforms would have quarters beside that.
    const next = generator(4);
    const tensor = (shape: readonly number[], value: () => number): Tensor => ({
      dtype: 'UINT8',
      shape,
      data: new Uint8Array(shape.reduce((p, d) => p * d)).map(value),
    });
    const x = tensor([1, 57, 8, 9], () => 252 + Math.floor(next() * 4));
    const w = tensor([2, 57, 3, 3], () => 127);
    const session = createSession(
      buildModel({
        inputs: { x: ['UINT8', x.shape], w: ['UINT8', w.shape] },
        outputs: ['y'],
        nodes: [{ op: 'ConvInteger', inputs: ['x', 'w'], outputs: ['y'] }],
      }),
    );
    const y = session.run({ x, w }).get('y')!;
    session.dispose();
    const inDepth = (t: Tensor): Tensor => ({
      ...t,
      shape: [...t.shape.slice(0, 2), 1, ...t.shape.slice(2)],
    });
    expect([...y.data]).toEqual(sumsOf(inDepth(x), inDepth(w), 0, [0, 0]));
  });

  it('is exact where one channel alone has more products than float32 can sum', () => {
    const fill = (shape: readonly number[], value: number): Tensor => ({
      dtype: 'UINT8',
      shape,
      data: new Uint8Array(shape.reduce((p, d) => p * d)).fill(value),
    });
    const session = createSession(
      buildModel({
        inputs: { x: ['UINT8', [1, 1, 17, 17]], w: ['UINT8', [1, 1, 17, 17]] },
        outputs: ['y'],
        nodes: [{ op: 'ConvInteger', inputs: ['x', 'w'], outputs: ['y'] }],
      }),
    );
    const y = session.run({ x: fill([1, 1, 17, 17], 255), w: fill([1, 1, 17, 17], 255) }).get('y')!;
    session.dispose();
    expect([...y.data]).toEqual([289 * 65025]); // 18,792,225 > 2^24
  });
});
