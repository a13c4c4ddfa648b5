import { constantInitializer } from '../ir/constant-initializer.ts';
import type { Initializer, Model, Node } from '../ir/graph.ts';
import { subgraphsOf } from '../ir/traverse.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { GraphEditor } from './graph-editor.ts';
import type { Pass } from './pass.ts';

/** Computes a node from its constant operands (absent ones undefined), or declines with undefined. */
export type Evaluate = (
  node: Node,
  operands: readonly (Initializer | undefined)[],
) => readonly (Tensor | undefined)[] | undefined;

/**
 * A result may be this many times as large as its operands (int8 weights that are dequantized grow fourfold), and small
 * ones may always be kept; beyond that, computing anew takes less than keeping.
 */
const MAX_GROWTH = 8;
const SMALL_BYTES = 1 << 20;

/** Operators that give another result every time, or whose result is meant to be made at run time. */
const NEVER: ReadonlySet<string> = new Set([
  'RandomNormal',
  'RandomUniform',
  'RandomNormalLike',
  'RandomUniformLike',
  'Multinomial',
  'Bernoulli',
]);

/**
 * Replaces nodes all of whose operands are constants by their results. A discretized weight is never an operand: its
 * codes would be blown up to floats.
 */
export function foldConstants(evaluate: Evaluate): Pass {
  return {
    name: 'fold-constants',
    agreement: 'bitwise',
    run(model: Model): Model {
      const editor = new GraphEditor(model);
      for (const node of editor.nodes()) fold(editor, node, evaluate);
      return editor.result();
    },
  };
}

function fold(editor: GraphEditor, node: Node, evaluate: Evaluate): void {
  if (NEVER.has(node.opType) || subgraphsOf(node).length > 0) return;
  if (node.outputs.some((name) => editor.isOutput(name))) return;
  const operands = node.inputs.map((name) => editor.constant(name));
  const isConstant = node.inputs.every((name, i) => name === '' || operands[i] !== undefined);
  if (!isConstant || operands.some((operand) => operand?.quantized !== undefined)) return;
  const results = evaluate(node, operands);
  if (results === undefined) return;
  const bytesIn = operands.reduce((sum, operand) => sum + (operand?.byteLength ?? 0), 0);
  const bytesOut = results.reduce((sum, result) => sum + bytesOf(result), 0);
  if (bytesOut > Math.max(SMALL_BYTES, MAX_GROWTH * bytesIn)) return;
  if (node.outputs.some((name, i) => name !== '' && results[i] === undefined)) return;
  editor.remove(node);
  node.outputs.forEach((name, i) => {
    if (name !== '') editor.setConstant(constantInitializer(name, results[i]!));
  });
}

function bytesOf(tensor: Tensor | undefined): number {
  return tensor === undefined || Array.isArray(tensor.data) ? 0 : tensor.data.byteLength;
}
