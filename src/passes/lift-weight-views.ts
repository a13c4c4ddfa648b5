import type { Model, Node } from '../ir/graph.ts';
import { quantizedInitializer } from '../ir/quantized-initializer.ts';
import type { QuantizedTensor } from '../ir/quantized-tensor.ts';
import { layoutBeforeTranspose } from '../ir/row-layout.ts';
import { sizeOf } from '../tensor/tensor.ts';
import { numbersAttribute } from './constant-values.ts';
import { GraphEditor } from './graph-editor.ts';
import type { Pass } from './pass.ts';
import { viewShape } from './weight-chain.ts';

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
      : reshaped(
          weight.quantized,
          viewShape(node, weight.shape, (input) => editor.constant(input)),
        );
  if (viewed === undefined) return;
  editor.remove(node);
  editor.setConstant(quantizedInitializer(name, viewed));
}

/** Codes are numbered through `split`, whatever the shape says. */
function reshaped(q: QuantizedTensor, shape: readonly number[] | undefined): QuantizedTensor | undefined {
  return shape === undefined || sizeOf(shape) !== sizeOf(q.shape) ? undefined : { ...q, shape };
}

/** The rows stay the same rows: the tensor before is the new one, transposed back. */
function transposed(q: QuantizedTensor, given: readonly number[] | undefined): QuantizedTensor | undefined {
  const perm = given ?? q.shape.map((_, i) => q.shape.length - 1 - i);
  if (perm.length !== q.shape.length || q.shape.some((_, axis) => !perm.includes(axis))) return undefined;
  const shape = perm.map((axis) => q.shape[axis]!);
  const back = q.shape.map((_, axis) => perm.indexOf(axis));
  const layout = layoutBeforeTranspose(q.layout, shape, back);
  return layout && { ...q, shape, layout };
}
