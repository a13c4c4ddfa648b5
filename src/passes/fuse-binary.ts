import type { Attribute, Initializer, Model, Node } from '../ir/graph.ts';
import { floats } from '../tensor/tensor.ts';
import { floatValues, numberAttribute, numbersAttribute, withAttributes } from './constant-values.ts';
import { ADDEND, asFused, BIAS, FUSED_DOMAIN, outputChannels, SCALE, THRESHOLDS } from './fused.ts';
import { GraphEditor } from './graph-editor.ts';
import { inferShapes } from './infer-shapes.ts';
import type { Pass } from './pass.ts';
import { type Carried, carriedBy, carrierNode, channelDims, type SignValue } from './sign-carriers.ts';
import { composeMoves, moveAttributes } from './sign-moves.ts';
import { signsOfRows } from './sign-rows.ts';
import { type ShapeOf, SIGN_OPERATORS, type SignSource, signSource } from './sign-sources.ts';
import { carriedByTable, ownTable, type SignTable, tableOf } from './sign-tables.ts';

/**
 * Layers whose weights are ±a, a one value a row, and whose inputs are signs: they become layers on sign maps, one bit an
 * element, as does what stands between that maps can do: pooling, products (XNOR), larger and smaller of two (OR, AND), channels joined,
 * cut and shuffled, padding. Where the outputs of such a layer are wanted for their signs alone, it gives these, slice by slice where
 * they are compared with several thresholds, and no float is ever stored. Signs that others read too stay as floats besides. See
 * `fused.ts` for the operators.
 *
 * The sum of ±1 products is a whole number, exact in any order; a·sum is rounded once, where the layer would have rounded every
 * product and sum: for a that is no power of two the last bits differ.
 */
export const fuseBinary: Pass = {
  name: 'fuse-binary',
  agreement: 'rounding',
  run(model: Model): Model {
    const editor = new GraphEditor(model);
    // Shapes take a walk through the graph, which is of no use where there are no signs.
    if (!editor.nodes().some(({ opType }) => SIGN_OPERATORS.has(opType))) return model;
    const shapes = inferShapes(model);
    const shapeOf: ShapeOf = (name) => shapes.get(name)?.shape;
    const found = findSigns(editor, shapeOf);
    const layers = layersOn(editor, found);
    if (layers.size === 0) return model;
    mapSigns(editor, shapeOf, wantedBy(layers, found), layers);
    for (const node of editor.nodes()) if (isBinary(node)) intoLayer(editor, node);
    composeMoves(editor);
    return editor.result();
  },
};

/** A value that is signs, and how a map of it is made. */
interface Found extends SignValue {
  readonly node: Node;
  readonly source?: SignSource;
  readonly carried?: Carried;
}

/** All values that are signs and no outputs, in the order of the graph. */
function findSigns(editor: GraphEditor, shapeOf: ShapeOf): Map<string, Found> {
  const found = new Map<string, Found>();
  const tables = new Map<string, SignTable>();
  const context = { editor, shapeOf, known: found };
  for (const node of editor.nodes()) {
    const source = signSource(editor, shapeOf, node);
    const table = source === undefined ? tableOf(node, tables, context) : undefined;
    const carried = table === undefined ? carriedBy(node, context) : [carriedByTable(table, context)];
    node.outputs.forEach((name, i) => {
      if (name === '' || editor.isOutput(name)) return;
      const how = carried[i];
      if (source !== undefined) found.set(name, { node, source, isFlat: false });
      else if (how !== undefined) found.set(name, { node, carried: how, isFlat: how.isFlat });
      if (found.has(name)) tables.set(name, ownTable(name));
      else if (table !== undefined) tables.set(name, table);
    });
  }
  return found;
}

/** The layers that can read a map, each as it then is. */
function layersOn(editor: GraphEditor, found: ReadonlyMap<string, Found>): Map<Node, Node> {
  const layers = new Map<Node, Node>();
  for (const node of editor.nodes()) {
    const value = found.get(node.inputs[0] ?? '');
    const layer = value && binaryLayer(editor, node);
    if (layer !== undefined && !(value!.isFlat && layer.opType === 'BinaryConv')) layers.set(node, layer);
  }
  return layers;
}

/** What of it the layers need maps of; of a node all outputs or none. */
function wantedBy(
  layers: ReadonlyMap<Node, Node>,
  found: ReadonlyMap<string, Found>,
): ReadonlyMap<string, Found> {
  const wanted = new Set([...layers.keys()].map((node) => node.inputs[0]!));
  for (const [name, { node, carried }] of [...found].reverse()) {
    const isWanted = node.outputs.some((output) => wanted.has(output));
    if (isWanted && carried !== undefined) for (const input of carried.inputs) wanted.add(input);
    if (isWanted) wanted.add(name);
  }
  return new Map([...found].filter(([name]) => wanted.has(name)));
}

