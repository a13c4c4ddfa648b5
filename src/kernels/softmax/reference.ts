import { exp } from '../math/exp.ts';
import { log } from '../math/log.ts';

/**
 * The definition of softmax over the middle axis of [outer, length, inner]. With d = x − max rounded to float32 and
 * e = exp(d) rounded to float32: y = e / Σe, Σ in float32 in ascending order; with `log`, y = d − ln Σ, ln rounded first.
 */
export function softmaxReference(
  x: Float32Array,
  y: Float32Array,
  outer: number,
  length: number,
  inner: number,
  logarithm = false,
): void {
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const start = o * length * inner + j;
      let largest = Number.NEGATIVE_INFINITY;
      for (let i = 0; i < length; i++) largest = Math.max(largest, x[start + i * inner]);
      let sum = 0;
      for (let i = 0; i < length; i++) {
        const at = start + i * inner;
        const difference = Math.fround(x[at] - largest);
        const power = Math.fround(exp(difference));
        sum = Math.fround(sum + power);
        y[at] = logarithm ? difference : power;
      }
      const logSum = Math.fround(log(sum));
      for (let i = 0; i < length; i++) {
        const at = start + i * inner;
        y[at] = logarithm ? y[at] - logSum : y[at] / sum;
      }
    }
  }
}
