/**
 * Micro-benchmark of the kernels: one table of shapes with milliseconds and GMAC/s, from the built package.
 *
 *     npm run build && node bench/kernels.mjs [--rounds 40] [--only <part of a name>]
 *
 * The shapes take turns, so that a change of the machine's speed hits all of them alike; the figures are the median and
 * the best tenth of the rounds.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { createKernels } from '../dist/src/kernels/select.js';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '40' }, only: { type: 'string', default: '' } },
});
const rounds = Number(options.rounds);
const kernels = createKernels('simd');
const { heap } = kernels;

let seed = 1;
function random() {
  seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
  return (seed >>> 8) / 2 ** 24 - 0.5;
}

/** An array in the heap, reachable after the heap grew. */
function heapArray(length) {
  const offset = heap.allocate(length * 4);
  const view = () => new Float32Array(heap.buffer, offset, length);
  const array = view();
  for (let i = 0; i < length; i++) array[i] = random();
  return view;
}

function floatRows(rows, columns) {
  return { kind: 'float', values: Float32Array.from({ length: rows * columns }, random) };
}

function codedRows(rows, columns, bits) {
  const rowBytes = Math.ceil(columns / 8);
  const planes = new Uint8Array(bits * rows * rowBytes).map(() => random() * 256);
  const levels = Float32Array.from({ length: rows << bits }, random);
  return { kind: 'coded', bits, planes, rowBytes, levels, tableStride: 1, groupSize: columns };
}

const cases = [];

function conv(name, [batch, inChannels, size, outChannels, kernel, stride = 1, groups = 1], bits = 0) {
  const pad = (kernel - 1) >> 1;
  const out = Math.floor((size + 2 * pad - kernel) / stride) + 1;
  const shape = {
    batch,
    inChannels,
    outChannels,
    groups,
    inHeight: size,
    inWidth: size,
    outHeight: out,
    outWidth: out,
    kernelHeight: kernel,
    kernelWidth: kernel,
    strideHeight: stride,
    strideWidth: stride,
    dilationHeight: 1,
    dilationWidth: 1,
    padTop: pad,
    padLeft: pad,
  };
  const columns = (inChannels / groups) * kernel * kernel;
  const macs = batch * outChannels * columns * out * out;
  cases.push({
    name: `${name}${bits ? `, ${bits} bits` : ''}`,
    macs,
    prepare() {
      const rows = bits ? codedRows(outChannels, columns, bits) : floatRows(outChannels, columns);
      const weights = kernels.prepareConv2d(rows, shape);
      const x = heapArray(batch * inChannels * size * size);
      const y = heapArray(batch * outChannels * out * out);
      const bias = heapArray(outChannels);
      return () => kernels.conv2d(x(), weights, y(), shape, { bias: bias(), low: 0, high: 6 });
    },
  });
}

function linear(name, batch, columns, rows, bits = 0) {
  cases.push({
    name: `${name}${bits ? `, ${bits} bits` : ''}`,
    macs: batch * columns * rows,
    prepare() {
      const weights = kernels.prepareLinear(
        bits ? codedRows(rows, columns, bits) : floatRows(rows, columns),
        rows,
        columns,
      );
      const x = heapArray(batch * columns);
      const y = heapArray(batch * rows);
      const bias = heapArray(rows);
      return () => kernels.linear(x(), weights, y(), batch, { bias: bias() });
    },
  });
}

function matmul(name, m, k, n) {
  cases.push({
    name,
    macs: m * k * n,
    prepare() {
      const a = heapArray(m * k);
      const b = heapArray(k * n);
      const y = heapArray(m * n);
      return () => kernels.matmul(a(), b(), y(), m, k, n);
    },
  });
}

