import type { Dim } from '../../../ir/graph.ts';
import { isObject } from '../config.ts';
import type { Json } from '../contract.ts';
import {
  type Argument,
  type LayerCall,
  type LayerConverter,
  printArgument,
  tensorsIn,
} from '../layer-call.ts';
import { alignOperands } from '../operands.ts';
import { type KerasTensor, MAX_AXES } from '../tensor.ts';
import { concatenated } from './merge.ts';
import { integerParameter, integersParameter, parameter, tensorParameter } from './operation-arguments.ts';
import { permuted, reshaped } from './reshape.ts';

/** A tensor of known rank. */
export type Known = KerasTensor & { readonly shape: readonly Dim[] };

/** INT32_MAX is beyond any axis. */
const TO_END: number = 2 ** 31 - 1;

/** Parts that a split makes. */
const MAX_PARTS = 4096;

/** The tensor of a shape operation; its elements may lie in any order that is one of axes. */
export function shaped(call: LayerCall, ...names: readonly string[]): Known {
  const x = tensorParameter(call, 0, 'x', 'input_tensor', 'inputs', 'a', 'tensor', 'input', ...names);
  if (x.shape === undefined) throw call.unsupported('the shape of its input is not known');
  return (x.scramble === undefined ? x : call.kerasOrder(x)).with({ mask: undefined }) as Known;
}

/** The tensor without some axes of Keras; those that stay keep their order in memory. */
export function without(x: Known, value: string, axes: readonly number[]): KerasTensor {
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const order = (x.order ?? x.shape.map((_, axis) => axis)).filter((axis) => kept.includes(axis));
  return x.with({
    value,
    shape: kept.map((axis) => x.shape[axis]!),
    order: order.map((axis) => kept.indexOf(axis)),
  });
}

const reshape: LayerConverter = (call) => {
  const x = shaped(call);
  const target = (integersParameter(call, 1, 'newshape', 'shape') ?? []).map((dim) =>
    dim === -1 ? -1 : dim,
  );
  const [batch, ...rest] = target;
  const total = x.shape
    .slice(1)
    .reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : Number.NaN), 1);
  const wanted = rest.reduce((product, dim) => product * dim, 1);
  if (batch !== undefined && (batch === x.shape[0] || (batch === -1 && wanted === total)))
    return reshaped(call, x, rest);
  if (target.length > MAX_AXES) throw call.unsupported(`a shape of ${target.length} axes`);
  const plain = call.kerasOrder(x);
  const value = call.node('Reshape', [plain.value, call.integers('shape', target)]);
  return plain.with({ value, shape: target.map((dim) => (dim === -1 ? null : dim)) });
};

const transpose: LayerConverter = (call) => {
  const x = shaped(call);
  const rank = x.shape.length;
  const axes = (integersParameter(call, 1, 'axes', 'perm') ?? x.shape.map((_, i) => rank - 1 - i)).map(
    (axis) => call.axisIn(axis, rank),
  );
  if (new Set(axes).size !== rank) throw call.malformed(`[${axes}] is no permutation of ${rank} axes`);
  return permuted(x, axes);
};

function tensorList(call: LayerCall): readonly KerasTensor[] {
  const tensors = tensorsIn(parameter(call, 0, 'xs', 'values', 'x'));
  return alignOperands(
    call,
    tensors.map((x) => call.float(x)),
    0,
  );
}

const concatenate: LayerConverter = (call) =>
  concatenated(call, tensorList(call), integerParameter(call, 1, ['axis'], -1));

const stack: LayerConverter = (call) => {
  const axis = integerParameter(call, 1, ['axis'], 0);
  const widened = tensorList(call).map((x) => inserted(call, x, axis));
  return concatenated(call, widened, axis);
};

/** The tensor with an axis of 1 more. */
function inserted(call: LayerCall, given: KerasTensor, axis: number): KerasTensor {
  const x = call.kerasOrder(given);
  if (x.shape === undefined) throw call.unsupported('the shape of its input is not known');
  if (x.shape.length >= MAX_AXES) throw call.unsupported(`a tensor of ${x.shape.length + 1} axes`);
  const at = call.axisIn(axis, x.shape.length + 1);
  const value = call.node('Unsqueeze', [x.value, call.integers(`axis${at}`, [at])]);
  return x.with({ value, shape: [...x.shape.slice(0, at), 1, ...x.shape.slice(at)] });
}

const expandDims: LayerConverter = (call) =>
  inserted(call, shaped(call), integerParameter(call, 1, ['axis']));

