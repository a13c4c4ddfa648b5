/** One image on one thread and on two: this runtime beside onnxruntime-node with as many. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { quantize, readModel } from '../dist/src/index.js';
import { interleaved, ours } from './forward.mjs';
import { ortNode } from './peers.mjs';

const COUNTS = [1, 2];
const WORK = [
  {
    name: 'MobileNetV2',
    file: 'mobilenet_v2_1.0_224_bn_float_hybrid.onnx',
    image: [3, 224, 224],
    repeats: 25,
  },
  {
    name: 'MobileNetV2, exp 4 bits',
    file: 'mobilenet_v2_1.0_224_bn_float_hybrid.onnx',
    image: [3, 224, 224],
    repeats: 25,
    bits: 4,
  },
  { name: 'ResNet-20', file: 'cifar10_resnet20.onnx', image: [3, 32, 32], repeats: 100 },
  { name: 'CNV W1A1', file: 'bnn_cnv_w1a1_cifar10.onnx', image: [3, 32, 32], repeats: 200 },
];

export async function threadRows() {
  const rows = [];
  for (const { name, file, image, repeats, bits } of WORK) {
    const path = fileURLToPath(new URL(`../../shared/data/models/${file}`, import.meta.url));
    if (!existsSync(path)) continue;
    const shape = [1, ...image];
    const data = Float32Array.from(
      { length: shape.reduce((a, b) => a * b) },
      (_, i) => ((i * 2654435761) % 1024) / 512 - 1 + 1 / 4096,
    );
    const source = await readModel(path);
    const model = bits === undefined ? source : (await quantize(source, { scheme: 'exp', bits })).model;
    const runners = {};
    for (const threads of COUNTS) {
      runners[`ours ${threads}`] = await ours(model, 'input', data, shape, { threads });
      runners[`node ${threads}`] = await ortNode(path, 'input', data, shape, threads);
    }
    const [one, two] = [await runners['ours 1'].run(), await runners['ours 2'].run()];
    if (!one.every((value, i) => Object.is(value, two[i])))
      throw new Error(`bench: ${name} gives other values on two threads`);
    const times = await interleaved(runners, repeats);
    for (const runner of Object.values(runners)) await runner.close();
    for (const threads of COUNTS) {
      const [own, peer] = [times[`ours ${threads}`], times[`node ${threads}`]];
      rows.push({
        network: name,
        threads,
        ours: own,
        'onnxruntime-node': peer,
        'ours ÷ one thread': times['ours 1'] / own,
        'node ÷ one thread': times['node 1'] / peer,
        'speed ÷ node': peer / own,
      });
    }
  }
  return rows;
}