// Name, then [batch, inChannels, size, outChannels, kernel, stride, groups].
conv('3x3 256->256 at 28', [1, 256, 28, 256, 3]);
conv('3x3 128->128 at 28', [1, 128, 28, 128, 3]);
for (const batch of [1, 16]) {
  conv(`ResNet-20 3->16 at 32, batch ${batch}`, [batch, 3, 32, 16, 3]);
  conv(`ResNet-20 16->16 at 32, batch ${batch}`, [batch, 16, 32, 16, 3]);
  conv(`ResNet-20 32->32 at 16, batch ${batch}`, [batch, 32, 16, 32, 3]);
  conv(`ResNet-20 64->64 at 8, batch ${batch}`, [batch, 64, 8, 64, 3]);
}
conv('MobileNetV2 3x3 3->32 stride 2 at 224', [1, 3, 224, 32, 3, 2]);
conv('MobileNetV2 1x1 32->16 at 112', [1, 32, 112, 16, 1]);
conv('MobileNetV2 1x1 16->96 at 112', [1, 16, 112, 96, 1]);
conv('MobileNetV2 1x1 24->144 at 56', [1, 24, 56, 144, 1]);
conv('MobileNetV2 1x1 144->24 at 56', [1, 144, 56, 24, 1]);
conv('MobileNetV2 1x1 192->32 at 28', [1, 192, 28, 32, 1]);
conv('MobileNetV2 1x1 96->576 at 14', [1, 96, 14, 576, 1]);
conv('MobileNetV2 1x1 576->96 at 14', [1, 576, 14, 96, 1]);
conv('MobileNetV2 1x1 160->960 at 7', [1, 160, 7, 960, 1]);
conv('MobileNetV2 1x1 320->1280 at 7', [1, 320, 7, 1280, 1]);
conv('depthwise 3x3 x32 at 112', [1, 32, 112, 32, 3, 1, 32]);
conv('depthwise 3x3 x96 stride 2 at 112', [1, 96, 112, 96, 3, 2, 96]);
conv('depthwise 3x3 x144 at 56', [1, 144, 56, 144, 3, 1, 144]);
conv('depthwise 3x3 x192 at 28', [1, 192, 28, 192, 3, 1, 192]);
conv('depthwise 3x3 x576 at 14', [1, 576, 14, 576, 3, 1, 576]);
conv('depthwise 3x3 x960 at 7', [1, 960, 7, 960, 3, 1, 960]);
conv('depthwise 5x5 x240 at 28', [1, 240, 28, 240, 5, 1, 240]);
linear('linear 1280->1001, batch 1', 1, 1280, 1001);
linear('linear 1280->1001, batch 16', 16, 1280, 1001);
matmul('matmul 128x1152x64', 128, 1152, 64);
for (let bits = 1; bits <= 8; bits++) conv('1x1 320->1280 at 7', [1, 320, 7, 1280, 1], bits);
for (let bits = 1; bits <= 8; bits++) linear('linear 1280->1001, batch 1', 1, 1280, 1001, bits);

const running = cases
  .filter(({ name }) => name.includes(options.only))
  .map((item) => ({ ...item, run: item.prepare(), times: [] }));
for (let round = -3; round < rounds; round++) {
  for (const { run, times, macs } of running) {
    const repeats = Math.max(1, Math.ceil(2e7 / macs));
    const start = performance.now();
    for (let i = 0; i < repeats; i++) run();
    if (round >= 0) times.push((performance.now() - start) / repeats);
  }
}

console.log(`${cpus()[0]?.model.trim()}, Node ${process.version}, one thread, ${rounds} rounds\n`);
console.log(
  `${'shape'.padEnd(44)} ${'MMAC'.padStart(8)} ${'ms'.padStart(8)} ${'GMAC/s'.padStart(7)} ${'best'.padStart(7)}`,
);
for (const { name, macs, times } of running) {
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1];
  const best = times[Math.floor(times.length / 10)];
  const rate = (ms) => (macs / ms / 1e6).toFixed(1).padStart(7);
  console.log(
    `${name.padEnd(44)} ${(macs / 1e6).toFixed(2).padStart(8)} ${median.toFixed(3).padStart(8)} ${rate(median)} ${rate(best)}`,
  );
}
