import type { Conv2dShape } from '../contract.ts';
import { checkFixedFinish } from './check-fixed.ts';

import {
  type CodeGrid,
  type IntegerRows,
  type IntegerWeightShape,
  MOST_LEVEL,
  type SumFinish,
} from './contract.ts';
import { expectLength, expectWhole } from './expect.ts';

export function checkQuantizeCodes(
  x: Float32Array,
  codes: Uint8Array,
  batch: number,
  channels: number,
  pixels: number,
  { scale, zero, high }: CodeGrid,
): void {
  expectLength('quantizeCodes: x', x.length, batch * channels * pixels);
  expectLength('quantizeCodes: codes', codes.length, batch * channels * pixels);
  expectWhole('quantizeCodes: high', high, 1, 255);
  expectWhole('quantizeCodes: zero', zero, 0, high);
  if (!(Math.fround(scale) > 0 && Number.isFinite(Math.fround(scale))))
    throw new RangeError(`kernels: quantizeCodes: expected a scale above 0, got ${scale}`);
}

/** Whether every output channel reads the input channel of its number. */
export function isDepthwiseCodes({ groups, inChannels, outChannels }: IntegerWeightShape): boolean {
  return groups > 1 && groups === inChannels && groups === outChannels;
}

export function checkIntegerRows(rows: IntegerRows, shape: IntegerWeightShape, high: number): void {
  const { inChannels, outChannels, kernelHeight, kernelWidth, groups } = shape;
  if (groups !== 1 && !isDepthwiseCodes(shape))
    throw new RangeError(
      `kernels: prepareInteger: ${groups} groups for ${inChannels} and ${outChannels} channels, expected 1 or as many as channels`,
    );
  expectWhole('prepareInteger: bits', rows.bits, 1, 8);
  expectWhole('prepareInteger: high', high, 1, 255);
  const columns = (inChannels / groups) * kernelHeight * kernelWidth;
  if (rows.rowBytes * 8 < columns)
    throw new RangeError(`kernels: prepareInteger: ${rows.rowBytes} bytes do not hold ${columns} codes`);
  expectLength('prepareInteger: planes', rows.planes.length, rows.bits * outChannels * rows.rowBytes);
  const tables = rows.tableStride === 0 ? 1 : outChannels;
  expectLength('prepareInteger: levels', rows.levels.length, tables << rows.bits);
  const largest = rows.levels.reduce((most, level) => Math.max(most, Math.abs(level)), 0);
  expectWhole('prepareInteger: the largest level', largest, 0, MOST_LEVEL);
}

export function checkIntegerConv2d(
  codes: Uint8Array,
  zero: number,
  weights: IntegerWeightShape,
  shape: Conv2dShape,
  finish: SumFinish,
): void {
  const { batch, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth } = shape;
  const parts = ['inChannels', 'outChannels', 'kernelHeight', 'kernelWidth', 'groups'] as const;
  if (parts.some((part) => weights[part] !== shape[part]))
    throw new RangeError('kernels: integerConv2d: the weights were prepared for another shape');
  if (shape.padTop < 0 || shape.padLeft < 0)
    throw new RangeError('kernels: integerConv2d: expected padding of 0 or more');
  expectWhole('integerConv2d: zero', zero, 0, 255);
  expectLength('integerConv2d: codes', codes.length, batch * inHeight * inWidth * inChannels);
  expectLength('integerConv2d: y', finish.y.length, batch * outHeight * outWidth * outChannels);
  if (finish.kind === 'fixed') {
    checkFixedFinish(finish, outChannels);
    return;
  }
  if (finish.kind === 'codes') {
    expectLength('integerConv2d: multipliers', finish.multipliers.length, outChannels);
    expectLength('integerConv2d: offsets', finish.offsets.length, outChannels);
    expectWhole('integerConv2d: low', finish.low, 0, 255);
    expectWhole('integerConv2d: high', finish.high, finish.low, 255);
    return;
  }
  expectLength('integerConv2d: alpha', finish.alpha.length, outChannels);
  for (const name of ['scale', 'bias'] as const) {
    const values = finish[name];
    if (values !== undefined) expectLength(`integerConv2d: ${name}`, values.length, outChannels);
  }
  if (finish.addend !== undefined)
    expectLength('integerConv2d: addend', finish.addend.length, finish.y.length);
}

export function checkPoolCodes(codes: Uint8Array, y: Uint8Array, shape: Conv2dShape): void {
  const { batch, inChannels, inHeight, inWidth, outHeight, outWidth } = shape;
  expectLength('poolCodes: codes', codes.length, batch * inHeight * inWidth * inChannels);
  expectLength('poolCodes: y', y.length, batch * outHeight * outWidth * inChannels);
  if (shape.padTop < 0 || shape.padLeft < 0)
    throw new RangeError('kernels: poolCodes: expected padding of 0 or more');
}
