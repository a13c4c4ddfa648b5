import type { BinaryName } from '../contract.ts';
import { pow } from '../math/pow.ts';

/** The definition of y = f(a, b) over [outer, channels, inner] with b [channels]; `channels` 1 is a scalar. */
export function binaryReference(
  name: BinaryName,
  a: Float32Array,
  b: Float32Array,
  y: Float32Array,
  outer: number,
  channels: number,
  inner: number,
  swapped = false,
): void {
  const f = binaryFunction(name);
  let i = 0;
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++) {
      const other = b[c];
      for (let j = 0; j < inner; j++, i++) y[i] = swapped ? f(other, a[i]) : f(a[i], other);
    }
  }
}

/** f of two float32 values; the caller rounds the result to float32. `max` and `min` propagate NaN, and −0 < +0. */
function binaryFunction(name: BinaryName): (a: number, b: number) => number {
  switch (name) {
    case 'add':
      return (a, b) => a + b;
    case 'sub':
      return (a, b) => a - b;
    case 'mul':
      return (a, b) => a * b;
    case 'div':
      return (a, b) => a / b;
    case 'max':
      return Math.max;
    case 'min':
      return Math.min;
    case 'pow':
      return pow;
    case 'prelu':
      return (a, slope) => (a < 0 ? a * slope : a);
  }
}
