import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportedSize } from '../../src/eval/export-model.ts';
import { readModel } from '../../src/formats/read-model.ts';
import { readAsForeign } from '../formats/exported-bytes.ts';
import { bnnq } from './run-cli.ts';
import { tinyFolder } from './tiny-model.ts';

let cwd: string;

beforeAll(async () => {
  cwd = tinyFolder();
  await bnnq(['model.onnx', '--scheme', 'linear', '--bits', '4'], { cwd });
});
afterAll(() => rmSync(cwd, { recursive: true }));

const exportTo = (...args: string[]) => bnnq(['export', 'model.linear4.bnnq', ...args], { cwd });

describe('bnn-quantize export', () => {
  it('writes a file that reads as the packed one does, and says what its bytes are for', async () => {
    const { code, stdout } = await exportTo('--to', 'onnx');
    expect(code).toBe(0);
    const file = join(cwd, 'model.linear4.packed.onnx');
    const total = statSync(file).size;
    expect(stdout).toMatch(/^model\.linear4\.packed\.onnx {2}3 discretized weights$/m);
    expect(stdout).toContain(`(${total.toLocaleString('en-US')} bytes)`);
    expect(stdout).toMatch(/^ {2}codes +124 .* 4\.07 bits a weight$/m);
    expect(stdout).toMatch(/^ {2}levels +48 /m);
    const [packed, back] = await Promise.all([readModel(join(cwd, 'model.linear4.bnnq')), readModel(file)]);
    for (const [name, { quantized }] of packed.graph.initializers)
      expect(back.graph.initializers.get(name)!.quantized?.params).toEqual(quantized?.params);
  });

  it('accounts for every byte, in the forms that programs read, and inspect says the same of the file', async () => {
    for (const args of [
      ['--flavor', 'planes'],
      ['--opset', '21'],
      ['--flavor', 'float'],
    ]) {
      const { stdout } = await exportTo('--to', 'onnx', ...args, '-o', 'out.onnx', '--force', '--json');
      const { onDisk, bytes, weights } = JSON.parse(stdout);
      const { codes, levels, other, graph, total } = onDisk;
      expect(total).toBe(statSync(join(cwd, 'out.onnx')).size);
      expect([bytes, weights]).toEqual([total, 3]);
      expect(codes + levels + other + graph).toBe(total);
      // 36 + 144 + 64 weights, each plane of them in whole bytes; a level parameter for each of 4 + 4 + 4 rows
      // (and the scale 1 of DequantizeLinear).
      const expected = { planes: [4 * (5 + 18 + 8), 48], '21': [18 + 72 + 32, 48 + 4], float: [0, 0] };
      expect([codes, levels]).toEqual(expected[args[1] as 'planes']);
      const { stdout: inspected } = await bnnq(['inspect', 'out.onnx', '--json'], { cwd });
      expect(JSON.parse(inspected).onDisk).toEqual(onDisk);
      expect(exportedSize(readFileSync(join(cwd, 'out.onnx')))).toEqual(onDisk);
    }
  });

  it('says before it writes that a file is larger than what it is made from, and writes it all the same', async () => {
    // A table of 256 levels for each of 12 rows.
    const codebook = ['--scheme', 'codebook', '--bits', '8', '-o', 'eight.bnnq'];
    const quantized = await bnnq(['model.onnx', ...codebook], { cwd });
    expect(quantized.stderr).toContain('eight.bnnq is larger than what it is made from');
    const args = ['export', 'eight.bnnq', '--to', 'onnx', '-o', 'grown.onnx'];
    const { code, stderr } = await bnnq(args, { cwd });
    expect(code).toBe(0);
    const [total, before] = ['grown.onnx', 'model.onnx'].map((name) =>
      statSync(join(cwd, name)).size.toLocaleString('en-US'),
    );
    expect(stderr).toBe(`grown.onnx is larger than what it is made from: ${total} bytes, before ${before}\n`);
    const quiet = await bnnq([...args, '--force', '--quiet'], { cwd });
    expect(quiet.stderr).toBe('');
  });

  it('writes QONNX, and refuses what that cannot say, and sets that are none, in a sentence', async () => {
    expect((await exportTo('--to', 'qonnx')).code).toBe(0);
    const file = join(cwd, 'model.linear4.qonnx.onnx');
    const written = readAsForeign(readFileSync(file)).graph.nodes;
    expect(written.filter(({ opType }) => opType === 'Quant')).toHaveLength(3);
    const [packed, back] = await Promise.all([readModel(join(cwd, 'model.linear4.bnnq')), readModel(file)]);
    for (const [name, { quantized }] of packed.graph.initializers)
      expect(back.graph.initializers.get(name)!.quantized?.planes).toEqual(quantized?.planes);
    await bnnq(['model.onnx', '--bits', '3', '--scheme', 'exp'], { cwd });
    const refused = await bnnq(['export', 'model.exp3.bnnq', '--to', 'qonnx'], { cwd });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/3 weights have levels that are not equally far apart.*"conv1\.weight"/);
    const opset = await exportTo('--to', 'onnx', '--opset', '12', '-o', 'old.onnx');
    expect([opset.code, opset.stderr]).toEqual([2, expect.stringContaining('from 13')]);
    expect((await exportTo('--to', 'onnx', '--opset', 'new')).code).toBe(2);
  });
});
