import { BnnqError, messageOf } from '../errors.ts';
import type { Memory } from './memory.ts';
import type { Step } from './plan.ts';
import { isTensor, type RuntimeValue } from './values.ts';

/** The values of a graph being run, by slot. */
export type Values = (RuntimeValue | undefined)[];

/**
 * Runs one step: takes its operands from the slots, puts what it makes there, and releases what nothing reads any more.
 * @param onMade sees every value that was made, before anything is released
 * @throws what the operator throws, with the node's name
 */
export function executeStep(
  step: Step,
  values: Values,
  memory: Memory,
  onMade?: (slot: number, value: RuntimeValue) => void,
): void {
  const { call, operator, inputs, outputs, releases, bodies } = step;
  const operands = call.inputs;
  for (let i = 0; i < inputs.length; i++) operands[i] = inputs[i]! < 0 ? undefined : values[inputs[i]!];
  for (const body of bodies) body.capture(values);
  let made: RuntimeValue | readonly (RuntimeValue | undefined)[];
  try {
    made = operator(call);
  } catch (thrown) {
    throw placed(call.node, thrown);
  }
  for (let i = 0; i < outputs.length; i++) {
    const slot = outputs[i]!;
    const value = isList(made) ? made[i] : i === 0 ? made : undefined;
    if (slot >= 0) {
      values[slot] = value;
      if (value !== undefined) onMade?.(slot, value);
    } else if (value !== undefined && isTensor(value)) memory.release(value);
  }
  for (const slot of releases) {
    const value = values[slot];
    if (value !== undefined && isTensor(value)) memory.release(value);
    values[slot] = undefined;
  }
}

function isList(
  made: RuntimeValue | readonly (RuntimeValue | undefined)[],
): made is readonly (RuntimeValue | undefined)[] {
  return Array.isArray(made);
}

/** An error with the node that it happened in. */
function placed(node: { name: string; opType: string }, thrown: unknown): BnnqError {
  const code =
    thrown instanceof BnnqError ? thrown.code : thrown instanceof RangeError ? 'limit' : 'internal';
  const message = `node "${node.name}" (${node.opType}): ${messageOf(thrown)}`;
  return new BnnqError(code, message, { node: node.name }, thrown);
}
