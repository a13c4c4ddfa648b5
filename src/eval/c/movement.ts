import { BnnqError } from '../../errors.ts';
import type { Node } from '../../ir/graph.ts';
import type { Call } from '../../runtime/call.ts';
import { findOperator } from '../../runtime/ops/registry.ts';
import { axisOf, sizeBetween, stridesOf } from '../../runtime/shapes.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import type { Lower } from './layers.ts';
import type { Held, Lowering } from './lowering.ts';

/** Part of an output that is a walk through the input: y[at of start + i] = x[from + Σ i·strides]. */
interface Walk {
  readonly start: readonly number[];
  readonly dims: readonly number[];
  readonly from: number;
  readonly strides: readonly number[];
}

/** Places in an output that come from nowhere in the input. */
const OUTSIDE = -1;

/**
 * Operators that only move elements. The operator of the runtime itself is run on the numbers of the elements, and tells by
 * what it gives where each comes from.
 */
const moved: Lower = (to, node, call) => {
  const x = to.value(node.inputs[0]!);
  const results = run(to, node, call, call.inputs);
  node.outputs.forEach((name, i) => {
    if (name === '') return;
    const sources = results[i];
    if (sources === undefined) throw new BnnqError('unsupported', `output ${i} of ${node.opType}`);
    moveTo(to, node, name, x, sources, 0);
  });
};

/** What the operator gives for the numbers of the elements of its first input. */
function run(to: Lowering, node: Node, call: Call, inputs: Call['inputs']): readonly (Tensor | undefined)[] {
  const x = to.value(node.inputs[0]!);
  const numbers = Int32Array.from({ length: sizeOf(x.shape) }, (_, i) => i);
  const numbered: Tensor = { dtype: 'INT32', shape: x.shape, data: numbers };
  call.inputs = [numbered, ...inputs.slice(1)];
  const operator = findOperator(node.domain, node.opType, call.opset)!;
  const results = operator(call);
  return (Array.isArray(results) ? results : [results]) as readonly (Tensor | undefined)[];
}

function moveTo(to: Lowering, node: Node, name: string, x: Held, result: Tensor, fill: number): void {
  const sources = result.data as Int32Array;
  const { shape } = result;
  const isSame = sources.length === sizeOf(x.shape) && sources.every((from, i) => from === i);
  if (isSame) {
    to.define(name, x.kind, shape, x.slot, x.kind === 'floats' ? undefined : x.channels);
    return;
  }
  const isFixed = x.kind === 'fixed';
  if (x.kind !== 'floats' && !isFixed) throw new BnnqError('unsupported', `${node.opType} of ${x.kind}`);
  const walk = walkOf(sources, shape);
  if (walk === undefined)
    throw new BnnqError('unsupported', `${node.opType} that is not a step along each axis (mode, or order)`);
  const y = to.floatSlot(shape);
  const common = { node: node.name, y } as const;
  const count = sizeOf(shape);
  if (sizeOf(walk.dims) < count) to.emit({ op: 'fill', count, value: fill, isFixed, ...common });
  const toStrides = stridesOf(shape);
  const start = walk.start.reduce((sum, at, axis) => sum + at * toStrides[axis]!, 0);
  const { dims, from, strides: fromStrides } = walk;
  to.emit({
    op: 'copy',
    x: x.slot,
    elementBytes: 4,
    isFixed,
    dims,
    from,
    fromStrides,
    to: start,
    toStrides,
    ...common,
  });
  to.define(name, x.kind, shape, y, isFixed ? shape[3] : undefined);
}

/** The box of elements that come from the input, if they do so in equal steps along each axis; undefined where not. */
function walkOf(sources: Int32Array, shape: readonly number[]): Walk | undefined {
  const strides = stridesOf(shape);
  const first = sources.findIndex((from) => from !== OUTSIDE);
  const last = sources.findLastIndex((from) => from !== OUTSIDE);
  if (first < 0) return undefined;
  const at = (index: number, axis: number): number => Math.floor(index / strides[axis]!) % shape[axis]!;
  const start = shape.map((_, axis) => at(first, axis));
  const dims = shape.map((_, axis) => at(last, axis) - start[axis]! + 1);
  if (dims.some((dim) => dim < 1)) return undefined;
  const from = sources[first]!;
  const steps = dims.map((dim, axis) => (dim > 1 ? sources[first + strides[axis]!]! - from : 0));
  for (let index = 0; index < sources.length; index++) {
    let expected = from;
    for (let axis = 0; axis < shape.length; axis++) {
      const i = at(index, axis) - start[axis]!;
      if (i < 0 || i >= dims[axis]!) {
        expected = OUTSIDE;
        break;
      }
      expected += i * steps[axis]!;
    }
    if (sources[index] !== expected) return undefined;
  }
  return { start, dims, from, strides: steps };
}

/** Pad, run with a number that no element has for its constant. */
const pad: Lower = (to, node, call) => {
  const x = to.value(node.inputs[0]!);
  const value = call.opset < 11 ? call.float('value', 0) : (call.optional(2)?.data[0] ?? 0);
  const outside: Tensor = { dtype: 'INT32', shape: [], data: Int32Array.of(OUTSIDE) };
  const inputs = call.inputs.slice();
  inputs[2] = outside;
  const marked = {
    ...node,
    attributes: new Map(node.attributes).set('value', { type: 'FLOAT', value: OUTSIDE }),
  };
  const probe = to.call(marked);
  const [result] = run(to, node, probe, call.opset < 11 ? call.inputs : inputs);
  moveTo(to, node, node.outputs[0]!, x, result!, Number(value));
};

/** Parts side by side: floats, codes or fixed-point values. */
const concat: Lower = (to, node, call) => {
  const parts = node.inputs.map((name) => to.value(name));
  const { kind, shape: first } = parts[0]!;
  if (kind === 'signs' || parts.some((part) => part.kind !== kind))
    throw new BnnqError('unsupported', `Concat of ${parts.map((part) => part.kind).join(', ')}`);
  const axis = axisOf(call.int('axis', 1), first.length);
  const shape = first.with(
    axis,
    parts.reduce((sum, part) => sum + part.shape[axis]!, 0),
  );
  const isCodes = kind === 'codes';
  const y = to.slot(sizeOf(shape) * (isCodes ? 1 : 4));
  const outer = sizeBetween(shape, 0, axis);
  const row = sizeBetween(shape, axis, shape.length);
  let start = 0;
  for (const part of parts) {
    const length = sizeBetween(part.shape, axis, shape.length);
    to.emit({
      ...{
        op: 'copy',
        node: node.name,
        x: part.slot,
        y,
        elementBytes: isCodes ? 1 : 4,
        isFixed: kind === 'fixed',
      },
      ...{ dims: [outer, length], from: 0, fromStrides: [length, 1], to: start, toStrides: [row, 1] },
    });
    start += length;
  }
  to.define(node.outputs[0]!, kind, shape, y, kind === 'floats' ? undefined : shape[3]);
};

export const MOVEMENT: Readonly<Record<string, Lower>> = {
  Identity: moved,
  Dropout: moved,
  Flatten: moved,
  Reshape: moved,
  Squeeze: moved,
  Unsqueeze: moved,
  Transpose: moved,
  Slice: moved,
  Split: moved,
  Expand: moved,
  Pad: pad,
  Concat: concat,
};
