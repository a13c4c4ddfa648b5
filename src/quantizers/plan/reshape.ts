import type { Initializer, Node } from '../../ir/graph.ts';
import { sizeOf } from '../../tensor/tensor.ts';

/**
 * The shape that a Reshape of an initializer to a constant shape gives, for weights that a file reshapes at run time;
 * undefined for any other node. A dimension of 0 is that of the input (unless `allowzero`), one of −1 is what is left.
 */
export function reshapedShape(
  node: Node,
  initializers: ReadonlyMap<string, Initializer>,
): readonly number[] | undefined {
  const [from, to] = node.inputs.map((name) => initializers.get(name));
  if (node.opType !== 'Reshape' || node.domain !== '' || from === undefined || to === undefined)
    return undefined;
  const allowZero = node.attributes.get('allowzero');
  const keepsZero = allowZero?.type === 'INT' && allowZero.value !== 0;
  const { data } = to.read();
  if (!(data instanceof BigInt64Array)) return undefined;
  const shape = Array.from(data, (dim, axis) =>
    dim === 0n && !keepsZero ? (from.shape[axis] ?? 0) : Number(dim),
  );
  const open = shape.indexOf(-1);
  if (open >= 0) shape[open] = sizeOf(from.shape) / -sizeOf(shape);
  const whole = shape.every((dim) => Number.isInteger(dim) && dim >= 0);
  return whole && sizeOf(shape) === sizeOf(from.shape) ? shape : undefined;
}
