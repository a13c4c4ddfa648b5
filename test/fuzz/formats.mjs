/** What is fuzzed. A new reader is an entry here. */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
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
