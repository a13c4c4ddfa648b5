/* Softmax over the middle axis of [outer, length, inner]; the definition is in reference.ts. */
import { exp } from '../math/exp.ts';
import { log } from '../math/log.ts';

export function softmax(x: usize, y: usize, outer: i32, length: i32, inner: i32, logarithm: bool): void {
  const step = (<usize>inner) << 2;
  const extent = <usize>length * step;
  for (let o = 0; o < outer; o++) {
    for (let j: usize = 0; j < step; j += 4) {
      const from = x + <usize>o * extent + j;
      const to = y + <usize>o * extent + j;
      let largest: f32 = <f32>-Infinity;
      for (let i: usize = 0; i < extent; i += step) largest = max<f32>(largest, load<f32>(from + i));
      let sum: f32 = 0;
      for (let i: usize = 0; i < extent; i += step) {
        const difference: f32 = load<f32>(from + i) - largest;
        const power = <f32>exp(<f64>difference);
        sum += power;
        store<f32>(to + i, logarithm ? difference : power);
      }
      const logSum: f32 = logarithm ? <f32>log(<f64>sum) : 0;
      for (let i: usize = 0; i < extent; i += step) {
        const v = load<f32>(to + i);
        store<f32>(to + i, logarithm ? v - logSum : v / sum);
      }
    }
  }
}
