import { type LayerCall, type LayerConverter, printArgument } from '../layer-call.ts';
import type { KerasTensor } from '../tensor.ts';
import { flagParameter, integerParameter, integersParameter, parameter } from './operation-arguments.ts';
import { type Known, shaped, without } from './operation-shape.ts';
import { permuted } from './reshape.ts';

/** INT32_MAX is beyond any axis. */
const TO_END: number = 2 ** 31 - 1;

const swapaxes: LayerConverter = (call) => {
  const x = shaped(call);
  const rank = x.shape.length;
  const [a, b] = [integerParameter(call, 1, ['axis1']), integerParameter(call, 2, ['axis2'])].map((axis) =>
    call.axisIn(axis, rank),
  ) as [number, number];
  return permuted(
    x,
    x.shape.map((_, axis) => (axis === a ? b : axis === b ? a : axis)),
  );
};

const moveaxis: LayerConverter = (call) => {
  const x = shaped(call);
  const rank = x.shape.length;
  const [from, to] = [integersParameter(call, 1, 'source'), integersParameter(call, 2, 'destination')].map(
    (axes) => (axes ?? []).map((axis) => call.axisIn(axis, rank)),
  ) as [number[], number[]];
  const isFit = from.length === to.length && [from, to].every((axes) => new Set(axes).size === axes.length);
  if (!isFit) throw call.malformed(`axes [${from}] cannot go to [${to}]`);
  const rest = x.shape.map((_, axis) => axis).filter((axis) => !from.includes(axis));
  const perm = x.shape.map((_, at) => (to.includes(at) ? from[to.indexOf(at)]! : rest.shift()!));
  return permuted(x, perm);
};

/** The elements of some axes, or of all, from the last to the first. */
const flip: LayerConverter = (call) => {
  const x = shaped(call);
  const axes = (integersParameter(call, 1, 'axis') ?? x.shape.map((_, axis) => axis)).map((axis) =>
    call.axisIn(axis, x.shape.length),
  );
  const list = (name: string, value: number): string =>
    call.integers(
      name,
      axes.map(() => value),
    );
  const physical = call.integers(
    'axes',
    axes.map((axis) => x.physicalAxis(axis)),
  );
  const inputs = [x.value, list('starts', TO_END), list('ends', -TO_END), physical, list('steps', -1)];
  return x.with({ value: call.node('Slice', inputs) });
};

/** The elements of one axis moved on; those that fall off the end come first. */
const roll: LayerConverter = (call) => {
  const x = shaped(call);
  const axes = (integersParameter(call, 2, 'axis') ?? []).map((axis) => call.axisIn(axis, x.shape.length));
  const shifts = integersParameter(call, 1, 'shift') ?? [];
  const size = x.shape[axes[0] ?? -1];
  if (axes.length !== 1 || shifts.length !== 1 || typeof size !== 'number')
    throw call.unsupported(`moving the elements of axes [${axes}] by [${shifts}]`);
  const shift = ((shifts[0]! % size) + size) % size;
  if (shift === 0) return x;
  const axis = x.physicalAxis(axes[0]!);
  const sizes = call.integers('sizes', [size - shift, shift]);
  const [begin, end] = call.nodes('Split', [x.value, sizes], { axis }, 2, 'split');
  return x.with({ value: call.node('Concat', [end, begin], { axis }) });
};

const tile: LayerConverter = (call) => {
  const x = shaped(call);
  const repeats = integersParameter(call, 1, 'repeats', 'multiples') ?? [];
  if (repeats.length !== x.shape.length || repeats.some((times) => times < 1))
    throw call.unsupported(`${printArgument(repeats)} repetitions of ${x.shape.length} axes`);
  const physical = (x.order ?? x.shape.map((_, axis) => axis)).map((axis) => repeats[axis]!);
  const shape = x.shape.map((dim, axis) =>
    typeof dim === 'number' ? dim * repeats[axis]! : repeats[axis] === 1 ? dim : null,
  );
  return x.with({ value: call.node('Tile', [x.value, call.integers('repeats', physical)]), shape });
};

/** Places that one Gather takes: they are a constant. */
const MAX_TAKEN = 1_000_000;

/** Some places of an axis, in that order; a single place takes the axis away. */
function taken(call: LayerCall, x: Known, axis: number, places: readonly number[] | number): KerasTensor {
  const size = x.shape[axis];
  const list = typeof places === 'number' ? [places] : places;
  if (typeof size !== 'number' || list.length > MAX_TAKEN || list.some((at) => at < -size || at >= size))
    throw call.unsupported(`places that are not within the ${size ?? '?'} elements of axis ${axis}`);
  const value = call.node('Gather', [x.value, call.integers('places', list)], { axis: x.physicalAxis(axis) });
  if (typeof places !== 'number')
    return x.with({ value, shape: x.shape.map((dim, at) => (at === axis ? list.length : dim)) });
  const gone = call.integers('gone', [x.physicalAxis(axis)]);
  return without(x, call.node('Squeeze', [value, gone]), [axis]);
}

const take: LayerConverter = (call) => {
  const x = shaped(call, 'params');
  const places = parameter(call, 1, 'indices');
  const axis = call.axisIn(integerParameter(call, 2, ['axis']), x.shape.length);
  if ((parameter(call, 99, 'batch_dims') ?? 0) !== 0) throw call.unsupported('batch_dims');
  if (Number.isSafeInteger(places)) return taken(call, x, axis, places as number);
  return taken(call, x, axis, integersParameter(call, 1, 'indices') ?? []);
};

/** Every element of an axis a number of times. */
const repeat: LayerConverter = (call) => {
  const x = shaped(call);
  const axis = call.axisIn(integerParameter(call, 2, ['axis']), x.shape.length);
  const times = integerParameter(call, 1, ['repeats']);
  const size = x.shape[axis];
  if (typeof size !== 'number' || times < 1 || size * times > MAX_TAKEN)
    throw call.unsupported(`${times} repetitions of ${size ?? '?'} elements`);
  return taken(
    call,
    x,
    axis,
    Array.from({ length: size * times }, (_, i) => Math.floor(i / times)),
  );
};

const cumsum: LayerConverter = (call) => {
  const x = call.float(shaped(call)) as Known;
  const axis = call.axisIn(integerParameter(call, 1, ['axis']), x.shape.length);
  const place = call.integers('axis', x.physicalAxis(axis));
  const [exclusive, reverse] = [flagParameter(call, 99, 'exclusive'), flagParameter(call, 99, 'reverse')];
  const attributes = { exclusive: exclusive ? 1 : 0, reverse: reverse ? 1 : 0 };
  return x.with({ value: call.node('CumSum', [x.value, place], attributes) });
};

/** Functions that put elements elsewhere. */
export const ORDER_OPERATIONS: Readonly<Record<string, LayerConverter>> = {
  swapaxes,
  moveaxis,
  flip,
  roll,
  tile,
  take,
  repeat,
  cumsum,
};
