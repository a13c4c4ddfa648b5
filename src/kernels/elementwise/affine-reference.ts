import { clamp } from '../epilogue.ts';

/** The definition of y = clamp(x·scale[c] + shift[c]) over [outer, channels, inner], each step rounded to float32. */
export function affineReference(
  x: Float32Array,
  scale: Float32Array,
  shift: Float32Array,
  y: Float32Array,
  outer: number,
  channels: number,
  inner: number,
  low: number = Number.NEGATIVE_INFINITY,
  high: number = Number.POSITIVE_INFINITY,
): void {
  const lowest = Math.fround(low);
  const highest = Math.fround(high);
  let i = 0;
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++) {
      for (let j = 0; j < inner; j++, i++) {
        y[i] = clamp(Math.fround(Math.fround(x[i] * scale[c]) + shift[c]), lowest, highest);
      }
    }
  }
}
