/** The files that the runtime's table is measured with: float and int8 models for the peers, packed ones for this runtime, inputs. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  dequantize,
  openCalibration,
  quantize,
  quantizeActivations,
  readModel,
  writePacked,
} from '../dist/src/index.js';
import { dynamicModel, profile, qdqModel } from './int8-models.mjs';
import { convModel, linearModel } from './layer-models.mjs';
import { decode, encode, initializer } from './onnx-graph.mjs';
import { ortNode } from './peers.mjs';
import { normals } from './random.mjs';

const SHARED = fileURLToPath(new URL('../../shared/data', import.meta.url));
/** Pictures that ranges of activations are found on; speed does not depend on them. */
const CALIBRATION_IMAGES = 8;

/**
 * Makes the files of one work.
 * @param folder where they go; `prefix` keeps those of works apart
 * @returns what `runtime-measure.mjs` needs, plain data; undefined where the network is not here
 */
export async function prepare(work, folder, prefix) {
  const path = (name) => join(folder, `${prefix}-${name}`);
  const float = work.file === undefined ? path('float.onnx') : join(SHARED, 'models', work.file);
  if (work.file === undefined)
    writeFileSync(float, work.linear ? linearModel(...work.linear) : convModel(work.conv, work));
  else if (!existsSync(float)) return undefined;
  const bytes = readFileSync(float);
  const model = await readModel(float);
  const input = model.graph.inputs[0];
  const pictures = await openBatches(work, model, { samples: CALIBRATION_IMAGES });
  const seen = [];
  for (let i = 0; i < pictures.batches; i++) seen.push({ name: input.name, ...(await pictures.feed(i)) });
  const { ranges, macs } = await profile(bytes, seen);

  const int8 = { qdq: path('qdq.onnx') };
  writeFileSync(int8.qdq, qdqModel(bytes, ranges));
  if (work.linear) {
    int8.dynamic = path('dynamic.onnx');
    writeFileSync(int8.dynamic, dynamicModel(bytes));
  }
  const feeds = {};
  for (const batch of work.batches) {
    const { shape, data } = await (await openBatches(work, model, { samples: batch, batch })).feed(0);
    feeds[batch] = { shape, data };
  }
  /** Files of what onnxruntime gives in float32, by batch. */
  const expected = async (file, name) => {
    const files = {};
    for (const [batch, { shape, data }] of Object.entries(feeds)) {
      const session = await ortNode(file, input.name, data, shape, 1);
      files[batch] = path(`${name}-${batch}`);
      writeFileSync(files[batch], await session.run());
      await session.close();
    }
    return files;
  };

  for (const file of Object.values(int8)) await expectIntegers(file, work.name);

  const discretized = new Map();
  const variants = [];
  const ofFloat = await expected(float, 'output');
  for (const [i, variant] of work.variants.entries()) {
    const { weights, actBits } = variant;
    if (weights === undefined) {
      variants.push({ ...variant, file: float, expected: ofFloat });
      continue;
    }
    const key = `${weights.scheme}${weights.bits}`;
    if (!discretized.has(key)) {
      const { model: packed } = quantize(model, weights);
      const inFloat = path('dequantized.onnx');
      writeFileSync(inFloat, withDequantized(bytes, packed));
      discretized.set(key, { packed, files: await expected(inFloat, `output-${i}`) });
    }
    const { packed, files } = discretized.get(key);
    const file = path(`${i}.bnnq`);
    const ready =
      actBits === undefined ? packed : (await quantizeActivations(packed, pictures, { bits: actBits })).model;
    await writePacked(ready, file);
    variants.push({ ...variant, file, expected: files });
  }
  for (const [batch, { data }] of Object.entries(feeds)) {
    feeds[batch].file = path(`input-${batch}`);
    writeFileSync(feeds[batch].file, data);
  }
  return {
    name: work.name,
    input: input.name,
    isBinary: work.variants.some(({ equals }) => equals),
    macs: macs / seen[0].shape[0],
    float,
    int8,
    expected: ofFloat,
    variants,
    feeds: Object.fromEntries(
      Object.entries(feeds).map(([batch, { shape, file }]) => [batch, { shape, file }]),
    ),
  };
}

/** @throws where onnxruntime leaves a layer of an int8 model in float, which would make a poor peer */
async function expectIntegers(file, name) {
  const optimizedModelFilePath = `${file}.optimized`;
  const { default: ort } = await import('onnxruntime-node');
  const session = await ort.InferenceSession.create(file, { optimizedModelFilePath, logSeverityLevel: 3 });
  await session.release();
  const left = decode(readFileSync(optimizedModelFilePath))
    .graph.node.map(({ opType }) => opType)
    .filter((opType) => ['Conv', 'FusedConv', 'Gemm', 'FusedGemm', 'MatMul', 'FusedMatMul'].includes(opType));
  if (left.length > 0)
    throw new Error(
      `bench: ${name}: onnxruntime computes ${left.length} layers of ${file} in float: ${left.join(', ')}`,
    );
}

/** The float file with the values of the discretized weights in it. */
function withDequantized(bytes, { graph: { initializers } }) {
  const model = decode(bytes);
  model.graph.initializer = model.graph.initializer.map((one) => {
    const { quantized } = initializers.get(one.name) ?? {};
    return quantized ? initializer(one.name, one.dataType, one.dims, dequantize(quantized)) : one;
  });
  return encode(model);
}

/** Batches of real pictures for a network, random ones for a layer: of both signs in front of Sign, else as after a Relu. */
async function openBatches(work, model, { samples, batch }) {
  if (work.data !== undefined) {
    const { data, preprocess } = work;
    return openCalibration(model, data.replaceAll('@', SHARED), { preprocess, samples, batch });
  }
  const input = model.graph.inputs[0];
  const shape = input.shape;
  const values = normals(
    shape.reduce((a, b) => a * b),
    1,
    7,
  ).map((value) => (work.isBinary ? value + 2 ** -26 : Math.max(0, value)));
  return {
    count: 1,
    batches: 1,
    batch: 1,
    dropped: 0,
    input: input.name,
    feed: async () => ({ dtype: 'FLOAT', shape, data: values }),
  };
}
