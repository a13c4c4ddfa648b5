/** Binary networks and one binary layer: sign maps and popcounts here, float32 in onnxruntime, which has no binary kernels. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import onnxProto from 'onnx-proto';
import { readModel } from '../dist/src/index.js';
import { interleaved, ours } from './forward.mjs';
import { ortNode, ortWeb } from './peers.mjs';

const { onnx } = onnxProto;
const SHARED = new URL('../../shared/data/models/', import.meta.url);
const LAYER = { name: 'Sign, Conv 3×3, 256→256 at 28×28', image: [256, 28, 28], macs: 462422016 };

const WORK = [
  { name: 'CNV W1A1', file: 'bnn_cnv_w1a1_cifar10.onnx', image: [3, 32, 32], macs: 59461376, batch: 1 },
  { name: 'CNV W1A1', file: 'bnn_cnv_w1a1_cifar10.onnx', image: [3, 32, 32], macs: 59461376, batch: 16 },
  { name: 'LFC W1A1', file: 'bnn_lfc_w1a1_mnist.onnx', image: [1, 28, 28], macs: 2910208, batch: 1 },
  { name: 'LFC W1A1', file: 'bnn_lfc_w1a1_mnist.onnx', image: [1, 28, 28], macs: 2910208, batch: 16 },
];

export async function binaryRows() {
  const folder = mkdtempSync(join(tmpdir(), 'bnnq-bench-'));
  try {
    const layer = { ...LAYER, path: join(folder, 'layer.onnx'), batch: 1 };
    writeFileSync(layer.path, binaryLayer());
    const networks = WORK.map((work) => ({ ...work, path: fileURLToPath(new URL(work.file, SHARED)) }));
    const rows = [];
    for (const work of [layer, ...networks]) if (existsSync(work.path)) rows.push(await rowOf(work));
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function rowOf({ name, path, image, macs, batch }) {
  const shape = [batch, ...image];
  const data = Float32Array.from(
    { length: shape.reduce((a, b) => a * b) },
    (_, i) => ((i * 2654435761) % 1024) / 512 - 1 + 1 / 4096,
  );
  const model = await readModel(path);
  // Signs that are kept are floats, and so is all behind them.
  const keep = model.graph.nodes.filter(({ opType }) => opType === 'Sign').map(({ outputs }) => outputs[0]);
  const runners = {
    ours: await ours(model, 'input', data, shape),
    floats: await ours(model, 'input', data, shape, { keep }),
    node: await ortNode(path, 'input', data, shape, 1),
    web: await ortWeb(path, 'input', data, shape, 1),
  };
  const [own, peer] = [await runners.ours.run(), await runners.node.run()];
  if (!own.every((value, i) => value === peer[i]))
    throw new Error(`bench: ${name} gives other values than onnxruntime`);
  const times = await interleaved(runners, 40);
  for (const runner of Object.values(runners)) await runner.close();
  return {
    work: name,
    batch,
    ours: times.ours,
    'ours, as floats': times.floats,
    'GMAC/s': (macs * batch) / times.ours / 1e6,
    'onnxruntime-node': times.node,
    'onnxruntime-web': times.web,
    'speed ÷ floats': times.floats / times.ours,
    'speed ÷ node': times.node / times.ours,
    'speed ÷ web': times.web / times.ours,
  };
}

/** The layer as an ONNX file; weights of ±1. */
function binaryLayer() {
  const [channels, height, width] = LAYER.image;
  const weights = Float32Array.from({ length: channels * channels * 9 }, (_, i) =>
    ((Math.imul(i, 2654435761) >>> 16) & 1) === 1 ? 1 : -1,
  );
  const FLOAT = 1;
  const image = {
    tensorType: {
      elemType: FLOAT,
      shape: { dim: [1, channels, height, width].map((dimValue) => ({ dimValue })) },
    },
  };
  return onnx.ModelProto.encode(
    onnx.ModelProto.fromObject({
      irVersion: 8,
      opsetImport: [{ domain: '', version: 13 }],
      graph: {
        name: 'layer',
        input: [{ name: 'input', type: image }],
        output: [{ name: 'output', type: image }],
        initializer: [
          {
            name: 'w',
            dataType: FLOAT,
            dims: [channels, channels, 3, 3],
            rawData: new Uint8Array(weights.buffer),
          },
        ],
        node: [
          { opType: 'Sign', name: 'sign', input: ['input'], output: ['signs'] },
          {
            opType: 'Conv',
            name: 'conv',
            input: ['signs', 'w'],
            output: ['output'],
            attribute: [{ name: 'pads', type: 7, ints: [1, 1, 1, 1] }],
          },
        ],
      },
    }),
  ).finish();
}
