import { expect, it } from 'vitest';
import { dequantize } from '../../../src/ir/quantized-tensor.ts';
import { scaleRows } from '../../../src/quantizers/calibrate/scale-levels.ts';
import { quantizeWeight } from '../../../src/quantizers/quantize-weight.ts';
import { sampleOf } from '../samples.ts';
import { ALL_SETTINGS } from './random-moments.ts';

const [ROWS, COLUMNS] = [3, 20];
const layout = { split: [ROWS, COLUMNS], perm: [0, 1], rowAxes: 1 };
// Powers of two change no digits.
const scales = Float64Array.of(0.5, 1, 4);

it.each(['channel', 'group:8'] as const)('rows of every scheme are scaled apart, %s', (granularity) => {
  for (const settings of ALL_SETTINGS) {
    const weight = sampleOf('laplace', ROWS * COLUMNS, 3);
    const { quantized } = quantizeWeight(weight, layout, { ...settings, granularity });
    const scaled = scaleRows(quantized, scales)!;
    expect(scaled.planes).toEqual(quantized.planes);
    const before = dequantize(quantized);
    expect(dequantize(scaled), JSON.stringify(settings)).toEqual(
      before.map((value, i) => value * scales[Math.floor(i / COLUMNS)]!),
    );
  }
});

it('rows that share a table are not', () => {
  const weight = sampleOf('laplace', ROWS * COLUMNS, 3);
  const { quantized } = quantizeWeight(weight, layout, { scheme: 'exp', bits: 2, granularity: 'tensor' });
  expect(scaleRows(quantized, scales)).toBeUndefined();
});
