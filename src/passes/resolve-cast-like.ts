import type { Model, Node } from '../ir/graph.ts';
import { DATA_TYPES, type DataType } from '../tensor/dtype.ts';
import { GraphEditor } from './graph-editor.ts';
import type { Pass } from './pass.ts';

/**
 * CastLike becomes Cast where the type of its second operand is declared: at run time half precision is held as FLOAT,
 * and what it is to be rounded to would not be known any more.
 */
export const resolveCastLike: Pass = {
  name: 'resolve-cast-like',
  agreement: 'bitwise',
  run(model: Model): Model {
    const editor = new GraphEditor(model);
    const declared = new Map<string, DataType>();
    const { inputs, outputs, valueInfo, initializers } = model.graph;
    for (const value of [...inputs, ...outputs, ...valueInfo.values(), ...initializers.values()])
      if (value.dtype !== undefined) declared.set(value.name, value.dtype);
    for (const node of editor.nodes())
      if (node.domain === '' && node.opType === 'CastLike') resolve(editor, node, declared);
    return editor.result();
  },
};

function resolve(editor: GraphEditor, node: Node, declared: ReadonlyMap<string, DataType>): void {
  const [input = '', like = ''] = node.inputs;
  const dtype = declared.get(like);
  if (dtype === undefined) return;
  const attributes = new Map([
    ...node.attributes,
    ['to', { type: 'INT' as const, value: DATA_TYPES[dtype].number }] as const,
  ]);
  editor.replace(node, { ...node, opType: 'Cast', inputs: [input], attributes });
}
