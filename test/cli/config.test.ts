import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { bnnq } from './run-cli.ts';
import { tinyFolder } from './tiny-model.ts';

let cwd: string;
beforeEach(() => {
  cwd = tinyFolder();
});

const write = (name: string, text: string): void => writeFileSync(join(cwd, name), text);
const read = (name: string): string => readFileSync(join(cwd, name), 'utf8');

/** What would be written, by --dry-run. */
async function planned(args: readonly string[], from = cwd): Promise<string[]> {
  const { code, stdout, stderr } = await bnnq([...args, '--dry-run', '--json'], { cwd: from });
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout).outputs.map(({ file }: { file: string }) => file);
}

const CONFIG = `
common:
  data: idx:images.idx,labels.idx
  preprocess: unit
  threads: 1
quantize:
  model: model.onnx
  schemes: [linear, exp]
  bits: 2-3
  exclude: ['conv1*', fc]
  zero: true
sweep:
  model: model.onnx
  scheme: linear
  bits: [2, 4]
  output: swept
  min-top1: 50.0
score:
  model: model.onnx
  limit: 32
`;

describe('--config', () => {
  it('takes the section of the command, the model included, and what is common', async () => {
    write('bnnq.yaml', CONFIG);
    expect(await planned(['--config', 'bnnq.yaml'])).toEqual(
      ['linear2', 'linear3', 'exp2', 'exp3'].map((name) => `model.${name}.bnnq`),
    );
    const swept = await bnnq(['sweep', '--config=bnnq.yaml', '--json', '-q'], { cwd });
    expect([swept.code, swept.stderr]).toEqual([0, '']);
    expect(JSON.parse(swept.stdout).points.map(({ bits }: { bits: number }) => bits)).toEqual([2, 4]);
    const scored = await bnnq(['score', '--config', 'bnnq.yaml', '--json', '-q'], { cwd });
    expect(JSON.parse(scored.stdout)).toMatchObject({
      count: 32,
      dataset: { preprocess: { preset: 'unit' } },
    });
  });

  it('is beaten by the command line: values, lists, switches and the model', async () => {
    write('bnnq.yaml', CONFIG);
    const quantize = ['--config', 'bnnq.yaml', '--save-config'];
    await planned([...quantize, 'a.yaml']);
    await planned([
      ...quantize,
      'b.yaml',
      'model.onnx',
      '--scheme',
      'pot',
      '-b4',
      '--exclude',
      'fc',
      '--no-zero',
    ]);
    const [a, b] = ['a.yaml', 'b.yaml'].map((name) => parse(read(name)).quantize);
    expect(a).toMatchObject({ schemes: 'linear,exp', bits: '2-3', exclude: ['conv1*', 'fc'], zero: true });
    expect(b).toMatchObject({ schemes: 'pot', bits: 4, exclude: ['fc'], threads: 1 });
    expect(b).not.toHaveProperty('zero');
  });

  it('reads paths as seen from its own folder', async () => {
    mkdirSync(join(cwd, 'conf'));
    write('conf/bnnq.yaml', CONFIG.replaceAll(/(model\.onnx|\w+\.idx|swept)/g, '../$1'));
    const { code } = await bnnq(['sweep', '--config', 'conf/bnnq.yaml', '-q'], { cwd });
    expect([code, JSON.parse(read('swept/report.json')).dataset.spec]).toEqual([
      0,
      'idx:images.idx,labels.idx',
    ]);
    expect(
      await planned(['--config', 'bnnq.yaml', '--bits', '2', '--scheme', 'pot'], join(cwd, 'conf')),
    ).toEqual(['model.pot2.bnnq']);
  });

  it('tells every mistake of the file with its place, and what was meant', async () => {
    write(
      'bad.yaml',
      `comon: {data: x}
sweep:
  bit: 3
  bits: 9
  output: [a, b]
  zero: perhaps
  exclude: {a: b}
  fit: max
  limit:
  schemes: []
  scheme: exp
  data: true
  model: *m
common:
  threads: many
score: 7
`,
    );
    const { code, stdout, stderr } = await bnnq(['sweep', '--config', 'bad.yaml'], { cwd });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.split('\n')).toEqual([
      'bnn-quantize: bad.yaml:1:1: there is no command "comon", did you mean "common"?',
      'bad.yaml:3:3: sweep: unknown key "bit", did you mean "bits" or "fit"?',
      'bad.yaml:4:9: sweep.bits: expected whole numbers from 1 to 8 such as 3, 1-8 or 2,4, got "9"',
      'bad.yaml:5:11: sweep.output: expected one value, got a list',
      'bad.yaml:6:9: sweep.zero: expected true or false, got "perhaps"',
      'bad.yaml:7:12: sweep.exclude: expected values, got keys of its own',
      'bad.yaml:8:8: sweep.fit: expected correlation, max-range, got "max"',
      'bad.yaml:9:9: sweep.limit: expected a value, got nothing',
      'bad.yaml:10:12: sweep.schemes: expected values, got an empty list',
      'bad.yaml:12:9: sweep.data: expected a value, got true',
      'bad.yaml:13:10: sweep.model: expected a value, got an alias, which is not followed (what commands share goes under "common")',
      'bad.yaml:15:12: common.threads: expected a whole number from 1 on, got "many"',
      'bad.yaml:16:8: score: expected options, a line each, got 7',
      '',
    ]);
  });

  it.each([
    ['no YAML', 'sweep: "open', /^bnn-quantize: odd\.yaml:1:\d+: Missing closing "quote/],
    ['no sections', '- sweep', /odd\.yaml:1:1: expected sections .* got a list/],
    ['a key twice', 'sweep:\n  bits: 2\n  bits: 3', /odd\.yaml:3:3: Map keys must be unique/],
    [
      'two names of one key',
      'sweep:\n  scheme: exp\n  schemes: pot',
      /:3:3: sweep: "schemes" is there twice/,
    ],
    ['a merge key', 'sweep:\n  <<: {bits: 3}', /:2:3: sweep: unknown key "<<" .*goes under "common"/],
    ['a tag of a language', 'sweep:\n  bits: !!js/function "x"', /:2:9: Unresolved tag/],
    ['a key that is a map', '? {a: b}\n: c', /odd\.yaml:1:\d+: /],
    ['nesting without end', '['.repeat(60_000), /nested too deeply[\s\S]*and more, \d+ in all\n$/],
    ['a file too large', `#${'x'.repeat(70_000)}`, /has 70001 bytes, a file of options has 65536 at most/],
    [
      'aliases of aliases',
      `common:\n  data: &a [${'x,'.repeat(9)}x]\n  preprocess: &b [*a,*a,*a,*a]\n`,
      /:2:12: common\.data: expected one value, got a list\nodd\.yaml:3:18: common\.preprocess: expected one value/,
    ],
    ['an aliased value', 'common:\n  data: &d x\nsweep:\n  data: *d', /got an alias, which is not followed/],
  ])('refuses %s in a sentence', async (_, text, message) => {
    write('odd.yaml', text);
    const { code, stderr } = await bnnq(['sweep', '--config', 'odd.yaml'], { cwd });
    expect(stderr).toMatch(message);
    expect(code === 1 || code === 2).toBe(true);
    expect(stderr).not.toContain('internal error');
  });

  it('says so where the file or the model is missing', async () => {
    const missing = await bnnq(['--config', 'none.yaml'], { cwd });
    expect([missing.code, missing.stderr]).toEqual([
      1,
      'bnn-quantize: --config: cannot read "none.yaml": no such file\n',
    ]);
    write('empty.yaml', '');
    const { code, stderr } = await bnnq(['sweep', '--config', 'empty.yaml'], { cwd });
    expect([code, stderr]).toEqual([2, expect.stringContaining("required option '--data <dataset>'")]);
  });
});

