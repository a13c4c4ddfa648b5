import type { Model, Node } from '../ir/graph.ts';
import { DATA_TYPES, type DataType, isHalf } from '../tensor/dtype.ts';
import { withAttributes } from './constant-values.ts';
import { GraphEditor } from './graph-editor.ts';
import { inferShapes } from './infer-shapes.ts';
import type { Pass } from './pass.ts';

/** INTS attribute of a node: the declared element types of its inputs by their numbers, 0 where unknown. */
export const OPERAND_TYPES = 'bnnq_operand_types';

/** Operators whose result depends on which half precision an operand has, and not on its value alone. */
const WATCHED: ReadonlySet<string> = new Set(['BitCast', 'QuantizeLinear', 'QLinearMatMul']);

/**
 * Notes the types of operands of half precision where they matter: at run time these are held as FLOAT, and their bits,
 * or what a quotient of theirs is rounded to, would not be known any more. CastLike becomes Cast for the same reason.
 */
export const noteHalfTypes: Pass = {
  name: 'note-half-types',
  agreement: 'bitwise',
  run(model: Model): Model {
    const editor = new GraphEditor(model);
    const watched = editor.nodes().filter((node) => WATCHED.has(node.opType) || isCastLike(node));
    if (watched.length === 0) return model;
    const values = inferShapes(model);
    for (const node of watched) {
      const types = node.inputs.map((name) => values.get(name)?.dtype);
      if (isCastLike(node)) becomeCast(editor, node, types[1]);
      else if (types.some(isHalf)) note(editor, node, types);
    }
    return editor.result();
  },
};

function isCastLike(node: Node): boolean {
  return node.domain === '' && node.opType === 'CastLike';
}

function becomeCast(editor: GraphEditor, node: Node, dtype: DataType | undefined): void {
  if (dtype === undefined) return;
  const attributes = withAttributes(node.attributes, {
    to: { type: 'INT', value: DATA_TYPES[dtype].number },
  });
  editor.replace(node, { ...node, opType: 'Cast', inputs: [node.inputs[0] ?? ''], attributes });
}

function note(editor: GraphEditor, node: Node, types: readonly (DataType | undefined)[]): void {
  const value = types.map((dtype) => (dtype === undefined ? 0 : DATA_TYPES[dtype].number));
  const attributes = withAttributes(node.attributes, { [OPERAND_TYPES]: { type: 'INTS', value } });
  editor.replace(node, { ...node, attributes });
}
