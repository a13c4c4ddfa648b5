import type { Model, Node } from '../ir/graph.ts';
import { ADDEND, asFused, isOpen } from './fused.ts';
import { GraphEditor } from './graph-editor.ts';
import type { Pass } from './pass.ts';

/**
 * Add of a layer's output and another computed value: the other value becomes the addend of the layer, which moves to
 * where the Add was. Of two layers the later one takes it.
 */
export const fuseResidual: Pass = {
  name: 'fuse-residual',
  agreement: 'rounding',
  run(model: Model): Model {
    const editor = new GraphEditor(model);
    for (const node of editor.nodes())
      if (node.domain === '' && node.opType === 'Add') fuseInto(editor, node);
    return editor.result();
  },
};

function fuseInto(editor: GraphEditor, add: Node): void {
  const [a = '', b = ''] = add.inputs;
  if (a === b || editor.constant(a) !== undefined || editor.constant(b) !== undefined) return;
  const candidates = [a, b].flatMap((name) => {
    const before = editor.soleProducer(name, add);
    const layer = before === undefined ? undefined : asFused(editor, before);
    if (before === undefined || layer === undefined || layer.opType === 'Affine' || !isOpen(layer)) return [];
    return [{ before, layer, other: name === a ? b : a }];
  });
  candidates.sort((p, q) => editor.position(q.before) - editor.position(p.before));
  const chosen = candidates[0];
  if (chosen === undefined) return;
  const inputs = chosen.layer.inputs.slice();
  while (inputs.length <= ADDEND) inputs.push('');
  inputs[ADDEND] = chosen.other;
  editor.remove(chosen.before);
  editor.replace(add, { ...chosen.layer, inputs, outputs: add.outputs });
}
