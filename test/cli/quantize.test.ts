import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readModel } from '../../src/formats/read-model.ts';
import { bnnq, shell } from './run-cli.ts';
import { tinyFolder } from './tiny-model.ts';

const DATA = 'idx:images.idx,labels.idx';
let cwd: string;

beforeAll(() => {
  cwd = tinyFolder();
});
beforeEach(() => {
  for (const name of readdirSync(cwd)) if (name.endsWith('.bnnq')) rmSync(join(cwd, name));
});
afterAll(() => rmSync(cwd, { recursive: true }));

/** Names in the folder that were not there at first. */
const made = (): string[] =>
  readdirSync(cwd).filter((name) => !['model.onnx', 'images.idx', 'labels.idx'].includes(name));

describe('bnn-quantize <model>', () => {
  it('is quantize: writes <model>.<scheme><bits>.bnnq into the current folder and says what it did', async () => {
    const { code, stdout, stderr } = await bnnq(['model.onnx', '--scheme', 'linear', '--bits', '3'], { cwd });
    expect([code, stderr]).toEqual([0, '']);
    expect(made()).toEqual(['model.linear3.bnnq']);
    const bytes = statSync(join(cwd, 'model.linear3.bnnq')).size;
    expect(stdout).toMatch(/^weight +shape +scheme +bits +ρ +SNR dB +bytes\n/);
    expect(stdout).toMatch(/^conv2\.weight +\[4,4,3,3\] +linear +3 +0\.9\d+ +\d+\.\d +70$/m);
    expect(stdout).toMatch(/^3 tensors +244 weights +\d+\.\d +\d+$/m);
    expect(stdout).toMatch(
      new RegExp(`^model\\.linear3\\.bnnq .*\\(${bytes.toLocaleString('en')} bytes\\)`, 'm'),
    );
    expect(stdout).toMatch(/codes +93 .*3\.05 bits a weight/);
  });

  it('takes exp, 4 bits and channels where nothing is said, and 2 bits for ternary', async () => {
    const { code, stdout } = await bnnq(['quantize', 'model.onnx', '--schemes', 'exp,ternary', '--json'], {
      cwd,
    });
    expect(code).toBe(0);
    expect(made()).toEqual(['model.exp4.bnnq', 'model.ternary2.bnnq']);
    const { outputs } = JSON.parse(stdout);
    expect(outputs.map(({ scheme, bits, granularity }: never) => [scheme, bits, granularity])).toEqual([
      ['exp', 4, 'channel'],
      ['ternary', 2, 'channel'],
    ]);
  });

  it('writes several widths, each with its own name, and into a folder when -o is one', async () => {
    mkdirSync(join(cwd, 'out'));
    const several = [
      'model.onnx',
      '--bits',
      '1-2',
      '--granularity',
      'tensor,group:4',
      '-o',
      'out',
      '--quiet',
    ];
    const { code } = await bnnq(several, { cwd });
    expect(code).toBe(0);
    expect(readdirSync(join(cwd, 'out')).toSorted()).toEqual([
      'model.exp1.group4.bnnq',
      'model.exp1.tensor.bnnq',
      'model.exp2.group4.bnnq',
      'model.exp2.tensor.bnnq',
    ]);
    rmSync(join(cwd, 'out'), { recursive: true });
    const refused = await bnnq([...several.slice(0, -3), '-o', 'one.bnnq'], { cwd });
    expect([refused.code, refused.stderr]).toEqual([
      2,
      'bnn-quantize: 4 files would be written: -o must name a folder that exists, got "one.bnnq"\n',
    ]);
  });

  it('prints one JSON object whose numbers are those of the file', async () => {
    const { code, stdout } = await bnnq(['model.onnx', '--bits', '3', '-o', 'small.bnnq', '--json'], { cwd });
    expect(code).toBe(0);
    const { schema, model, outputs } = JSON.parse(stdout);
    expect(schema).toBe('bnn-quantize/quantize@1');
    expect(model).toMatchObject({
      file: 'model.onnx',
      format: 'onnx',
      byteLength: statSync(join(cwd, 'model.onnx')).size,
    });
    const [output] = outputs;
    const { codes, levels, other, graph, header } = output.packed;
    expect(output.packedBytes).toBe(statSync(join(cwd, 'small.bnnq')).size);
    expect(codes + levels + other + graph + header).toBe(output.packedBytes);
    expect(output.layers.map(({ name }: { name: string }) => name)).toEqual([
      'conv1.weight',
      'conv2.weight',
      'fc.weight',
    ]);
    const packed = await readModel(join(cwd, 'small.bnnq'));
    expect(packed.graph.initializers.get('fc.weight')!.quantized).toMatchObject({ scheme: 'exp', bits: 3 });
  });

  it('writes the same bytes twice', async () => {
    await bnnq(['model.onnx', '-o', 'a.bnnq'], { cwd });
    await bnnq(['model.onnx', '-o', 'b.bnnq', '--threads', '1'], { cwd });
    expect(readFileSync(join(cwd, 'a.bnnq')).equals(readFileSync(join(cwd, 'b.bnnq')))).toBe(true);
  });

  it('chooses weights by globs, and says why the others stay', async () => {
    const { code, stdout } = await bnnq(['model.onnx', '--include', 'conv*', '--exclude', 'conv1*'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^1 tensor +144 weights /m);
    expect(stdout).toContain('  conv1.weight: excluded by "conv1*"');
    expect(stdout).toContain('  fc.weight: not included by any pattern');
  });

  it('with --dry-run says what would be written and writes nothing', async () => {
    const { code, stdout } = await bnnq(['model.onnx', '--bits', '2,5', '--dry-run'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain('would write model.exp2.bnnq: exp, 2 bits, channel; codes of 61 B');
    expect(stdout).toContain('would write model.exp5.bnnq');
    expect(stdout).toContain('nothing was written');
    expect(made()).toEqual([]);
    const json = await bnnq(['model.onnx', '--dry-run', '--json'], { cwd });
    expect(JSON.parse(json.stdout)).toMatchObject({ dryRun: true, outputs: [{ file: 'model.exp4.bnnq' }] });
  });

  it('does not overwrite a file without --force, and sees that before any work', async () => {
    writeFileSync(join(cwd, 'model.exp4.bnnq'), 'mine');
    const { code, stdout, stderr } = await bnnq(['model.onnx'], { cwd });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^bnn-quantize: "model\.exp4\.bnnq" exists already; .*--force.*\n$/);
    expect(readFileSync(join(cwd, 'model.exp4.bnnq'), 'utf8')).toBe('mine');
    expect((await bnnq(['model.onnx', '--force'], { cwd })).code).toBe(0);
    expect(statSync(join(cwd, 'model.exp4.bnnq')).size).toBeGreaterThan(100);
  });

  it('measures accuracy before and after on --data', async () => {
    const { code, stdout } = await bnnq(['model.onnx', '--bits', '8', '--data', DATA, '--threads', '1'], {
      cwd,
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^top-1 +\d+\.\d\d % {2}\[\d+\.\d\d, \d+\.\d\d\] {2}float \d+\.\d\d %, [−+]?\d+\.\d\d$/m,
    );
    expect(stdout).toMatch(/^data +64 labelled samples of idx:images\.idx,labels\.idx$/m);
  });

  it('ends with 3 when a gate is not met, the file written all the same', async () => {
    const gate = ['model.onnx', '--bits', '1', '--data', DATA, '--threads', '1', '--max-drop', '1', '--json'];
    const { code, stdout, stderr } = await bnnq(gate, { cwd });
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /gate not met by model\.exp1\.bnnq: top-1 fell by \d+\.\d\d points, --max-drop allows 1\n/,
    );
    expect(existsSync(join(cwd, 'model.exp1.bnnq'))).toBe(true);
    const [{ scores, gates }] = JSON.parse(stdout).outputs;
    expect(gates).toEqual([
      { gate: 'max-drop', limit: 1, value: expect.closeTo(scores.float.top1 - scores.top1, 5), met: false },
    ]);
    const met = await bnnq(
      ['model.onnx', '--bits', '1', '--data', DATA, '--threads', '1', '--min-top1', '10', '--force'],
      { cwd },
    );
    expect([met.code, met.stderr]).toEqual([0, '']);
  });
});

describe('what goes wrong while writing', () => {
  it('leaves nothing behind when the disk is full half-way', async () => {
    // Files of at most one block of 1,024 bytes: the write is cut short as on a full disk.
    const { code, stderr } = await shell(`trap '' XFSZ; ulimit -f 1; $BNNQ model.onnx`, { cwd });
    expect(stderr).toBe(
      'bnn-quantize: cannot write "model.exp4.bnnq": the file would be larger than the system allows\n',
    );
    expect([code, made()]).toEqual([1, []]);
  });

  it.skipIf(!existsSync('/dev/full'))('says that the disk is full (needs /dev/full)', async () => {
    const { code, stderr } = await bnnq(['model.onnx', '-o', '/dev/full'], { cwd });
    expect([code, stderr]).toEqual([1, 'bnn-quantize: cannot write "/dev/full": the disk is full\n']);
  });

  it('refuses a folder that is missing', async () => {
    const missing = await bnnq(['model.onnx', '-o', 'nowhere/x.bnnq'], { cwd });
    expect([missing.code, missing.stderr]).toEqual([
      1,
      'bnn-quantize: cannot write "nowhere/x.bnnq": there is no folder "nowhere"\n',
    ]);
    expect(made()).toEqual([]);
  });

  it('ends quietly when the reader of stdout goes away', async () => {
    const { stderr } = await shell('$BNNQ model.onnx --json | true', { cwd });
    expect(stderr).toBe('');
    expect(made()).toEqual(['model.exp4.bnnq']);
  });
});
