import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { beforeEach, describe, expect, it } from 'vitest';
import { bnnq, type Outcome } from './run-cli.ts';
import { tinyFolder } from './tiny-model.ts';

const DATA = ['--data', 'idx:images.idx,labels.idx', '--preprocess', 'unit', '--threads', '1'];
let cwd: string;
beforeEach(() => {
  cwd = tinyFolder();
});

/** Runs with records of its own folder, so that nothing is known from elsewhere. */
const run = (...args: string[]): Promise<Outcome> =>
  bnnq(args, { cwd, env: { BNNQ_CACHE: join(cwd, 'records') } });

const contentOf = (name: string): string => readFileSync(join(cwd, name), 'latin1');

/** Sets a file's time back, so that writing it again shows. */
function age(name: string): void {
  utimesSync(join(cwd, name), 1e9, 1e9);
}

const isUntouched = (name: string): boolean => statSync(join(cwd, name)).mtimeMs === 1e12;

describe('a second run of quantize', () => {
  it('leaves the file alone, says so, and prints what the first printed', async () => {
    const args = ['model.onnx', '--bits', '3', ...DATA, '--json'];
    const first = await run(...args);
    age('model.exp3.bnnq');
    const second = await run(...args);
    expect([second.code, second.stdout]).toEqual([0, first.stdout]);
    expect(second.stderr).toBe(
      'model.exp3.bnnq is up to date: the same inputs made it; --force makes it again\n',
    );
    expect(isUntouched('model.exp3.bnnq')).toBe(true);
    expect((await run(...args, '--force')).stderr).not.toContain('up to date');
    expect(isUntouched('model.exp3.bnnq')).toBe(false);
  });

  it('scores a file that is up to date where it was not scored before, and judges gates anew', async () => {
    await run('model.onnx', '--bits', '3');
    age('model.exp3.bnnq');
    const scored = await run('model.onnx', '--bits', '3', ...DATA, '--json', '--min-top1', '10');
    expect([scored.code, JSON.parse(scored.stdout).outputs[0].scores.count]).toEqual([0, 64]);
    const missed = await run('model.onnx', '--bits', '3', ...DATA, '--min-top1', '100', '-q');
    expect([missed.code, missed.stderr]).toEqual([3, expect.stringContaining('--min-top1 asks for 100 %')]);
    expect(isUntouched('model.exp3.bnnq')).toBe(true);
  });

  it('knows calibration images by their content', async () => {
    const args = ['model.onnx', '--bits', '2', '--calib', 'idx:images.idx', '--preprocess', 'unit'];
    await run(...args);
    expect((await run(...args)).stderr).toContain('up to date');
    const images = readFileSync(join(cwd, 'images.idx'));
    images[20] ^= 1;
    writeFileSync(join(cwd, 'images.idx'), images);
    const changed = await run(...args);
    expect([changed.code, changed.stderr]).toEqual([1, expect.stringContaining('exists already')]);
  });

  it.each([
    ['another model', () => cpSync(join(cwd, 'other.onnx'), join(cwd, 'model.onnx')), []],
    ['other settings', () => {}, ['--zero']],
    ['a file that was changed', () => writeFileSync(join(cwd, 'model.exp3.bnnq'), 'mine'), []],
    ['damaged records', () => damageRecords(), []],
    ['no records', () => rmSync(join(cwd, 'records'), { recursive: true }), []],
    ['--no-cache', () => {}, ['--no-cache']],
  ])('does not take it for up to date with %s', async (_, change, args) => {
    await run('model.onnx', '--bits', '3');
    // The same weights in a file of other bytes.
    writeFileSync(join(cwd, 'other.onnx'), Buffer.concat([readFileSync(join(cwd, 'model.onnx')), padding()]));
    change();
    const { code, stderr } = await run('model.onnx', '--bits', '3', ...args);
    expect([code, stderr]).toEqual([1, expect.stringContaining('"model.exp3.bnnq" exists already')]);
  });

  it('works without a place for records', async () => {
    const env = { BNNQ_CACHE: '/dev/null/nowhere' };
    expect((await bnnq(['model.onnx', '--bits', '3'], { cwd, env })).code).toBe(0);
  });
});

/** An unknown field of ONNX: number 2000, the varint 0. */
const padding = (): Buffer => Buffer.from([0x80, 0x7d, 0]);

/** Says another size than the file has, in every record. */
function damageRecords(): void {
  for (const name of readdirSync(join(cwd, 'records'))) {
    const text = contentOf(join('records', name));
    writeFileSync(join(cwd, 'records', name), text.replace(/"packedBytes":\d+/, '"packedBytes":1'));
  }
}

