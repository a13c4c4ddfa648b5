/**
 * Every integer kernel on the same layers, whether the rule would take it or not: GMAC/s on one thread, from the built package.
 *
 *     npm run build && node bench/integer-kernels.mjs [--full] [--only <part of a layer's name>]
 *
 * Kernels of a layer take turns. Few bits by few bits are named bits × planes; the others compute with weights of any bits.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { integerConv2dSimd } from '../dist/src/kernels/integer/conv2d.js';
import { planDirect } from '../dist/src/kernels/integer/direct.js';
import { HeapLevels } from '../dist/src/kernels/integer/heap-levels.js';
import { SerialLevels } from '../dist/src/kernels/integer/serial-levels.js';
import { integerVectorsSimd } from '../dist/src/kernels/integer/vector.js';
import { VectorLevels } from '../dist/src/kernels/integer/vector-levels.js';
import { isWinograd } from '../dist/src/kernels/integer/winograd.js';
import { Workspace } from '../dist/src/kernels/wasm/workspace.js';
import { uniforms } from './random.mjs';
import { FULL, interleaved, QUICK } from './timing.mjs';

const { values: options } = parseArgs({
  options: { full: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
});
const workspace = new Workspace();
const next = uniforms();
const upTo = (high) => Math.floor(next() * (high + 1));

// Name, then batch, inChannels, size, outChannels, kernel, stride, groups.
const LAYERS = [
  ['3x3 256->256 at 28', 1, 256, 28, 256, 3],
  ['3x3 64->64 at 32', 1, 64, 32, 64, 3],
  ['3x3 32->32 at 16', 1, 32, 16, 32, 3],
  ['3x3 16->16 at 32', 1, 16, 32, 16, 3],
  ['3x3 64->128 at 32, stride 2', 1, 64, 32, 128, 3, 2],
  ['1x1 512->512 at 14', 1, 512, 14, 512, 1],
  ['1x1 256->256 at 14', 1, 256, 14, 256, 1],
  ['1x1 128->128 at 28', 1, 128, 28, 128, 1],
  ['1x1 64->64 at 28', 1, 64, 28, 64, 1],
  ['depthwise 3x3 x144 at 56', 1, 144, 56, 144, 3, 1, 144],
  ['matrix 1024->1024, 1 vector', 1, 1024, 1, 1024, 1],
  ['matrix 4096->4096, 1 vector', 1, 4096, 1, 4096, 1],
  ['matrix 1024->1024, 16 vectors', 16, 1024, 1, 1024, 1],
];
const PRODUCTS = [1, 2, 3, 4].flatMap((bits) =>
  [1, 2, 3, 4].filter((planes) => bits * planes <= 4).map((planes) => [bits, planes]),
);

function shapeOf([, batch, inChannels, size, outChannels, kernel, stride = 1, groups = 1]) {
  const pad = (kernel - 1) >> 1;
  const out = Math.floor((size + 2 * pad - kernel) / stride) + 1;
  return {
    ...{
      batch,
      inChannels,
      outChannels,
      groups,
      inHeight: size,
      inWidth: size,
      outHeight: out,
      outWidth: out,
    },
    ...{ kernelHeight: kernel, kernelWidth: kernel, strideHeight: stride, strideWidth: stride },
    ...{ dilationHeight: 1, dilationWidth: 1, padTop: pad, padLeft: pad },
  };
}

/** Codes in equal steps, which every kernel can take. */
function rowsOf({ outChannels }, columns, bits) {
  const rowBytes = Math.ceil(columns / 8);
  const planes = new Uint8Array(bits * outChannels * rowBytes).map(() => upTo(255));
  const table = Array.from({ length: 1 << bits }, (_, code) => 2 * code - (1 << bits) + 1);
  const levels = Int16Array.from(Array.from({ length: outChannels }, () => table).flat());
  return { bits, planes, rowBytes, levels, tableStride: 1 };
}

/** A view of new codes in the heap, made again whenever the heap has grown. */
function heapBytes(length, high) {
  const offset = workspace.heap.allocate(length);
  const view = () => new Uint8Array(workspace.heap.buffer, offset, length);
  view().forEach((_, i, own) => {
    own[i] = upTo(high);
  });
  return view;
}

function runnersOf(shape, columns) {
  const { batch, inChannels, inHeight, outChannels, outHeight, groups } = shape;
  const y = heapBytes(batch * outChannels * outHeight ** 2, 0);
  const constants = {
    ...{ kind: 'codes', low: 0, high: 255 },
    multipliers: new Int32Array(outChannels).fill(3000),
    offsets: new BigInt64Array(outChannels).fill(1n << 38n),
  };
  const finish = () => ({ ...constants, y: y() });
  const codes = (high) => heapBytes(batch * inChannels * inHeight ** 2, high);
  const bytes = codes(255);
  const any = new HeapLevels(workspace, rowsOf(shape, columns, 4), shape);
  const conv = (x, weights, planOf) => ({
    run: () => integerConv2dSimd(workspace, x(), 0, weights, shape, finish(), planOf),
  });
  const direct = conv(bytes, any, (own) => planDirect(workspace, any, own, 0));
  if (groups > 1) return { depthwise: conv(bytes, any) };
  const isMatrix = inHeight === 1;
  return {
    direct,
    ...(isWinograd(shape) ? { winograd: conv(bytes, any) } : {}),
    ...Object.fromEntries(
      (isMatrix ? [1, 2, 4, 8] : []).map((bits) => {
        const rows = rowsOf(shape, columns, bits);
        const weights = new VectorLevels(workspace.heap, rows, shape);
        return [
          `vector ${bits}`,
          { run: () => integerVectorsSimd(workspace, bytes(), 0, weights, batch, finish()) },
        ];
      }),
    ),
    ...Object.fromEntries(
      PRODUCTS.map(([bits, planes]) => {
        const high = 2 ** planes - 1;
        return [
          `${bits}x${planes}`,
          conv(codes(high), new SerialLevels(workspace, rowsOf(shape, columns, bits), shape, high)),
        ];
      }),
    ),
  };
}

console.log(`${cpus()[0]?.model.trim()}, Node ${process.version}, one thread, median GMAC/s`);
for (const layer of LAYERS.filter(([name]) => name.includes(options.only))) {
  const shape = shapeOf(layer);
  const columns = (shape.inChannels / shape.groups) * shape.kernelHeight * shape.kernelWidth;
  const macs = shape.batch * shape.outChannels * columns * shape.outHeight * shape.outWidth;
  const times = await interleaved(runnersOf(shape, columns), options.full ? FULL : QUICK);
  console.log(`\n${layer[0]}`);
  for (const [name, ms] of Object.entries(times))
    console.log(`  ${name.padEnd(10)} ${(macs / ms / 1e6).toFixed(1).padStart(6)}`);
  workspace.dispose();
}