const squeeze: LayerConverter = (call) => {
  const x = shaped(call);
  const given = integersParameter(call, 1, 'axis') ?? [];
  const axes = given.length > 0 ? given.map((axis) => call.axisIn(axis, x.shape.length)) : onesOf(x);
  const physical = axes.map((axis) => x.physicalAxis(axis));
  return without(x, call.node('Squeeze', [x.value, call.integers('axes', physical)]), axes);
};

function onesOf(x: Known): number[] {
  return x.shape.map((_, axis) => axis).filter((axis) => x.shape[axis] === 1);
}

/** Equal parts, or parts that end at given places: keras.ops.split. */
const split: LayerConverter = (call) => {
  const x = shaped(call);
  const axis = call.axisIn(integerParameter(call, 2, ['axis'], 0), x.shape.length);
  const size = knownSize(call, x, axis);
  const sections = parameter(call, 1, 'indices_or_sections');
  const ends = Array.isArray(sections)
    ? [...(integersParameter(call, 1, 'indices_or_sections') ?? []), size]
    : undefined;
  return parts(
    call,
    x,
    axis,
    ends?.map((end, i) => end - (ends[i - 1] ?? 0)) ?? equalParts(call, size, sections),
  );
};

/** The elements along an axis, each a tensor without it. */
const unstack: LayerConverter = (call) => {
  const x = shaped(call, 'value');
  const axis = call.axisIn(integerParameter(call, 2, ['axis'], 0), x.shape.length);
  const size = knownSize(call, x, axis);
  const gone = call.integers('gone', [x.physicalAxis(axis)]);
  return parts(call, x, axis, equalParts(call, size, size)).map((part) =>
    without(part as Known, call.node('Squeeze', [part.value, gone]), [axis]),
  );
};

/** Equal parts, or parts of given sizes: tf.split. */
const tensorflowSplit: LayerConverter = (call) => {
  const x = shaped(call, 'value');
  const axis = call.axisIn(integerParameter(call, 2, ['axis'], 0), x.shape.length);
  const sizes = parameter(call, 1, 'num_or_size_splits');
  const given = Array.isArray(sizes) ? integersParameter(call, 1, 'num_or_size_splits') : undefined;
  return parts(call, x, axis, given ?? equalParts(call, knownSize(call, x, axis), sizes));
};

function knownSize(call: LayerCall, x: Known, axis: number): number {
  const size = x.shape[axis];
  if (typeof size === 'number') return size;
  throw call.unsupported('the size of the axis that it splits is not known');
}

function equalParts(call: LayerCall, size: number, count: Argument): number[] {
  if (typeof count === 'number' && count > MAX_PARTS) throw call.unsupported(`${count} parts`);
  if (typeof count === 'number' && count >= 1 && size % count === 0)
    return new Array<number>(count).fill(size / count);
  throw call.malformed(`${size} elements make no ${printArgument(count)} equal parts`);
}

function parts(call: LayerCall, x: Known, axis: number, sizes: readonly number[]): readonly KerasTensor[] {
  if (sizes.some((size) => size < 0) || sizes.reduce((a, b) => a + b, 0) !== x.shape[axis])
    throw call.unsupported(`parts of ${sizes} elements`);
  const inputs = [x.value, call.integers('sizes', sizes)];
  const values = call.nodes('Split', inputs, { axis: x.physicalAxis(axis) }, sizes.length);
  return values.map((value, i) =>
    x.with({ value, shape: x.shape.map((dim, at) => (at === axis ? sizes[i]! : dim)) }),
  );
}

const pad: LayerConverter = (call) => {
  const x = call.float(shaped(call)) as Known;
  const mode = String(parameter(call, 2, 'mode') ?? 'constant').toLowerCase();
  const fill = parameter(call, 3, 'constant_values') ?? 0;
  const widths = parameter(call, 1, 'pad_width', 'paddings') as Json;
  const pairs = Array.isArray(widths) ? (widths as readonly Json[]) : [];
  const isPair = (pair: Json): boolean =>
    Array.isArray(pair) && pair.length === 2 && pair.every(Number.isSafeInteger);
  if (!['constant', 'reflect'].includes(mode) || typeof fill !== 'number')
    throw call.unsupported(`padding by ${mode} of ${printArgument(fill)}`);
  if (pairs.length !== x.shape.length || !pairs.every(isPair))
    throw call.unsupported(`padding ${printArgument(widths)}`);
  const known = pairs as readonly (readonly [number, number])[];
  const order = x.order ?? x.shape.map((_, axis) => axis);
  const pads = [...order.map((axis) => known[axis]![0]), ...order.map((axis) => known[axis]![1])];
  const inputs = [x.value, call.integers('pads', pads), ...(fill === 0 ? [] : [call.graph.scalar(fill)])];
  const value = call.node('Pad', inputs, mode === 'constant' ? {} : { mode });
  const shape = x.shape.map((dim, axis) => {
    const [begin, end] = known[axis]!;
    return typeof dim === 'number' ? dim + begin + end : begin + end === 0 ? dim : null;
  });
  return x.with({ value, shape });
};

