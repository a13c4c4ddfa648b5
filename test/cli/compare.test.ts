import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/eval/types.ts';
import { reportJson } from '../../src/report/json.ts';
import { sampleReport } from '../report/fixture.ts';
import { bnnq } from './run-cli.ts';
import { tinyFolder } from './tiny-model.ts';

const folder = tinyFolder(40);
afterAll(() => rmSync(folder, { recursive: true }));
const run = (...args: string[]): ReturnType<typeof bnnq> => bnnq(args, { cwd: folder });

/** Puts a report into a folder of its own. */
function put(name: string, report: unknown): void {
  mkdirSync(join(folder, name));
  writeFileSync(
    join(folder, name, 'report.json'),
    typeof report === 'string' ? report : reportJson(report as Report),
  );
}

/** The report with exp, channel, 3 bits 100 images worse, of which none was right by chance. */
function worsened(): Report {
  const report = sampleReport();
  const points = report.points.map((point) => {
    if (`${point.scheme} ${point.granularity} ${point.bits}` !== 'exp channel 3') return point;
    const bytes = Buffer.from(point.outcomes!.right!, 'base64');
    let left = 100;
    for (let i = 0; left > 0; i++) {
      if (((bytes[i >> 3]! >> (i & 7)) & 1) === 0) continue;
      bytes[i >> 3]! &= ~(1 << (i & 7));
      left--;
    }
    const outcomes = { ...point.outcomes!, right: bytes.toString('base64') };
    return { ...point, top1: (100 * (8319 - 100)) / 10_000, packedBytes: 90_000, outcomes };
  });
  return { ...report, points };
}

describe('compare', () => {
  beforeAll(() => {
    put('before', sampleReport());
    put('after', worsened());
    const { dataset, float } = sampleReport();
    const half = { dataset: { ...dataset, count: 5000 }, float: { ...float, top1: 90 } };
    put('few', sampleReport({ ...half, points: [] }));
    put('broken', reportJson(sampleReport()).replace('"count": 10000', '"count": "many"'));
  });

  it('shows what got worse, with the images that were lost and gained, and takes folders', async () => {
    const { code, stdout, stderr } = await run('compare', 'before', 'after/report.json');
    expect([code, stderr]).toEqual([0, '']);
    const row = stdout.split('\n').find((line) => line.startsWith('exp, channel, 3 bits'))!;
    expect(row.split(/ {2,}/)).toEqual([
      'exp, channel, 3 bits',
      ...['83.19', '82.19', '−1.00', '100', '0', '<0.0001', 'worse'],
      expect.stringMatching(/^−\d+\.\d\d %$/),
      'same',
    ]);
    expect(stdout).toContain('the same float model');
    expect(stdout).toContain('worse: 1, better: 0, no difference shown: 47 (there may be one all the same)');
    expect(stdout).toContain(
      'McNemar’s exact test on the images lost and gained, corrected for 48 points after Holm',
    );
  });

  it('ends with 3 where a point got worse and the gate is asked for, and with 0 the other way round', async () => {
    const { code, stderr } = await run('compare', 'before', 'after', '--fail-on-worse');
    expect(code).toBe(3);
    expect(stderr).toBe(
      'bnn-quantize: gate not met: exp, channel, 3 bits got worse by 1.00 points, --fail-on-worse 0.05 allows none\n',
    );
    expect((await run('compare', 'after', 'before', '--fail-on-worse', '0.01')).code).toBe(0);
  });

  it('prints the same as JSON', async () => {
    const { stdout } = await run('compare', 'before', 'after', '--json');
    const { schema, points, unpaired } = JSON.parse(stdout);
    expect([schema, unpaired, points.length]).toEqual(['bnn-quantize/comparison@1', null, 48]);
    expect(points.filter(({ test }: { test: { verdict: string } }) => test.verdict === 'worse')).toHaveLength(
      1,
    );
  });

  it('claims nothing about other images, and does not let a gate pass by that', async () => {
    const { code, stdout } = await run('compare', 'before', 'few');
    expect(code).toBe(0);
    expect(stdout).toContain('not tested: one report is of 10000 images, the other of 5000');
    const gate = await run('compare', 'before', 'few', '--fail-on-worse');
    expect(gate.code).toBe(1);
    expect(gate.stderr).toContain('--fail-on-worse cannot be decided: no point is in both reports');
  });

  it('says what is wrong with a report, and with an alpha', async () => {
    const { code, stderr } = await run('compare', 'before', 'broken');
    expect(code).toBe(1);
    expect(stderr).toContain('dataset.count: expected a whole number from 1 to 100000000, got "many"');
    expect((await run('compare', 'before', 'nowhere')).stderr).toContain('no such file');
    const usage = await run('compare', 'before', 'after', '--fail-on-worse', '5');
    expect([usage.code, usage.stderr]).toEqual([
      2,
      expect.stringContaining('expected a number above 0 and below 1, got "5"'),
    ]);
  });

  it('compares two sweeps of one model, and shows losses of layers that were measured', async () => {
    const data = ['--data', 'idx:images.idx,labels.idx', '--schemes', 'linear', '--quiet'];
    expect((await run('sweep', 'model.onnx', ...data, '--bits', '1-2', '-o', 'one')).code).toBe(0);
    const measured = ['sensitivity', 'model.onnx', '--calib', 'idx:images.idx', '-o', 'two/sensitivity.json'];
    mkdirSync(join(folder, 'two'));
    expect((await run(...measured, '--quiet')).code).toBe(0);
    expect((await run('sweep', 'model.onnx', ...data, '--bits', '2-3', '-o', 'two')).code).toBe(0);
    const report = JSON.parse(readFileSync(join(folder, 'two/report.json'), 'utf8')) as Report;
    expect(report.sensitivity!.layers.map(({ name }) => name)).toEqual([
      'conv1.weight',
      'conv2.weight',
      'fc.weight',
    ]);
    expect(readFileSync(join(folder, 'two/report.html'), 'utf8')).toContain(
      'What each layer alone costs at the outputs',
    );
    const { stdout } = await run('compare', 'one', 'two');
    expect(stdout).toMatch(/linear, channel, 2 bits .* 0 {2,}0 {2,}1\.00/);
    expect(stdout).toContain('only in the first report:\n  linear, channel, 1 bit');
    expect(stdout).toContain('only in the second report:\n  linear, channel, 3 bits');
  });
});
