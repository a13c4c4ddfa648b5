import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import {
  BnnqError,
  checksum,
  checkWritable,
  createSession,
  decodeImage,
  type Model,
  preprocessImage,
  readNpy,
  readPreprocess,
  type Tensor,
  writeFileAtomically,
  writeNpy,
} from '../../src/index.ts';
import { usageError } from '../exit.ts';
import { MODEL_KINDS, type ModelOptions, openModel, withModelOptions } from '../model-options.ts';
import { type CommonOptions, collect, parseCount, withCommonOptions } from '../options.ts';
import { shape } from '../terminal/format.ts';
import { printJson, printText } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';

interface RunCommandOptions extends CommonOptions, ModelOptions {
  readonly input?: string[];
  readonly output?: string[];
  readonly preprocess?: string;
  readonly kernels: 'reference' | 'simd' | 'auto';
  readonly threads: number;
  readonly force?: boolean;
}

/** Values of an output that are shown on stdout. */
const SHOWN_VALUES = 8;

export function runCommand(): Command {
  const command = new Command('run')
    .summary('run a model on NumPy arrays or an image')
    .description(
      'Runs a model once. Inputs are .npy files or images, outputs .npy files; a model with several of them takes name=file for each. Without -o the outputs are summed up on stdout. The SHA-256 of an output is that of its elements in memory: equal bits, equal checksums, here and in a browser.',
    )
    .argument('<model>', MODEL_KINDS)
    .option('-i, --input <[name=]file>', 'an input, .npy, .png or .jpg; repeatable', collect)
    .option('-o, --output <[name=]file.npy>', 'where to write an output; repeatable', collect)
    .option(
      '--preprocess <preset|file.json>',
      'of images: torch, tf, caffe, unit, raw or a JSON file (default: torch for three channels, unit for one)',
    )
    .addOption(
      new Option('--kernels <set>', 'auto takes simd where there is WebAssembly SIMD; all give the same bits')
        .choices(['reference', 'simd', 'auto'])
        .default('auto'),
    )
    .addOption(
      new Option('--threads <n>', 'threads that compute; any number gives the same bits')
        .argParser(parseCount(1))
        .default(1),
    )
    .option('--force', 'overwrite existing files');
  return withCommonOptions(withModelOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ bnn-quantize run model.bnnq --input x.npy -o y.npy
  $ bnn-quantize run model.bnnq --input x.npy
  $ bnn-quantize run model.bnnq --input cat.png --preprocess torch
  $ bnn-quantize run model.onnx -i image=x.npy -i size=s.npy -o boxes=b.npy`,
    )
    .action(runModel);
}

async function runModel(path: string, options: RunCommandOptions): Promise<void> {
  const force = options.force === true;
  const model = await openModel(path, options);
  const names = (values: readonly { readonly name: string }[]): string[] => values.map(({ name }) => name);
  const inputs = filesByName(options.input ?? [], names(model.graph.inputs), 'input');
  const outputs = filesByName(options.output ?? [], names(model.graph.outputs), 'output');
  for (const file of outputs.values()) checkWritable(file, { force });
  const missing = names(model.graph.inputs).filter((name) => !inputs.has(name));
  if (missing.length > 0)
    throw usageError(
      `no array for the input ${missing.map((name) => `"${name}"`).join(', ')}: give --input ${missing[0]}=file.npy`,
    );
  const feeds = new Map<string, Tensor>();
  for (const [name, file] of inputs) feeds.set(name, await readInput(model, name, file, options.preprocess));
  const session = createSession(model, { kernels: options.kernels, threads: options.threads });
  const results = session.run(feeds);
  session.dispose();
  for (const [name, file] of outputs) writeFileAtomically(file, [writeNpy(results.get(name)!)], { force });
  const summaries = [...results].map(([name, tensor]) => summaryOf(name, tensor, outputs.get(name)));
  if (options.json) printJson({ model: path, outputs: summaries });
  else if (outputs.size === 0) printText(`${summaryTable(summaries)}\n${checksumLines(summaries)}`);
}

/** An array, or an image made ready for the input of that name; told by content. */
async function readInput(
  model: Model,
  name: string,
  file: string,
  preprocess: string | undefined,
): Promise<Tensor> {
  const bytes = readBytes(file);
  const isImage = IMAGE_STARTS.some((start) => start.every((byte, i) => bytes[i] === byte));
  if (!isImage) return readNpy(bytes, file);
  const input = model.graph.inputs.find((value) => value.name === name)!;
  const steps = preprocess === undefined ? {} : { preprocess: readPreprocess(preprocess) };
  return preprocessImage(await decodeImage(bytes, file), input, { ...steps, name: file });
}

/** First bytes of PNG and JPEG files. */
const IMAGE_STARTS: readonly (readonly number[])[] = [
  [0x89, 0x50, 0x4e, 0x47],
  [0xff, 0xd8, 0xff],
];

/** Files by the name of their value: from `name=file`, or from `file` alone where there is one value only. */
function filesByName(
  entries: readonly string[],
  names: readonly string[],
  what: string,
): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of entries) {
    // The longest name first, for names may hold the equals sign themselves.
    const name = names.toSorted((a, b) => b.length - a.length).find((one) => entry.startsWith(`${one}=`));
    if (name === undefined && names.length !== 1)
      throw usageError(
        `--${what} "${entry}": write name=file.npy, the model has the ${what}s ${names.join(', ')}`,
      );
    const key = name ?? names[0]!;
    if (files.has(key)) throw usageError(`--${what}: two files for "${key}"`);
    files.set(key, name === undefined ? entry : entry.slice(name.length + 1));
  }
  return files;
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'it is a folder' : `the system says ${code}`;
    throw new BnnqError(
      code === 'ENOENT' ? 'not-found' : 'io',
      `cannot read "${file}": ${reason}`,
      { file },
      thrown,
    );
  }
}

interface Summary {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly file?: string;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Index of the largest value, flat. */
  readonly argmax: number | null;
  /** See `checksum`. */
  readonly sha256: string;
  /** The first few. */
  readonly values: readonly (number | string)[];
}

function summaryOf(name: string, tensor: Tensor, file: string | undefined): Summary {
  const raw = [...(tensor.data as Iterable<number | bigint | string>)];
  const values = raw.map((value) => (typeof value === 'bigint' ? Number(value) : value));
  const numbers = values.filter((value) => typeof value === 'number');
  const known = numbers.length > 0 && numbers.length === values.length;
  const [min, max] = [
    numbers.reduce((a, b) => Math.min(a, b), Infinity),
    numbers.reduce((a, b) => Math.max(a, b), -Infinity),
  ];
  return {
    name,
    dtype: tensor.dtype,
    shape: tensor.shape,
    ...(file !== undefined && { file }),
    min: known ? min : null,
    max: known ? max : null,
    mean: known ? numbers.reduce((sum, value) => sum + value, 0) / numbers.length : null,
    argmax: known && !Number.isNaN(max) ? numbers.indexOf(max) : null,
    sha256: checksum(tensor),
    values: values.slice(0, SHOWN_VALUES),
  };
}

function checksumLines(summaries: readonly Summary[]): string {
  return summaries.map(({ name, sha256 }) => `${name}: SHA-256 ${sha256}`).join('\n');
}

function summaryTable(summaries: readonly Summary[]): string {
  const number = (value: number | string | null): string =>
    typeof value === 'number' ? String(Number(value.toPrecision(6))) : (value ?? '–');
  const rows = summaries.map((one) => [
    one.name,
    one.dtype,
    shape(one.shape),
    number(one.min),
    number(one.max),
    number(one.mean),
    number(one.argmax),
    `${one.values.map(number).join(' ')}${one.shape.reduce((a, b) => a * b, 1) > SHOWN_VALUES ? ' …' : ''}`,
  ]);
  const columns = [
    { head: 'output', align: 'left' },
    { head: 'type', align: 'left' },
    { head: 'shape', align: 'left' },
    { head: 'min' },
    { head: 'max' },
    { head: 'mean' },
    { head: 'argmax' },
    { head: 'values', align: 'left' },
  ] as const;
  return table(columns, rows);
}
