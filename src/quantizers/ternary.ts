import type { SortedSample } from './fit/moments.ts';
import type { Scheme } from './scheme.ts';

/** {−a, 0, +a} in two bits. */
export const ternary: Scheme = {
  name: 'ternary',
  summary: 'three levels −a, 0, +a in two bits',
  bits: { from: 2, to: 2 },
  fits: ['correlation', 'max-range'],
  choices: [],
  rule: () => 'ternary',
  fit: (values, { fit }) => ({
    params: [fit === 'max-range' ? values.max() : fitTernary(values.magnitudes())],
  }),
};

/**
 * The best level, exactly: with the m largest magnitudes at ±a and the rest at 0, a = S1/m leaves an error of
 * energy − S1²/m, S1 their sum. At the optimum the cells are those of the nearest level, the threshold a/2.
 */
export function fitTernary(magnitudes: SortedSample): number {
  let sum = 0;
  let level = 0;
  let most = 0;
  for (let m = 1; m <= magnitudes.mass; m++) {
    sum += magnitudes.at(magnitudes.mass - m);
    const gain = (sum * sum) / m;
    if (gain > most) {
      most = gain;
      level = sum / m;
    }
  }
  return level;
}
