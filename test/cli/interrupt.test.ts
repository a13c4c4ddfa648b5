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
      const [, done] =
        /^bnn-quantize: interrupted: (\d+) of 24 points are finished, kept in ".*points\.jsonl", /m.exec(
          stderr,
        ) ?? [];
      expect(Number(done)).toBeGreaterThan(0);
      expect(Number(done)).toBeLessThan(24);
      expect(existsSync(join(cwd, signal, 'report.json'))).toBe(false);
      const kept = readFileSync(journal, 'utf8');

      const resumed = await bnnq(args, { cwd });
      expect(resumed.code).toBe(0);
      expect(resumed.stderr).toContain(`going on: ${done} of 24 points were finished before\n`);
      expect(readFileSync(journal, 'utf8').startsWith(kept)).toBe(true);
      expect(JSON.parse(readFileSync(join(cwd, signal, 'report.json'), 'utf8')).points).toHaveLength(24);
      expect(readdirSync(join(cwd, signal)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    },
  );

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