/** Python's x[…]: slices, numbers that take an axis away, None that adds one, and an ellipsis. */
const getItem: LayerConverter = (call) => {
  const x = shaped(call);
  const given = parameter(call, 1, 'key', 'slice_spec');
  const keys: readonly Argument[] = Array.isArray(given) ? (given as readonly Argument[]) : [given];
  const isEllipsis = (key: Argument): boolean =>
    key === '...' ||
    key === 'Ellipsis' ||
    (isObject(key as Json) && (key as { class_name?: Json }).class_name === '__ellipsis__');
  const taking = keys.filter((key) => key !== null && !isEllipsis(key)).length;
  const spread = keys.flatMap((key) =>
    isEllipsis(key) ? new Array<Argument>(x.shape.length - taking).fill({}) : [key],
  );
  if (taking > x.shape.length || spread.some(isEllipsis))
    throw call.malformed(`an index of ${taking} axes for ${x.shape.length}`);
  const cuts: { axis: number; start: number; end: number; step: number; isNumber: boolean }[] = [];
  const added: number[] = [];
  let axis = 0;
  let place = 0;
  for (const key of spread) {
    if (key === null) added.push(place++);
    else if (typeof key === 'number') {
      cuts.push({ axis, start: key, end: key === -1 ? TO_END : key + 1, step: 1, isNumber: true });
      axis++;
    } else {
      const { start, end, step } = sliceOf(call, key as Json);
      if (start !== 0 || end !== TO_END || step !== 1) cuts.push({ axis, start, end, step, isNumber: false });
      axis++;
      place++;
    }
  }
  let y: Known = x;
  if (cuts.length > 0) {
    const list = (name: string, pick: (cut: (typeof cuts)[number]) => number): string =>
      call.integers(name, cuts.map(pick));
    const value = call.node('Slice', [
      x.value,
      list('starts', (cut) => cut.start),
      list('ends', (cut) => cut.end),
      list('axes', (cut) => x.physicalAxis(cut.axis)),
      list('steps', (cut) => cut.step),
    ]);
    const shape = x.shape.map((dim, at) => {
      const cut = cuts.find((one) => one.axis === at);
      return cut === undefined ? dim : cut.isNumber ? 1 : lengthOf(dim, cut);
    });
    y = x.with({ value, shape }) as Known;
  }
  const gone = cuts.filter((cut) => cut.isNumber).map((cut) => cut.axis);
  const physical = gone.map((at) => y.physicalAxis(at));
  const kept =
    gone.length === 0
      ? y
      : without(y, call.node('Squeeze', [y.value, call.integers('gone', physical)]), gone);
  return added.reduce((tensor, at) => inserted(call, tensor, at), kept as KerasTensor);
};

/** A slice as Keras 3 or Keras 2 writes it; all of the axis for an empty object. */
function sliceOf(call: LayerCall, json: Json): { start: number; end: number; step: number } {
  const fields = isObject(json) ? (isObject(json.config) ? json.config : json) : undefined;
  const { start = null, stop = null, step = null } = fields ?? {};
  const isFit = (bound: Json): boolean => bound === null || Number.isSafeInteger(bound);
  if (fields === undefined || ![start, stop, step].every(isFit) || step === 0)
    throw call.unsupported(`the index ${printArgument(json)}`);
  const isBackwards = step !== null && (step as number) < 0;
  return {
    start: (start as number | null) ?? (isBackwards ? TO_END : 0),
    end: (stop as number | null) ?? (isBackwards ? -TO_END : TO_END),
    step: (step as number | null) ?? 1,
  };
}

function lengthOf(dim: Dim, { start, end, step }: { start: number; end: number; step: number }): Dim {
  if (typeof dim !== 'number') return null;
  // Backwards the places are −1, before the first element, to the last one.
  const [least, most] = step < 0 ? [-1, dim - 1] : [0, dim];
  const inside = (bound: number): number => Math.min(Math.max(bound < 0 ? bound + dim : bound, least), most);
  return Math.max(0, Math.ceil((inside(end) - inside(start)) / step));
}

export const SHAPE_OPERATIONS: Readonly<Record<string, LayerConverter>> = {
  reshape,
  transpose,
  concatenate,
  stack,
  expand_dims: expandDims,
  squeeze,
  split,
  unstack,
  tensorflow_split: tensorflowSplit,
  pad,
  get_item: getItem,
};
