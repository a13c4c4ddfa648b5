import { BnnqError } from '../../errors.ts';
import { type Tensor, zeros } from '../../tensor/tensor.ts';
import type { Body, Call, Operator } from '../call.ts';
import { axisOf, numbersOf, shapeText, stridesOf } from '../shapes.ts';
import type { RuntimeValue } from '../values.ts';
import { expectIterations, noteScans, scanLists, stack, tensorOf } from './control-flow.ts';
import { allocateAny, copyStrided, elementsOf } from './elements.ts';
import type { OperatorTable } from './operator-table.ts';

/** One operand that is scanned: a slice along `axis` an iteration, from the end backwards where `isReversed`. */
interface Scanned {
  readonly tensor: Tensor;
  readonly axis: number;
  readonly isReversed: boolean;
}

/**
 * Body: (states…, slices…) → (states…, scan outputs…). The states after the last iteration, and the scan outputs of every
 * iteration joined along an axis of the caller's choice.
 */
const scan: Operator = (call) => {
  const body = call.body('body');
  const { states, scanned } = operands(call, call.inputs.length, 0);
  const count = scanned.length;
  const axes = perOperand(call, 'scan_input_axes', count);
  const directions = perOperand(call, 'scan_input_directions', count);
  const inputs = scanned.map((tensor, i) => ({
    tensor,
    axis: axisOf(axes[i]!, tensor.shape.length),
    isReversed: directions[i] !== 0,
  }));
  const { carried, scans } = iterate(
    call,
    body,
    states.map((state) => call.retain(state)),
    inputs,
  );
  const outAxes = perOperand(call, 'scan_output_axes', scans.length);
  const outDirections = perOperand(call, 'scan_output_directions', scans.length);
  const joined = scans.map((list, k) => {
    const ordered = outDirections[k] === 0 ? list : list.toReversed();
    return stack(call, ordered, outAxes[k]!, body.outputs[states.length + k]!);
  });
  return [...carried, ...joined];
};

/**
 * Operator set 8: axis 0 of every operand is a batch, axis 1 of what is scanned the sequence; the optional first operand
 * gives the length of each sequence of the batch, what is beyond it in the scan outputs is 0.
 */
const scanBatches: Operator = (call) => {
  const body = call.body('body');
  const lengths = call.optional(0);
  const { states, scanned } = operands(call, call.inputs.length - 1, 1);
  const directions = perOperand(call, 'directions', scanned.length);
  const batches = (states[0] ?? scanned[0])?.shape[0] ?? 0;
  const longest = scanned[0]?.shape[1] ?? 0;
  const given = lengths === undefined ? new Array<number>(batches).fill(longest) : numbersOf(lengths);
  if (given.length !== batches || given.some((length) => length < 0 || length > longest))
    throw new BnnqError('mismatch', `sequence_lens [${given}] do not fit ${batches} sequences of ${longest}`);
  for (const tensor of [...states, ...scanned])
    if (tensor.shape[0] !== batches)
      throw new BnnqError('mismatch', `expected a batch of ${batches}, got shape ${shapeText(tensor.shape)}`);
  if (batches === 0) throw new BnnqError('unsupported', 'Scan of an empty batch');
  const finals: Tensor[][] = states.map(() => []);
  const joined: Tensor[][] = scanLists(body, states.length);
  for (let b = 0; b < batches; b++) {
    const inputs = scanned.map((tensor, i) => {
      const sequence = slice(call, tensor, 0, b);
      const cut = given[b] === longest ? sequence : firstOf(call, sequence, given[b]!);
      return { tensor: cut, axis: 0, isReversed: directions[i] !== 0 };
    });
    const own = states.map((tensor) => slice(call, tensor, 0, b));
    const { carried, scans } = iterate(call, body, own, inputs);
    for (const { tensor } of inputs) call.release(tensor);
    carried.forEach((value, i) => {
      finals[i]!.push(tensorOf(value));
    });
    scans.forEach((list, k) => {
      while (list.length > 0 && list.length < longest) list.push(zeros(list[0]!.dtype, list[0]!.shape));
      joined[k]!.push(stack(call, list, 0, body.outputs[states.length + k]!));
    });
  }
  const batched = [...finals, ...joined];
  return batched.map((list, i) => stack(call, list, 0, body.outputs[i]!));
};

/** The operands from `first` on, split into states and what is scanned. */
function operands(call: Call, count: number, first: number): { states: Tensor[]; scanned: Tensor[] } {
  const scannedCount = call.int('num_scan_inputs', 0);
  const all = Array.from({ length: count }, (_, i) => call.input(first + i));
  if (scannedCount < 1 || scannedCount > count)
    throw new BnnqError('mismatch', `num_scan_inputs is ${scannedCount} of ${count} operands`);
  return { states: all.slice(0, count - scannedCount), scanned: all.slice(count - scannedCount) };
}

/** A number for each operand from an attribute; all 0 where it is absent. */
function perOperand(call: Call, name: string, count: number): readonly number[] {
  const given = call.ints(name) ?? new Array<number>(count).fill(0);
  if (given.length !== count)
    throw new BnnqError('mismatch', `${name} has ${given.length} numbers, ${count} are needed`);
  return given;
}

/** Runs the body once a slice. Takes over the states. */
function iterate(
  call: Call,
  body: Body,
  states: readonly RuntimeValue[],
  inputs: readonly Scanned[],
): { carried: readonly RuntimeValue[]; scans: Tensor[][] } {
  const scans = scanLists(body, states.length);
  const length = inputs[0]!.tensor.shape[inputs[0]!.axis]!;
  for (const { tensor, axis } of inputs)
    if (tensor.shape[axis] !== length)
      throw new BnnqError(
        'mismatch',
        `sequences of ${length} and of ${tensor.shape[axis]} are scanned together`,
      );
  if (scans.length > 0) expectIterations(length);
  let carried = states;
  for (let t = 0; t < length; t++) {
    const slices = inputs.map(({ tensor, axis, isReversed }) =>
      slice(call, tensor, axis, isReversed ? length - 1 - t : t),
    );
    const made = body.run([...carried, ...slices]);
    carried = made.slice(0, states.length);
    noteScans(scans, made.slice(states.length));
  }
  return { carried, scans };
}

/** The part of a tensor at one position of an axis, without that axis. */
function slice(call: Call, tensor: Tensor, axis: number, position: number): Tensor {
  const strides = stridesOf(tensor.shape);
  const y = allocateAny(call, tensor.dtype, tensor.shape.toSpliced(axis, 1));
  const from = elementsOf(tensor);
  copyStrided(from, position * strides[axis]!, strides.toSpliced(axis, 1), y.shape, elementsOf(y));
  return y;
}

/** The first `count` positions of axis 0; the tensor itself is released. */
function firstOf(call: Call, tensor: Tensor, count: number): Tensor {
  const y = allocateAny(call, tensor.dtype, tensor.shape.with(0, count));
  copyStrided(elementsOf(tensor), 0, stridesOf(y.shape), y.shape, elementsOf(y));
  call.release(tensor);
  return y;
}

export const SCANS: OperatorTable = { Scan: { 8: scanBatches, 9: scan } };
