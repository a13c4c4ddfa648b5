import type { Conv2dShape } from '../contract.ts';
import { expectLength, expectWhole } from './expect.ts';
import { type FixedFinish, type FixedGrid, MOST_FIXED } from './fixed-contract.ts';

export function checkFixedFinish(finish: FixedFinish, outChannels: number): void {
  for (const name of ['multipliers', 'offsets', 'limits'] as const)
    expectLength(`integerConv2d: ${name}`, finish[name].length, outChannels);
  expectWhole('integerConv2d: shift', finish.shift, 0, 32);
  expectBounds('integerConv2d', finish.low, finish.high);
  if (finish.addend !== undefined)
    expectLength('integerConv2d: addend', finish.addend.length, finish.y.length);
}

export function checkCodesOfFixed(x: Int32Array, codes: Uint8Array, grid: FixedGrid): void {
  expectLength('codesOfFixed: codes', codes.length, x.length);
  expectWhole('codesOfFixed: multiplier', grid.multiplier, 0, 2 ** 31 - 1);
  expectWhole('codesOfFixed: high', grid.high, 1, 255);
  expectWhole('codesOfFixed: zero', grid.zero, 0, grid.high);
}

export function checkFixedOfCodes(codes: Uint8Array, table: Int32Array, y: Int32Array): void {
  expectLength('fixedOfCodes: table', table.length, 256);
  expectLength('fixedOfCodes: y', y.length, codes.length);
}

export function checkAddFixed(
  x: Int32Array,
  addend: Int32Array | undefined,
  y: Int32Array,
  low: number,
  high: number,
): void {
  if (addend !== undefined) expectLength('addFixed: addend', addend.length, x.length);
  expectLength('addFixed: y', y.length, x.length);
  expectBounds('addFixed', low, high);
}

export function checkPoolFixed(x: Int32Array, y: Int32Array, shape: Conv2dShape): void {
  const { batch, inChannels, inHeight, inWidth, outHeight, outWidth, padTop, padLeft } = shape;
  expectLength('poolFixed: x', x.length, batch * inHeight * inWidth * inChannels);
  expectLength('poolFixed: y', y.length, batch * outHeight * outWidth * inChannels);
  if (padTop < 0 || padLeft < 0) throw new RangeError('kernels: poolFixed: expected padding of 0 or more');
}

function expectBounds(what: string, low: number, high: number): void {
  expectWhole(`${what}: low`, low, -MOST_FIXED, MOST_FIXED);
  expectWhole(`${what}: high`, high, low, MOST_FIXED);
}
