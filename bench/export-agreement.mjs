/** Exported files in onnxruntime beside the runtime here: the same class for each of 1,000 images, and how far outputs are apart. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openBatches } from '../dist/src/eval/calibration/batches.js';
import { createSession, exportModel, quantize, readModel } from '../dist/src/index.js';

const shared = (file) => fileURLToPath(new URL(`../../shared/data/${file}`, import.meta.url));

const IMAGES = 1000;

/** Settings of ResNet-20, and the form that it leaves in. */
const FORMS = [
  ...[1, 2, 3].map((bits) => [
    { scheme: 'binary', bits },
    { to: 'onnx', flavor: 'planes' },
  ]),
  [
    { scheme: 'ternary', bits: 2 },
    { to: 'onnx', flavor: 'planes' },
  ],
  ...[3, 5].map((bits) => [
    { scheme: 'linear', bits },
    { to: 'onnx', flavor: 'planes' },
  ]),
  [
    { scheme: 'exp', bits: 3 },
    { to: 'onnx', flavor: 'planes' },
  ],
  [
    { scheme: 'codebook', bits: 4 },
    { to: 'onnx', flavor: 'planes' },
  ],
  [
    { scheme: 'linear', bits: 4 },
    { to: 'onnx', opset: 21 },
  ],
  [
    { scheme: 'linear', bits: 8, zero: true },
    { to: 'onnx', opset: 21 },
  ],
  [
    { scheme: 'linear', bits: 4, granularity: 'group:32' },
    { to: 'onnx', flavor: 'msft' },
  ],
];

export async function agreementRows() {
  const [path, images] = ['models/cifar10_resnet20.onnx', 'cifar10/test_batch.bin'].map(shared);
  if (!existsSync(path) || !existsSync(images)) return [];
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const source = await readModel(path);
  const batches = await openBatches(source, `cifar10:${images}`, {
    preprocess: 'torch',
    samples: IMAGES,
    batch: 250,
  });
  const feeds = [];
  for (let i = 0; i < batches.batches; i++) feeds.push(await batches.feed(i));
  const rows = [];
  for (const [settings, options] of FORMS) {
    const { model } = quantize(source, settings);
    const ours = createSession(model);
    const theirs = await InferenceSession.create(exportModel(model, options), { logSeverityLevel: 3 });
    const [{ name }] = ours.inputs;
    let [count, same, gap, scale, margin] = [0, 0, 0, 0, Number.POSITIVE_INFINITY];
    for (const feed of feeds) {
      const mine = [...ours.run({ [name]: feed }).values()][0];
      const results = await theirs.run({ [name]: new Tensor('float32', feed.data, feed.shape) });
      const other = Object.values(results)[0].data;
      const classes = mine.shape[1];
      for (let start = 0; start < mine.data.length; start += classes) {
        const [a, b] = [mine.data, other].map((data) => data.subarray(start, start + classes));
        const [first, second] = [...a].sort((x, y) => y - x);
        count++;
        if (a.indexOf(first) === b.indexOf(Math.max(...b))) same++;
        margin = Math.min(margin, first - second);
        for (let i = 0; i < classes; i++) {
          gap = Math.max(gap, Math.abs(a[i] - b[i]));
          scale = Math.max(scale, Math.abs(a[i]));
        }
      }
    }
    ours.dispose();
    await theirs.release();
    const { scheme, bits, granularity = 'channel', zero } = settings;
    rows.push({
      weights: `${scheme} ${bits}${zero ? ' with zero' : ''}, ${granularity}`,
      export: options.flavor ?? `--opset ${options.opset}`,
      images: count,
      'same top-1': same,
      'largest difference': gap.toExponential(1),
      'of largest output': (gap / scale).toExponential(1),
      'smallest margin': margin.toExponential(1),
    });
  }
  return rows;
}
