import { BnnqError, throwIfAny } from '../errors.ts';
import type { Value, ValueType } from '../ir/graph.ts';
import { sizeOf, type Tensor } from '../tensor/tensor.ts';
import { shapeText } from './shapes.ts';
import { EmptyOptional, isTensor, kindOf, type RuntimeValue, TensorSequence } from './values.ts';
import { heldType, widen } from './widen.ts';

export type Feeds = Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>;

/** Feeds of a model that may take sequences and optionals. */
export type ValueFeeds = Readonly<Record<string, RuntimeValue>> | ReadonlyMap<string, RuntimeValue>;

/**
 * The values to feed, in the order of the graph's inputs, half precision widened. An optional that is left out is empty.
 * @throws mismatch for every input that is missing, unknown, or of another type or shape than declared, all at once
 */
export function checkFeeds(inputs: readonly Value[], feeds: ValueFeeds): RuntimeValue[] {
  const given =
    feeds instanceof Map
      ? (feeds as ReadonlyMap<string, RuntimeValue>)
      : new Map(Object.entries(feeds as Readonly<Record<string, RuntimeValue>>));
  const problems: BnnqError[] = [];
  const refuse = (name: string, what: string): void => {
    problems.push(new BnnqError('mismatch', `input "${name}": ${what}`, { tensor: name }));
  };
  for (const name of given.keys())
    if (!inputs.some((input) => input.name === name))
      refuse(name, `there is no such input, expected ${inputs.map((input) => `"${input.name}"`).join(', ')}`);
  const values: RuntimeValue[] = [];
  for (const input of inputs) {
    const value =
      given.get(input.name) ?? (input.container?.kind === 'optional' ? new EmptyOptional() : undefined);
    if (value === undefined) refuse(input.name, 'missing');
    else {
      const problem = problemOf(input, value);
      if (problem !== undefined) refuse(input.name, problem);
      values.push(widened(value));
    }
  }
  throwIfAny(problems);
  return values;
}

function widened(value: RuntimeValue): RuntimeValue {
  if (value instanceof TensorSequence) return new TensorSequence(value.dtype, value.elements.map(widen));
  return isTensor(value) ? widen(value) : value;
}

function problemOf(type: ValueType, value: RuntimeValue): string | undefined {
  const { container } = type;
  if (container?.kind === 'optional')
    return value instanceof EmptyOptional ? undefined : problemOf(container.element, value);
  if (container?.kind !== 'sequence')
    return isTensor(value) ? tensorProblem(type, value) : `expected a tensor, got ${kindOf(value)}`;
  if (!(value instanceof TensorSequence)) return `expected a sequence, got ${kindOf(value)}`;
  for (const [i, element] of value.elements.entries()) {
    const problem = tensorProblem(container.element, element);
    if (problem !== undefined) return `element ${i}: ${problem}`;
  }
  return undefined;
}

function tensorProblem({ dtype, shape }: ValueType, tensor: Tensor): string | undefined {
  if (dtype !== undefined && heldType(dtype) !== heldType(tensor.dtype))
    return `expected type ${dtype}, got ${tensor.dtype}`;
  if (tensor.data.length !== sizeOf(tensor.shape))
    return `shape ${shapeText(tensor.shape)} needs ${sizeOf(tensor.shape)} elements, got ${tensor.data.length}`;
  if (shape === undefined) return undefined;
  const fits =
    shape.length === tensor.shape.length &&
    shape.every((dim, i) => typeof dim !== 'number' || dim === tensor.shape[i]);
  return fits ? undefined : `expected shape ${shapeText(shape)}, got ${shapeText(tensor.shape)}`;
}
