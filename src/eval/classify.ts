import { BnnqError, messageOf } from '../errors.ts';
import type { Pixels } from '../formats/datasets/dataset.ts';
import type { Model } from '../ir/graph.ts';
import { createKernels, type KernelChoice } from '../kernels/select.ts';
import type { MemoryUse } from '../runtime/session.ts';
import { checksum } from '../tensor/checksum.ts';
import { type OutputKind, softmax } from './metrics.ts';
import { openNetwork } from './network.ts';
import { type PreprocessImageOptions, preprocessImage } from './preprocess-image.ts';

export interface ClassifierOptions {
  /** Which kernels compute; `auto` by default. All give the same bits. */
  readonly kernels?: KernelChoice;
  /** Name of the output that tells the classes; the first when absent. */
  readonly output?: string;
}

export interface ClassifyOptions extends PreprocessImageOptions {
  /** How many classes are listed; 5 by default. */
  readonly top?: number;
}

/** A class that the network saw. */
export interface ClassScore {
  /** Index in the output. */
  readonly index: number;
  /** The output's value; for class indices the index. */
  readonly value: number;
  /** Softmax of the values where they are logits, the value itself where the network gives probabilities; null for class indices. */
  readonly probability: number | null;
}

export interface Classification {
  /** The best first; of equal ones that with the lower index. */
  readonly classes: readonly ClassScore[];
  readonly kind: OutputKind;
  /** All values of the output for the image, [classes]. */
  readonly values: Float32Array;
  /** See `checksum`: of the whole output, as `bnn-quantize run` prints it. */
  readonly checksum: string;
  /** Time of the network's run alone, without preprocessing. */
  readonly milliseconds: number;
}

/** A network that images are handed to, any number of times. */
export interface Classifier {
  readonly memory: MemoryUse;
  /** @throws mismatch, option: see `preprocessImage` */
  classify(image: Pixels, options?: ClassifyOptions): Classification;
  /** Frees the memory; the classifier cannot be used any more. */
  dispose(): void;
}

/**
 * Makes a model ready to classify images.
 * @throws unsupported (several inputs, operators that are not implemented), option (no such output)
 */
export function createClassifier(model: Model, options: ClassifierOptions = {}): Classifier {
  const kernels = makeKernels(options.kernels ?? 'auto');
  const network = openNetwork(model, kernels, options.output);
  return {
    get memory() {
      return network.memory;
    },
    classify(image, { top = 5, ...preprocessing } = {}) {
      const feed = preprocessImage(image, network.input, preprocessing);
      const start = performance.now();
      const { kind, tensor, valuesOf } = network.run(feed);
      const milliseconds = performance.now() - start;
      const values = valuesOf(0).slice();
      return { classes: bestOf(values, kind, top), kind, values, checksum: checksum(tensor), milliseconds };
    },
    dispose() {
      network.dispose();
      kernels.dispose();
    },
  };
}

function bestOf(values: Float32Array, kind: OutputKind, count: number): ClassScore[] {
  if (kind === 'index') return [{ index: values[0]!, value: values[0]!, probability: null }];
  const probabilities = kind === 'logits' ? softmax(values) : values;
  return Array.from(values, (value, index) => ({ index, value, probability: probabilities[index]! }))
    .sort((a, b) => b.value - a.value || a.index - b.index)
    .slice(0, count);
}

function makeKernels(choice: KernelChoice): ReturnType<typeof createKernels> {
  try {
    return createKernels(choice);
  } catch (thrown) {
    throw new BnnqError('unsupported', messageOf(thrown), {}, thrown);
  }
}
