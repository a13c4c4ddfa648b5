import type { Model, Node } from '../ir/graph.ts';
import { GraphEditor } from './graph-editor.ts';
import type { Pass } from './pass.ts';

/** Identity and, as this is inference, Dropout: their readers read the input instead. */
export const removeIdentity: Pass = {
  name: 'remove-identity',
  agreement: 'bitwise',
  run(model: Model): Model {
    const editor = new GraphEditor(model);
    for (const node of editor.nodes()) if (editor.has(node) && isIdentity(editor, node)) bypass(editor, node);
    return editor.result();
  },
};

function isIdentity(editor: GraphEditor, node: Node): boolean {
  if (node.domain !== '') return false;
  if (node.opType === 'Identity') return true;
  if (node.opType !== 'Dropout') return false;
  const mask = node.outputs[1] ?? '';
  if (mask !== '' && (editor.consumers(mask).length > 0 || editor.isOutput(mask))) return false;
  return (node.inputs[2] ?? '') === ''; // training_mode left out is false
}

function bypass(editor: GraphEditor, node: Node): void {
  const from = node.inputs[0]!;
  const to = node.outputs[0]!;
  const readers = editor.consumers(to);
  if (!readers.every((reader) => readsDirectly(reader, to))) return;
  if (!editor.isOutput(to)) {
    editor.remove(node);
    for (const reader of readers) editor.replace(reader, renamed(reader, to, from));
    return;
  }
  // The name of an output stays, so the node before takes it, if nobody else reads what it makes.
  const before = editor.soleProducer(from, node);
  if (before === undefined) return;
  const outputs = before.outputs.map((name) => (name === from ? to : name));
  editor.remove(node);
  editor.replace(before, { ...before, outputs });
}

function readsDirectly(node: Node, name: string): boolean {
  for (const attribute of node.attributes.values())
    if (attribute.type === 'GRAPH' || attribute.type === 'GRAPHS') return false;
  return node.inputs.includes(name);
}

function renamed(node: Node, from: string, to: string): Node {
  return { ...node, inputs: node.inputs.map((name) => (name === from ? to : name)) };
}
