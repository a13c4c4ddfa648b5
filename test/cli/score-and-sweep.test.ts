import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/eval/types.ts';
import { bnnq } from './run-cli.ts';
import { tinyFolder } from './tiny-model.ts';

const DATA = ['--data', 'idx:images.idx,labels.idx', '--threads', '1'];
const SWEEP = ['sweep', 'model.onnx', ...DATA, '--schemes', 'linear,exp', '--bits', '1,3'];
let cwd: string;

beforeAll(async () => {
  cwd = tinyFolder();
  await bnnq(['model.onnx', '--bits', '2'], { cwd });
});
afterAll(() => rmSync(cwd, { recursive: true }));

const reportOf = (folder: string): Report =>
  JSON.parse(readFileSync(join(cwd, folder, 'report.json'), 'utf8'));

describe('bnn-quantize score', () => {
  it('prints accuracy with its interval, and agreement with --against', async () => {
    const { code, stdout, stderr } = await bnnq(
      ['score', 'model.exp2.bnnq', ...DATA, '--against', 'model.onnx'],
      { cwd },
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^top-1 +\d+\.\d\d % {2}\[\d+\.\d\d, \d+\.\d\d\] {2}float \d+\.\d\d %, /m);
    expect(stdout).toMatch(/^agreement +\d+\.\d\d % /m);
    expect(stdout).toMatch(/^logit SNR +\d+\.\d dB$/m);
  });

  it('with --json prints one point of a report, and nothing else on stdout', async () => {
    const { stdout } = await bnnq(
      ['score', 'model.exp2.bnnq', ...DATA, '--against', 'model.onnx', '--json'],
      { cwd },
    );
    const point = JSON.parse(stdout);
    expect(point).toMatchObject({
      model: 'model.exp2.bnnq',
      scheme: 'exp',
      bits: 2,
      granularity: 'channel',
      count: 64,
    });
    for (const name of ['top1', 'top5', 'agreement', 'klDivergence', 'logitSnrDb', 'packedBytes', 'seconds'])
      expect(typeof point[name], name).toBe('number');
    expect(point.top1Interval).toHaveLength(2);
    const float = JSON.parse((await bnnq(['score', 'model.onnx', ...DATA, '--json'], { cwd })).stdout);
    expect(float).toMatchObject({ scheme: null, bits: null, agreement: null, top1: point.float.top1 });
  });

  it('gives the same numbers with either set of kernels and any number of threads', async () => {
    const scores = await Promise.all(
      [
        ['--kernels', 'reference'],
        ['--kernels', 'simd'],
        ['--threads', '2'],
      ].map(async (extra) => {
        const { stdout } = await bnnq(
          ['score', 'model.exp2.bnnq', ...DATA, ...extra, '--against', 'model.onnx', '--json'],
          { cwd },
        );
        const { seconds: _, float: __, ...rest } = JSON.parse(stdout);
        return rest;
      }),
    );
    expect(scores[1]).toEqual(scores[0]);
    expect(scores[2]).toEqual(scores[0]);
  });

  it('works without labels when there is a model to compare with, and says what is missing when not', async () => {
    const unlabelled = ['--data', 'idx:images.idx', '--threads', '1'];
    const { code, stdout } = await bnnq(
      ['score', 'model.exp2.bnnq', ...unlabelled, '--against', 'model.onnx'],
      { cwd },
    );
    expect(code).toBe(0);
    expect(stdout).not.toContain('top-1');
    expect(stdout).toMatch(/^agreement/m);
    const alone = await bnnq(['score', 'model.exp2.bnnq', ...unlabelled], { cwd });
    expect([alone.code, alone.stdout]).toEqual([2, '']);
    expect(alone.stderr).toMatch(/^bnn-quantize: .*label/);
  });

  it('ends with 3 when a gate is not met, the result printed all the same', async () => {
    const { code, stdout, stderr } = await bnnq(
      ['score', 'model.exp2.bnnq', ...DATA, '--min-top1', '100', '--json'],
      { cwd },
    );
    expect(code).toBe(3);
    expect(JSON.parse(stdout).gates).toEqual([
      { gate: 'min-top1', limit: 100, value: expect.any(Number), met: false },
    ]);
    expect(stderr).toMatch(
      /gate not met by model\.exp2\.bnnq: top-1 is \d+\.\d\d %, --min-top1 asks for 100 %\n/,
    );
    const drop = await bnnq(['score', 'model.exp2.bnnq', ...DATA, '--max-drop', '1'], { cwd });
    expect([drop.code, drop.stderr]).toEqual([
      2,
      'bnn-quantize: --max-drop compares with a float model: name it with --against\n',
    ]);
  });

  it('reads preprocessing from a file, and says all that is wrong in it', async () => {
    writeFileSync(join(cwd, 'steps.json'), '{"preset":"unit","labelOffset":0}');
    expect((await bnnq(['score', 'model.onnx', ...DATA, '--preprocess', 'steps.json'], { cwd })).code).toBe(
      0,
    );
    writeFileSync(join(cwd, 'steps.json'), '{"scale":"big","crop":[0,1]}');
    const { code, stderr } = await bnnq(['score', 'model.onnx', ...DATA, '--preprocess', 'steps.json'], {
      cwd,
    });
    expect(code).toBe(2);
    expect(stderr).toMatch(/"scale": expected a number, got "big"[\s\S]*"crop"|"crop"[\s\S]*"scale"/);
  });
});

