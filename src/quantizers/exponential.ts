import { fitCells } from './fit/cells.ts';
import { fitGeometric, fitRatio, type Ladder, THOROUGH } from './fit/geometric.ts';
import type { FitOptions, FittedTable, Scheme } from './scheme.ts';
import type { TableValues } from './table-values.ts';

/** Levels in geometric progression, ±a·q^j, with both parameters free. */
export const exponential: Scheme = {
  name: 'exp',
  summary:
    'geometric levels ±a·q^j with free a and q; --zero adds 0; --levels cells: means of the cells max·q^j',
  bits: { from: 1, to: 8 },
  fits: ['correlation', 'max-range'],
  choices: ['zero', 'levels'],
  problems({ bits, fit, levels, zero }) {
    const problems: string[] = [];
    if (zero && bits === 1) problems.push('exp with a zero level needs at least 2 bits');
    if (levels === 'cells' && zero)
      problems.push('exp with levels "cells" has no zero level: its lowest cell reaches down to 0');
    if (levels === 'cells' && fit === 'max-range')
      problems.push(
        'exp with levels "cells" always spans ±max|w| and fits q by correlation; leave out the fit max-range',
      );
    return problems;
  },
  rule: ({ levels, zero }) => (levels === 'cells' ? 'magnitudes' : zero ? 'geometric-zero' : 'geometric'),
  fit(values, options) {
    if (options.levels === 'cells') {
      const half = 2 ** (options.bits - 1);
      const { levels, bounds } = fitCells(values.magnitudes(), half);
      const plus = Uint8Array.from({ length: half }, (_, index) => index);
      return { params: levels, cells: { bounds, plus, minus: plus.map((index) => half + index) } };
    }
    return geometric(values, options);
  },
};

function geometric(values: TableValues, { bits, fit, zero, single }: FitOptions): FittedTable {
  const moments = values.magnitudes();
  const ladder: Ladder = { count: 2 ** (bits - 1) - (zero ? 1 : 0), zero };
  if (fit === 'max-range') return { params: [moments.max, fitRatio(moments, ladder)] };
  const { first, second } = single ? fitGeometric(moments, ladder, THOROUGH) : fitGeometric(moments, ladder);
  return { params: [first, second] };
}