describe('a second run of the others', () => {
  it('leaves an ONNX file and a folder of C alone, and writes them again where a file was changed', async () => {
    await run('model.onnx', '--bits', '2', '--scheme', 'linear', '-o', 'two.bnnq');
    for (const [args, file] of [
      [['--to', 'onnx', '-o', 'two.onnx'], 'two.onnx'],
      [['--to', 'c', '-o', 'firmware'], 'firmware/main.c'],
    ] as const) {
      const first = await run('export', 'two.bnnq', ...args);
      age(file);
      const second = await run('export', 'two.bnnq', ...args);
      expect([second.code, second.stdout]).toEqual([0, first.stdout]);
      expect([second.stderr.includes('is up to date'), isUntouched(file)]).toEqual([true, true]);
      writeFileSync(join(cwd, file), 'mine');
      expect((await run('export', 'two.bnnq', ...args)).code).toBe(1);
      expect((await run('export', 'two.bnnq', ...args, '--force')).code).toBe(0);
    }
  });

  it('takes a score from a folder that was named, and never without one', async () => {
    const args = ['score', 'model.onnx', ...DATA, '--json'];
    await run(...args);
    expect((await run(...args)).stderr).toBe('');
    const first = await run(...args, '--cache', 'scores');
    const second = await run(...args, '--cache', 'scores', '--min-top1', '100');
    expect([second.code, second.stderr]).toEqual([3, expect.stringMatching(/^scored before, from scores\n/)]);
    const { gates, ...rest } = JSON.parse(second.stdout);
    expect(rest).toEqual(JSON.parse(first.stdout));
    expect(gates).toHaveLength(1);
    expect((await run(...args, '--cache', 'scores', '--limit', '32')).stderr).toBe('');
  });

  it('notices a picture whose pixels changed and whose name and size did not', async () => {
    mkdirSync(join(cwd, 'pictures'));
    const draw = (seed: number): void => {
      for (let i = 0; i < 3; i++) {
        const data = Uint8Array.from({ length: 64 }, (_, at) => (at * 7 + i * 31 + seed) & 255);
        // Level 0 stores: all have one size.
        const png = encode({ width: 8, height: 8, data, channels: 1 }, { zlib: { level: 0 } });
        writeFileSync(join(cwd, 'pictures', `${i}.png`), png);
      }
    };
    draw(0);
    const args = ['sweep', 'model.onnx', '--data', 'imagefolder:pictures', '--threads', '1', '--bits', '2'];
    const before = statSync(join(cwd, 'pictures', '0.png')).size;
    expect((await run(...args, '-o', 'swept')).code).toBe(0);
    expect((await run(...args, '-o', 'swept')).stderr).toContain('up to date');
    draw(1);
    expect(statSync(join(cwd, 'pictures', '0.png')).size).toBe(before);
    const changed = await run(...args, '-o', 'swept');
    expect([changed.code, changed.stderr]).toEqual([1, expect.stringContaining('(other data)')]);
  });
});

describe('a finished sweep', () => {
  const SWEEP = ['sweep', 'model.onnx', ...DATA, '--schemes', 'linear,exp', '--bits', '2,3'];

  it('is left as it is, judged by the gates of now, and its other files are repaired', async () => {
    const first = await run(...SWEEP, '-o', 'swept');
    const html = contentOf('swept/report.html');
    age('swept/report.json');
    writeFileSync(join(cwd, 'swept/report.html'), 'damaged');
    rmSync(join(cwd, 'swept/report.md'));
    const second = await run(...SWEEP, '-o', 'swept', '--min-top1', '100');
    expect([second.code, second.stdout]).toEqual([3, first.stdout]);
    expect(isUntouched('swept/report.json')).toBe(true);
    expect(contentOf('swept/report.html')).toBe(html);
    expect(contentOf('swept/report.md')).toContain('linear');
  });

  it('goes on where its report is missing or damaged', async () => {
    await run(...SWEEP, '-o', 'swept');
    const whole = JSON.parse(contentOf('swept/report.json'));
    for (const damage of ['', '{', '{"points":[]}', JSON.stringify({ ...whole, points: null })]) {
      writeFileSync(join(cwd, 'swept/report.json'), damage);
      const again = await run(...SWEEP, '-o', 'swept');
      expect([again.code, again.stderr]).toEqual([0, 'going on: 4 of 4 points were finished before\n']);
      expect(JSON.parse(contentOf('swept/report.json')).points).toEqual(whole.points);
    }
  });

  it('gives a report that differs from that of another run in times, machine and command alone', async () => {
    await run(...SWEEP, '-o', 'one');
    await run(...SWEEP, '-o', 'two', '--threads', '2');
    const timeless = (folder: string): string =>
      JSON.stringify(JSON.parse(contentOf(join(folder, 'report.json'))), (key, value) =>
        ['created', 'machine', 'command', 'seconds', 'runSeconds'].includes(key) ? undefined : value,
      );
    expect(timeless('one')).toBe(timeless('two'));
  });
});
