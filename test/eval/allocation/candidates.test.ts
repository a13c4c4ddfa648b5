import { describe, expect, it } from 'vitest';
import { candidatesOf, widthsAround } from '../../../src/eval/allocation/candidates.ts';

describe('candidatesOf', () => {
  it('says every setting of each, so that nothing of other settings shines through', () => {
    const { candidates, left } = candidatesOf({ schemes: ['binary', 'exp'], bits: [3], levels: ['cells'] });
    expect(left).toEqual([]);
    expect(candidates).toEqual([
      {
        scheme: 'binary',
        bits: 3,
        granularity: 'channel',
        fit: 'correlation',
        levels: 'geometric',
        zero: false,
        bases: 'joint',
      },
      {
        scheme: 'exp',
        bits: 3,
        granularity: 'channel',
        fit: 'correlation',
        levels: 'cells',
        zero: false,
        bases: 'joint',
      },
    ]);
  });

  it('takes those that a scheme stands for in its place, each once', () => {
    const { candidates } = candidatesOf({ schemes: ['auto', 'exp'], bits: [2, 4] });
    const names = candidates.map(({ scheme, bits, granularity, zero }) =>
      [
        `${scheme}${bits}`,
        ...(granularity === 'channel' ? [] : [granularity]),
        ...(zero ? ['zero'] : []),
      ].join(' '),
    );
    expect(names).toEqual([
      'exp2',
      'linear2',
      'ternary2',
      'codebook2 tensor',
      'codebook2',
      'exp4',
      'linear4',
      'exp4 zero',
      'codebook4 tensor',
    ]);
  });

  it('refuses unknown schemes', () => {
    expect(() => candidatesOf({ schemes: ['cubic'], bits: [3] })).toThrow(/expected .* got "cubic"/);
  });
});

describe('widthsAround', () => {
  it.each([
    [3, [2, 3, 4, 5]],
    [2.5, [1, 2, 3, 4, 5]],
    [1, [1, 2, 3]],
    [0.5, [1, 2, 3]],
    [7.2, [6, 7, 8]],
    [12, [8]],
  ])('of %d bits a weight are %j', (bits, widths) => {
    expect(widthsAround(bits)).toEqual(widths);
  });
});
