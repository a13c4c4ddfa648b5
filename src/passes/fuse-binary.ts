import type { Attribute, Initializer, Model, Node } from '../ir/graph.ts';
import { numberAttribute, numbersAttribute, scalarValue, withAttributes } from './constant-values.ts';
import { ADDEND, asFused, BIAS, FUSED_DOMAIN, SCALE } from './fused.ts';
import { GraphEditor } from './graph-editor.ts';
import type { Pass } from './pass.ts';
import { isQuantDomain } from './quant-domains.ts';
import { signsOfRows } from './sign-rows.ts';

/**
 * Layers whose weights are ±a, a one value a row, and whose inputs are signs: they become layers on sign maps, one bit an
 * element, as do the poolings between. Where the outputs of such a layer are wanted for their signs alone, it gives these, and no
 * float is ever stored. Signs that others read too stay as floats besides. See `fused.ts` for the operators.
 *
 * The sum of ±1 products is a whole number, exact in any order; a·sum is rounded once, where the layer would have rounded every
 * product and sum: for a that is no power of two the last bits differ.
 */
export const fuseBinary: Pass = {
  name: 'fuse-binary',
  agreement: 'rounding',
  run(model: Model): Model {
    const editor = new GraphEditor(model);
    for (const node of editor.nodes()) {
      const signs = signsIn(editor, node);
      if (signs !== undefined) mapSigns(editor, node, signs);
    }
    for (const node of editor.nodes())
      if (node.domain === FUSED_DOMAIN && node.opType === 'Signs') intoLayer(editor, node);
    return editor.result();
  },
};

/** The value whose signs a node gives, and what it gives for 0; what else is in its way when the signs are a map. */
interface SignNode {
  readonly input: string;
  readonly zero: 0 | 1;
  readonly compare?: Node;
}

/** A Sign, a BipolarQuant of scale 1, or Where(x ≥ 0, 1, −1), which is the sign of Larq. */
function signsIn(editor: GraphEditor, { domain, opType, inputs }: Node): SignNode | undefined {
  const [x = '', y = '', z = ''] = inputs;
  const isConstant = (name: string, value: number): boolean => scalarValue(editor.constant(name)) === value;
  if (opType === 'Sign' && domain === '') return { input: x, zero: 0 };
  if (opType === 'BipolarQuant' && isQuantDomain(domain))
    return isConstant(y, 1) ? { input: x, zero: 1 } : undefined;
  if (opType !== 'Where' || domain !== '' || !isConstant(y, 1) || !isConstant(z, -1)) return undefined;
  const compare = editor.producer(x);
  if (compare?.opType !== 'GreaterOrEqual' || compare.domain !== '') return undefined;
  const [value = '', bound = ''] = compare.inputs;
  return isConstant(bound, 0) ? { input: value, zero: 1, compare } : undefined;
}

/** Gives the readers of signs that can work with a map one. */
function mapSigns(editor: GraphEditor, signs: Node, { input, zero, compare }: SignNode): void {
  const [output] = signs.outputs as [string];
  const map = `${output}/signs`;
  if (!rewire(editor, output, map)) return;
  const made = { ...signs, domain: FUSED_DOMAIN, opType: 'Signs', inputs: [input], outputs: [map] };
  const node: Node = {
    ...made,
    attributes: new Map<string, Attribute>([['zero', { type: 'INT', value: zero }]]),
  };
  if (editor.consumers(output).length > 0) {
    editor.insertBefore(signs, node);
    return;
  }
  editor.replace(signs, node);
  const [condition] = compare?.outputs ?? [];
  const isBare = condition !== undefined && editor.consumers(condition).length === 0;
  if (compare !== undefined && isBare && !editor.isOutput(condition)) editor.remove(compare);
}

