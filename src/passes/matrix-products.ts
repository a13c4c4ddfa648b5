import type { Model, Node } from '../ir/graph.ts';
import { integerValues, numbersAttribute } from './constant-values.ts';
import { GraphEditor } from './graph-editor.ts';
import { inferShapes } from './infer-shapes.ts';
import type { Pass } from './pass.ts';
import type { ShapeOf } from './sign-sources.ts';

/** The operator set since which Gemm is what is meant here: older ones broadcast by an attribute. */
const GEMM_OPSET = 13;

/**
 * A MatMul of a matrix by a constant matrix becomes a Gemm, which says that its input is one: what follows can then be taken into the
 * layer. A BatchNormalization between an Unsqueeze behind the channels and the Squeeze that undoes it, as FINN writes it, is
 * one of the matrix.
 */
export const matrixProducts: Pass = {
  name: 'matrix-products',
  agreement: 'bitwise',
  run(model: Model): Model {
    const { nodes, initializers } = model.graph;
    const isProduct = ({ opType, domain, inputs }: Node): boolean =>
      opType === 'MatMul' && domain === '' && initializers.get(inputs[1] ?? '')?.shape.length === 2;
    if (!nodes.some(isProduct)) return model;
    const shapes = inferShapes(model);
    const shapeOf: ShapeOf = (name) => shapes.get(name)?.shape;
    const editor = new GraphEditor(model);
    for (const node of editor.nodes()) {
      const isMatrix = isProduct(node) && shapeOf(node.inputs[0]!)?.length === 2;
      if (isMatrix) editor.replace(node, { ...node, opType: 'Gemm', opset: GEMM_OPSET });
      else if (node.opType === 'BatchNormalization') dropUnitAxes(editor, shapeOf, node);
    }
    return editor.result();
  },
};

/** [N, C] → [N, C, 1] → BatchNormalization → [N, C]: without the axis. */
function dropUnitAxes(editor: GraphEditor, shapeOf: ShapeOf, norm: Node): void {
  if (norm.domain !== '' || norm.outputs.slice(1).some((name) => name !== '')) return;
  const unsqueeze = editor.soleProducer(norm.inputs[0], norm);
  const [output] = norm.outputs as [string];
  const [squeeze, ...others] = editor.consumers(output);
  if (unsqueeze?.opType !== 'Unsqueeze' || squeeze?.opType !== 'Squeeze' || others.length > 0) return;
  if (editor.isOutput(output) || unsqueeze.domain !== '' || squeeze.domain !== '') return;
  const [input] = unsqueeze.inputs as [string];
  const [rank, wide] = [shapeOf(input)?.length, shapeOf(norm.inputs[0]!)?.length];
  const isSame = shapeOf(squeeze.outputs[0]!)?.length === rank;
  const axes = [axesOf(editor, unsqueeze), axesOf(editor, squeeze)].map((all) =>
    all?.map((axis) => (axis < 0 ? axis + (wide ?? 0) : axis)).join(),
  );
  if (rank !== 2 || !isSame || axes[0] === undefined || axes[0] !== axes[1]) return;
  if (axes[0].split(',').some((axis) => Number(axis) < 2)) return;
  editor.remove(unsqueeze);
  editor.remove(norm);
  editor.replace(squeeze, { ...norm, inputs: norm.inputs.with(0, input), outputs: squeeze.outputs });
}

function axesOf(editor: GraphEditor, node: Node): readonly number[] | undefined {
  return numbersAttribute(node, 'axes') ?? integerValues(editor.constant(node.inputs[1]));
}
