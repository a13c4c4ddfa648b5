import { BnnqError } from '../errors.ts';
import type { QuantizeOptions } from './options.ts';
import type { Scheme } from './scheme.ts';

/** Up to this width a codebook for every table is worth its bytes: of 8 levels of 32 bits where exp stores two. */
const OWN_CODEBOOK_BITS = 3;

/** From this width on a level at zero helps exponential levels (docs/results, and the densities of the literature). */
const ZERO_FROM_BITS = 4;

/**
 * No levels of its own: for every weight whichever of linear, exp (from 4 bits on with and without a zero), ternary and one
 * codebook a layer comes out best, by the loss of its layer's outputs where there is calibration data and by the squared
 * error of the weights where there is none. All of these cost about the same bytes.
 */
export const auto: Scheme = {
  name: 'auto',
  summary: 'for each weight the best of linear, exp, ternary and one codebook a layer',
  bits: { from: 1, to: 8 },
  fits: ['correlation'],
  choices: [],
  candidates(options) {
    const { bits } = options;
    const as = (scheme: string, changes: Partial<QuantizeOptions> = {}): QuantizeOptions => ({
      ...options,
      scheme,
      ...changes,
    });
    return [
      as('exp'),
      ...(bits > 1 ? [as('linear')] : []),
      ...(bits === 2 ? [as('ternary')] : []),
      ...(bits >= ZERO_FROM_BITS ? [as('exp', { zero: true })] : []),
      as('codebook', { granularity: 'tensor' }),
    ];
  },
  largerCandidates: (options) =>
    options.bits <= OWN_CODEBOOK_BITS ? [{ ...options, scheme: 'codebook' }] : [],
  rule: () => {
    throw noLevels();
  },
  fit: () => {
    throw noLevels();
  },
};

function noLevels(): BnnqError {
  return new BnnqError('internal', 'scheme auto has no levels of its own');
}
