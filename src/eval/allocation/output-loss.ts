import { BnnqError } from '../../errors.ts';
import type { Graph } from '../../ir/graph.ts';
import { producersOf } from '../../ir/traverse.ts';
import { log } from '../../kernels/math/log.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { klDivergence } from '../metrics.ts';
import type { SensitivityTable } from './table.ts';

type Measure = SensitivityTable['measure'];

/**
 * A network whose answers have less entropy than this on average, nats, is sure of nearly all of them: then a divergence
 * comes from the few images in doubt, or is 0 whatever is done to a layer. Measured on training images: ResNet-20 .011
 * (median 3e-5), ResNet-8 .23, the demo network .27, MobileNetV2 1.5, SqueezeNet 1.7. On ResNet-20, 64 images to measure
 * and 1,000 to score, allocations by squared difference kept 88.0 % top-1 at the size of exp3 and 47.1 at that of exp2,
 * those by divergence 87.3 and 37.5, exp3 and exp2 themselves 82.7 and 19.1.
 */
const LEAST_ENTROPY = 0.05;

/** Operators that hand values on, at most in another shape or width. */
const PASSING = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Cast']);

/**
 * The values that tell how well a network does: an output, or what it is made from. The index of a class comes from values
 * for all classes, and an index that stays the same says nothing of how near it came to another. Probabilities come from
 * what Softmax was given, which still tells classes apart where they are all but 0.
 */
export function tellingValue(graph: Graph, output: string): string {
  const producers = producersOf(graph.nodes);
  let telling = output;
  let name = output;
  for (let node = producers.get(name); node !== undefined; node = producers.get(name)) {
    const { opType, inputs, outputs } = node;
    const tells = opType === 'ArgMax' || opType === 'Softmax' || (opType === 'TopK' && outputs[1] === name);
    if (!tells && !PASSING.has(opType)) break;
    name = inputs[0]!;
    if (tells) telling = name;
  }
  return telling;
}

/** Outputs of the float network on all images, and how far those of another are from them. */
export class FloatOutputs {
  readonly #values: Map<string, Float32Array>[] = [];
  readonly #rows: number[] = [];
  #shapes: ReadonlyMap<string, readonly number[]> | undefined;
  #names: readonly string[];
  #measure: Measure = 'mse';
  #spreads: ReadonlyMap<string, number> = new Map();

  /** @param names values that are compared where they are no classes; else the first alone */
  constructor(names: readonly string[]) {
    this.#names = names;
  }

  get measure(): Measure {
    return this.#measure;
  }

  get names(): readonly string[] {
    return this.#names;
  }

  get images(): number {
    return this.#rows.reduce((sum, rows) => sum + rows, 0);
  }

  /** What the float network gave for the next batch. */
  add(values: ReadonlyMap<string, Tensor>, images: number): void {
    this.#shapes ??= new Map([...values].map(([name, { shape }]) => [name, shape]));
    this.#values.push(new Map(this.#names.map((name) => [name, floatsOf(values.get(name)!, name)])));
    this.#rows.push(images);
  }

  /**
   * To be called when all batches are there.
   * @param inputShape of a batch: an output of its shape is a picture of the input, not a vector of classes
   * @param asked the measure; when absent told from the shape and the entropy of the first output
   */
  settle(inputShape: readonly number[], asked: Measure | undefined): void {
    const [first] = this.#names;
    const shape = this.#shapes?.get(first!) ?? [];
    const areClasses = isClassVector(shape, inputShape);
    if (asked === 'kl' && !areClasses)
      throw new BnnqError(
        'option',
        `measure kl: output "${first}" has the shape [${shape.join(',')}], one value a class is expected, [N, classes]`,
        { tensor: first! },
      );
    if (areClasses) this.#names = [first!];
    this.#measure = asked ?? (areClasses && this.#entropy() >= LEAST_ENTROPY ? 'kl' : 'mse');
    this.#spreads = new Map(this.#names.map((name) => [name, spreadOf(this.#values, name)]));
  }

  /** Mean entropy of the first value's softmax, nats: ln of the classes less KL from all alike. */
  #entropy(): number {
    let sum = 0;
    for (const [batch, values] of this.#values.entries()) {
      const float = values.get(this.#names[0]!)!;
      const alike = new Float32Array(float.length);
      const rows = this.#rows[batch]!;
      sum += rows * log(float.length / rows) - this.#divergence(float, alike, batch);
    }
    return sum / Math.max(1, this.images);
  }

  /** Begins to compare another network's outputs, batch by batch; an output that is not handed in counts as the same. */
  comparison(): { add(values: ReadonlyMap<string, Tensor>, batch: number): void; loss(): number } {
    const sums = new Map(this.#names.map((name) => [name, 0]));
    const add = (values: ReadonlyMap<string, Tensor>, batch: number): void => {
      for (const [name, tensor] of values) {
        const [own, float] = [floatsOf(tensor, name), this.#values[batch]!.get(name)!];
        const sum = this.#measure === 'kl' ? this.#divergence(float, own, batch) : squares(float, own);
        sums.set(name, sums.get(name)! + sum);
      }
    };
    const loss = (): number => {
      let total = 0;
      for (const [name, sum] of sums)
        total += this.#measure === 'kl' ? sum / this.images : sum / this.#spreads.get(name)! / sums.size;
      return Number.isNaN(total) ? Number.POSITIVE_INFINITY : total;
    };
    return { add, loss };
  }

  /** Σ KL(float ‖ own) over the images of a batch. */
  #divergence(float: Float32Array, own: Float32Array, batch: number): number {
    const rows = this.#rows[batch]!;
    const width = float.length / rows;
    if (!own.every(Number.isFinite)) return Number.POSITIVE_INFINITY;
    let sum = 0;
    for (let row = 0; row < rows; row++) {
      const [from, to] = [row * width, (row + 1) * width];
      sum += klDivergence(float.subarray(from, to), own.subarray(from, to), 'logits');
    }
    return sum;
  }
}

/** Whether a shape is [N, classes], perhaps with axes of one behind, and not that of the input. */
function isClassVector(shape: readonly number[], inputShape: readonly number[]): boolean {
  const wide = shape.slice(1).filter((size) => size !== 1);
  return wide.length === 1 && shape.join() !== inputShape.join();
}

/** Σ (float − mean)², or Σ float² where all are the same; 1 where all are 0. */
function spreadOf(batches: readonly ReadonlyMap<string, Float32Array>[], name: string): number {
  let [count, total, squared] = [0, 0, 0];
  for (const values of batches)
    for (const value of values.get(name)!) {
      count++;
      total += value;
      squared += value * value;
    }
  const mean = total / Math.max(1, count);
  let spread = 0;
  for (const values of batches) for (const value of values.get(name)!) spread += (value - mean) ** 2;
  return spread || squared || 1;
}

function squares(float: Float32Array, own: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < own.length; i++) sum += (float[i]! - own[i]!) ** 2;
  return sum;
}

function floatsOf({ data }: Tensor, name: string): Float32Array {
  if (data instanceof Float32Array) return data;
  if (Array.isArray(data))
    throw new BnnqError('unsupported', `output "${name}" is text; numbers are compared`, { tensor: name });
  return Float32Array.from(data as ArrayLike<number>, Number);
}