/** Makes every reader of a value that can read a map do so, unless the value is an output. @returns whether there is one */
function rewire(editor: GraphEditor, value: string, map: string): boolean {
  if (editor.isOutput(value)) return false;
  let isRead = false;
  for (const reader of editor.consumers(value)) {
    const layer = binaryLayer(editor, reader, value);
    if (layer !== undefined) {
      editor.replace(reader, { ...layer, inputs: layer.inputs.with(0, map) });
      isRead = true;
      continue;
    }
    const [output] = reader.outputs as [string];
    const isPool = isSignPool(reader);
    if (!isPool && !isFlatten(reader)) continue;
    // A flattened map is the map itself: the layer behind sees a whole image in one window.
    const next = isPool ? `${output}/signs` : map;
    if (!rewire(editor, output, next)) continue;
    isRead = true;
    const isBare = editor.consumers(output).length === 0;
    const pool = { ...reader, domain: FUSED_DOMAIN, opType: 'SignPool', inputs: [map], outputs: [next] };
    if (isPool && isBare) editor.replace(reader, pool);
    else if (isPool) editor.insertBefore(reader, pool);
    else if (isBare) editor.remove(reader);
  }
  return isRead;
}

function isSignPool(node: Node): boolean {
  return (
    node.opType === 'MaxPool' &&
    node.domain === '' &&
    (node.outputs[1] ?? '') === '' &&
    numbersAttribute(node, 'kernel_shape')?.length === 2 &&
    !crops(node)
  );
}

/** Whether pads are below 0, which takes pixels off. */
function crops(node: Node): boolean {
  return (numbersAttribute(node, 'pads') ?? []).some((pad) => pad < 0);
}

function isFlatten(node: Node): boolean {
  return node.opType === 'Flatten' && node.domain === '' && numberAttribute(node, 'axis', 1) === 1;
}

/** The layer as one on sign maps, reading the value as its data; undefined where it is none. */
function binaryLayer(editor: GraphEditor, node: Node, value: string): Node | undefined {
  const layer = asFused(editor, node);
  if (
    layer === undefined ||
    layer.inputs[0] !== value ||
    node.inputs.filter((name) => name === value).length > 1
  )
    return undefined;
  if ((layer.inputs[ADDEND] ?? '') !== '') return undefined;
  const isConv = layer.opType === 'Conv';
  // Of a MatMul it is not known here whether it has a matrix for input.
  if (!isConv && !(layer.opType === 'Linear' && layer.attributes.has('transB'))) return undefined;
  const weight = editor.constant(layer.inputs[1])!;
  const isPlain = weight.shape.length === 4 && numberAttribute(layer, 'group', 1) === 1 && !crops(layer);
  if (isConv && !isPlain) return undefined;
  for (const place of [SCALE, BIAS]) {
    const name = layer.inputs[place] ?? '';
    if (name !== '' && editor.constant(name)?.dtype !== 'FLOAT') return undefined;
  }
  if (!hasSignRows(layer, weight)) return undefined;
  return { ...layer, opType: isConv ? 'BinaryConv' : 'BinaryLinear' };
}

function hasSignRows(layer: Node, weight: Initializer): boolean {
  const isRows = layer.opType === 'Conv' || numberAttribute(layer, 'transB', 0) !== 0;
  if (weight.dtype !== 'FLOAT' || (weight.quantized !== undefined && weight.quantized.bits > 1)) return false;
  return signsOfRows(weight.read().data as Float32Array, weight.shape, isRows) !== undefined;
}

/** Signs of what a layer on maps gives for nothing else: the layer gives them itself. */
function intoLayer(editor: GraphEditor, signs: Node): void {
  const layer = editor.soleProducer(signs.inputs[0], signs);
  if (layer?.domain !== FUSED_DOMAIN || !layer.opType.startsWith('Binary')) return;
  const attributes = withAttributes(layer.attributes, { signs: signs.attributes.get('zero')! });
  editor.remove(layer);
  editor.replace(signs, { ...layer, attributes, outputs: signs.outputs });
}
