import { BnnqError, throwIfAny } from '../errors.ts';
import type { Value } from '../ir/graph.ts';
import { sizeOf, type Tensor } from '../tensor/tensor.ts';
import { shapeText } from './shapes.ts';
import { widen } from './widen.ts';

export type Feeds = Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>;

/**
 * The tensors to feed, in the order of the graph's inputs, half precision widened.
 * @throws mismatch for every input that is missing, unknown, or of another type or shape than declared, all at once
 */
export function checkFeeds(inputs: readonly Value[], feeds: Feeds): Tensor[] {
  const given =
    feeds instanceof Map ? (feeds as ReadonlyMap<string, Tensor>) : new Map(Object.entries(feeds));
  const problems: BnnqError[] = [];
  const refuse = (name: string, what: string): void => {
    problems.push(new BnnqError('mismatch', `input "${name}": ${what}`, { tensor: name }));
  };
  for (const name of given.keys())
    if (!inputs.some((input) => input.name === name))
      refuse(name, `there is no such input, expected ${inputs.map((input) => `"${input.name}"`).join(', ')}`);
  const tensors: Tensor[] = [];
  for (const input of inputs) {
    const tensor = given.get(input.name);
    if (tensor === undefined) refuse(input.name, 'missing');
    else {
      const problem = problemOf(input, tensor);
      if (problem !== undefined) refuse(input.name, problem);
      tensors.push(widen(tensor));
    }
  }
  throwIfAny(problems);
  return tensors;
}

function problemOf(input: Value, tensor: Tensor): string | undefined {
  const { dtype, shape } = input;
  const held = (type: string): string => (type === 'FLOAT16' || type === 'BFLOAT16' ? 'FLOAT' : type);
  if (dtype !== undefined && held(dtype) !== held(tensor.dtype))
    return `expected type ${dtype}, got ${tensor.dtype}`;
  if (tensor.data.length !== sizeOf(tensor.shape))
    return `shape ${shapeText(tensor.shape)} needs ${sizeOf(tensor.shape)} elements, got ${tensor.data.length}`;
  if (shape === undefined) return undefined;
  const fits =
    shape.length === tensor.shape.length &&
    shape.every((dim, i) => typeof dim !== 'number' || dim === tensor.shape[i]);
  return fits ? undefined : `expected shape ${shapeText(shape)}, got ${shapeText(tensor.shape)}`;
}
