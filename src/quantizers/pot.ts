import { type Ladder, ladderSizes } from './fit/geometric.ts';
import { fitScale, shapeOf } from './fit/scale.ts';
import type { Scheme } from './scheme.ts';

const RATIO = 0.5;

/** Powers of two: the geometric levels of ratio ½, so that a product is a shift. */
export const powerOfTwo: Scheme = {
  name: 'pot',
  summary: 'powers of two ±a·2^−j with free a; --zero adds 0',
  bits: { from: 1, to: 8 },
  fits: ['correlation', 'max-range'],
  choices: ['zero'],
  problems: ({ bits, zero }) => (zero && bits === 1 ? ['pot with a zero level needs at least 2 bits'] : []),
  rule: ({ zero }) => (zero ? 'geometric-zero' : 'geometric'),
  fixedParams: [1],
  fit(values, { bits, fit, zero }) {
    if (fit === 'max-range') return { params: [values.max(), RATIO] };
    const ladder: Ladder = { count: 2 ** (bits - 1) - (zero ? 1 : 0), zero };
    return { params: [fitScale(values.magnitudes(), shapeOf(ladderSizes(ladder, RATIO))).first, RATIO] };
  },
};
