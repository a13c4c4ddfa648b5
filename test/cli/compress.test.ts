import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeNpy } from '../../src/formats/npy/npy.ts';
import { floats } from '../../src/tensor/tensor.ts';
import { bnnq } from './run-cli.ts';

const DEMO = fileURLToPath(new URL('../../examples/demo/digits.onnx', import.meta.url));
let cwd: string;

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'bnnq-cli-compress-'));
  const args = [DEMO, '--scheme', 'linear', '--bits', '3'];
  await bnnq([...args, '-o', 'plain.bnnq'], { cwd });
  await bnnq([...args, '-o', 'small.bnnq', '--compress'], { cwd });
  const values = Float32Array.from({ length: 784 }, (_, i) => (i % 7) / 7);
  writeFileSync(join(cwd, 'x.npy'), writeNpy(floats([1, 1, 28, 28], values)));
});
afterAll(() => rmSync(cwd, { recursive: true }));

const sizeOf = (name: string): number => statSync(join(cwd, name)).size;

describe('quantize --compress', () => {
  it('writes a smaller file, and says what it saves and how far from the entropy that is', async () => {
    const args = [DEMO, '--scheme', 'linear', '--bits', '3', '-o', 'again.bnnq', '--compress', '--force'];
    const { stdout } = await bnnq(args, { cwd });
    expect(stdout).toMatch(/^ {2}codes +[\d,]+ .* 2\.\d\d bits a weight, their entropy is 2\.\d\d$/m);
    const { outputs } = JSON.parse((await bnnq([...args, '--json'], { cwd })).stdout);
    expect(outputs[0]).toMatchObject({ compressed: true, packedBytes: sizeOf('again.bnnq') });
    expect(outputs[0].entropyBits).toBeLessThan((8 * outputs[0].packed.codes) / outputs[0].weights);
    expect(sizeOf('small.bnnq')).toBeLessThan(sizeOf('plain.bnnq'));
    expect(readFileSync(join(cwd, 'again.bnnq'))).toEqual(readFileSync(join(cwd, 'small.bnnq')));
  });

  it('gives a file that verify, run and export take for what it was compressed from', async () => {
    expect(await bnnq(['verify', 'small.bnnq'], { cwd })).toMatchObject({ code: 0, stderr: '' });
    const sums = ['plain.bnnq', 'small.bnnq'].map(async (name) => {
      const { stdout } = await bnnq(['run', name, '--input', 'x.npy', '--json'], { cwd });
      return JSON.parse(stdout).outputs;
    });
    const [plain, small] = await Promise.all(sums);
    expect(small).toEqual(plain);
    for (const name of ['plain', 'small'])
      expect(
        (await bnnq(['export', `${name}.bnnq`, '--to', 'onnx', '-o', `${name}.onnx`], { cwd })).code,
      ).toBe(0);
    expect(readFileSync(join(cwd, 'small.onnx'))).toEqual(readFileSync(join(cwd, 'plain.onnx')));
  });
});

describe('inspect of a compressed file', () => {
  it('shows entropy and stored bits of each weight, and accounts for every byte', async () => {
    const { packed, discretized } = JSON.parse(
      (await bnnq(['inspect', 'small.bnnq', '--json'], { cwd })).stdout,
    );
    const codes = discretized.map(({ codeBytes }: { codeBytes: number }) => codeBytes);
    expect(codes.reduce((a: number, b: number) => a + b)).toBe(packed.codes);
    expect(packed.total).toBe(sizeOf('small.bnnq'));
    const compressed = discretized.filter((one: { compressed: boolean }) => one.compressed);
    expect(compressed.length).toBeGreaterThan(0);
    expect(compressed.length).toBeLessThan(discretized.length);
    const { stdout } = await bnnq(['inspect', 'small.bnnq'], { cwd });
    expect(stdout).toMatch(/^discretized weight +shape +scheme +bits +entropy +stored +granularity/m);
    expect(stdout).toMatch(/^conv1\.weight +\[16,1,3,3\] +linear +3 +2\.\d\d +3\.00 +channel +16 +54 +64$/m);
    expect(stdout).toMatch(/^9 tensors +25,872 weights +2\.\d\d +2\.\d\d +506 +[\d,]+ +2,024$/m);
  });

  it('shows with --sizes every form, and why it cannot leave in some', async () => {
    const { stdout } = await bnnq(['inspect', 'small.bnnq', '--sizes'], { cwd });
    const bytes = (name: string) => sizeOf(name).toLocaleString('en-US');
    expect(stdout).toMatch(new RegExp(`^\\.bnnq +.* ${bytes('plain.bnnq')} +[\\d.]+×$`, 'm'));
    expect(stdout).toMatch(
      new RegExp(`^\\.bnnq, quantize --compress +.* ${bytes('small.bnnq')} +[\\d.]+×$`, 'm'),
    );
    expect(stdout).toMatch(/^--to qonnx +0 +0 .* LARGER 1\.\d\d×$/m);
    await bnnq([DEMO, '--bits', '3'], { cwd });
    const { stdout: exp } = await bnnq(['inspect', 'digits.exp3.bnnq', '--sizes'], { cwd });
    expect(exp).toMatch(/^cannot be written as\n {2}--to qonnx: qonnx: 9 weights have levels/m);
  });
});
