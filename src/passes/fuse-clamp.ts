import type { Model, Node } from '../ir/graph.ts';
import { numberAttribute, scalarValue } from './constant-values.ts';
import { asFused, isClamped, withClamp } from './fused.ts';
import { GraphEditor } from './graph-editor.ts';
import type { Pass } from './pass.ts';

/** Relu or a Clip with constant bounds behind a layer becomes the clamp of its epilogue. */
export const fuseClamp: Pass = {
  name: 'fuse-clamp',
  agreement: 'bitwise',
  run(model: Model): Model {
    const editor = new GraphEditor(model);
    for (const node of editor.nodes()) {
      const bounds = boundsOf(editor, node);
      const before = bounds === undefined ? undefined : editor.soleProducer(node.inputs[0], node);
      const layer = before === undefined ? undefined : asFused(editor, before);
      if (bounds === undefined || before === undefined || layer === undefined || isClamped(layer)) continue;
      editor.remove(before);
      editor.replace(node, { ...withClamp(layer, ...bounds), outputs: node.outputs });
    }
    return editor.result();
  },
};

/** Low and high of a clamp; undefined for any other node. */
export function boundsOf(editor: GraphEditor, node: Node): [low: number, high: number] | undefined {
  if (node.domain !== '') return undefined;
  if (node.opType === 'Relu') return [0, Number.POSITIVE_INFINITY];
  if (node.opType !== 'Clip') return undefined;
  const low = bound(editor, node, 1, 'min', Number.NEGATIVE_INFINITY);
  const high = bound(editor, node, 2, 'max', Number.POSITIVE_INFINITY);
  return low === undefined || high === undefined ? undefined : [low, high];
}

/** A bound from an input (opset 11) or an attribute (before). */
function bound(
  editor: GraphEditor,
  node: Node,
  input: number,
  attribute: string,
  fallback: number,
): number | undefined {
  const name = node.inputs[input] ?? '';
  return name === '' ? numberAttribute(node, attribute, fallback) : scalarValue(editor.constant(name));
}
