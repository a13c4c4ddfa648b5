/*
 * Reads the model and runs it, in a thread of its own, so that the page stays responsive. Takes {id, kind, …} and answers
 * {id, value} or {id, error}, a sentence.
 */
import { checkPreprocess, createClassifier, decodeImage, readModel } from './bnn-quantize.js';

/** Runs that are timed, or as many as there is time for. */
const RUNS = 9;
const TIME_MS = 1500;

let model;
let classifier;
let kernelsInUse;
let image;

const tasks = {
  async model({ file }) {
    forget();
    model = undefined;
    model = await readModel(file);
    const { graph, source } = model;
    const weights = [...graph.initializers.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    return { format: source.format, nodes: graph.nodes.length, inputs: graph.inputs, weights };
  },

  async image({ file }) {
    image = undefined;
    image = await decodeImage(file);
    const { width, height, channels } = image;
    return { width, height, channels };
  },

  run({ preset = suggestedPreset(), resize, kernels }) {
    if (classifier === undefined || kernels !== kernelsInUse) {
      forget();
      classifier = createClassifier(model, { kernels });
      kernelsInUse = kernels;
    }
    const steps = { preset, ...(resize !== undefined && { resize }) };
    const options = { preprocess: checkPreprocess(steps, 'page') };
    const start = performance.now();
    const first = classifier.classify(image, options);
    const times = [];
    while (times.length < RUNS && (times.length === 0 || performance.now() - start < TIME_MS))
      times.push(classifier.classify(image, options).milliseconds);
    times.sort((a, b) => a - b);
    return {
      ...first,
      preset,
      firstMs: first.milliseconds,
      medianMs: times[times.length >> 1],
      runs: times.length,
      memory: classifier.memory,
    };
  },
};

/** What `score` takes when nothing is said: ImageNet's for three channels, 0 … 1 for one. */
function suggestedPreset() {
  return model.graph.inputs[0]?.shape?.slice(1).includes(3) ? 'torch' : 'unit';
}

function forget() {
  classifier?.dispose();
  classifier = undefined;
}

self.onmessage = async ({ data }) => {
  try {
    postMessage({ id: data.id, value: await tasks[data.kind](data) });
  } catch (thrown) {
    postMessage({ id: data.id, error: thrown instanceof Error ? thrown.message : String(thrown) });
  }
};
