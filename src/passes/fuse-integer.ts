import type { Attribute, Initializer, Model, Node } from '../ir/graph.ts';
import { isInRowOrder } from '../ir/quantized-tensor.ts';
import { type Grid, type Rounding, roundingOf } from './code-grids.ts';
import { numberAttribute, withAttributes } from './constant-values.ts';
import { ADDEND, asFused, BIAS, FUSED_DOMAIN, SCALE, X_SCALE } from './fused.ts';
import { GraphEditor } from './graph-editor.ts';
import { crops, isFlatten, isMapPool } from './map-readers.ts';
import type { Pass } from './pass.ts';

/**
 * Layers whose weights are codes and whose inputs are rounded to at most 8 bits (`roundingOf`): they become layers on *codes*,
 * integers from end to end, as do the poolings and concatenations between. Where what such a layer gives is wanted as codes alone,
 * it gives these and no float is ever stored. Who else reads a rounded value goes on to read floats. Where the grid is that of
 * the run, scale and zero are values beside the codes, and layers in front give floats. See `fused.ts` for the operators.
 *
 * Sums of integers are exact. What differs from the float graph by rounding: levels of weights are whole multiples of a 2,047th of
 * the largest of their row (exactly the levels for equal steps), and codes of outputs come by a fixed-point multiplication.
 */
export const fuseInteger: Pass = {
  name: 'fuse-integer',
  agreement: 'rounding',
  run(model: Model): Model {
    const editor = new GraphEditor(model);
    for (const node of editor.nodes()) {
      const rounding = roundingOf(editor, node);
      if (rounding !== undefined) mapCodes(editor, node, rounding);
    }
    settleCodes(editor);
    return editor.result();
  },
};

/** Takes codes as early as they can be had: before poolings and concatenations, and from layers themselves. */
export function settleCodes(editor: GraphEditor): void {
  for (const node of editor.nodes()) if (isCodes(node)) raise(editor, node);
  for (const node of editor.nodes()) if (isCodes(node)) intoLayer(editor, node);
}

const WHOLE_BITS = 8;

/** Gives the readers of a rounded value that can work with codes these. */
function mapCodes(editor: GraphEditor, last: Node, { input, grid, coder }: Rounding): void {
  const [output] = last.outputs as [string];
  const map = `${output}/codes`;
  const isDynamic = grid === 'dynamic';
  const own = isDynamic ? [`${output}/scale`, `${output}/zero`] : [];
  const attributes = isDynamic ? {} : { x_scale: grid.scale, x_zero: grid.zero, x_high: grid.high };
  if (!rewire(editor, output, map, { attributes, inputs: own })) return;
  const node: Node = {
    ...last,
    domain: FUSED_DOMAIN,
    opType: isDynamic ? 'DynamicCodes' : 'Codes',
    inputs: [input],
    outputs: [map, ...own],
    attributes: new Map(isDynamic ? [] : Object.entries(grid)),
  };
  if (editor.consumers(output).length > 0) editor.insertBefore(last, node);
  else editor.replace(last, node);
  const isUsed = coder?.outputs.some((name) => editor.isOutput(name) || editor.consumers(name).length > 0);
  if (coder !== undefined && isUsed === false) editor.remove(coder);
}

/** What layers that read codes are told of them: attributes, or the names of scale and zero. */
interface Reading {
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly inputs: readonly string[];
}

/** Makes every reader of a value that can read codes do so, unless the value is an output. @returns whether there is one */
function rewire(editor: GraphEditor, value: string, map: string, reading: Reading): boolean {
  if (editor.isOutput(value)) return false;
  let isRead = false;
  for (const reader of editor.consumers(value)) {
    const layer = integerLayer(editor, reader, value);
    if (layer !== undefined) {
      const attributes = withAttributes(layer.attributes, reading.attributes);
      const inputs = [
        map,
        ...Array.from({ length: ADDEND }, (_, i) => layer.inputs[i + 1] ?? ''),
        ...reading.inputs,
      ];
      editor.replace(reader, { ...layer, attributes, inputs });
      isRead = true;
      continue;
    }
    const [output] = reader.outputs as [string];
    const isPool = isMapPool(reader);
    if (!isPool && !isFlatten(reader)) continue;
    // Flattened codes are the codes themselves: the layer behind sees a whole image in one window.
    const next = isPool ? `${output}/codes` : map;
    if (!rewire(editor, output, next, reading)) continue;
    isRead = true;
    const isBare = editor.consumers(output).length === 0;
    if (isPool && isBare) editor.replace(reader, poolOf(reader, map, next));
    else if (isPool) editor.insertBefore(reader, poolOf(reader, map, next));
    else if (isBare) editor.remove(reader);
  }
  return isRead;
}

