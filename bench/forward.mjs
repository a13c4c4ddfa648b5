/** Forward passes of whole networks: this runtime (float32 and packed weights) beside onnxruntime-node and onnxruntime-web. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createSession, quantize, readModel } from '../dist/src/index.js';
import { ortNode, ortWeb } from './peers.mjs';

const WORK = [
  {
    name: 'ResNet-20',
    file: 'cifar10_resnet20.onnx',
    input: 'input',
    image: [3, 32, 32],
    batch: 1,
    repeats: 60,
  },
  {
    name: 'ResNet-20',
    file: 'cifar10_resnet20.onnx',
    input: 'input',
    image: [3, 32, 32],
    batch: 16,
    repeats: 20,
  },
  {
    name: 'MobileNetV2',
    file: 'mobilenet_v2_1.0_224_bn_float_hybrid.onnx',
    input: 'input',
    image: [3, 224, 224],
    batch: 1,
    repeats: 20,
  },
  {
    name: 'SqueezeNet 1.1',
    file: 'squeezenet1.1_imagenet.onnx',
    input: 'data',
    image: [3, 224, 224],
    batch: 1,
    repeats: 20,
  },
];

/** One session of ours behind the same two calls as the peers. */
export async function ours(model, input, data, shape, options = {}) {
  const session = createSession(model, options);
  const feeds = { [input]: { dtype: 'FLOAT', shape, data } };
  const output = session.outputs[0].name;
  return { run: async () => session.run(feeds).get(output).data, close: () => session.dispose() };
}

export async function forwardRows() {
  const rows = [];
  for (const work of WORK) {
    const path = fileURLToPath(new URL(`../../shared/data/models/${work.file}`, import.meta.url));
    if (!existsSync(path)) continue;
    const shape = [work.batch, ...work.image];
    const data = Float32Array.from(
      { length: shape.reduce((a, b) => a * b) },
      (_, i) => ((i * 2654435761) % 1024) / 512 - 1,
    );
    const model = await readModel(path);
    const packed = (await quantize(model, { scheme: 'exp', bits: 4 })).model;
    const runners = {
      float32: await ours(model, work.input, data, shape),
      'exp 4 bits': await ours(packed, work.input, data, shape),
      node: await ortNode(path, work.input, data, shape, 1),
      web: await ortWeb(path, work.input, data, shape, 1),
    };
    const times = await interleaved(runners, work.repeats);
    for (const runner of Object.values(runners)) await runner.close();
    for (const weights of ['float32', 'exp 4 bits'])
      rows.push({
        network: work.name,
        batch: work.batch,
        weights,
        ours: times[weights],
        'onnxruntime-node': times.node,
        'onnxruntime-web': times.web,
        'speed ÷ node': times.node / times[weights],
        'speed ÷ web': times.web / times[weights],
      });
  }
  return rows;
}

/** Median milliseconds of each runner; the runners take turns so that drift of the machine hits all alike. */
export async function interleaved(runners, repeats) {
  const names = Object.keys(runners);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) {
    // V8 compiles WebAssembly twice: quickly, and well in the background. A second is enough for the latter.
    const end = performance.now() + 1500;
    while (performance.now() < end) await runners[name].run();
  }
  for (let i = 0; i < repeats; i++)
    for (const name of names) {
      const start = performance.now();
      await runners[name].run();
      times[name].push(performance.now() - start);
    }
  for (const name of names) {
    times[name].sort((a, b) => a - b);
    times[name] = times[name][Math.floor(repeats / 2)];
  }
  return times;
}
