import type { Initializer, Model, Node } from '../ir/graph.ts';
import { quantizedInitializer } from '../ir/quantized-initializer.ts';
import type { QuantizedTensor } from '../ir/quantized-tensor.ts';
import { sizeOf } from '../tensor/tensor.ts';
import { integerValues, numberAttribute, numbersAttribute } from './constant-values.ts';
import { GraphEditor } from './graph-editor.ts';
import type { Pass } from './pass.ts';

/**
 * Reshape, Flatten, Squeeze, Unsqueeze, Identity and Transpose of a discretized weight become a discretized weight of
 * the new shape: the same codes, another way to look at them. So a weight that the graph reshapes before it multiplies
 * is still executed from its codes.
 */
export const liftWeightViews: Pass = {
  name: 'lift-weight-views',
  agreement: 'bitwise',
  run(model: Model): Model {
    const editor = new GraphEditor(model);
    for (const node of editor.nodes()) lift(editor, node);
    return editor.result();
  },
};

function lift(editor: GraphEditor, node: Node): void {
  const weight = editor.constant(node.inputs[0]);
  const name = node.outputs[0] ?? '';
  if (weight?.quantized === undefined || node.domain !== '' || editor.isOutput(name)) return;
  const viewed =
    node.opType === 'Transpose'
      ? transposed(weight.quantized, numbersAttribute(node, 'perm'))
      : reshaped(weight.quantized, viewShape(editor, node, weight));
  if (viewed === undefined) return;
  editor.remove(node);
  editor.setConstant(quantizedInitializer(name, viewed));
}

/** Codes are numbered through `split`, whatever the shape says. */
function reshaped(q: QuantizedTensor, shape: readonly number[] | undefined): QuantizedTensor | undefined {
  return shape === undefined || sizeOf(shape) !== sizeOf(q.shape) ? undefined : { ...q, shape };
}

/** The rows stay the same rows: the axes of `split` change their places and `perm` follows them. */
function transposed(q: QuantizedTensor, perm: readonly number[] | undefined): QuantizedTensor | undefined {
  const { split } = q.layout;
  if (split.length !== q.shape.length || split.some((dim, i) => dim !== q.shape[i])) return undefined;
  const order = perm ?? split.map((_, i) => split.length - 1 - i);
  const layout = {
    split: order.map((axis) => split[axis]!),
    perm: q.layout.perm.map((axis) => order.indexOf(axis)),
    rowAxes: q.layout.rowAxes,
  };
  return { ...q, shape: layout.split, layout };
}

/** The shape that the node gives the weight; undefined when it does something else or the shape is not constant. */
function viewShape(editor: GraphEditor, node: Node, weight: Initializer): readonly number[] | undefined {
  const { shape } = weight;
  switch (node.opType) {
    case 'Identity':
      return shape;
    case 'Flatten': {
      const axis = numberAttribute(node, 'axis', 1);
      const at = axis < 0 ? axis + shape.length : axis;
      return [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))];
    }
    case 'Squeeze': {
      const axes = axesOf(editor, node)?.map((axis) => (axis < 0 ? axis + shape.length : axis));
      return shape.filter((dim, i) => (axes === undefined ? dim !== 1 : !axes.includes(i)));
    }
    case 'Unsqueeze': {
      const given = axesOf(editor, node) ?? [];
      const rank = shape.length + given.length;
      const axes = given.map((axis) => (axis < 0 ? axis + rank : axis));
      const rest = [...shape];
      return Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : rest.shift()!));
    }
    case 'Reshape': {
      const wanted = integerValues(editor.constant(node.inputs[1]));
      if (wanted === undefined || numberAttribute(node, 'allowzero', 0) !== 0) return undefined;
      const dims = wanted.map((dim, i) => (dim === 0 ? (shape[i] ?? 0) : dim));
      const known = sizeOf(dims.filter((dim) => dim !== -1));
      return dims.map((dim) => (dim === -1 ? sizeOf(shape) / known : dim));
    }
  }
  return undefined;
}

function axesOf(editor: GraphEditor, node: Node): readonly number[] | undefined {
  const name = node.inputs[1] ?? '';
  return name === '' ? numbersAttribute(node, 'axes') : integerValues(editor.constant(name));
}
