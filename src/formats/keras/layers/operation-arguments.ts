import { isArray, isObject } from '../config.ts';
import type { Json, JsonObject } from '../contract.ts';
import { type Argument, type LayerCall, printArgument } from '../layer-call.ts';
import { KerasTensor } from '../tensor.ts';

/** Numbers in a constant that is written into a configuration. */
const MAX_CONSTANT = 1_000_000;

/** A parameter of an operation: by its place, by one of its names, or in the configuration; null where there is none. */
export function parameter(call: LayerCall, place: number, ...names: readonly string[]): Argument {
  const placed = call.args[place];
  if (placed !== undefined) return placed;
  for (const name of names) {
    if (Object.hasOwn(call.kwargs, name)) return call.kwargs[name] ?? null;
    const stated = call.config.get(name);
    if (stated !== undefined) return stated;
  }
  return null;
}

/** A parameter that is a tensor. */
export function tensorParameter(call: LayerCall, place: number, ...names: readonly string[]): KerasTensor {
  const value = parameter(call, place, ...names);
  if (value instanceof KerasTensor) return value;
  throw call.unsupported(`${printArgument(value)} in the place of a tensor`);
}

/** A parameter that is a tensor, a number or a nested list of numbers: a constant. */
export function operandOf(call: LayerCall, place: number, ...names: readonly string[]): KerasTensor {
  const value = parameter(call, place, ...names);
  if (value instanceof KerasTensor) return value;
  const shape: number[] = [];
  const numbers: number[] = [];
  if (!collect(constantOf(value as Json), 0, shape, numbers))
    throw call.unsupported(`${printArgument(value)} in the place of a tensor`);
  const name =
    shape.length === 0 ? call.graph.scalar(numbers[0]!) : call.floats(`operand${place}`, numbers, shape);
  return new KerasTensor({ value: name, dtype: 'FLOAT', shape });
}

/** The value of a serialised array or tensor. */
function constantOf(json: Json): Json {
  return isObject(json) && isObject(json.config) && json.config.value !== undefined
    ? json.config.value
    : json;
}

/** Flattens a nested list of numbers; false where it is something else, or ragged. */
function collect(json: Json, depth: number, shape: number[], numbers: number[]): boolean {
  if (typeof json === 'number' && depth === shape.length) return numbers.push(json) <= MAX_CONSTANT;
  if (!isArray(json) || depth > 8 || json.length === 0) return false;
  if (depth === shape.length && numbers.length === 0) shape.push(json.length);
  return shape[depth] === json.length && json.every((item) => collect(item, depth + 1, shape, numbers));
}

/** The parameters of an operation that are no tensors. */
export function jsonParameters(call: LayerCall): JsonObject {
  const json = Object.entries(call.kwargs).filter(
    ([, value]) => !(value instanceof KerasTensor) && value !== null,
  );
  return { ...call.config.json, ...(Object.fromEntries(json) as JsonObject) };
}

/** A parameter that is a whole number. */
export function integerParameter(
  call: LayerCall,
  place: number,
  names: readonly string[],
  otherwise?: number,
): number {
  const value = parameter(call, place, ...names) ?? otherwise;
  if (Number.isSafeInteger(value)) return value as number;
  throw call.unsupported(`${printArgument(value ?? null)} in the place of a whole number`);
}

/** A parameter that is a list of whole numbers, or a single one; undefined where there is none. */
export function integersParameter(
  call: LayerCall,
  place: number,
  ...names: readonly string[]
): number[] | undefined {
  const value = parameter(call, place, ...names);
  if (value === null) return undefined;
  const list = Array.isArray(value) ? (value as readonly Argument[]) : [value];
  if (list.every((item) => Number.isSafeInteger(item))) return list as number[];
  throw call.unsupported(`${printArgument(value)} in the place of whole numbers`);
}

export function flagParameter(call: LayerCall, place: number, ...names: readonly string[]): boolean {
  return parameter(call, place, ...names) === true;
}
