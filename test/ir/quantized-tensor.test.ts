import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantizedInitializer } from '../../src/ir/quantized-initializer.ts';
import {
  codesOf,
  copyInRowOrder,
  dequantize,
  levelsOf,
  payloadBytes,
  planesOf,
  type QuantizedTensor,
  rowOrder,
  rowsAndColumns,
  tableCount,
} from '../../src/ir/quantized-tensor.ts';
import type { DataType } from '../../src/tensor/dtype.ts';

/** A weight [2,3] with three bits of `linear`; Δ is 2, 4, 6… for the tables in turn. */
function sample(
  granularity: QuantizedTensor['granularity'],
  groupSize: number,
  dtype: DataType = 'FLOAT',
): QuantizedTensor {
  const tables = tableCount({ rows: 2, columns: 3, granularity, groupSize });
  return {
    scheme: 'linear',
    rule: 'linear',
    bits: 3,
    granularity,
    groupSize,
    shape: [2, 3],
    dtype,
    layout: { split: [2, 3], perm: [0, 1], rowAxes: 1 },
    rows: 2,
    columns: 3,
    params: Float32Array.from({ length: tables }, (_, i) => 2 * (i + 1)),
    planes: planesOf(Uint8Array.of(0, 1, 2, 4, 5, 6), 3),
  };
}

describe('the order of rows', () => {
  it('is that of the elements where the first axis is the output channel', () => {
    expect(rowOrder({ split: [4, 3, 2, 2], perm: [0, 1, 2, 3], rowAxes: 1 })).toBeUndefined();
  });

  it('of a MatMul weight is its transpose', () => {
    expect([...rowOrder({ split: [2, 3], perm: [1, 0], rowAxes: 1 })!]).toEqual([0, 3, 1, 4, 2, 5]);
  });

  it('is what reshaping and permuting the positions gives, whatever the layout', () => {
    const layout = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }).chain((split) =>
      fc
        .shuffledSubarray(
          split.map((_, i) => i),
          { minLength: split.length },
        )
        .map((perm) => ({ split, perm, rowAxes: 1 })),
    );
    fc.assert(
      fc.property(layout, ({ split, perm, rowAxes }) => {
        const size = split.reduce((a, b) => a * b);
        const expected = Array.from({ length: size }, (_, i) => {
          const index: number[] = [];
          for (let axis = perm.length - 1, rest = i; axis >= 0; axis--) {
            index[perm[axis]] = rest % split[perm[axis]];
            rest = Math.floor(rest / split[perm[axis]]);
          }
          return split.reduce((sum, dim, axis) => sum * dim + index[axis], 0);
        });
        expect([
          ...(rowOrder({ split, perm, rowAxes }) ?? Array.from({ length: size }, (_, i) => i)),
        ]).toEqual(expected);
        expect(rowsAndColumns({ split, perm, rowAxes })).toEqual({
          rows: split[perm[0]],
          columns: size / split[perm[0]],
        });
      }),
      { seed: 4 },
    );
  });
});

describe('a discretized weight', () => {
  it('has a table for the tensor, for each row, or for each group of columns', () => {
    expect([...dequantize(sample('tensor', 6))]).toEqual([1, 3, 5, -1, -3, -5]);
    expect([...dequantize(sample('channel', 3))]).toEqual([1, 3, 5, -2, -6, -10]);
    expect([...dequantize(sample('group:2', 2))]).toEqual([1, 3, 10, -3, -9, -20]);
    expect(levelsOf(sample('group:2', 2))).toHaveLength(4 * 8);
  });

  it('lies the other way where its layout says so', () => {
    const q = {
      ...sample('channel', 2),
      layout: { split: [2, 3], perm: [1, 0], rowAxes: 1 },
      rows: 3,
      columns: 2,
    };
    const rows = { ...q, params: Float32Array.of(2, 4, 6) };
    expect([...dequantize(rows)]).toEqual([1, 10, -9, 3, -2, -15]);
  });

  it('knows its codes and its bytes', () => {
    expect([...codesOf(sample('channel', 3))]).toEqual([0, 1, 2, 4, 5, 6]);
    expect(payloadBytes(sample('channel', 3))).toEqual({ codes: 3, levels: 8 });
  });

  it('as an initializer is read in the type of the weight that it replaces', () => {
    const read = (dtype: DataType) => quantizedInitializer('w', sample('tensor', 6, dtype)).read();
    expect(read('FLOAT')).toEqual({
      dtype: 'FLOAT',
      shape: [2, 3],
      data: Float32Array.of(1, 3, 5, -1, -3, -5),
    });
    expect(read('DOUBLE').data).toEqual(Float64Array.of(1, 3, 5, -1, -3, -5));
    expect(read('FLOAT16').data).toEqual(Uint16Array.of(0x3c00, 0x4200, 0x4500, 0xbc00, 0xc200, 0xc500));
    expect(read('BFLOAT16').data).toEqual(Uint16Array.of(0x3f80, 0x4040, 0x40a0, 0xbf80, 0xc040, 0xc0a0));
    expect(() => read('INT8')).toThrow('initializer "w": a weight of type INT8 cannot be discretized');
    expect(quantizedInitializer('w', sample('tensor', 6)).byteLength).toBe(3 + 4);
  });
});

describe('elements in row order', () => {
  it('are those at the listed positions, from any place on', () => {
    for (const [split, perm] of [
      [
        [4, 6],
        [1, 0],
      ],
      [
        [2, 3, 4, 5],
        [0, 2, 1, 3],
      ],
      [
        [3, 1, 4],
        [2, 1, 0],
      ],
      [[7], [0]],
    ] as const) {
      const layout = { split, perm, rowAxes: 1 };
      const values = Float32Array.from({ length: split.reduce((a: number, b) => a * b, 1) }, (_, i) => i);
      const order = [...(rowOrder(layout) ?? values)];
      for (let begin = 0; begin < values.length; begin += 3) {
        const part = new Float32Array(Math.min(5, values.length - begin));
        copyInRowOrder(values, layout, begin, part);
        expect([...part]).toEqual(order.slice(begin, begin + part.length));
      }
    }
  });
});
