/**
 * Networks as C on 1,000 images: compiled here and run on this machine, and as firmware for a Cortex-M4 under qemu; bits compared with the
 * runtime, memory with what `inspect` says beforehand.
 *
 *     npm run build && node bench/c.mjs [--images 1000] [--emulated 1000] [--only <part of a name>] [--write]
 *
 * Needs gcc, make, arm-none-eabi-gcc, qemu-system-arm and ../shared/data. All networks take about an hour, nearly all of it under
 * qemu, and most for ResNet-8 with floats. `--write` puts the rows into docs/results/c.md, in the place of those of the same networks.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { preprocessImage } from '../dist/src/eval/preprocess-image.js';
import { createSession, exportC, inspectModel, openDataset, readModel } from '../dist/src/index.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const SHARED = here('../../shared/data/');
const FIRMWARE = here('../examples/c-firmware/Makefile');
const MNIST = `idx:${SHARED}mnist/t10k-images-idx3-ubyte.gz,${SHARED}mnist/t10k-labels-idx1-ubyte.gz`;
const CIFAR = `cifar10:${SHARED}cifar10/test_batch.bin`;
const CALIBRATION = `--calib cifar10:${SHARED}cifar10/calib_1024.bin --calib-samples 256 --preprocess raw`;

/** Networks of floats use the floating-point unit, for the time's sake; the bits are the same without (`test/formats/c`). */
const [SOFT, HARD] = ['-mfloat-abi=soft', '-mfloat-abi=hard -mfpu=fpv4-sp-d16'];

const NETWORKS = [
  {
    ...{
      name: 'demo, exp, 3 bits',
      model: here('../examples/demo/digits.onnx'),
      options: '--scheme exp --bits 3',
    },
    ...{ data: MNIST, preprocess: 'unit', floats: HARD },
  },
  {
    ...{
      name: 'LFC, binary',
      model: `${SHARED}models/bnn_lfc_w1a1_mnist.onnx`,
      options: '--scheme binary --bits 1',
    },
    ...{ data: MNIST, preprocess: 'unit', floats: SOFT },
  },
  {
    ...{
      name: 'CNV, binary',
      model: `${SHARED}models/bnn_cnv_w1a1_cifar10.onnx`,
      options: '--scheme binary --bits 1',
    },
    ...{ data: CIFAR, preprocess: 'tf', floats: HARD },
  },
  {
    ...{ name: 'ResNet-8, 4 bits, activations of 8', model: `${SHARED}models/ic_resnet8_cifar10.h5` },
    options: `--scheme linear --bits 4 --act-bits 8 ${CALIBRATION}`,
    ...{ data: CIFAR, preprocess: 'raw', floats: SOFT },
  },
  {
    ...{
      name: 'ResNet-8, exp, 3 bits',
      model: `${SHARED}models/ic_resnet8_cifar10.h5`,
      options: '--scheme exp --bits 3',
    },
    ...{ data: CIFAR, preprocess: 'raw', floats: HARD },
  },
];

async function measure({ model: path, options, data, preprocess, floats }, count, most, folder) {
  const packed = join(folder, 'net.bnnq');
  const arguments_ = [
    here('../dist/cli/main.js'),
    path,
    ...options.split(' '),
    '-o',
    packed,
    '--quiet',
    '--force',
  ];
  execFileSync(process.execPath, arguments_, { stdio: ['ignore', 'ignore', 'inherit'] });
  const model = await readModel(packed);
  const { c: said } = await inspectModel(model, { memory: true });
  const { files } = exportC(model, { name: 'net' });
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  const { samples, expected } = await run(model, await openDataset(data), preprocess, count);
  const few = Math.min(count, most);
  const part = (bytes) => bytes.subarray(0, (bytes.length / count) * few);
  writeFileSync(join(folder, 'in.bin'), part(samples));
  const exec = (program, line, input) =>
    execFileSync(program, line.split(' '), { cwd: folder, input, maxBuffer: 1 << 28 });

  exec('gcc', '-std=c99 -O2 -ffp-contract=off -fno-strict-aliasing net.c net_weights.c main.c -o native');
  // Seconds of computing, which other work on the machine does not count to.
  const timed = { cwd: folder, input: samples, maxBuffer: 1 << 28 };
  const { stdout: native, stderr } = spawnSync('bash', ['-c', 'TIMEFORMAT=%U; time ./native'], timed);
  const milliseconds = (1000 * Number(stderr.toString().trim().replace(',', '.'))) / count;

  const variables = ['NETWORK=net', `SOURCES=${folder}`, `FLOATS=${floats}`];
  const make = (target) =>
    execFileSync('make', ['-s', '-f', FIRMWARE, ...variables, target], { cwd: folder, stdio: 'pipe' });
  make('firmware.elf');
  make('run');
  const emulated = readFileSync(join(folder, 'out.bin'));
  return {
    native: `${grouped(sameImages(native, expected, count))} of ${grouped(count)}`,
    emulated: `${grouped(sameImages(emulated, part(expected), few))} of ${grouped(few)}`,
    milliseconds,
    said,
    elf: sizesOf(exec('arm-none-eabi-nm', '-S -t d firmware.elf').toString(), said),
  };
}

