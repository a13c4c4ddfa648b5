import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bnnq } from './run-cli.ts';
import { tinyFolder, tinyImages, tinyModel } from './tiny-model.ts';

let cwd: string;

beforeAll(() => {
  cwd = tinyFolder();
});
afterAll(() => rmSync(cwd, { recursive: true }));

/** One sentence on stderr, nothing on stdout, no new file. */
async function refused(args: readonly string[], code: number, message: RegExp | string): Promise<void> {
  const before = readdirSync(cwd);
  const outcome = await bnnq(args, { cwd });
  const label = args.join(' ');
  if (typeof message === 'string') expect(outcome.stderr, label).toBe(message);
  else expect(outcome.stderr, label).toMatch(message);
  expect([outcome.code, outcome.stdout], label).toEqual([code, '']);
  expect(outcome.stderr, label).toMatch(/^bnn-quantize: .*\n/);
  expect(outcome.stderr, label).not.toMatch(/^ +at /m);
  expect(readdirSync(cwd), label).toEqual(before);
}

describe('wrong usage ends with 2, one sentence, and where to find help', () => {
  it.each<[string, string[], string | RegExp]>([
    [
      'width beyond 8',
      ['model.onnx', '--bits', '9'],
      /^bnn-quantize: --bits: expected whole numbers from 1 to 8 .*, got "9"\nSee "bnn-quantize quantize --help"\.\n$/,
    ],
    ['width 0', ['model.onnx', '--bits', '0-3'], /got "0-3"/],
    [
      'unknown scheme',
      ['model.onnx', '--scheme', 'cubic'],
      /^bnn-quantize: --schemes: expected binary, linear, exp, ternary, pot, codebook, auto, got "cubic"\n/,
    ],
    [
      'unknown granularity',
      ['model.onnx', '--granularity', 'layer'],
      /--granularity: expected tensor, channel or group:N/,
    ],
    [
      'unknown fit',
      ['model.onnx', '--fit', 'best'],
      /^bnn-quantize: --fit: expected correlation, max-range, got "best"\n/,
    ],
    [
      'a method that is not there',
      ['model.onnx', '--method', 'adaround'],
      /^bnn-quantize: --method: expected rtn, .*gptq, got "adaround"\n/,
    ],
    [
      'what needs images, without images',
      'model.onnx --method gptq --repair scale --act-bits 8 --ridge 0.1 --calib-samples 3'.split(' '),
      'bnn-quantize: --method gptq, --repair scale, --act-bits, --ridge, --calib-samples: name calibration images with --calib (--act-bits 8 --act-range dynamic needs none)\n',
    ],
    [
      'a ridge that is no number',
      ['model.onnx', '--ridge', '-1', '--calib', 'idx:images.idx'],
      /^bnn-quantize: --ridge: expected a number from 0 on such as 0\.1, got "-1"\n/,
    ],
    [
      'a ridge where none is used',
      ['model.onnx', '--ridge', '1', '--method', 'rtn', '--calib', 'idx:images.idx'],
      'bnn-quantize: --ridge is of --method gptq, not of rtn\n',
    ],
    [
      'several widths of activations for one file',
      ['model.onnx', '--act-bits', '4,8', '--calib', 'idx:images.idx'],
      'bnn-quantize: --act-bits: several widths are for sweep, quantize takes one\n',
    ],
    [
      'a width of activations that there is not',
      ['model.onnx', '--act-bits', '16'],
      /^bnn-quantize: --act-bits: expected widths from 1 to 8 or float, .*, got "16"\n/,
    ],
    [
      'repairs that exclude each other',
      ['model.onnx', '--repair', 'scale,batch-norm'],
      /^bnn-quantize: --repair: expected one of batch-norm, scale, auto, .*, got scale, batch-norm\n/,
    ],
    [
      'a target without images',
      ['model.onnx', '--target-bits', '3'],
      'bnn-quantize: --target-bits measures every layer on images: name some with --calib\n',
    ],
    [
      'two targets',
      ['model.onnx', '--target-bits', '3', '--target-size', '1MB', '--calib', 'idx:images.idx'],
      'bnn-quantize: --target-bits and --target-size exclude each other: take one of them\n',
    ],
    [
      'a size that is none',
      ['model.onnx', '--target-size', '3 bananas'],
      /^bnn-quantize: --target-size: expected a number of bytes such as 1\.2MB, .*, got "3 bananas"\n/,
    ],
    [
      'target bits that no weight has',
      ['model.onnx', '--target-bits', '9'],
      /^bnn-quantize: --target-bits: expected bits a weight from 1 to 8 such as 3\.0, got "9"\n/,
    ],
    [
      'option that the scheme does not have',
      ['model.onnx', '--scheme', 'codebook', '--zero'],
      /scheme codebook has no option zero/,
    ],
    [
      'width that the scheme does not have',
      ['model.onnx', '--scheme', 'ternary', '--bits', '3'],
      /scheme ternary: expected 2 bits, got 3/,
    ],
    [
      'misspelt option',
      ['model.onnx', '--bit', '3'],
      /^bnn-quantize: unknown option '--bit', did you mean .*--bits/,
    ],
    [
      'misspelt command',
      ['inpsect', 'model.onnx'],
      'bnn-quantize: there is no command and no file "inpsect", did you mean inspect?\n',
    ],
    [
      'command that is not there',
      ['frobnicate'],
      /^bnn-quantize: there is no command and no file "frobnicate", the commands are quantize, inspect, /,
    ],
    [
      'no model',
      ['inspect'],
      /^bnn-quantize: missing required argument 'model'\nSee "bnn-quantize inspect --help"\.\n$/,
    ],
    ['no dataset', ['score', 'model.onnx'], /required option '--data <dataset>' not specified/],
    [
      'no output folder',
      ['sweep', 'model.onnx', '--data', 'idx:images.idx'],
      /required option '-o, --output <folder>' not specified/,
    ],
    ['gate without data', ['model.onnx', '--bits', '4', '--max-drop', '1'], /name a dataset with --data/],
    [
      'drop without bits and images',
      ['model.onnx', '--max-drop', '1'],
      /^bnn-quantize: --max-drop without --bits chooses the bits .* on images: name some with --calib/,
    ],
    [
      'gate that is no number',
      ['score', 'model.onnx', '--data', 'x:y', '--min-top1', 'high'],
      /--min-top1: expected a number from 0 to 100, got "high"/,
    ],
    [
      'unknown kind of dataset',
      ['score', 'model.onnx', '--data', 'zip:x'],
      /dataset "zip:x": expected a kind and a path/,
    ],
    [
      'unknown preset',
      ['score', 'model.onnx', '--data', 'idx:images.idx,labels.idx', '--preprocess', 'torhc'],
      /expected a JSON file or one of torch/,
    ],
    [
      'limit of nothing',
      ['score', 'model.onnx', '--data', 'x:y', '--limit', '0'],
      /--limit: expected a whole number from 1 on, got "0"/,
    ],
    [
      'pattern that matches nothing',
      ['model.onnx', '--include', 'zzz*'],
      /the pattern "zzz\*" matches no weight/,
    ],
    ['too many arguments', ['inspect', 'model.onnx', 'more'], /too many arguments/],
  ])('%s', async (_, args, message) => refused(args, 2, message));

  it('shows the whole help without arguments, on stderr', async () => {
    const { code, stdout, stderr } = await bnnq([], { cwd });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^Usage: bnn-quantize/);
  });
});

