import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bnnq, type Outcome } from './run-cli.ts';
import { tinyModel } from './tiny-model.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bnnq-cli-c-'));
  writeFileSync(join(folder, 'tiny.onnx'), tinyModel());
  writeFileSync(join(folder, 'erf.onnx'), tinyModel(undefined, 'Erf'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const toC = (model: string, ...args: string[]): Promise<Outcome> =>
  bnnq(['export', model, '--to', 'c', ...args], { cwd: folder });

const FILES = ['Makefile', 'README.md', 'main.c', 'net.c', 'net.h', 'net_weights.c', 'net_weights.h'];

describe('export --to c', () => {
  it('writes a folder and says what the network takes, as inspect does beforehand', async () => {
    const { code, stdout, stderr } = await toC('tiny.onnx', '-o', 'made/here', '--name', 'net');
    expect([code, stderr]).toEqual([0, '']);
    expect(readdirSync(join(folder, 'made')).concat(readdirSync(join(folder, 'made/here')).sort())).toEqual([
      'here',
      ...FILES,
    ]);
    const sizes = /flash ([\d.]+ \w+) .* of constants, about ([\d.]+ \w+) of code\nRAM ([\d.]+ \w+) /.exec(
      stdout,
    );
    const inspected = await bnnq(['inspect', 'tiny.onnx', '--memory'], { cwd: folder });
    const [, flash, text, ram] = sizes!;
    expect(inspected.stdout).toContain(`flash ${flash} and about ${text} of code, RAM ${ram}`);
  });

  it('gives numbers with --json', async () => {
    const { stdout } = await toC('tiny.onnx', '-o', 'json', '--name', 'net', '--json');
    const said = JSON.parse(stdout) as { files: string[]; arenaBytes: number };
    expect(said.files.toSorted()).toEqual(FILES);
    expect(readFileSync(join(folder, 'json/net.h'), 'utf8')).toContain(
      `NET_ARENA_BYTES ${said.arenaBytes}\n`,
    );
  });

  it('leaves a folder that is there alone unless forced, and what else is in it always', async () => {
    mkdirSync(join(folder, 'mine'));
    writeFileSync(join(folder, 'mine/notes.txt'), 'mine');
    const refused = await toC('tiny.onnx', '-o', 'mine', '--name', 'net');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('"mine" exists already; its files are overwritten only with --force');
    expect(readdirSync(join(folder, 'mine'))).toEqual(['notes.txt']);
    expect((await toC('tiny.onnx', '-o', 'mine', '--name', 'net', '--force')).code).toBe(0);
    expect(readdirSync(join(folder, 'mine')).sort()).toEqual([...FILES, 'notes.txt'].sort());
  });

  it('takes no options of ONNX', async () => {
    const { code, stderr } = await toC('tiny.onnx', '-o', 'none', '--opset', '21');
    expect(code).toBe(2);
    expect(stderr).toContain('--flavor and --opset are of ONNX files');
  });

  it('writes nothing of a network that it cannot write, and says why', async () => {
    const { code, stderr } = await toC('erf.onnx', '-o', 'nothing');
    expect(code).toBe(1);
    expect(stderr).toContain('c: operators that cannot be written in C: Erf (1 node)');
    expect(existsSync(join(folder, 'nothing'))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
