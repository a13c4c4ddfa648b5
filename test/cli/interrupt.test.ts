import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bnnq, shell } from './run-cli.ts';
import { tinyFolder, tinyImages } from './tiny-model.ts';

const SWEEP = [
  'sweep',
  'model.onnx',
  '--data',
  'idx:images.idx,labels.idx',
  '--kernels',
  'reference',
  '--bits',
  '1-8',
];
let cwd: string;

beforeAll(() => {
  cwd = tinyFolder(2000);
});
afterAll(() => rmSync(cwd, { recursive: true }));

describe('an interrupted sweep', () => {
  it.each(['SIGINT', 'SIGTERM'])(
    '%s ends it with 130, says what is kept, and the same command goes on',
    async (signal) => {
      const args = [...SWEEP, '--threads', signal === 'SIGINT' ? '1' : '2', '-o', signal];
      const journal = join(cwd, signal, 'points.jsonl');
      // The signal comes once the first points are on disk.
      const line = `$BNNQ ${args.join(' ')} & pid=$!; until [ "$(wc -l < ${signal}/points.jsonl 2> /dev/null || echo 0)" -ge 3 ]; do sleep 0.05; done; kill -${signal} $pid; wait $pid`;
      const { code, stdout, stderr } = await shell(line, { cwd });
      expect([code, stdout]).toEqual([130, '']);
      expect(stderr).toContain(
        'interrupted: what is in work is finished and kept; once more stops at once\n',
      );
      const [, done] =
        /^bnn-quantize: interrupted: (\d+) of 24 points are finished, kept in ".*points\.jsonl", /m.exec(
          stderr,
        ) ?? [];
      expect(Number(done)).toBeGreaterThan(0);
      expect(Number(done)).toBeLessThan(24);
      expect(existsSync(join(cwd, signal, 'report.json'))).toBe(false);
      const kept = readFileSync(journal, 'utf8');
      writeFileSync(join(cwd, signal, '.bnnq-0123456789ab.tmp'), 'of a run that was killed');

      const resumed = await bnnq(args, { cwd });
      expect(resumed.code).toBe(0);
      expect(resumed.stderr).toContain(`going on: ${done} of 24 points were finished before\n`);
      expect(readFileSync(journal, 'utf8').startsWith(kept)).toBe(true);
      expect(JSON.parse(readFileSync(join(cwd, signal, 'report.json'), 'utf8')).points).toHaveLength(24);
      expect(readdirSync(join(cwd, signal)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    },
  );

  it('finishes the points that it had begun after one signal, and stops at once after two', async () => {
    const journal = join(cwd, 'points', 'points.jsonl');
    const keys = (): number => readFileSync(journal, 'utf8').split('\n').length - 2; // the float network, the end
    const waitFor = (lines: number): string =>
      `until [ "$(wc -l < points/points.jsonl 2> /dev/null || echo 0)" -ge ${lines} ]; do sleep 0.02; done`;
    const args = [...SWEEP, '--threads', '1', '-o', 'points'].join(' ');
    const once = await shell(
      `$BNNQ ${args} & pid=$!; ${waitFor(3)}; wc -l < points/points.jsonl; kill -INT $pid; wait $pid`,
      { cwd },
    );
    expect(once.code).toBe(130);
    const before = keys();
    expect(once.stderr).toContain(`interrupted: ${before} of 24 points are finished, kept`);
    // One thread, so one point was in work.
    expect(before).toBeGreaterThanOrEqual(Number(once.stdout) - 1 + 1);
    const twice = await shell(
      `$BNNQ ${args} & pid=$!; ${waitFor(before + 2)}; kill -INT $pid; sleep 0.01; kill -TERM $pid; wait $pid`,
      { cwd },
    );
    expect(twice.code).toBe(130);
    expect(twice.stderr).toMatch(new RegExp(`interrupted: ${keys()} of 24 points are finished, kept`));
  });

  it('leaves no file of quantize when it comes while scoring', async () => {
    const { images, labels } = tinyImages(20_000);
    writeFileSync(join(cwd, 'many.idx'), images);
    writeFileSync(join(cwd, 'answers.idx'), labels);
    const line =
      '$BNNQ model.onnx --data idx:many.idx,answers.idx --kernels reference --threads 1 & pid=$!; sleep 1; kill -INT $pid; wait $pid';
    const { code, stdout } = await shell(line, { cwd });
    expect([code, stdout]).toEqual([130, '']);
    expect(readdirSync(cwd).filter((name) => name.endsWith('.bnnq'))).toEqual([]);
  });
});