describe('--save-config', () => {
  it('writes what runs the same again, from any folder, defaults included', async () => {
    mkdirSync(join(cwd, 'deep'));
    const args = ['sweep', 'model.onnx', '--data', 'idx:images.idx,labels.idx', '--preprocess', 'unit'];
    const first = await bnnq(
      [
        ...args,
        '--bits',
        '2,3',
        '--include',
        'c*',
        '--include',
        'f*',
        '-o',
        'one',
        '--save-config',
        'deep/a.yaml',
      ],
      { cwd },
    );
    expect(first.code).toBe(0);
    const saved = parse(read('deep/a.yaml')).sweep;
    expect(saved).toMatchObject({ model: '../model.onnx', output: '../one', include: ['c*', 'f*'], seed: 0 });
    expect(saved.schemes).toBe('binary,linear,exp');
    const again = await bnnq(['sweep', '--config', 'deep/a.yaml'], { cwd });
    expect(again.stderr).toMatch(/^one\/report\.json is up to date/);
    const elsewhere = await bnnq(['sweep', '--config', 'a.yaml', '-q'], { cwd: join(cwd, 'deep') });
    expect([elsewhere.code, elsewhere.stderr]).toEqual([0, '']);
  });

  it('leaves a file alone that says something else', async () => {
    await planned(['model.onnx', '--bits', '2', '--save-config', 'a.yaml']);
    await planned(['model.onnx', '--bits', '2', '--save-config', 'a.yaml']);
    const { code, stderr } = await bnnq(['model.onnx', '--bits', '3', '--save-config', 'a.yaml'], { cwd });
    expect([code, stderr]).toEqual([1, expect.stringContaining('"a.yaml" exists already')]);
  });
});
