import { describe, expect, it } from 'vitest';
import { dequantize } from '../../src/ir/quantized-tensor.ts';
import { lowBitCodes } from '../../src/quantizers/low-bit.ts';

const ROWS = 6;
const COLUMNS = 40;
const layout = { split: [ROWS, COLUMNS], perm: [0, 1], rowAxes: 1 };
const f = Math.fround;

/** Codes of a weight whose elements are given by row and column. */
function codes(
  element: (row: number, column: number, i: number) => number,
  grid?: Parameters<typeof lowBitCodes>[0]['grid'],
) {
  const values = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) =>
    element(Math.floor(i / COLUMNS), i % COLUMNS, i),
  );
  const quantized = lowBitCodes({ dtype: 'FLOAT', shape: [ROWS, COLUMNS], layout, values, grid });
  return { values, quantized };
}

/** 0 … n − 1, in no order. */
const pick = (i: number, n: number): number => (((i + 1) * 2654435761) >>> 7) % n;

describe('a weight of few values', () => {
  it.each([
    ['±a is binary', (_: number, __: number, i: number) => (pick(i, 2) ? 0.3 : -0.3), 'binary', 1, 'tensor'],
    [
      '±a of each row is binary',
      (r: number, _: number, i: number) => (pick(i, 2) ? 0.1 : -0.1) * (r + 1),
      'binary',
      1,
      'channel',
    ],
    [
      '−a, 0, +a is ternary',
      (_: number, __: number, i: number) => (pick(i, 3) - 1) * 0.7,
      'ternary',
      2,
      'tensor',
    ],
    [
      '−a, 0, +a of each row is ternary',
      (r: number, _: number, i: number) => (pick(i, 3) - 1) * (r + 0.1),
      'ternary',
      2,
      'channel',
    ],
    ['0 and 1 take a bit', (_: number, __: number, i: number) => pick(i, 2), 'codebook', 1, 'tensor'],
    [
      'fifteen values of any kind take four bits',
      (_: number, __: number, i: number) => Math.sin(pick(i, 15)),
      'codebook',
      4,
      'tensor',
    ],
  ] as const)('%s', (_, element, scheme, bits, granularity) => {
    const { values, quantized } = codes(element);
    expect(quantized).toMatchObject({ scheme, bits, granularity });
    expect(dequantize(quantized!)).toEqual(values);
  });

  it('that was rounded to a grid has its scales and zero points', () => {
    const scale = Float32Array.from(
      { length: ROWS * COLUMNS },
      (_, i) => 0.01 * (1 + Math.floor(i / COLUMNS)),
    );
    const zero = Float32Array.of(3);
    const { values, quantized } = codes((_, __, i) => f(f(pick(i, 16) - 8 - 3) * scale[i]!), {
      bits: 4,
      low: -8,
      scale,
      zero,
    });
    expect(quantized).toMatchObject({ scheme: 'affine', rule: 'affine', bits: 4, granularity: 'channel' });
    expect([...quantized!.params.subarray(0, 4)]).toEqual([f(0.01), 11, f(0.02), 11]);
    expect(dequantize(quantized!)).toEqual(values);
  });

  it('is not mistaken: floats, a constant, too few elements, and a grid that the values are not on', () => {
    expect(codes((_, __, i) => Math.sin(i)).quantized).toBeUndefined();
    expect(codes(() => 0.5).quantized).toBeUndefined();
    expect(codes((_, __, i) => Math.sin(pick(i, 30))).quantized).toBeUndefined();
    const grid = { bits: 4, low: 0, scale: Float32Array.of(0.1), zero: Float32Array.of(0) };
    expect(codes((_, __, i) => Math.sin(i), grid).quantized).toBeUndefined();
    const tiny = {
      dtype: 'FLOAT',
      shape: [2, 2],
      layout: { split: [2, 2], perm: [0, 1], rowAxes: 1 },
    } as const;
    expect(lowBitCodes({ ...tiny, values: Float32Array.of(1, -1, -1, 1) })).toBeUndefined();
  });

  it('counts −0 as 0', () => {
    const { quantized } = codes((_, __, i) => [-0.5, -0, 0, 0.5][pick(i, 4)]!);
    expect(quantized).toMatchObject({ scheme: 'ternary' });
    expect(new Set(dequantize(quantized!))).toEqual(new Set([-0.5, 0, 0.5]));
  });
});