/** Puts nodes that give and carry maps into the graph, and lets the layers read them. */
function mapSigns(
  editor: GraphEditor,
  shapeOf: ShapeOf,
  wanted: ReadonlyMap<string, Found>,
  layers: ReadonlyMap<Node, Node>,
): void {
  const { kept, unpacked, between } = floatsBeside(editor, shapeOf, wanted, layers);
  const maps = new Map<string, string>();
  for (const [name, { node, source, carried }] of wanted) {
    if (carried !== undefined && carried.operator === undefined)
      maps.set(name, maps.get(carried.inputs[0]!)!);
    else maps.set(name, `${name}/signs`);
    const map = maps.get(name)!;
    if (source !== undefined) editor.insertBefore(node, signsNode(editor, node, source, map));
    else if (carried!.operator !== undefined) {
      const inputs = carried!.inputs.map((input) => maps.get(input)!);
      editor.insertBefore(node, carrierNode(node, carried!, inputs, map));
    }
    if (unpacked.has(name)) editor.insertBefore(node, floatsNode(node, map, name, shapeOf));
  }
  for (const [node, layer] of layers)
    editor.replace(node, { ...layer, inputs: layer.inputs.with(0, maps.get(node.inputs[0]!)!) });
  const gone = [...wanted.values()].map(({ node }) => node).filter((node) => !kept.has(node));
  for (const node of new Set([...gone, ...between])) editor.remove(node);
  const sources = [...wanted.values()].flatMap(({ source }) => source?.between ?? []);
  for (const node of sources) removeUnread(editor, node);
}

function isNeeded(editor: GraphEditor, name: string): boolean {
  return editor.isOutput(name) || editor.consumers(name).length > 0;
}

function removeUnread(editor: GraphEditor, node: Node): void {
  const isRead = node.outputs.some((name) => isNeeded(editor, name));
  if (!isRead && editor.has(node)) editor.remove(node);
}

/** What is still to be there as floats. */
interface Beside {
  /** Nodes that stay, for others read what they give. */
  readonly kept: ReadonlySet<Node>;
  /** Values that others read and that are made of the map, which spares the floats before them. */
  readonly unpacked: ReadonlySet<string>;
  /** Nodes between maps that nothing else reads any more. */
  readonly between: ReadonlySet<Node>;
}

/** From the end of the graph to its beginning: what reads a value is decided before it. */
function floatsBeside(
  editor: GraphEditor,
  shapeOf: ShapeOf,
  wanted: ReadonlyMap<string, Found>,
  layers: ReadonlyMap<Node, Node>,
): Beside {
  const made = new Map([...wanted.values()].map((value) => [value.node, value]));
  const inBetween = new Set([...wanted.values()].flatMap(({ carried }) => carried?.between ?? []));
  const kept = new Set<Node>();
  const unpacked = new Set<string>();
  const between = new Set<Node>();
  const readsMap = (reader: Node): boolean =>
    layers.has(reader) ||
    between.has(reader) ||
    (made.get(reader)?.carried !== undefined && !kept.has(reader));
  const isRead = (name: string): boolean => editor.isOutput(name) || !editor.consumers(name).every(readsMap);
  for (const node of editor.nodes().reverse()) {
    const read = node.outputs.filter((name) => name !== '' && isRead(name));
    const value = made.get(node);
    if (value === undefined) {
      if (inBetween.has(node) && read.length === 0) between.add(node);
      continue;
    }
    const { carried, isFlat } = value;
    const isPacked = (name: string): boolean =>
      carried !== undefined && wanted.has(name) && !isFlat && channelDims(shapeOf(name)) !== undefined;
    // What a node that stays gives need not be made again.
    if (!read.every(isPacked)) kept.add(node);
    else for (const name of read) unpacked.add(name);
  }
  return { kept, unpacked, between };
}

function signsNode(editor: GraphEditor, node: Node, source: SignSource, map: string): Node {
  const { input, zero, thresholds } = source;
  const bounds = thresholds?.some((value) => value !== 0)
    ? [editor.addConstant(`${map}/thresholds`, floats([thresholds.length], thresholds))]
    : [];
  // Slices of zeros are several all the same.
  const slices = thresholds !== undefined && thresholds.length > 1 && bounds.length === 0;
  const inputs = slices
    ? [input, editor.addConstant(`${map}/thresholds`, floats([thresholds.length], thresholds))]
    : [input, ...bounds];
  const attributes = new Map<string, Attribute>([['zero', { type: 'INT', value: zero }]]);
  return { ...node, domain: FUSED_DOMAIN, opType: 'Signs', inputs, outputs: [map], attributes };
}

function floatsNode(node: Node, map: string, output: string, shapeOf: ShapeOf): Node {
  const shape = shapeOf(output)!;
  const attributes = new Map<string, Attribute>([
    ['dims', { type: 'INTS', value: channelDims(shape)! }],
    ['space', { type: 'INT', value: shape.length === 2 ? 0 : 1 }],
  ]);
  return {
    ...node,
    domain: FUSED_DOMAIN,
    opType: 'SignFloats',
    inputs: [map],
    outputs: [output],
    attributes,
  };
}

