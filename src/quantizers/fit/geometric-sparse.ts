import { log } from '../../kernels/math/log.ts';
import type { Objective } from './descend.ts';
import type { Ladder } from './geometric.ts';
import type { SortedSample } from './moments.ts';
import { inRange } from './scale.ts';

/**
 * The objective of geometric.ts by the values instead of the levels, O(N), for samples that are few against the levels.
 * Value x belongs to the level of exponent e if x lies between a·q^e·(1+q)/2 and q times that, so that
 * e = ⌊(log a − log x)/(−log q) + 1 − log((1+q)/2)/log q⌋, held within the ladder. The logarithms of the values (against
 * the largest, so that a power of two on all changes nothing) are taken once a sample; their error may put a value on the wrong side of a threshold that it all but lies on, which
 * changes the error as little.
 */
export function sparseObjective(sample: SortedSample, { count, zero }: Ladder): Objective {
  const n = sample.mass;
  const values = new Float64Array(n);
  const logs = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    values[i] = sample.at(i);
    logs[i] = log(values[i]! / sample.max);
  }
  const powers = new Float64Array(count);
  const derivatives = new Float64Array(count); // of q^e by q: e·q^(e−1)
  let known = 0;
  let perStep = 0;
  let offset = 0;
  return (a, q, point) => {
    if (!(q > 0 && q < 1 && inRange(a, 1, point))) {
      point.error = Number.POSITIVE_INFINITY;
      return;
    }
    if (q !== known) {
      known = q;
      perStep = -1 / log(q);
      offset = 1 + perStep * log((1 + q) / 2);
      let power = 1;
      let derivative = 0;
      for (let e = 0; e < count; e++) {
        powers[e] = power;
        derivatives[e] = derivative;
        derivative = derivative * q + power;
        power *= q;
      }
    }
    const origin = log(a / sample.max) * perStep + offset;
    const last = count - 1;
    const zeroBelow = zero ? (a * powers[last]!) / 2 : -1;
    let error = 0;
    let g1 = 0;
    let g2 = 0;
    let h11 = 0;
    let h12 = 0;
    let h22 = 0;
    for (let i = 0; i < n; i++) {
      const value = values[i]!;
      if (value < zeroBelow) {
        error += value * value;
        continue;
      }
      const place = origin - logs[i]! * perStep;
      const e = place < 0 ? 0 : place > last ? last : place | 0;
      const power = powers[e]!;
      const derivative = derivatives[e]!;
      const residual = a * power - value;
      error += residual * residual;
      g1 += residual * power;
      g2 += residual * derivative;
      h11 += power * power;
      h12 += power * derivative;
      h22 += derivative * derivative;
    }
    point.error = error;
    point.g1 = 2 * g1;
    point.g2 = 2 * a * g2;
    point.h11 = 2 * h11;
    point.h12 = 2 * a * h12;
    point.h22 = 2 * a * a * h22;
  };
}
