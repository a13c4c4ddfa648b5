import type { Dim } from '../../../ir/graph.ts';
import type { LayerCall, LayerConverter, LayerTable } from '../layer-call.ts';
import { BATCH, channelsFirst, type KerasTensor, MAX_AXES, type Scramble } from '../tensor.ts';

/** One axis a sample. What was not in Keras order is remembered, for the Dense after it. */
const flatten: LayerConverter = (call) => {
  const given = call.input;
  const rank = given.rank;
  if (rank === undefined)
    return given.with({
      value: call.node('Flatten', [given.value], { axis: 1 }),
      shape: [BATCH, null],
      mask: undefined,
    });
  // Keras flattens channels-first images as if they were channels-last.
  const isFirst = call.dataFormat === 'channels_first' && rank > 2;
  const x = isFirst ? permuted(given, [0, ...range(2, rank), 1]) : given;
  return flattened(call, x);
};

/** A tensor with its axes after the batch made one. */
export function flattened(call: LayerCall, given: KerasTensor): KerasTensor {
  const shape = given.shape!;
  if (shape.length === 1) {
    const value = call.node('Unsqueeze', [given.value, call.integers('axes', [1])]);
    return given.with({ value, shape: [shape[0]!, 1], mask: undefined });
  }
  if (shape.length === 2) return given;
  const dims = shape.slice(1);
  const isKnown = dims.every((dim) => typeof dim === 'number');
  const x = isKnown && given.physicalAxis(0) === 0 ? given : call.kerasOrder(given);
  const value = call.node('Flatten', [x.value], { axis: 1 });
  const size = isKnown ? (dims as number[]).reduce((a, b) => a * b, 1) : null;
  const scramble = isKnown && x.order !== undefined ? scrambleOf(dims as number[], x.order) : undefined;
  return x.with({ value, shape: [shape[0]!, size], order: undefined, scramble, mask: undefined });
}

/** How the elements of a sample lie, without the axes of 1. */
function scrambleOf(dims: readonly number[], order: readonly number[]): Scramble {
  const kept = dims.map((_, axis) => axis).filter((axis) => dims[axis] !== 1);
  const physical = order.slice(1).map((axis) => axis - 1);
  return {
    dims: kept.map((axis) => dims[axis]!),
    order: physical.filter((axis) => kept.includes(axis)).map((axis) => kept.indexOf(axis)),
  };
}

const reshape: LayerConverter = (call) => {
  const target = call.config.list('target_shape');
  if (target.some((dim) => dim < -1 || dim === 0) || target.filter((dim) => dim === -1).length > 1)
    throw call.malformed(`its target shape [${target}] is no shape`);
  return reshaped(call, call.input, target);
};

/** A tensor with other axes after the batch; −1 stands for what is left. */
export function reshaped(call: LayerCall, given: KerasTensor, target: readonly number[]): KerasTensor {
  if (target.length >= MAX_AXES) throw call.unsupported(`a shape of ${target.length + 1} axes`);
  const x = liesInOrder(given) ? given : call.kerasOrder(given);
  const sizes = resolved(call, x.shape?.slice(1), target);
  const shape: readonly Dim[] = [x.shape?.[0] ?? BATCH, ...sizes];
  // One pixel lies the same either way: it is made channels-first at once.
  const isPixel = shape.length > 2 && sizes.slice(0, -1).every((size) => size === 1);
  const order = isPixel ? channelsFirst(shape.length, 'channels_last') : undefined;
  const dims = order === undefined ? target : order.slice(1).map((axis) => target[axis - 1]!);
  const value = call.node('Reshape', [x.value, call.integers(`shape${dims.join('_')}`, [0, ...dims])]);
  return x.with({ value, shape, order, scramble: undefined, mask: undefined });
}

/** Whether the elements lie in Keras order in memory: only axes of 1 are elsewhere. */
function liesInOrder({ shape, order, scramble }: KerasTensor): boolean {
  if (scramble !== undefined) return false;
  if (shape === undefined || order === undefined) return true;
  const moved = order.filter((axis) => shape[axis] !== 1);
  return moved[0] === 0 && moved.every((axis, i) => i === 0 || axis > moved[i - 1]!);
}

/** The target with what −1 stands for, as far as the sizes are known. @throws malformed for another number of elements */
function resolved(call: LayerCall, from: readonly Dim[] | undefined, target: readonly number[]): Dim[] {
  const known = target.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  if (from === undefined || !from.every((dim) => typeof dim === 'number'))
    return target.map((dim) => (dim === -1 ? null : dim));
  const total = (from as number[]).reduce((product, dim) => product * dim, 1);
  const rest = total / known;
  if (target.includes(-1) ? !Number.isInteger(rest) : rest !== 1)
    throw call.malformed(`its input has ${total} elements a sample, its target shape [${target}] has not`);
  return target.map((dim) => (dim === -1 ? rest : dim));
}

/** Permute moves axes of Keras, nothing in memory. */
const permute: LayerConverter = (call) => {
  const x = call.inputOfKnownRank();
  const dims = call.config.list('dims');
  const perm = [0, ...dims];
  if (perm.toSorted((a, b) => a - b).some((axis, i) => axis !== i) || perm.length !== x.shape!.length)
    throw call.malformed(`its dims [${dims}] are no permutation of ${x.shape!.length - 1} axes`);
  return permuted(x.scramble === undefined ? x : call.kerasOrder(x), perm).with({ mask: undefined });
};

/** The tensor seen with its axes in another order: axis i is axis perm[i] of before. */
export function permuted(x: KerasTensor, perm: readonly number[]): KerasTensor {
  const order = x.order ?? range(0, perm.length);
  return x.with({
    shape: perm.map((axis) => x.shape![axis]!),
    order: order.map((axis) => perm.indexOf(axis)),
  });
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(to - from, 0) }, (_, i) => from + i);
}

/** [N,C] to [N,n,C]. */
const repeatVector: LayerConverter = (call) => {
  const x = call.kerasOrder(call.inputOfRank(2));
  const count = call.config.integer('n', undefined, 1);
  const row = call.node('Unsqueeze', [x.value, call.integers('axes', [1])]);
  const value = call.node('Tile', [row, call.integers('repeats', [1, count, 1])]);
  return x.with({ value, shape: [x.shape![0]!, count, x.shape![1]!], mask: undefined });
};

export const RESHAPE_LAYERS: LayerTable = {
  Flatten: flatten,
  Reshape: reshape,
  Permute: permute,
  RepeatVector: repeatVector,
};
