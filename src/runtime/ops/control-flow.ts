import { BnnqError } from '../../errors.ts';
import type { Value } from '../../ir/graph.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Body, Call, Operator } from '../call.ts';
import { axisOf, expectAtMost, int64s, numberOf, sameShape, shapeText, sizeBetween } from '../shapes.ts';
import { isTensor, type RuntimeValue } from '../values.ts';
import { heldType } from '../widen.ts';
import { allocateAny, copyRun, elementsOf } from './elements.ts';
import type { OperatorTable } from './operator-table.ts';

const branch: Operator = (call) =>
  call.body(numberOf(call.input(0)) !== 0 ? 'then_branch' : 'else_branch').run([]);

/**
 * Trip count M and condition are optional, each absent one is no bound. Body: (iteration, condition, carried…) →
 * (condition, carried…, scan outputs…).
 */
const loop: Operator = (call) => {
  const body = call.body('body');
  const trips = call.optional(0);
  const limit = trips === undefined ? Number.POSITIVE_INFINITY : numberOf(trips);
  const given = call.optional(1);
  let goesOn = given === undefined || numberOf(given) !== 0;
  const state = call.inputs.slice(2).map((value, i) => {
    if (value === undefined) throw new BnnqError('mismatch', `loop-carried input ${i} is missing`);
    return call.retain(value);
  });
  const scans = scanLists(body, 1 + state.length);
  let carried: RuntimeValue[] = state;
  for (let i = 0; i < limit && goesOn; i++) {
    const condition: Tensor = { dtype: 'BOOL', shape: [], data: Uint8Array.of(1) };
    const [next, ...made] = body.run([int64s([i], []), condition, ...carried]);
    goesOn = numberOf(tensorOf(next!)) !== 0;
    call.release(next!);
    carried = made.slice(0, state.length);
    noteScans(scans, made.slice(state.length));
  }
  return [...carried, ...scans.map((list, k) => stack(call, list, 0, body.outputs[1 + state.length + k]!))];
};

/** A list for every output of the body from `first` on. */
export function scanLists(body: Body, first: number): Tensor[][] {
  if (body.outputs.length < first)
    throw new BnnqError(
      'mismatch',
      `its subgraph has ${body.outputs.length} outputs, at least ${first} are needed`,
    );
  return body.outputs.slice(first).map(() => []);
}

/** Most iterations that a scan output is joined from: each gives a tensor. */
const MAX_ITERATIONS = 2 ** 22;

/** Throws limit for so many iterations. */
export function expectIterations(count: number): void {
  expectAtMost(MAX_ITERATIONS, count, 'iterations with a scan output');
}

/** Adds the scan outputs of an iteration to their lists. */
export function noteScans(scans: readonly Tensor[][], made: readonly RuntimeValue[]): void {
  scans.forEach((list, k) => {
    expectIterations(list.length + 1);
    list.push(tensorOf(made[k]!));
  });
}

export function tensorOf(value: RuntimeValue): Tensor {
  if (isTensor(value)) return value;
  throw new BnnqError('mismatch', 'its subgraph gives a sequence or an optional where a tensor is needed');
}

/**
 * The tensors of the iterations joined along a new axis; they are released. Without iterations the declared type counts,
 * unknown dimensions being 0 as in onnxruntime.
 */
export function stack(call: Call, tensors: readonly Tensor[], axis: number, declared: Value): Tensor {
  const first = tensors[0] ?? emptyOf(declared);
  const at = axisOf(axis, first.shape.length + 1);
  const y = allocateAny(call, first.dtype, first.shape.toSpliced(at, 0, tensors.length));
  const to = elementsOf(y);
  const outer = sizeBetween(first.shape, 0, at);
  const inner = sizeBetween(first.shape, at, first.shape.length);
  tensors.forEach((tensor, i) => {
    if (tensor.dtype !== first.dtype || !sameShape(tensor.shape, first.shape))
      throw new BnnqError(
        'mismatch',
        `scan output "${declared.name}" is ${tensor.dtype} ${shapeText(tensor.shape)} in iteration ${i}, ${first.dtype} ${shapeText(first.shape)} in iteration 0`,
      );
    const from = elementsOf(tensor);
    for (let o = 0; o < outer; o++) copyRun(from, o * inner, to, (o * tensors.length + i) * inner, inner);
    call.release(tensor);
  });
  return y;
}

function emptyOf({ name, dtype, shape }: Value): Pick<Tensor, 'dtype' | 'shape'> {
  if (dtype === undefined || shape === undefined)
    throw new BnnqError(
      'unsupported',
      `no iteration, and the type of scan output "${name}" is not known without one`,
    );
  return { dtype: heldType(dtype), shape: shape.map((dim) => (typeof dim === 'number' ? dim : 0)) };
}

export const CONTROL_FLOW: OperatorTable = { If: { 1: branch }, Loop: { 1: loop } };
