import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { prometheusText } from '../../../cli/publish/prometheus.ts';
import { bnnq } from '../run-cli.ts';
import { tinyFolder } from '../tiny-model.ts';
import { readExposition, type Sample } from './exposition.ts';
import { measured } from './measured-example.ts';

const DATA = ['--data', 'idx:images.idx,labels.idx', '--preprocess', 'unit', '--threads', '1'];
let cwd: string;
beforeAll(() => {
  cwd = tinyFolder();
});

const samplesOf = (file: string): Sample[] => readExposition(readFileSync(join(cwd, file), 'utf8'));

describe('--metrics-file', () => {
  it('has every point of a sweep with its settings as labels, rates as ratios', async () => {
    const args = ['sweep', 'model.onnx', ...DATA, '--schemes', 'linear,exp', '--bits', '2,3', '-o', 'swept'];
    const { code } = await bnnq([...args, '--metrics-file', 'swept.prom', '--min-top1', '50'], { cwd });
    expect(code).toBe(0);
    const samples = samplesOf('swept.prom');
    const { points, float } = JSON.parse(readFileSync(join(cwd, 'swept/report.json'), 'utf8'));
    const top1 = samples.filter(({ name }) => name === 'bnn_quantize_top1_ratio');
    expect(
      top1.map(({ labels, value }) => [labels.get('scheme'), Number(labels.get('bits')), value]),
    ).toEqual(
      points.map((point: { scheme: string; bits: number; top1: number }) => [
        point.scheme,
        point.bits,
        point.top1 / 100,
      ]),
    );
    const named = (name: string): number[] =>
      samples.filter((sample) => sample.name === `bnn_quantize_${name}`).map(({ value }) => value);
    expect(named('packed_size_bytes')).toEqual(
      points.map(({ packedBytes }: { packedBytes: number }) => packedBytes),
    );
    expect(named('float_top1_ratio')).toEqual([float.top1 / 100]);
    expect(named('gate_met')).toEqual(points.map((point: { top1: number }) => (point.top1 >= 50 ? 1 : 0)));
    expect(named('last_run_timestamp_seconds')[0]! - Date.now() / 1000).toBeLessThanOrEqual(0);
  });

  it('is written by quantize and score, whatever the gates say, in place of an older one, for all to read', async () => {
    writeFileSync(join(cwd, 'q.prom'), 'old');
    const made = await bnnq(['model.onnx', '--bits', '2', '--metrics-file', 'q.prom'], { cwd });
    expect([made.code, samplesOf('q.prom').map(({ name }) => name)]).toEqual([
      0,
      ['packed_size_bytes', 'bytes_per_weight', 'last_run_timestamp_seconds'].map(
        (name) => `bnn_quantize_${name}`,
      ),
    ]);
    const gated = ['score', 'model.exp2.bnnq', ...DATA, '--min-top1', '100', '--metrics-file', 's.prom'];
    expect((await bnnq(gated, { cwd })).code).toBe(3);
    const gate = samplesOf('s.prom').find(({ name }) => name === 'bnn_quantize_gate_met')!;
    expect([gate.value, gate.labels.get('gate'), gate.labels.get('model')]).toEqual([
      0,
      'min-top1',
      'model.exp2.bnnq',
    ]);
    expect(statSync(join(cwd, 's.prom')).mode & 0o444).toBe(0o444 & ~process.umask());
  });

  it('is refused before any work where its folder is missing', async () => {
    const { code, stdout, stderr } = await bnnq(['model.onnx', '--metrics-file', 'none/x.prom'], { cwd });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('there is no folder "none"');
  });

  it('escapes what names may hold', () => {
    const odd = 'a "quoted\\name"\nin two lines, ünïcode {}';
    const text = prometheusText(measured({ model: { file: odd, sha256: null, bytes: null } }), 1);
    for (const { labels } of readExposition(text)) expect(labels.get('model')).toBe(odd);
  });

  const promtool = spawnSync('promtool', ['--version']).status === 0;
  it.skipIf(!promtool)('passes the linter of Prometheus (skipped where promtool is missing)', () => {
    const input = prometheusText(measured(), 1_700_000_000);
    const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });
});

describe('the reader of the format that these tests use', () => {
  it.each([
    ['m 1\n', /expected \{/],
    ['m{} 1', /last line/],
    ['m{} 1\n', /without HELP/],
    ['# HELP m x\n# TYPE m gauge\nm{} 1 1700000000000\n', /expected/],
    ['# HELP m x\n# TYPE m gauge\nm{a="1"} 1\nm{a="1"} 2\n', /a sample twice/],
    ['# HELP m x\n# TYPE m gauge\nm{a="\\x"} 1\n', /expected "/],
    ['# HELP m x\n# TYPE m gauge\nm{} 1\n# HELP n x\n# TYPE n gauge\nn{} 1\nm{a="1"} 1\n', /in pieces/],
    ['# HELP m x\n# TYPE m number\n', /no type/],
  ])('sees what is wrong in %j', (text, message) => {
    expect(() => readExposition(text)).toThrow(message);
  });
});