/** The images as the network takes them, and what the runtime gives for each alone. */
async function run(model, dataset, preprocess, count) {
  const [input] = model.graph.inputs;
  const session = createSession(model);
  const [samples, expected] = [[], []];
  for (let i = 0; i < count; i++) {
    const tensor = preprocessImage(await dataset.sample(i), input, { preprocess });
    samples.push(bytesOf(tensor.data));
    const [y] = session.run({ [input.name]: tensor }).values();
    expected.push(bytesOf(y.data));
  }
  session.dispose();
  return { samples: Buffer.concat(samples), expected: Buffer.concat(expected) };
}

function bytesOf({ buffer, byteOffset, byteLength }) {
  return Buffer.from(new Uint8Array(buffer, byteOffset, byteLength));
}

/** Images whose outputs are the same bytes. */
function sameImages(made, expected, count) {
  if (made.length !== expected.length)
    throw new Error(`${made.length} bytes of outputs, expected ${expected.length}`);
  const length = expected.length / count;
  const isSame = (i) =>
    made.subarray(i * length, (i + 1) * length).equals(expected.subarray(i * length, (i + 1) * length));
  return Array.from({ length: count }, (_, i) => isSame(i)).filter(Boolean).length;
}

/** Bytes of the constants and of the static memory of the network, by the symbols of the firmware. */
function sizesOf(table, said) {
  const symbols = [...table.matchAll(/^\d+ (\d+) (\w) (\w+)/gm)].map(([, size, type, name]) => ({
    size: Number(size),
    type,
    name,
  }));
  const sum = (isIn) => symbols.filter(isIn).reduce((total, { size }) => total + size, 0);
  const own = sum(({ type, name }) => 'bB'.includes(type) && name !== 'in' && name !== 'out');
  return {
    arrays: sum(({ type, name }) => 'TR'.includes(type) && /^net_(?!run)/.test(name)),
    ram: own,
    saidRam: said.arenaBytes + said.bufferBytes,
  };
}

const grouped = (value) => value.toLocaleString('en-US');

const line = (texts) => `| ${texts.join(' | ')} |`;

const HEAD = [
  ...['network', 'same bits, native', 'same bits, Cortex-M4', 'ms an image, native'],
  ...['constants, said', 'in the ELF', 'RAM, said', 'in the ELF'],
];

function rowOf(name, { native, emulated, milliseconds, said, elf }) {
  const sizes = [said.arrayBytes, elf.arrays, elf.saidRam, elf.ram].map(grouped);
  return line([name, native, emulated, milliseconds.toFixed(2), ...sizes]);
}

const version = (program) => execFileSync(program, ['--version']).toString().split('\n')[0];

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '1000' },
    emulated: { type: 'string', default: '1000' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean' },
  },
});
const RESULTS = here('../docs/results/c.md');
const rows = new Map();
if (values.write && existsSync(RESULTS))
  for (const [row, name] of readFileSync(RESULTS, 'utf8').matchAll(/^\| (.*?) \| .*$/gm)) rows.set(name, row);
for (const network of NETWORKS.filter(({ name }) => name.includes(values.only))) {
  const folder = mkdtempSync(join(tmpdir(), 'bnnq-c-'));
  try {
    const measured = await measure(network, Number(values.images), Number(values.emulated), folder);
    rows.set(network.name, rowOf(network.name, measured));
    process.stderr.write(`${rows.get(network.name)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
const text = `# Networks in C

Made by \`node bench/c.mjs --write\`: each network is discretized by the command line, written as C, compiled and run on the first images of
MNIST and CIFAR-10 (test sets), on this machine (${cpus()[0].model}; ${version('gcc')}, \`-O2\`) and as the firmware of [examples/c-firmware](../../examples/c-firmware)
on an emulated Cortex-M4 (${version('qemu-system-arm')}; ${version('arm-none-eabi-gcc')}, \`-Os\`). "Same bits": images whose outputs are, byte for byte, those of
\`createSession\`. Milliseconds are those of computing, a core of this machine to itself or not. "Said": by \`inspect --memory\`, before anything is written; constants are
arrays of the network, RAM is its static memory, both in bytes.

${[line(HEAD), line(HEAD.map((_, i) => (i === 0 ? '---' : '--:'))), ...NETWORKS.flatMap(({ name }) => rows.get(name) ?? [])].join('\n')}
`;
if (values.write) writeFileSync(RESULTS, text);
else process.stdout.write(text);
