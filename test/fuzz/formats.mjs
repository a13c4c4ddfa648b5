/** What is fuzzed. A new reader is an entry here. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { memorySource } from '../../dist/src/formats/byte-source.js';
import { openHdf5 } from '../../dist/src/formats/hdf5/file.js';
import { inspectModel, openDataset, readModel, readNpy, readPreprocess } from '../../dist/src/index.js';
import * as corpus from './corpus.mjs';

/** Texts that break careless readers of JSON, CSV and paths. */
const HOSTILE = [
  ...[
    '../../etc/passwd',
    '/etc/passwd',
    '..',
    '"',
    '{',
    '['.repeat(20_000),
    '"__proto__":{},',
    ',',
    '\n',
    '\0',
  ],
  ...['1e999', '-1', '0.5', 'null', '99999999999'],
];

/**
 * By name: `files` gives the whole files (generated ones go to the folder), `read` reads a damaged one to its end; `folder` is where it
 * lies, alone, for what it needs beside it. `words` are texts to put in.
 */
export const FORMATS = {
  onnx: {
    files: () => [corpus.DEMO, ...corpus.sharedModels('.onnx'), ...corpus.operatorTests()],
    read: readWholeModel,
  },
  'onnx-exported': {
    files: corpus.exportedFiles,
    words: [...HOSTILE, 'group:5', 'channel', '"layout"', '"perm"', '.codes', '.values', 'codes.0'],
    read: readWholeModel,
  },
  'onnx-external': {
    files: corpus.externalModel,
    words: [...HOSTILE, 'weights.bin', 'offset', 'length', 'location'],
    read: (path, folder) => {
      writeFileSync(join(folder, 'weights.bin'), Buffer.alloc(1024, 1));
      return readWholeModel(path);
    },
  },
  packed: { files: corpus.packedFiles, words: HOSTILE, read: readWholeModel },
  // Without the hashes, which catch nearly all damage before anything else is looked at.
  'packed-unverified': {
    files: corpus.packedFiles,
    words: HOSTILE,
    read: (path) => readWholeModel(path, { verify: false }),
  },
  hdf5: {
    files: corpus.hdf5Files,
    words: [...HOSTILE, 'TREE', 'SNOD', 'HEAP', 'GCOL'],
    read: readHdf5,
  },
  keras: {
    files: corpus.kerasArchives,
    words: HOSTILE,
    // Checksums would refuse nearly all of them before anything else is looked at.
    read: (path) => readWholeModel(path, { verify: false }),
  },
  'keras-parts': { files: corpus.kerasParts, words: HOSTILE, read: readParts },
  tfjs: {
    files: corpus.tfjsModel,
    words: [...HOSTILE, 'shard.bin', '"dtype":"uint8"', '-1,', '1e30,'],
    read: (path, folder) => {
      writeFileSync(join(folder, 'shard.bin'), Buffer.alloc(67, 5));
      return readWholeModel(path);
    },
  },
  npy: {
    files: () => corpus.fixtures('npy', '.npy'),
    words: [...HOSTILE, '(', "'descr'", '<f4', '|O'],
    read: (path) => readNpy(readFileSync(path), 'mutant'),
  },
  npz: {
    files: () => corpus.fixtures('npy', '.npz'),
    words: HOSTILE,
    read: (path) => readSamples(`npz:${path}`),
  },
  idx: { files: corpus.idxFiles, read: readIdx },
  cifar10: { files: corpus.cifarFile, read: (path) => readSamples(`cifar10:${path}`) },
  png: { files: () => corpus.fixtures('images', '.png'), read: readImage },
  jpeg: { files: () => corpus.fixtures('images', '.jpg'), read: readImage },
  csv: { files: corpus.csvFile, words: HOSTILE, read: (path) => readSamples(`csv:${path}`) },
  preprocess: { files: corpus.preprocessFile, words: HOSTILE, read: (path) => readPreprocess(path) },
};

async function readWholeModel(path, options) {
  const model = await readModel(path, options);
  await inspectModel(model);
  for (const initializer of model.graph.initializers.values()) initializer.read();
}

/** Everything in the file, one thing after the other; then the model, if it is one. */
async function readHdf5(path) {
  const refusals = [];
  const attempt = (work) => {
    try {
      return work();
    } catch (thrown) {
      if (thrown?.name !== 'BnnqError') throw thrown;
      refusals.push(thrown);
      return undefined;
    }
  };
  const walk = (group) => {
    for (const name of ['model_config', 'layer_names', 'weight_names', 'list', 'long'])
      attempt(() => group.texts(name));
    for (const name of group.names) {
      const found = attempt(() => group.get(name));
      if (found?.kind === 'dataset') attempt(() => found.read());
      else if (found !== undefined) walk(found);
    }
  };
  const root = openHdf5(memorySource(readFileSync(path)), 'the mutant');
  walk(root);
  if (root.names.includes('model_weights')) await readWholeModel(path);
  if (refusals.length > 0) throw refusals[0];
}

/** Weights and architecture in two files, of which one is damaged. */
async function readParts(path, folder) {
  const name = basename(path);
  const isWeights = name.endsWith('.h5');
  const other = isWeights ? `${name.slice(0, 2)}.json` : `${name.slice(0, 2)}.weights.h5`;
  const sound = corpus.kerasParts(join(folder, 'sound')).find((file) => basename(file) === other);
  copyFileSync(sound, join(folder, other));
  await readWholeModel(path);
}

async function readSamples(spec) {
  const data = await openDataset(spec);
  for (let i = 0; i < Math.min(data.count, 20); i++) await data.sample(i);
}

/** As images and as labels, next to a sound file of the other kind. */
async function readIdx(path, folder) {
  const [images, labels] = corpus.idxFiles(join(folder, 'sound'));
  const attempts = [`idx:${path},${labels}`, `idx:${images},${path}`].map(readSamples);
  const failed = (await Promise.allSettled(attempts)).find(({ status }) => status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

function readImage(path, folder) {
  const list = join(folder, 'labels.csv');
  writeFileSync(list, `${basename(path)},1\n`);
  return readSamples(`csv:${list}`);
}
