import type { Dim } from '../../ir/graph.ts';
import type { LayerCall } from './layer-call.ts';
import { channelsFirst, type KerasTensor, lieAlike } from './tensor.ts';

/**
 * Operands of an element-wise operator, of one rank and lying alike in memory: as the first one that does not lie in
 * Keras order, so that feature maps stay channels-first.
 * @param at where axes of 1 are added to operands of fewer axes: 1 as merging layers do, 0 as NumPy does
 */
export function alignOperands(
  call: LayerCall,
  given: readonly KerasTensor[],
  at: 0 | 1,
): readonly KerasTensor[] {
  const isFlat = (x: KerasTensor): boolean => x.scramble !== undefined;
  const inputs =
    given.some(isFlat) && !given.every((x) => lieAlike(x, given[0]!))
      ? given.map((x) => call.kerasOrder(x))
      : given;
  const rank = Math.max(...inputs.map((x) => x.rank ?? 0));
  if (rank === 0 || inputs.every((x) => lieAlike(x, inputs[0]!) && x.rank === rank)) return inputs;
  const model = inputs.find((x) => x.rank === rank && x.order !== undefined);
  const order = model?.order ?? Array.from({ length: rank }, (_, axis) => axis);
  const aligned = (x: KerasTensor): KerasTensor =>
    // A number broadcasts by itself, however the other operands lie.
    x.rank === 0
      ? x.with({ shape: new Array<Dim>(rank).fill(1), order })
      : call.graph.arrange(widened(call, x, rank, at), call.name, order);
  return inputs.map(aligned);
}

/** The tensor with axes of 1 added. One of unknown rank is taken to have them all. */
function widened(call: LayerCall, x: KerasTensor, rank: number, at: 0 | 1): KerasTensor {
  if (x.shape === undefined) return call.assumeShape(x, new Array<Dim>(rank).fill(null));
  const more = rank - x.shape.length;
  if (more === 0) return x;
  const start = Math.min(at, x.shape.length);
  const shape = [...x.shape.slice(0, start), ...new Array<Dim>(more).fill(1), ...x.shape.slice(start)];
  const isVector = at === 1 && x.shape.length === 2;
  // A vector a sample becomes an image of one pixel, [N,C] to [N,C,1,1], at once.
  const axes = Array.from({ length: more }, (_, i) => (isVector ? 2 : start) + i);
  const plain = call.kerasOrder(x);
  const order = isVector ? channelsFirst(rank, 'channels_last') : undefined;
  const value = call.node(
    'Unsqueeze',
    [plain.value, call.integers(`axes${axes.join('_')}`, axes)],
    {},
    'unsqueeze',
  );
  return plain.with({ value, shape, order });
}

/** The shape that operands of one rank broadcast to; undefined where a rank is unknown. */
export function broadcastShape(shapes: readonly (readonly Dim[] | undefined)[]): readonly Dim[] | undefined {
  const [first, ...others] = shapes;
  if (first === undefined || others.some((shape) => shape?.length !== first.length)) return undefined;
  return first.map((dim, axis) => others.reduce<Dim>((known, shape) => joined(known, shape![axis]!), dim));
}

function joined(a: Dim, b: Dim): Dim {
  if (a === 1 || a === null) return typeof b === 'number' || a === 1 ? b : a;
  return b === null && typeof a !== 'number' ? b : a;
}

/**
 * The mask of an element-wise merge. Keras 2: a step counts where it does in all inputs that have a mask. Keras 3: where it
 * does in any of them, and everywhere once an input has none.
 */
export function mergedMask(call: LayerCall, inputs: readonly KerasTensor[]): string | undefined {
  const masks = [...new Set(inputs.map(({ mask }) => mask))];
  const given = masks.filter((mask) => mask !== undefined);
  if (call.major >= 3 && given.length < masks.length) return undefined;
  const [first, ...others] = given;
  const opType = call.major >= 3 ? 'Or' : 'And';
  return others.reduce((merged, mask) => call.node(opType, [merged!, mask], {}, 'mask'), first);
}
