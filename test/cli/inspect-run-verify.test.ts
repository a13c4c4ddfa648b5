import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readNpy, writeNpy } from '../../src/formats/npy/npy.ts';
import { floats } from '../../src/tensor/tensor.ts';
import { bnnq } from './run-cli.ts';
import { tinyFolder, tinyModel } from './tiny-model.ts';

let cwd: string;

beforeAll(async () => {
  cwd = tinyFolder();
  await bnnq(['model.onnx', '--bits', '3'], { cwd });
  const values = Float32Array.from({ length: 128 }, (_, i) => (i % 7) / 7);
  writeFileSync(join(cwd, 'x.npy'), writeNpy(floats([2, 1, 8, 8], values)));
});
afterAll(() => rmSync(cwd, { recursive: true }));

describe('bnn-quantize inspect', () => {
  it('sums up a float model', async () => {
    const { code, stdout } = await bnnq(['inspect', 'model.onnx'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^format +onnx, IR 8, operators of ai\.onnx 13, producer tiny-model$/m);
    expect(stdout).toMatch(/^inputs +x FLOAT \[N,1,8,8\]$/m);
    expect(stdout).toMatch(/^parameters +248$/m);
    // 64 pixels × (4×9 + 4×36) and a Gemm of 16×4
    expect(stdout).toMatch(/^MACs +11,584 a sample$/m);
    expect(stdout).toMatch(/^7 nodes {2}2× Conv, 2× Relu, 1× AveragePool, 1× Flatten, 1× Gemm$/m);
    expect(stdout).toMatch(/^conv2\.weight +Conv +\[4,4,3,3\] +FLOAT +144 +576 B$/m);
  });

  it('accounts for every byte of a packed file', async () => {
    const { stdout } = await bnnq(['inspect', 'model.exp3.bnnq', '--json'], { cwd });
    const { packed, discretized, source } = JSON.parse(stdout);
    const { codes, levels, other, graph, header, total } = packed;
    expect(total).toBe(statSync(join(cwd, 'model.exp3.bnnq')).size);
    expect(codes + levels + other + graph + header).toBe(total);
    expect(codes).toBe(Math.ceil(36 / 8) * 3 + Math.ceil(144 / 8) * 3 + Math.ceil(64 / 8) * 3);
    expect(discretized).toHaveLength(3);
    expect(source.byteLength).toBe(statSync(join(cwd, 'model.onnx')).size);
    const text = (await bnnq(['inspect', 'model.exp3.bnnq'], { cwd })).stdout;
    expect(text).toMatch(/^fc\.weight +\[4,16\] +exp +3 +[\d.]+ +channel +4 +24 +32$/m);
    expect(text).toMatch(/^on disk .*× smaller than the source$/m);
    expect(text).not.toContain('it is discretized already');
  });

  it('marks operators that cannot be run, which is no error', async () => {
    writeFileSync(join(cwd, 'odd.onnx'), tinyModel(undefined, 'FancyRelu'));
    const { code, stdout } = await bnnq(['inspect', 'odd.onnx'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain('1× FancyRelu (cannot be run here)');
    expect((await bnnq(['odd.onnx'], { cwd })).code).toBe(0);
    const score = await bnnq(['score', 'odd.onnx', '--data', 'idx:images.idx,labels.idx'], { cwd });
    expect([score.code, score.stderr]).toEqual([1, expect.stringMatching(/^bnn-quantize: .*FancyRelu.*\n$/)]);
  });
});

describe('bnn-quantize run', () => {
  it('writes an output that another run sums up the same', async () => {
    const { code, stdout, stderr } = await bnnq(['run', 'model.onnx', '--input', 'x.npy', '-o', 'y.npy'], {
      cwd,
    });
    expect([code, stdout, stderr]).toEqual([0, '', '']);
    const y = readNpy(readFileSync(join(cwd, 'y.npy')), 'y.npy');
    expect(y).toMatchObject({ dtype: 'FLOAT', shape: [2, 4] });
    const { outputs } = JSON.parse(
      (await bnnq(['run', 'model.onnx', '-i', 'x=x.npy', '--json'], { cwd })).stdout,
    );
    expect(outputs[0]).toMatchObject({
      name: 'y',
      dtype: 'FLOAT',
      shape: [2, 4],
      values: [...(y.data as Float32Array)],
    });
    const text = (await bnnq(['run', 'model.onnx', '-i', 'x.npy'], { cwd })).stdout;
    expect(text).toMatch(/^output +type +shape +min +max +mean +argmax +values\ny +FLOAT +\[2,4\] /);
  });

  it('prints the SHA-256 of an output, which is that of its elements in memory', async () => {
    const { stdout } = await bnnq(['run', 'model.onnx', '-i', 'x.npy', '-o', 'hashed.npy', '--json'], {
      cwd,
    });
    const { data } = readNpy(readFileSync(join(cwd, 'hashed.npy')), 'hashed.npy');
    const sha256 = createHash('sha256')
      .update(data as Float32Array)
      .digest('hex');
    expect(JSON.parse(stdout).outputs[0].sha256).toBe(sha256);
    const text = (await bnnq(['run', 'model.onnx', '-i', 'x.npy'], { cwd })).stdout;
    expect(text).toContain(`\ny: SHA-256 ${sha256}\n`);
  });

  it('takes an image, preprocessed as score does it', async () => {
    const pixels = Uint8Array.from({ length: 64 }, (_, i) => i * 4);
    writeFileSync(
      join(cwd, 'image.png'),
      encode({ width: 8, height: 8, channels: 1, depth: 8, data: pixels }),
    );
    const unit = Float32Array.from(pixels, (pixel) => Math.fround(Math.fround(pixel * (1 / 255))));
    writeFileSync(join(cwd, 'unit.npy'), writeNpy(floats([1, 1, 8, 8], unit)));
    const outputsOf = async (...args: string[]) =>
      JSON.parse((await bnnq(['run', 'model.onnx', '--json', ...args], { cwd })).stdout).outputs;
    const wanted = await outputsOf('-i', 'unit.npy');
    expect(await outputsOf('-i', 'image.png')).toEqual(wanted);
    expect(await outputsOf('-i', 'image.png', '--preprocess', 'unit')).toEqual(wanted);
    expect(await outputsOf('-i', 'image.png', '--preprocess', 'raw')).not.toEqual(wanted);
    const unknown = await bnnq(['run', 'model.onnx', '-i', 'image.png', '--preprocess', 'nothing'], { cwd });
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('preprocessing "nothing"')]);
  });

  it('gives the same bits with either set of kernels and several threads', async () => {
    for (const [kernels, threads] of [
      ['reference', 1],
      ['simd', 1],
      ['auto', 3],
    ] as const)
      expect(
        (
          await bnnq(
            [
              'run',
              'model.exp3.bnnq',
              '-i',
              'x.npy',
              '-o',
              `${kernels}.npy`,
              '--kernels',
              kernels,
              '--threads',
              `${threads}`,
            ],
            { cwd },
          )
        ).code,
      ).toBe(0);
    for (const other of ['simd', 'auto'])
      expect(readFileSync(join(cwd, `${other}.npy`))).toEqual(readFileSync(join(cwd, 'reference.npy')));
  });

  it('refuses inputs that are missing, unknown, of the wrong shape, or no arrays, and keeps existing files', async () => {
    const cases: [string[], number, RegExp][] = [
      [[], 2, /no array for the input "x": give --input x=file\.npy/],
      [['-i', 'nothing.npy'], 1, /cannot read "nothing\.npy": no such file/],
      [['-i', 'model.onnx'], 1, /"?model\.onnx"?.*\.npy/],
      [['-i', 'x.npy', '-i', 'x.npy'], 2, /two files for "x"/],
      [['-i', 'x.npy', '-o', 'x.npy'], 1, /"x\.npy" exists already/],
      [['-i', 'x.npy', '--threads', '0'], 2, /--threads: expected a whole number from 1 on, got "0"/],
      [['-i', 'x.npy', '--threads', '999'], 2, /threads: expected a whole number from 1 to 256, got 999/],
      [['-i', 'x.npy', '-o', 'a.npy', '-o', 'b.npy'], 2, /two files for "y"/],
    ];
    for (const [args, code, message] of cases) {
      const outcome = await bnnq(['run', 'model.onnx', ...args], { cwd });
      expect([outcome.code, outcome.stdout, outcome.stderr], args.join(' ')).toEqual([
        code,
        '',
        expect.stringMatching(message),
      ]);
    }
    writeFileSync(join(cwd, 'wrong.npy'), writeNpy(floats([1, 2, 8, 8], new Float32Array(128))));
    const wrong = await bnnq(['run', 'model.onnx', '-i', 'wrong.npy'], { cwd });
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringMatching(/input "x".*\[1,2,8,8\]/)]);
  });
});

describe('bnn-quantize verify', () => {
  it('says what was compared, and that it is the same', async () => {
    const { code, stdout } = await bnnq(['verify', 'model.exp3.bnnq', '--seed', '5'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^model\.exp3\.bnnq: reference kernels and simd kernels on 1, 2, 3 threads agree bit for bit: [\d,]+ numbers in \d+ values, input of seed 5\n$/,
    );
    const json = JSON.parse(
      (await bnnq(['verify', 'model.onnx', '--outputs-only', '--json', '--threads', '4'], { cwd })).stdout,
    );
    expect(json).toMatchObject({
      model: 'model.onnx',
      seed: 1,
      equal: true,
      threads: [1, 4],
      values: ['y'],
      differentElements: 0,
    });
  });
});