function poolOf(pool: Node, input: string, output: string): Node {
  return { ...pool, domain: FUSED_DOMAIN, opType: 'CodePool', inputs: [input], outputs: [output] };
}

/** The layer as one on codes, reading the value as its data; undefined where it is none. */
function integerLayer(editor: GraphEditor, node: Node, value: string): Node | undefined {
  const layer = asFused(editor, node);
  if (layer?.inputs[0] !== value) return undefined;
  const weight = editor.constant(layer.inputs[1]);
  if (weight === undefined || !isConstantTail(editor, layer)) return undefined;
  if (layer.opType === 'Conv') {
    const isFlat = weight.shape.length === 4 && !crops(layer);
    const groups = numberAttribute(layer, 'group', 1);
    const isDepthwise = groups === weight.shape[0] && weight.shape[1] === 1;
    if (!isFlat || !(groups === 1 || isDepthwise) || !hasCodeRows(weight, true)) return undefined;
    return { ...layer, opType: 'IntegerConv' };
  }
  // Of a MatMul it is not known here whether it has a matrix for input.
  if (layer.opType !== 'Linear' || !layer.attributes.has('transB')) return undefined;
  if ((layer.inputs[ADDEND] ?? '') !== '' || !hasCodeRows(weight, numberAttribute(layer, 'transB', 0) !== 0))
    return undefined;
  return { ...layer, opType: 'IntegerLinear' };
}

function isConstantTail(editor: GraphEditor, layer: Node): boolean {
  return [SCALE, BIAS].every((place) => {
    const name = layer.inputs[place] ?? '';
    return name === '' || editor.constant(name)?.dtype === 'FLOAT';
  });
}

/** Whether the rows of the codes are the output channels, with one table of levels each or one for all. */
function hasCodeRows({ quantized, shape }: Initializer, isRows: boolean): boolean {
  if (quantized === undefined || quantized.bits > WHOLE_BITS) return false;
  if (quantized.granularity !== 'tensor' && quantized.granularity !== 'channel') return false;
  if (isRows) return isInRowOrder(quantized.layout) && quantized.rows === shape[0];
  const { perm } = quantized.layout;
  return shape.length === 2 && quantized.rows === shape[1] && perm.length === 2 && perm[0] === 1;
}

export function isCodes(node: Node): boolean {
  return node.domain === FUSED_DOMAIN && node.opType === 'Codes';
}

/**
 * Codes of the largest of values are the largest of codes, and those of values side by side are codes side by side: they are taken
 * before a pooling or a concatenation of channels that nothing else reads.
 */
function raise(editor: GraphEditor, codes: Node): void {
  if (!editor.has(codes)) return;
  const before = editor.soleProducer(codes.inputs[0], codes);
  if (before === undefined || before.domain !== '') return;
  const [map] = codes.outputs as [string];
  if (isMapPool(before)) {
    const [input] = before.inputs as [string];
    const inner: Node = { ...codes, inputs: [input], outputs: [`${input}/codes of ${map}`] };
    editor.replace(before, inner);
    editor.replace(codes, poolOf(before, inner.outputs[0]!, map));
    raise(editor, inner);
  } else if (before.opType === 'Concat' && numberAttribute(before, 'axis', 0) === 1) {
    const isMade = before.inputs.every((name, i) => {
      const isOnce = before.inputs.indexOf(name) === i && editor.constant(name) === undefined;
      return isOnce && editor.soleProducer(name, before) !== undefined;
    });
    if (!isMade) return;
    const parts = before.inputs.map(
      (input): Node => ({ ...codes, inputs: [input], outputs: [`${input}/codes of ${map}`] }),
    );
    for (const part of parts) editor.insertBefore(before, part);
    // Channels are the last axis of codes.
    const attributes = withAttributes(before.attributes, { axis: { type: 'INT', value: 3 } });
    editor.remove(before);
    const inputs = parts.map(({ outputs }) => outputs[0]!);
    editor.replace(codes, { ...before, attributes, inputs, outputs: [map] });
    for (const part of parts) raise(editor, part);
  }
}

/** Codes of what an integer layer gives for nothing else: the layer gives them itself. */
function intoLayer(editor: GraphEditor, codes: Node): void {
  const layer = editor.soleProducer(codes.inputs[0], codes);
  if (layer?.domain !== FUSED_DOMAIN || !layer.opType.startsWith('Integer')) return;
  const isFixed = layer.inputs[X_SCALE] === undefined;
  if ((layer.inputs[ADDEND] ?? '') !== '' || !isFixed) return;
  const { scale, zero, high, quotient } = Object.fromEntries(codes.attributes) as Grid;
  const grid = { y_scale: scale, y_zero: zero, y_high: high, y_quotient: quotient };
  const attributes = withAttributes(layer.attributes, grid);
  editor.remove(layer);
  editor.replace(codes, { ...layer, attributes, outputs: codes.outputs });
}
