import { describe, expect, it } from 'vitest';
import { parseGranularity, type QuantizeSettings, resolveOptions } from '../../src/quantizers/options.ts';
import { parseScheme, SCHEME_NAMES } from '../../src/quantizers/registry.ts';

const problems = (settings: object): string => {
  try {
    resolveOptions(settings as QuantizeSettings);
  } catch (thrown) {
    expect(thrown).toMatchObject({ name: 'BnnqError', code: 'option' });
    return (thrown as Error).message;
  }
  throw new Error('expected a refusal');
};

describe('options of a discretization', () => {
  it('has the documented defaults', () => {
    expect(resolveOptions({ scheme: 'exp', bits: 3 })).toEqual({
      scheme: 'exp',
      bits: 3,
      granularity: 'channel',
      fit: 'correlation',
      levels: 'geometric',
      zero: false,
      bases: 'joint',
    });
    expect(resolveOptions({ scheme: 'exp', bits: 3, zero: undefined }).zero).toBe(false);
  });

  it.each([0, 9, -1, 2.5, Number.NaN, '3', undefined])('refuses %s bits', (bits) => {
    expect(problems({ scheme: 'exp', bits })).toBe(`bits: expected a whole number from 1 to 8, got ${bits}`);
  });

  it('says everything that is wrong at once', () => {
    const message = problems({
      scheme: 'expo',
      bits: 12,
      granularity: 'group:0',
      fit: 'best',
      levels: 'free',
      bases: 'all',
      zero: 'yes',
    });
    expect(message.split('\n')).toEqual([
      '7 problems:',
      '  scheme: expected binary, linear, exp, ternary, pot, codebook, auto, got "expo"',
      '  bits: expected a whole number from 1 to 8, got 12',
      '  granularity: expected tensor, channel or group:N with N from 1 on, got "group:0"',
      '  fit: expected correlation or max-range, got "best"',
      '  levels: expected geometric or cells, got "free"',
      '  bases: expected joint or greedy or centred, got "all"',
      '  zero: expected true or false, got yes',
    ]);
  });

  it('says what a known scheme cannot do besides what is wrong in itself', () => {
    expect(
      problems({ scheme: 'ternary', bits: 3, granularity: 'row', fit: 'max-range', zero: true })
        .split('\n')
        .slice(1),
    ).toEqual([
      '  granularity: expected tensor, channel or group:N with N from 1 on, got "row"',
      '  scheme ternary: expected 2 bits, got 3',
      '  scheme ternary has no option zero, got zero true',
    ]);
  });

  it.each([
    [{ scheme: 'linear', bits: 1, zero: true }, 'linear with a zero level needs at least 2 bits'],
    [{ scheme: 'exp', bits: 1, zero: true }, 'exp with a zero level needs at least 2 bits'],
    [{ scheme: 'pot', bits: 1, zero: true }, 'pot with a zero level needs at least 2 bits'],
    [
      { scheme: 'codebook', bits: 3, fit: 'max-range' },
      'scheme codebook: expected the fit correlation, got max-range',
    ],
    [
      { scheme: 'binary', bits: 3, fit: 'max-range' },
      'scheme binary: expected the fit correlation, got max-range',
    ],
    [{ scheme: 'linear', bits: 3, levels: 'cells' }, 'scheme linear has no option levels, got levels cells'],
    [{ scheme: 'exp', bits: 3, bases: 'greedy' }, 'scheme exp has no option bases, got bases greedy'],
    [
      { scheme: 'exp', bits: 3, levels: 'cells', zero: true },
      'exp with levels "cells" has no zero level: its lowest cell reaches down to 0',
    ],
    [
      { scheme: 'exp', bits: 3, levels: 'cells', fit: 'max-range' },
      'exp with levels "cells" always spans ±max|w| and fits q by correlation; leave out the fit max-range',
    ],
  ])('refuses %j', (settings, message) => {
    expect(problems(settings)).toBe(message);
  });

  it('parses granularities', () => {
    for (const text of ['tensor', 'channel', 'group:1', 'group:128'])
      expect(parseGranularity(text)).toBe(text);
    for (const text of [
      '',
      'group',
      'group:',
      'group:0',
      'group:-1',
      'group:1.5',
      'group:01',
      'Tensor',
      'group:99999999999999999999',
    ])
      expect(() => parseGranularity(text)).toThrow(
        `granularity: expected tensor, channel or group:N with N from 1 on, got "${text}"`,
      );
  });

  it('parses the names of schemes', () => {
    for (const name of SCHEME_NAMES) expect(parseScheme(name).name).toBe(name);
    expect(() => parseScheme('best')).toThrow(
      'scheme: expected binary, linear, exp, ternary, pot, codebook, auto, got "best"',
    );
  });
});