describe('input that cannot be used ends with 1 and one sentence', () => {
  it.each<[string, Uint8Array | string, RegExp]>([
    ['an empty file', '', /^bnn-quantize: "bad\.onnx" is empty\n$/],
    [
      'a truncated file',
      tinyModel().subarray(0, 700),
      /^bnn-quantize: onnx: "bad\.onnx" is damaged or cut off at byte \d+: .*\n$/,
    ],
    [
      'a text file',
      'not a model\n',
      /^bnn-quantize: "bad\.onnx" is a text file; expected an ONNX model, a Keras model \(\.h5, \.keras, TensorFlow\.js\) or a packed model \(\.bnnq\)\n$/,
    ],
    ['a picture', Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), /is a PNG image/],
    [
      'a Keras file',
      Uint8Array.from([0x89, 0x48, 0x44, 0x46, 13, 10, 26, 10]),
      /hdf5: "bad\.onnx": the superblock at byte 0 is cut off: it has 8 bytes, 9 are needed/,
    ],
    [
      'raw_data of the wrong length',
      tinyModel((weights) =>
        weights.map((w) => (w.name === 'conv1.weight' ? { ...w, dims: [4, 1, 3, 4] } : w)),
      ),
      /"conv1\.weight".*144 bytes.*\[4,1,3,4\].*192/,
    ],
  ])('%s', async (_, bytes, message) => {
    writeFileSync(join(cwd, 'bad.onnx'), bytes);
    await refused(['bad.onnx'], 1, message);
    await refused(['inspect', 'bad.onnx'], 1, message);
  });

  it('a file that is not there', async () => {
    await refused(['nothing.onnx'], 1, 'bnn-quantize: cannot read "nothing.onnx": no such file\n');
  });

  it('a NaN or an infinity in weights, with every weight that has one', async () => {
    const spoilt = tinyModel((weights) =>
      weights.map((w) =>
        w.name === 'fc.bias'
          ? w
          : { ...w, values: w.values.with(5, w.name === 'fc.weight' ? Infinity : NaN) },
      ),
    );
    writeFileSync(join(cwd, 'bad.onnx'), spoilt);
    await refused(
      ['bad.onnx'],
      1,
      /^bnn-quantize: 3 problems:\n {2}.*conv1\.weight.*NaN.*\n {2}.*conv2\.weight.*NaN.*\n {2}.*fc\.weight.*Infinity.*\n$/,
    );
  });

  it('a damaged packed file', async () => {
    await bnnq(['model.onnx', '-o', 'good.bnnq'], { cwd });
    const bytes = readFileSync(join(cwd, 'good.bnnq'));
    writeFileSync(join(cwd, 'bad.bnnq'), bytes.subarray(0, bytes.length - 10));
    await refused(['inspect', 'bad.bnnq'], 1, /bad\.bnnq/);
    bytes[bytes.length - 600]! ^= 1;
    writeFileSync(join(cwd, 'bad.bnnq'), bytes);
    await refused(['verify', 'bad.bnnq'], 1, /bad\.bnnq/);
  });

  it('a dataset that is missing, cut off, of another size, or with labels out of range', async () => {
    const { images, labels } = tinyImages(16);
    writeFileSync(join(cwd, 'short.idx'), images.subarray(0, 500));
    writeFileSync(join(cwd, 'few.idx'), labels.subarray(0, 8 + 12));
    const wild = labels.slice();
    wild[8 + 3] = 9;
    writeFileSync(join(cwd, 'wild.idx'), wild);
    writeFileSync(join(cwd, 'sixteen.idx'), images);
    const small = new Uint8Array(16 + 16 * 4);
    small.set(images.subarray(0, 8));
    new DataView(small.buffer).setUint32(8, 2);
    new DataView(small.buffer).setUint32(12, 2);
    writeFileSync(join(cwd, 'small.idx'), small);
    for (const [spec, message] of [
      ['idx:nothing.idx,labels.idx', /cannot read "nothing\.idx": no such file/],
      ['idx:short.idx,labels.idx', /short\.idx.*500 bytes|short\.idx/],
      ['idx:sixteen.idx,few.idx', /few\.idx/],
      ['idx:sixteen.idx,labels.idx', /16.*64|64.*16/],
      ['idx:sixteen.idx,wild.idx', /image 3: label 9 is out of range, the network has 4 classes \(0 to 3\)/],
      ['idx:small.idx', /2 × 2 pixels .* too few for a crop of 8 × 8/],
      ['cifar10:images.idx', /images\.idx/],
      ['imagefolder:nowhere', /nowhere/],
      ['npz:images.idx', /images\.idx/],
      ['csv:images.idx', /images\.idx/],
    ] as const) {
      const args = ['score', 'model.onnx', '--data', spec, '--threads', '1'];
      await refused(spec.endsWith('small.idx') ? [...args, '--against', 'model.onnx'] : args, 1, message);
    }
  });

  it('shows the stack with --debug only', async () => {
    const { stderr } = await bnnq(['nothing.onnx', '--debug'], { cwd });
    expect(stderr).toMatch(/^bnn-quantize: cannot read "nothing\.onnx": no such file\nBnnqError: .*\n +at /);
    expect(stderr).toContain('caused by: Error: ENOENT');
  });

  it('prints no control character that a name brings along', async () => {
    const { stderr } = await bnnq(['evil\u001b]0;owned\u0007.onnx'], { cwd });
    expect(stderr).toBe('bnn-quantize: cannot read "evil\ufffd]0;owned\ufffd.onnx": no such file\n');
  });
});

describe('help and version', () => {
  it('come from stdout with 0, and every command has examples', async () => {
    const { code, stdout } = await bnnq(['--help'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain('Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a gate');
    for (const command of ['quantize', 'inspect', 'score', 'sweep', 'sensitivity', 'run', 'verify']) {
      const help = await bnnq([command, '--help'], { cwd });
      expect([help.code, help.stderr]).toEqual([0, '']);
      expect(help.stdout, command).toMatch(/Examples:\n {2}\$ bnn-quantize /);
      expect(Math.max(...help.stdout.split('\n').map((line) => line.length)), command).toBeLessThanOrEqual(
        80,
      );
    }
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await bnnq(['--version'], { cwd })).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});
