import type { Model, Node } from '../ir/graph.ts';
import {
  integerValues,
  numberAttribute,
  numbersAttribute,
  scalarValue,
  textAttribute,
  withAttributes,
} from './constant-values.ts';
import { GraphEditor } from './graph-editor.ts';
import type { Pass } from './pass.ts';

/** A Pad of zeros around the spatial axes, in front of a Conv, becomes the padding of the Conv. */
export const fusePad: Pass = {
  name: 'fuse-pad',
  agreement: 'bitwise',
  run(model: Model): Model {
    const editor = new GraphEditor(model);
    for (const node of editor.nodes())
      if (node.domain === '' && node.opType === 'Conv') fuseInto(editor, node);
    return editor.result();
  },
};

function fuseInto(editor: GraphEditor, conv: Node): void {
  const pad = editor.soleProducer(conv.inputs[0], conv);
  const autoPad = textAttribute(conv, 'auto_pad', 'NOTSET');
  if (pad === undefined || (autoPad !== 'NOTSET' && autoPad !== 'VALID')) return;
  const added = zeroPads(editor, pad);
  if (added === undefined) return;
  const rank = added.length / 2;
  const spatial = [...added.slice(2, rank), ...added.slice(rank + 2)];
  if (added[0] !== 0 || added[1] !== 0 || added[rank] !== 0 || added[rank + 1] !== 0) return;
  const own = autoPad === 'VALID' ? undefined : numbersAttribute(conv, 'pads');
  if (own !== undefined && own.length !== spatial.length) return;
  const attributes = withAttributes(conv.attributes, {
    pads: { type: 'INTS', value: spatial.map((value, i) => value + (own?.[i] ?? 0)) },
  });
  attributes.delete('auto_pad');
  editor.remove(pad);
  editor.replace(conv, { ...conv, inputs: [pad.inputs[0]!, ...conv.inputs.slice(1)], attributes });
}

/** The paddings of a node that pads with the constant 0, all of them at least 0; undefined for anything else. */
function zeroPads(editor: GraphEditor, node: Node): readonly number[] | undefined {
  if (node.domain !== '' || node.opType !== 'Pad') return undefined;
  if (textAttribute(node, 'mode', 'constant') !== 'constant' || (node.inputs[3] ?? '') !== '')
    return undefined;
  const [, padsName = '', valueName = ''] = node.inputs;
  const pads = padsName === '' ? numbersAttribute(node, 'pads') : integerValues(editor.constant(padsName));
  const value =
    valueName === '' ? numberAttribute(node, 'value', 0) : scalarValue(editor.constant(valueName));
  if (pads === undefined || value !== 0 || pads.some((pad) => pad < 0)) return undefined;
  return pads;
}
