import type { Node } from '../../ir/graph.ts';
import { broadcast, broadcastShape } from '../../runtime/broadcast.ts';
import {
  addBoundsOf,
  fixedGridOf,
  fixedPoolGeometry,
  fixedTableOf,
} from '../../runtime/ops/integer/fixed.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import type { Lower } from './layers.ts';
import type { Held, Lowering, Slot } from './lowering.ts';

/** The sum of values that broadcast, one operand alone as it is, clamped, as the output of the node. */
export function addFixed(
  to: Lowering,
  node: Node,
  y: Slot,
  operands: readonly Held[],
  low: number,
  high: number,
): void {
  const shapes = operands.map((operand) => operand.shape);
  const shape = broadcastShape(...shapes);
  const { dims, strides } = broadcast(shape, [shapes[0]!, shapes.at(-1)!]);
  const [a, b] = operands.map(({ slot }) => slot);
  to.emit({ op: 'fixedAdd', node: node.name, a: a!, b, y, dims, strides, low, high });
  to.define(node.outputs[0]!, 'fixed', shape, y, shape[3]);
}

const fixedAdd: Lower = (to, node, call) => {
  const operands = node.inputs.map((name) => to.value(name));
  const shape = broadcastShape(...operands.map((operand) => operand.shape));
  const { low, high } = addBoundsOf(call);
  addFixed(to, node, to.inPlace(node, node.inputs[0]!, shape), operands, low, high);
};

const fixedCodes: Lower = (to, node, call) => {
  const x = to.value(node.inputs[0]!);
  const count = sizeOf(x.shape);
  const y = to.mapSlot('codes', count / x.channels, x.channels);
  to.emit({ op: 'fixedCodes', node: node.name, x: x.slot, y, count, ...fixedGridOf(call) });
  to.define(node.outputs[0]!, 'codes', x.shape, y, x.channels);
};

const fixedOfCodes: Lower = (to, node, call) => {
  const x = to.value(node.inputs[0]!);
  const y = to.floatSlot(x.shape);
  const values = { count: sizeOf(x.shape), table: fixedTableOf(call) };
  to.emit({ op: 'fixedOfCodes', node: node.name, x: x.slot, y, ...values });
  to.define(node.outputs[0]!, 'fixed', x.shape, y, x.channels);
};

const fixedPool: Lower = (to, node, call) => {
  const x = to.value(node.inputs[0]!);
  const { shape: window, outputShape } = fixedPoolGeometry(call, x.shape);
  const y = to.floatSlot(outputShape);
  const isAverage = call.int('average', 0) !== 0;
  to.emit({ op: 'fixedPool', node: node.name, x: x.slot, y, window, isAverage });
  to.define(node.outputs[0]!, 'fixed', outputShape, y, x.channels);
};

/** Operators on fixed-point values. */
export const FIXED: Readonly<Record<string, Lower>> = {
  'bnnq::FixedAdd': fixedAdd,
  'bnnq::FixedCodes': fixedCodes,
  'bnnq::FixedOfCodes': fixedOfCodes,
  'bnnq::FixedPool': fixedPool,
};
