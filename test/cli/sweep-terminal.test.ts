import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sweepSoFar } from '../../cli/sweep-live.ts';
import { chart } from '../../cli/terminal/chart.ts';
import type { PointSettings, SweepPoint } from '../../src/eval/types.ts';
import { bnnq, shell } from './run-cli.ts';
import { tinyFolder } from './tiny-model.ts';

const settings = (scheme: string, bits: number): PointSettings => ({
  ...{ scheme, bits, granularity: 'channel', method: 'rtn' },
  ...{ fit: 'correlation', levels: 'geometric', zero: false },
});
const point = (scheme: string, bits: number, top1: number, packedBytes: number): SweepPoint =>
  ({ ...settings(scheme, bits), top1, packedBytes }) as SweepPoint;

describe('a chart in the terminal', () => {
  const drawn = (width = 30, height = 14): string[] | undefined =>
    chart({
      title: 'percent',
      ticks: ['1', '2'],
      series: [
        { name: 'one', values: [0, 90] },
        { name: 'two', values: [null, 90] },
      ],
      reference: { name: 'float', value: 100 },
      width,
      height,
    });

  it('puts values of one position side by side, and leaves out what is not there', () => {
    expect(drawn()).toEqual([
      'percent',
      '100 ┤┄ float ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄',
      '    │                 ●▲',
      ' 80 ┤',
      '    │',
      ' 60 ┤',
      '    │',
      ' 40 ┤',
      '    │',
      ' 20 ┤',
      '    │',
      '  0 ┤     ●',
      '    └─────┴───────────┴──────',
      '          1           2',
      '● one   ▲ two',
    ]);
  });

  it('is left out where a position has no room for each series, or nothing is known', () => {
    expect(drawn(9)).toBeUndefined();
    expect(drawn(30, 7)).toBeUndefined();
    const empty = { title: '', ticks: ['1'], series: [{ name: 'one', values: [null] }] };
    expect(chart({ ...empty, width: 30, height: 9 })).toBeUndefined();
  });
});

describe('what a sweep shows while it runs', () => {
  const wanted = [settings('linear', 2), settings('linear', 3), settings('exp', 3)];
  const room = { columns: 80, rows: 24 };

  it('is a table with dots for what is to come, the best point and the smallest near float', () => {
    const results = [point('linear', 3, 90, 3000), point('exp', 3, 89.5, 2000)];
    const float = { top1: 90.2 } as never;
    expect(sweepSoFar(wanted, { results, float }, room)).toEqual([
      'top-1, %        2 bits  3 bits',
      'linear channel       ·   90.00',
      'exp channel              89.50',
      '',
      'best so far: linear, channel, 3 bits: 90.00 %, 2.93 KiB',
      'smallest within 1 point: exp, channel, 3 bits: 89.50 %, 1.95 KiB',
    ]);
  });

  it('leaves the table out of a terminal that has too few lines', () => {
    const results = [point('linear', 3, 90, 3000)];
    expect(sweepSoFar(wanted, { results }, { columns: 80, rows: 6 })).toEqual([
      'best so far: linear, channel, 3 bits: 90.00 %, 2.93 KiB',
    ]);
  });
});

describe('a sweep in a terminal', () => {
  let cwd: string;
  beforeAll(() => {
    cwd = tinyFolder();
  });
  afterAll(() => rmSync(cwd, { recursive: true }));

  const SWEEP = 'sweep model.onnx --data idx:images.idx,labels.idx --threads 1 --bits 1-4 -o';
  // util-linux and BSD have programs of this name with other options.
  const hasScript = spawnSync('script', ['--version']).stdout?.toString().includes('util-linux') ?? false;

  it.skipIf(!hasScript)(
    'redraws its table in place, draws the curve at the end and shows the cursor again (needs script of util-linux)',
    async () => {
      const { code, stdout } = await shell(
        `script -qec "stty cols 90 rows 40; $BNNQ ${SWEEP} seen" /dev/null`,
        { cwd, env: { TERM: 'xterm', NO_COLOR: '1' } },
      );
      expect(code).toBe(0);
      expect(stdout).toContain('\u001b[?25l');
      expect(stdout).toContain('0/12 points');
      expect(stdout).toContain('·');
      const end = stdout.lastIndexOf('\u001b[?25h');
      expect(end).toBeGreaterThan(stdout.lastIndexOf('\u001b[?25l'));
      expect(stdout).toContain('top-1 in percent, by bits a weight');
    },
  );

  it('prints neither bar nor curve where nobody watches', async () => {
    const { code, stdout, stderr } = await bnnq([...SWEEP.split(' '), 'unseen'], { cwd });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('top-1, %');
    expect(stdout).not.toContain('by bits a weight');
    expect(stdout).not.toContain('\u001b');
  });
});
