/** The whole files that are damaged: of the repository, of the shared test data where it is at hand, and some made here. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { encodePacked, exportModel, quantize, readModel } from '../../dist/src/index.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const SHARED = here('../../../shared/data');

/** Larger files take long to copy and have the same structure. */
const MAX_BYTES = 1_500_000;

export const DEMO = here('../../examples/demo/digits.onnx');

/** Files below test/fixtures with one of these endings. */
export function fixtures(folder, ...endings) {
  return below(here(`../fixtures/${folder}`), endings);
}

/** Models of the shared data with one of these endings; none where it is not at hand. */
export function sharedModels(...endings) {
  return below(join(SHARED, 'models'), endings);
}

/** Every seventh operator test: all kinds of attributes, types and subgraphs, some hundred bytes each. */
export function operatorTests() {
  return below(join(SHARED, 'onnx-node-tests'), ['model.onnx']).filter((_, i) => i % 7 === 0);
}

function below(folder, endings) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size <= MAX_BYTES)
    .sort();
}

function made(folder, name, bytes) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** The demo network, packed, and with compressed codes. */
export async function packedFiles(folder) {
  const model = await readModel(DEMO);
  const packed = (name, settings, compress) =>
    made(folder, `${name}.bnnq`, encodePacked(quantize(model, settings).model, { compress }));
  return [
    packed('exp', { scheme: 'exp', bits: 2 }),
    packed('codebook', { scheme: 'codebook', bits: 2 }),
    packed('compressed', { scheme: 'linear', bits: 3 }, true),
  ];
}

/** The demo network in each form that weights come back from. */
export async function exportedFiles(folder) {
  const model = await readModel(DEMO);
  const exported = (name, settings, options) =>
    made(folder, `${name}.onnx`, exportModel(quantize(model, settings).model, options));
  const linear = { scheme: 'linear', bits: 4 };
  return [
    exported('planes', { scheme: 'exp', bits: 3, granularity: 'group:5' }, { to: 'onnx' }),
    exported('integers', linear, { to: 'onnx', opset: 21 }),
    exported('integers-of-groups', { ...linear, granularity: 'group:5' }, { to: 'onnx', opset: 21 }),
    exported('blocks', { ...linear, granularity: 'group:32' }, { to: 'onnx', flavor: 'msft' }),
    exported('qonnx', linear, { to: 'qonnx' }),
  ];
}

/** Two layers whose weights are said to be in "weights.bin". */
export function externalModel(folder) {
  const field = (number, payload) => {
    const head = [];
    let rest = payload.length;
    for (; rest > 127; rest >>>= 7) head.push((rest & 127) | 128);
    return Buffer.concat([Buffer.of((number << 3) | 2, ...head, rest), Buffer.from(payload)]);
  };
  const message = (...fields) => Buffer.concat(fields);
  const entry = (key, value) => field(13, message(field(1, key), field(2, value)));
  const tensor = (name, offset) =>
    message(
      Buffer.of(8, 16, 8, 8, 16, 1),
      field(8, name),
      entry('location', 'weights.bin'),
      entry('offset', `${offset}`),
      entry('length', '512'),
      Buffer.of(0x70, 1),
    );
  const node = (input, weight, output) =>
    message(field(1, input), field(1, weight), field(2, output), field(4, 'MatMul'));
  const graph = message(
    field(1, node('x', 'w0', 'h')),
    field(1, node('h', 'w1', 'y')),
    field(2, 'g'),
    field(5, tensor('w0', 0)),
    field(5, tensor('w1', 512)),
    field(11, field(1, 'x')),
    field(12, field(1, 'y')),
  );
  return [
    made(folder, 'external.onnx', message(Buffer.of(8, 8), field(7, graph), field(8, Buffer.of(16, 13)))),
  ];
}

export function idxFiles(folder) {
  const images = Buffer.concat([
    Buffer.from([0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 5]),
    Buffer.alloc(100, 7),
  ]);
  return [
    made(folder, 'images', images),
    made(folder, 'labels', Buffer.from([0, 0, 8, 1, 0, 0, 0, 4, 1, 2, 3, 4])),
  ];
}

export function cifarFile(folder) {
  return [made(folder, 'batch.bin', Buffer.alloc(3 * 3073, 3))];
}

export function csvFile(folder) {
  return [made(folder, 'labels.csv', 'file,label\nrgb.png,1\n"grey.png",2\r\nycc420.jpg,0\n')];
}

export function preprocessFile(folder) {
  const text =
    '{"size":[224,224],"resize":256,"crop":224,"channelOrder":"rgb","scale":0.00392,"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"labelOffset":1}';
  return [made(folder, 'preprocess.json', text)];
}

/** Fixtures that are kept gzipped, unpacked. */
function unpacked(folder, fixtureFolder, ...endings) {
  return fixtures(fixtureFolder, ...endings.map((ending) => `${ending}.gz`)).map((path) =>
    made(folder, basename(path, '.gz'), gunzipSync(readFileSync(path))),
  );
}

/** Files of all features of h5py, and models of all generations of Keras. */
export function hdf5Files(folder) {
  const features = unpacked(folder, 'hdf5', 'features.h5', 'newer.h5');
  const models = unpacked(folder, 'keras/containers', 'v1.h5', 'v2.h5', 'v3.h5');
  return [...features, ...models, ...sharedModels('.h5')];
}

export function kerasArchives(folder) {
  return [...unpacked(folder, 'keras/containers', '.keras'), ...fixtures('keras/containers', '.keras')];
}

/** Files of weights and architectures, any of which may be damaged next to sound others. */
export function kerasParts(folder) {
  return [
    ...unpacked(folder, 'keras/containers', 'v2-old.h5', '.weights.h5'),
    ...fixtures('keras/containers', 'v2.json', 'v3.json'),
  ];
}

/** Two layers in one shard, of plain and quantized weights. */
export function tfjsModel(folder) {
  const dense = (name, units) => ({
    class_name: 'Dense',
    config: {
      name,
      units,
      activation: 'relu',
      use_bias: true,
      ...(name === 'a' && { batch_input_shape: [null, 4] }),
    },
  });
  const topology = {
    keras_version: '2.4.0',
    model_config: { class_name: 'Sequential', config: { name: 's', layers: [dense('a', 3), dense('b', 2)] } },
  };
  const affine = (dtype) => ({ quantization: { dtype, min: -1, scale: 0.25 } });
  const weights = [
    { name: 'a/kernel', shape: [4, 3], dtype: 'float32' },
    { name: 'a/bias', shape: [3], dtype: 'float32', ...affine('uint8') },
    { name: 'b/kernel', shape: [3, 2], dtype: 'float32', quantization: { dtype: 'float16' } },
    { name: 'b/bias', shape: [2], dtype: 'float32', ...affine('uint16') },
  ];
  const text = JSON.stringify({
    modelTopology: topology,
    weightsManifest: [{ paths: ['shard.bin'], weights }],
  });
  return [made(folder, 'model.json', text)];
}
