import { describe, expect, it } from 'vitest';
import { pointsOf } from '../../src/eval/points.ts';
import type { PointSettings } from '../../src/eval/types.ts';

const named = ({ scheme, bits, granularity, fit, levels, zero }: PointSettings): string =>
  `${scheme}${bits} ${granularity}${fit === 'correlation' ? '' : ` ${fit}`}${levels === 'geometric' ? '' : ` ${levels}`}${zero ? ' zero' : ''}`;

describe('pointsOf', () => {
  it('combines schemes, granularities and widths in that order', () => {
    const { points, left } = pointsOf({
      schemes: ['linear', 'exp'],
      bits: [2, 3],
      granularities: ['tensor', 'group:16'],
    });
    expect(points.map(named)).toEqual([
      'linear2 tensor',
      'linear3 tensor',
      'linear2 group:16',
      'linear3 group:16',
      'exp2 tensor',
      'exp3 tensor',
      'exp2 group:16',
      'exp3 group:16',
    ]);
    expect(points[0]).toMatchObject({ method: 'rtn', fit: 'correlation', levels: 'geometric', zero: false });
    expect(left).toEqual([]);
  });

  it('tries ternary once, at 2 bits', () => {
    expect(pointsOf({ schemes: ['ternary'], bits: [1, 2, 3, 4] }).points.map(named)).toEqual([
      'ternary2 channel',
    ]);
    expect(pointsOf({ schemes: ['ternary'], bits: [4] }).points.map(named)).toEqual(['ternary2 channel']);
  });

  it('does not repeat a scheme for choices that it does not have', () => {
    const { points } = pointsOf({
      schemes: ['binary', 'exp'],
      bits: [3],
      fits: ['correlation', 'max-range'],
      levels: ['geometric', 'cells'],
      zero: [false, true],
    });
    expect(points.map(named)).toEqual([
      'binary3 channel',
      'exp3 channel',
      'exp3 channel zero',
      'exp3 channel cells',
      'exp3 channel max-range',
      'exp3 channel max-range zero',
    ]);
  });

  it('says what it leaves out', () => {
    const { points, left } = pointsOf({ schemes: ['linear'], bits: [1, 2], zero: [true] });
    expect(points.map(named)).toEqual(['linear2 channel zero']);
    expect(left).toEqual([expect.stringContaining('at least 2 bits')]);
    expect(() => pointsOf({ schemes: ['linear'], bits: [1], zero: [true] })).toThrow(
      /no point to try.*at least 2 bits/,
    );
  });

  it('refuses unknown schemes, granularities and widths', () => {
    expect(() => pointsOf({ schemes: ['quadratic'], bits: [2] })).toThrow('quadratic');
    expect(() => pointsOf({ schemes: ['exp'], bits: [2], granularities: ['row'] })).toThrow('row');
    for (const bits of [0, 9, 2.5])
      expect(() => pointsOf({ schemes: ['exp'], bits: [bits] })).toThrow(`got ${bits}`);
  });
});
