import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { parseBits, parseCount, parseGranularities, parseList, parsePercent } from '../../cli/options.ts';
import { isTerminal, wantsColour } from '../../cli/terminal/colour.ts';
import {
  duration,
  formatBytes,
  grouped,
  percent,
  printable,
  shape,
  signed,
} from '../../cli/terminal/format.ts';
import { pairs, table } from '../../cli/terminal/table.ts';

describe('values of options', () => {
  it('read widths as one, a range, a list, or both', () => {
    expect(parseBits('3')).toEqual([3]);
    expect(parseBits('1-8')).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(parseBits('4,2')).toEqual([2, 4]);
    expect(parseBits('1-3,3,8')).toEqual([1, 2, 3, 8]);
  });

  it('refuse widths outside 1..8 and what is no width, with what was given', () => {
    for (const text of ['0', '9', '1-9', '0-3', '4-2', '', ',', '3,', 'three', '2.5', '-1', '1e0', '0x3'])
      expect(() => parseBits(text), text).toThrow(
        new InvalidArgumentError(`expected whole numbers from 1 to 8 such as 3, 1-8 or 2,4, got "${text}"`),
      );
  });

  it('read lists, and refuse names that are not there', () => {
    expect(parseList()('a, b,a')).toEqual(['a', 'b']);
    expect(() => parseList(['linear', 'exp'])('linear,expo')).toThrow('expected linear, exp, got "expo"');
    expect(() => parseList()('a,,b')).toThrow('separated by commas');
  });

  it('read granularities', () => {
    expect(parseGranularities('tensor,channel,group:32')).toEqual(['tensor', 'channel', 'group:32']);
    for (const text of ['layer', 'group', 'group:0', 'group:-1', 'group:x'])
      expect(() => parseGranularities(text)).toThrow(text);
  });

  it('read counts and percentages', () => {
    expect(parseCount(1)('1000')).toBe(1000);
    for (const text of ['0', '-1', '1.5', 'x', '', '1e3', '99999999999999999999'])
      expect(() => parseCount(1)(text), text).toThrow('from 1 on');
    expect(parsePercent('0.5')).toBe(0.5);
    for (const text of ['-1', '101', 'x', '', 'NaN'])
      expect(() => parsePercent(text), text).toThrow('from 0 to 100');
  });
});

describe('a table in the terminal', () => {
  const columns = [{ head: 'name', align: 'left', shrinks: true }, { head: 'bits' }] as const;

  it('lines up words on the left and numbers on the right', () => {
    expect(
      table(columns, [
        ['conv1', '3'],
        ['a.longer.name', '12'],
      ]),
    ).toBe(['name           bits', 'conv1             3', 'a.longer.name    12'].join('\n'));
  });

  it('shortens long names in the middle where the terminal is narrow, and nowhere else', () => {
    const rows = [['features.18.conv.weight', '3']];
    const narrow = table(columns, rows, 20).split('\n');
    expect(narrow[1]).toBe('feature…weight     3');
    expect(Math.max(...narrow.map((line) => line.length))).toBe(20);
    expect(table(columns, rows, 0)).toContain('features.18.conv.weight');
  });

  it('prints no control character of a name', () => {
    expect(table(columns, [['\u001b[31mred\u0007\n', '1']])).toContain('\ufffd[31mred\ufffd\ufffd');
    expect(pairs([['file', 'a\rb']])).toBe('file  a\ufffdb');
  });
});

describe('colour and bars', () => {
  it('are for terminals that want them', () => {
    const terminal = { isTTY: true };
    expect(wantsColour(terminal, {})).toBe(true);
    expect(wantsColour(terminal, { NO_COLOR: '1' })).toBe(false);
    expect(wantsColour(terminal, { NO_COLOR: '' })).toBe(true);
    expect(wantsColour(terminal, { CI: 'true' })).toBe(false);
    expect(wantsColour(terminal, { TERM: 'dumb' })).toBe(false);
    expect(wantsColour({}, {})).toBe(false);
    expect(isTerminal(terminal, { NO_COLOR: '1' })).toBe(true);
    expect(isTerminal(terminal, { CI: '1' })).toBe(false);
  });
});

describe('numbers in the terminal', () => {
  it('have units and as many digits as they carry', () => {
    expect([formatBytes(1000), formatBytes(70_554), formatBytes(1_102_336)]).toEqual([
      '1000 B',
      '68.9 KiB',
      '1.05 MiB',
    ]);
    expect([grouped(10_000), percent(91.734), percent(null), signed(-0.5), signed(0.001)]).toEqual([
      '10,000',
      '91.73 %',
      '–',
      '−0.50',
      '0.00',
    ]);
    expect([duration(3.24), duration(59), duration(125), duration(7500)]).toEqual([
      '3.2 s',
      '59 s',
      '2 min 5 s',
      '2 h 05 min',
    ]);
    expect([shape([64, 3, 3, 3]), shape(['N', null])]).toEqual(['[64,3,3,3]', '[N,?]']);
    expect(printable('a\u009bb\ud800')).toBe('a\ufffdb\ufffd');
  });
});
