import { describe, expect, it } from 'vitest';
import { parseSize } from '../../../src/eval/allocation/parse-size.ts';

describe('parseSize', () => {
  it.each([
    ['28766', 28_766],
    ['512B', 512],
    ['1.2MB', 1_200_000],
    ['800kB', 800_000],
    ['800 KB', 800_000],
    ['1MiB', 1_048_576],
    ['.5 kib', 512],
    ['2.5GB', 2_500_000_000],
    ['1.1kB', 1100],
    ['0.0015kB', 1],
  ])('reads %s as %i bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each([
    '',
    'MB',
    '1,2MB',
    '1.2 mega',
    '-1kB',
    '0',
    '0.4B',
    '1e3',
    '9e99',
    '99999999999GB',
    '1 2',
    '1k',
    '1.MB',
  ])('refuses "%s"', (text) => {
    expect(() => parseSize(text)).toThrow(
      `size: expected a number of bytes such as 1.2MB, 800kB or 1MiB, got "${text}"`,
    );
  });
});
