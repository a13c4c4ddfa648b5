import type { Dim, Initializer } from '../../../ir/graph.ts';
import { floatData } from '../../../tensor/tensor.ts';
import { Config, isArray, isObject } from '../config.ts';
import type { LayerCall, LayerConverter, LayerTable } from '../layer-call.ts';
import type { KerasTensor } from '../tensor.ts';
import { lazyFloats, transposed } from '../weight-views.ts';

/** x · scale + offset; numbers, or one for each channel of the last axis. */
const rescaling: LayerConverter = (call) => {
  const x = plainInput(call);
  const scale = factor(call, x, 'scale', 1);
  const scaled = call.node('Mul', [x.value, scale]);
  return x.with({ value: call.node('Add', [scaled, factor(call, x, 'offset', 0)]) });
};

function plainInput(call: LayerCall): KerasTensor {
  const x = call.float(call.input);
  return x.scramble === undefined ? x : call.kerasOrder(x);
}

/** A number of the configuration, or a list of them, which may be written as a NumPy array. */
function numbersOf(call: LayerCall, key: string): readonly number[] | number | undefined {
  const json = call.config.get(key) ?? null;
  if (json === null) return undefined;
  const isNumpy = isObject(json) && isObject(json.config) && json.config.value !== undefined;
  const value = isNumpy ? call.config.object(key).config : undefined;
  const plain = isObject(value) ? (value.value ?? null) : json;
  const numbers = new Config({ [key]: plain }, call.where).numbers(key);
  return isArray(plain) ? numbers : numbers[0];
}

function factor(call: LayerCall, x: KerasTensor, key: string, otherwise: number): string {
  const numbers = numbersOf(call, key) ?? otherwise;
  if (typeof numbers === 'number') return call.graph.scalar(numbers);
  if (numbers.length === 1) return call.graph.scalar(numbers[0]!);
  const rank = x.rank;
  if (rank === undefined) throw call.unsupported('the shape of its input is not known');
  return call.floats(key, numbers, alongAxis(numbers.length, x.physicalAxis(rank - 1), rank));
}

/** The shape of a vector that broadcasts along one axis. */
function alongAxis(length: number, axis: number, rank: number): number[] {
  return [length, ...new Array<number>(rank - 1 - axis).fill(1)];
}

/** (x − mean) / max(√variance, 1e-7), or the way back. Mean and variance are in the configuration, or were learnt. */
const normalization: LayerConverter = (call) => {
  const { config } = call;
  const x = plainInput(call);
  const { shape } = x;
  if (shape === undefined) throw call.unsupported('the shape of its input is not known');
  const axes = config.has('axis') ? config.list('axis').map((axis) => call.axisIn(axis, shape.length)) : [];
  const kept = axes.toSorted((a, b) => a - b);
  const mean = moment(call, x, kept, 'mean', 0);
  const spread = moment(call, x, kept, 'variance', 1, (variance) => Math.max(Math.sqrt(variance), 1e-7));
  if (config.flag('invert', false))
    return x.with({ value: call.node('Add', [call.node('Mul', [x.value, spread]), mean]) });
  return x.with({ value: call.node('Div', [call.node('Sub', [x.value, mean]), spread]) });
};

/** Mean or variance along the kept axes, in the order in which they lie in memory. */
function moment(
  call: LayerCall,
  x: KerasTensor,
  kept: readonly number[],
  name: 'mean' | 'variance',
  index: number,
  map: (element: number) => number = (element) => element,
): string {
  const shape = x.shape!;
  const given = numbersOf(call, name);
  if (given !== undefined && !(typeof given === 'number')) {
    const size = given.length;
    const axis = kept.at(-1);
    if (size === 1) return call.graph.scalar(Math.fround(map(given[0]!)));
    if (axis === undefined || kept.length > 1 || shape[axis] !== size)
      throw call.unsupported(`a ${name} of ${size} numbers along the axes [${kept}]`);
    return call.floats(name, given.map(map), alongAxis(size, x.physicalAxis(axis), shape.length));
  }
  if (given !== undefined) return call.graph.scalar(map(given));
  const sizes = kept.map((axis) => sizeOf(call, shape[axis]!));
  return call.initializer(
    name,
    () => mapped(broadcast(call.variable(name, index, sizes), x, kept), map),
    `${x.order}`,
  );
}

function sizeOf(call: LayerCall, dim: Dim): number {
  if (typeof dim === 'number') return dim;
  throw call.unsupported('the size of the axis that it normalizes is not known');
}

/** A variable over the kept axes of Keras, as it broadcasts to the tensor in memory. */
function broadcast(stored: Initializer, x: KerasTensor, kept: readonly number[]): Initializer {
  const rank = x.shape!.length;
  const order = x.order ?? Array.from({ length: rank }, (_, axis) => axis);
  const physical = order.filter((axis) => kept.includes(axis));
  const shape = order.map((axis) => (kept.includes(axis) ? stored.shape[kept.indexOf(axis)]! : 1));
  return transposed(
    stored,
    stored.shape,
    physical.map((axis) => kept.indexOf(axis)),
    shape,
  );
}

function mapped(weight: Initializer, map: (element: number) => number): Initializer {
  return lazyFloats(weight.shape, () => floatData(weight.read()).map(map));
}

/** Augmentation: nothing happens to an image outside of training. */
const augmentation: LayerConverter = (call) => call.input;

/** A crop of a random place in training; the middle otherwise, which is all of an image of that size. */
const randomCrop: LayerConverter = (call) => {
  const x = call.inputOfRank(4);
  const wanted = [call.config.integer('height'), call.config.integer('width')];
  const sizes = call.dataFormat === 'channels_last' ? x.shape.slice(1, 3) : x.shape.slice(2);
  if (sizes.every((size, i) => size === wanted[i])) return x;
  throw call.unsupported('an image of another size than the crop');
};

const AUGMENTATIONS = [
  'RandomBrightness',
  'RandomColorDegeneration',
  'RandomColorJitter',
  'RandomContrast',
  'RandomElasticTransform',
  'RandomErasing',
  'RandomFlip',
  'RandomGaussianBlur',
  'RandomGrayscale',
  'RandomHeight',
  'RandomHue',
  'RandomInvert',
  'RandomPerspective',
  'RandomPosterization',
  'RandomRotation',
  'RandomSaturation',
  'RandomSharpness',
  'RandomShear',
  'RandomTranslation',
  'RandomWidth',
  'RandomZoom',
  'RandAugment',
  'AugMix',
  'CutMix',
  'MixUp',
];

export const PREPROCESSING_LAYERS: LayerTable = {
  Rescaling: rescaling,
  Normalization: normalization,
  RandomCrop: randomCrop,
  ...Object.fromEntries(AUGMENTATIONS.map((name) => [name, augmentation])),
};
