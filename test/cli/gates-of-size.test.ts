import { statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bnnq } from './run-cli.ts';
import { tinyFolder } from './tiny-model.ts';

const DATA = ['--data', 'idx:images.idx,labels.idx', '--preprocess', 'unit', '--threads', '1'];
let cwd: string;

beforeAll(async () => {
  cwd = tinyFolder();
  await bnnq(['model.onnx', '--bits', '2', '-o', 'two.bnnq'], { cwd });
});

const sizeOf = (name: string): number => statSync(join(cwd, name)).size;

describe('--max-size', () => {
  it('holds for a file of just that size, and ends quantize with 3 one byte below, the file written', async () => {
    const bytes = sizeOf('two.bnnq');
    const met = await bnnq(['model.onnx', '--bits', '2', '-o', 'met.bnnq', '--max-size', `${bytes}`], {
      cwd,
    });
    expect([met.code, met.stderr]).toEqual([0, '']);
    const args = ['model.onnx', '--bits', '2', '-o', 'missed.bnnq', '--max-size', `${bytes - 1}`, '--json'];
    const { code, stdout, stderr } = await bnnq(args, { cwd });
    expect(code).toBe(3);
    expect(stderr).toMatch(/gate not met by missed\.bnnq: [\d,]+ bytes, --max-size allows [\d,]+\n$/);
    expect(JSON.parse(stdout).outputs[0].gates).toEqual([
      { gate: 'max-size', limit: bytes - 1, value: bytes, met: false },
    ]);
    expect(sizeOf('missed.bnnq')).toBe(bytes);
  });

  it('is judged by score with the size of the file, packed or not', async () => {
    for (const file of ['two.bnnq', 'model.onnx']) {
      const limit = String(sizeOf(file));
      const met = await bnnq(['score', file, ...DATA, '--max-size', limit, '--json'], { cwd });
      expect([met.code, JSON.parse(met.stdout).gates[0].value]).toEqual([0, sizeOf(file)]);
      expect((await bnnq(['score', file, ...DATA, '--max-size', '1kB', '-q'], { cwd })).code).toBe(3);
    }
  });

  it('holds for a sweep only where one point meets all gates, and names what the nearest misses', async () => {
    const sweep = [
      'sweep',
      'model.onnx',
      ...DATA,
      '--schemes',
      'linear',
      '--bits',
      '1,4',
      '-o',
      'swept',
      '-q',
    ];
    const { code } = await bnnq(sweep, { cwd });
    expect(code).toBe(0);
    // One bit is small enough, four bits are accurate enough, nothing is both.
    const gates = ['--min-top1', '90', '--max-size'];
    const { stdout } = await bnnq([...sweep, '--json'], { cwd });
    const [one, four] = JSON.parse(stdout).points;
    expect([one.top1 < 90, four.top1 > 90, one.packedBytes < four.packedBytes]).toEqual([true, true, true]);
    const missed = await bnnq([...sweep, ...gates, `${four.packedBytes - 1}`], { cwd });
    expect(missed.code).toBe(3);
    expect(missed.stderr).toMatch(/nearest point \(linear, channel, 4 bits\): [\d,]+ bytes, --max-size/);
    expect((await bnnq([...sweep, ...gates, `${four.packedBytes}`], { cwd })).code).toBe(0);
  });

  it('ends export with 3 for a file that is too large, and for C whose constants and code are', async () => {
    const onnx = await bnnq(['export', 'two.bnnq', '--to', 'onnx', '-o', 'two.onnx', '--max-size', '100'], {
      cwd,
    });
    expect([onnx.code, onnx.stderr]).toEqual([3, expect.stringContaining('gate not met by two.onnx: ')]);
    const args = ['export', 'two.bnnq', '--to', 'c', '-o', 'firmware', '--json', '--max-size', '1MB'];
    const { code, stdout } = await bnnq(args, { cwd });
    const { gates, arrayBytes, structBytes, codeBytes } = JSON.parse(stdout);
    expect([code, gates[0].value]).toEqual([0, arrayBytes + structBytes + codeBytes]);
  });

  it('takes sizes as they are written, and refuses others', async () => {
    const { code, stderr } = await bnnq(['model.onnx', '--max-size', '1 parsec'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^bnn-quantize: --max-size: expected a number of bytes such as 1\.2MB.*"1 parsec"/,
    );
  });
});