describe('bnn-quantize sweep', () => {
  it('writes the four files of the report and prints the table', async () => {
    const { code, stdout, stderr } = await bnnq([...SWEEP, '-o', 'report'], { cwd });
    expect([code, stderr]).toEqual([0, '']);
    for (const name of ['report.json', 'report.csv', 'report.md', 'report.html'])
      expect(existsSync(join(cwd, 'report', name)), name).toBe(true);
    const report = reportOf('report');
    expect(report.schema).toBe('bnn-quantize/report@1');
    expect(report.points.map(({ scheme, bits }) => `${scheme}${bits}`)).toEqual([
      'linear1',
      'linear3',
      'exp1',
      'exp3',
    ]);
    expect(report.dataset).toMatchObject({ count: 64, labelled: true, classes: 4 });
    expect(report.command).toEqual(['bnn-quantize', ...SWEEP, '-o', 'report']);
    expect(stdout).toMatch(/^top-1, % +1 bit {2}3 bits$/m);
    const best = Math.max(...report.points.filter(({ bits }) => bits === 3).map(({ top1 }) => top1!));
    expect(stdout).toMatch(new RegExp(`^ +3 +.* +${best.toFixed(2)} +\\[`, 'm'));
  });

  it('reports the size that quantize writes and the accuracy that score measures', async () => {
    const written = JSON.parse(
      (await bnnq(['model.onnx', '--bits', '3', '-o', 'three.bnnq', '--json'], { cwd })).stdout,
    );
    const { stdout } = await bnnq(['score', 'three.bnnq', ...DATA, '--against', 'model.onnx', '--json'], {
      cwd,
    });
    const point = reportOf('report').points.find(({ scheme, bits }) => scheme === 'exp' && bits === 3)!;
    expect(written.outputs[0].packedBytes).toBe(point.packedBytes);
    expect(written.outputs[0].packed).toEqual(point.packed);
    for (const name of ['top1', 'top1Interval', 'agreement', 'klDivergence', 'logitSnrDb'] as const)
      expect(JSON.parse(stdout)[name], name).toEqual(point[name]);
  });

  it('goes on in the folder of the same sweep and does nothing twice', async () => {
    const before = reportOf('report');
    const { code, stderr } = await bnnq([...SWEEP, '-o', 'report'], { cwd });
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^report\/report\.json is up to date: /)]);
    expect(reportOf('report').points).toEqual(before.points);
  });

  it('refuses the folder of another sweep without --force', async () => {
    const other = [
      'sweep',
      'model.onnx',
      ...DATA,
      '--schemes',
      'exp',
      '--bits',
      '3',
      '--limit',
      '16',
      '-o',
      'report',
    ];
    const { code, stdout, stderr } = await bnnq(other, { cwd });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe(
      'bnn-quantize: "report" holds another sweep (other settings); take another folder, or --force to replace its report\n',
    );
    expect(reportOf('report').points).toHaveLength(4);
    expect((await bnnq([...other, '--force'], { cwd })).code).toBe(0);
    expect(reportOf('report').points).toHaveLength(1);
  });

  it('refuses a folder with a report of unknown origin', async () => {
    const { code } = await bnnq([...SWEEP, '-o', 'foreign', '--dry-run'], { cwd });
    expect([code, existsSync(join(cwd, 'foreign'))]).toEqual([0, false]);
    await bnnq([...SWEEP, '-o', 'foreign'], { cwd });
    rmSync(join(cwd, 'foreign', 'sweep.json'));
    const refused = await bnnq([...SWEEP, '-o', 'foreign'], { cwd });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('(of unknown origin)')]);
  });

  it('with --json prints the report, the same as in the folder', async () => {
    const { stdout } = await bnnq([...SWEEP, '-o', 'json', '--json', '-q'], { cwd });
    expect(stdout).toBe(readFileSync(join(cwd, 'json', 'report.json'), 'utf8'));
  });

  it('holds a gate when one point meets it, and ends with 3 when none does, the report written', async () => {
    const met = await bnnq([...SWEEP, '-o', 'gates', '--max-drop', '50', '-q'], { cwd });
    expect([met.code, met.stderr]).toEqual([0, '']);
    const { code, stderr } = await bnnq([...SWEEP, '-o', 'gates', '--min-top1', '100', '-q'], { cwd });
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^bnn-quantize: gate not met by the nearest point \(\w+, channel, 3 bits\): top-1 is /,
    );
    expect(reportOf('gates').points).toHaveLength(4);
  });

  it('leaves out what a scheme does not have, and says so', async () => {
    const args = [
      'sweep',
      'model.onnx',
      ...DATA,
      '--schemes',
      'ternary,linear',
      '--bits',
      '1',
      '--zero',
      '-o',
      'odd',
    ];
    const { code, stderr } = await bnnq(args, { cwd });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^left out: /);
    expect(reportOf('odd').points.map(({ scheme, bits }) => [scheme, bits])).toEqual([['ternary', 2]]);
  });

  it('leaves no folder behind when it cannot begin', async () => {
    const { code, stderr } = await bnnq([...SWEEP, '--label-offset', '2', '-o', 'never'], { cwd });
    expect(code).toBe(1);
    expect(stderr).toMatch(/label \d \+ offset 2 is out of range, the network has 4 classes \(0 to 3\)/);
    expect(readdirSync(cwd)).not.toContain('never');
  });
});