/** Fewer channels of a group than these fill so little of a word that floats are as fast. */
const LEAST_GROUP_CHANNELS = 8;

/** The layer as one on sign maps; undefined where it is none. */
function binaryLayer(editor: GraphEditor, node: Node): Node | undefined {
  const layer = asFused(editor, node);
  const [value] = node.inputs;
  if (
    layer === undefined ||
    layer.inputs[0] !== value ||
    node.inputs.filter((name) => name === value).length > 1
  )
    return undefined;
  if ((layer.inputs[ADDEND] ?? '') !== '') return undefined;
  const isConv = layer.opType === 'Conv';
  // Of a MatMul it is not known here whether it has a matrix for input; `matrixProducts` makes those that have Gemm.
  if (!isConv && !(layer.opType === 'Linear' && layer.attributes.has('transB'))) return undefined;
  const weight = editor.constant(layer.inputs[1])!;
  if (isConv && !isPlainConv(layer, weight)) return undefined;
  for (const place of [SCALE, BIAS]) {
    const name = layer.inputs[place] ?? '';
    if (name !== '' && editor.constant(name)?.dtype !== 'FLOAT') return undefined;
  }
  if (!hasSignRows(layer, weight)) return undefined;
  return { ...layer, opType: isConv ? 'BinaryConv' : 'BinaryLinear' };
}

/** Over two axes, none of the pads below 0, groups of several channels. */
function isPlainConv(layer: Node, { shape }: Initializer): boolean {
  const groups = numberAttribute(layer, 'group', 1);
  const fits = groups === 1 || (shape[0]! % groups === 0 && shape[1]! >= LEAST_GROUP_CHANNELS);
  return shape.length === 4 && fits && !(numbersAttribute(layer, 'pads') ?? []).some((pad) => pad < 0);
}

function hasSignRows(layer: Node, weight: Initializer): boolean {
  const isRows = layer.opType === 'Conv' || numberAttribute(layer, 'transB', 0) !== 0;
  if (weight.dtype !== 'FLOAT' || (weight.quantized !== undefined && weight.quantized.bits > 1)) return false;
  return signsOfRows(weight.read().data as Float32Array, weight.shape, isRows) !== undefined;
}

function isBinary({ domain, opType }: Node): boolean {
  return domain === FUSED_DOMAIN && opType.startsWith('Binary');
}

/**
 * Signs of what a layer on maps gives for nothing else: the layer gives them itself. Several of them, each with thresholds of its
 * own, it gives as slices of one map, and each is cut out of that.
 */
function intoLayer(editor: GraphEditor, layer: Node): void {
  const [output] = layer.outputs as [string];
  const readers = editor.consumers(output);
  const isSigns = (node: Node): boolean => node.domain === FUSED_DOMAIN && node.opType === 'Signs';
  if (editor.isOutput(output) || readers.length === 0 || !readers.every(isSigns)) return;
  const inOrder = readers.toSorted((a, b) => editor.position(a) - editor.position(b));
  const [first] = inOrder as [Node];
  const zero = numberAttribute(first, 'zero', 0);
  const rows = outputChannels(editor, {
    ...layer,
    opType: layer.opType === 'BinaryConv' ? 'Conv' : 'Linear',
  });
  if (rows === undefined || inOrder.some((node) => numberAttribute(node, 'zero', 0) !== zero)) return;
  const attributes = withAttributes(layer.attributes, { signs: { type: 'INT', value: zero } });
  if (inOrder.length === 1) {
    const inputs = withThresholds(layer, first.inputs[1]);
    editor.remove(layer);
    editor.replace(first, { ...layer, attributes, inputs, outputs: first.outputs });
    return;
  }
  const all = inOrder.map((node) => boundsOf(editor, node, rows));
  const bounds = Float32Array.from(all.flatMap((own) => [...own]));
  const map = `${output}/slices`;
  const inputs = withThresholds(
    layer,
    editor.addConstant(`${map}/thresholds`, floats([bounds.length], bounds)),
  );
  editor.replace(layer, { ...layer, attributes, inputs, outputs: [map] });
  let from = 0;
  inOrder.forEach((node, i) => {
    const { length } = all[i]!;
    const cut = moveAttributes([bounds.length], [{ input: 0, from, length }]);
    editor.replace(node, { ...node, opType: 'SignMove', inputs: [map], attributes: cut });
    from += length;
  });
}

function withThresholds(layer: Node, thresholds: string | undefined): readonly string[] {
  if (thresholds === undefined) return layer.inputs;
  const inputs = Array.from({ length: THRESHOLDS }, (_, i) => layer.inputs[i] ?? '');
  return [...inputs, thresholds];
}

/** The thresholds of a Signs of so many channels, one for each of them and slice. */
function boundsOf(editor: GraphEditor, signs: Node, channels: number): Float32Array {
  const values = floatValues(editor.constant(signs.inputs[1])) ?? Float64Array.of(0);
  return values.length === 1 ? new Float32Array(channels).fill(values[0]!) : Float32Array.from(values);
}
