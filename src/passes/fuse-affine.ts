import type { Initializer, Model, Node } from '../ir/graph.ts';
import { affineOfBatchNorm, batchNormOf } from './batch-norm.ts';
import { floatValues } from './constant-values.ts';
import { asFused, BIAS, FUSED_DOMAIN, isOpen, outputChannels, SCALE } from './fused.ts';
import { GraphEditor } from './graph-editor.ts';
import type { Pass } from './pass.ts';

/** x·scale[c] + shift[c]; one value each, or one a channel. */
interface ChannelAffine {
  /** The operand that is not constant. */
  readonly input: string;
  readonly scale?: Float64Array | undefined;
  readonly shift?: Float64Array | undefined;
}

/**
 * Folds what scales and shifts channels (BatchNormalization; Add, Sub, Mul, Div by constants) into the convolution or
 * matrix product before it, as scale and bias of its epilogue. A BatchNormalization that stands alone becomes an
 * Affine. Factors are made in float64 and rounded once.
 */
export const fuseAffine: Pass = {
  name: 'fuse-affine',
  agreement: 'rounding',
  run(model: Model): Model {
    const editor = new GraphEditor(model);
    for (const node of editor.nodes()) fuseInto(editor, node);
    return editor.result();
  },
};

function fuseInto(editor: GraphEditor, node: Node): void {
  if (node.domain !== '') return;
  if (node.opType === 'BatchNormalization') {
    const affine = batchNormAffine(editor, node);
    if (affine === undefined || mergeBefore(editor, node, affine)) return;
    const name = node.outputs[0]!;
    const { scale, shift } = affine;
    const inputs = [
      affine.input,
      constantOf(editor, `${name}/scale`, scale!),
      constantOf(editor, `${name}/shift`, shift!),
    ];
    editor.replace(node, { ...node, domain: FUSED_DOMAIN, opType: 'Affine', inputs, attributes: new Map() });
    return;
  }
  const affine = arithmeticAffine(editor, node);
  if (affine !== undefined) mergeBefore(editor, node, affine);
}

/** Merges into the node that makes the operand; false where that is not possible. */
function mergeBefore(editor: GraphEditor, node: Node, affine: ChannelAffine): boolean {
  const before = editor.soleProducer(affine.input, node);
  const layer = before === undefined ? undefined : asFused(editor, before);
  if (before === undefined || layer === undefined || !isOpen(layer)) return false;
  if (layer.opType !== 'Conv' && layer.opType !== 'Linear') return false;
  if (layer.opType === 'Linear' && before.opType !== 'Gemm' && !isMatrix(layer)) return false;
  const channels = outputChannels(editor, layer);
  const merged = channels === undefined ? undefined : merge(editor, layer, affine, channels);
  if (merged === undefined) return false;
  const name = node.outputs[0]!;
  const inputs = layer.inputs.slice();
  if (merged.scale !== undefined) inputs[SCALE] = constantOf(editor, `${name}/scale`, merged.scale);
  if (merged.shift !== undefined) inputs[BIAS] = constantOf(editor, `${name}/bias`, merged.shift);
  editor.remove(before);
  editor.replace(node, { ...layer, inputs, outputs: [name] });
  return true;
}

/** A Linear that came from a Gemm has a matrix for output, so that its axis 1 is its last one; a MatMul may have any rank. */
function isMatrix(layer: Node): boolean {
  return layer.attributes.has('transB');
}

/** (v·scale + bias)·scale′ + shift′. Undefined when the layer's own scale or bias is not constant. */
function merge(
  editor: GraphEditor,
  layer: Node,
  affine: ChannelAffine,
  channels: number,
): { scale?: Float64Array; shift?: Float64Array } | undefined {
  const known = [SCALE, BIAS].map((i) => {
    const name = layer.inputs[i] ?? '';
    return name === '' ? 'none' : floatValues(editor.constant(name));
  });
  const [scale, bias] = known;
  if (scale === undefined || bias === undefined) return undefined;
  for (const values of [affine.scale, affine.shift])
    if (values !== undefined && values.length !== 1 && values.length !== channels) return undefined;
  const factor = (c: number): number => pick(affine.scale, c) ?? 1;
  const result: { scale?: Float64Array; shift?: Float64Array } = {};
  const each = (f: (c: number) => number): Float64Array =>
    Float64Array.from({ length: channels }, (_, c) => f(c));
  if (affine.scale !== undefined) result.scale = each((c) => (scale === 'none' ? 1 : scale[c]!) * factor(c));
  if (affine.shift !== undefined || bias !== 'none')
    result.shift = each((c) => (bias === 'none' ? 0 : bias[c]!) * factor(c) + (pick(affine.shift, c) ?? 0));
  return result;
}

function pick(values: Float64Array | undefined, c: number): number | undefined {
  return values === undefined ? undefined : values[values.length === 1 ? 0 : c];
}

function constantOf(editor: GraphEditor, name: string, values: Float64Array): string {
  const data = Float32Array.from(values);
  return editor.addConstant(name, { dtype: 'FLOAT', shape: [data.length], data });
}

function batchNormAffine(editor: GraphEditor, node: Node): ChannelAffine | undefined {
  const norm = batchNormOf(node, (name) => editor.constant(name));
  if (norm === undefined) return undefined;
  const { gamma, beta, mean, variance, epsilon } = norm;
  return { input: node.inputs[0]!, ...affineOfBatchNorm(gamma, beta, mean, variance, epsilon) };
}

/** x + c, x − c, c − x, x·c, x / c with c constant along all axes but that of the channels. */
function arithmeticAffine(editor: GraphEditor, node: Node): ChannelAffine | undefined {
  const [left = '', right = ''] = node.inputs;
  const isRight = editor.constant(right) !== undefined;
  if (isRight === (editor.constant(left) !== undefined)) return undefined;
  const input = isRight ? left : right;
  const before = editor.producer(input);
  const layer = before === undefined ? undefined : asFused(editor, before);
  const channels = layer && outputChannels(editor, layer);
  const isLayer = layer?.opType === 'Conv' || (layer?.opType === 'Linear' && isMatrix(layer));
  if (!isLayer || channels === undefined) return undefined;
  const rank = editor.constant(layer.inputs[1])!.shape.length;
  const c = channelValues(editor.constant(isRight ? right : left), rank, channels);
  if (c === undefined) return undefined;
  switch (node.opType) {
    case 'Add':
      return { input, shift: c };
    case 'Sub':
      return isRight ? { input, shift: c.map((v) => -v) } : { input, scale: Float64Array.of(-1), shift: c };
    case 'Mul':
      return { input, scale: c };
    case 'Div':
      return isRight ? { input, scale: c.map((v) => 1 / v) } : undefined;
  }
  return undefined;
}

/** The values of a constant of shape [1,M,1,1], [M,1,1] or of one element, beside an output of that rank and M channels. */
function channelValues(
  constant: Initializer | undefined,
  rank: number,
  channels: number,
): Float64Array | undefined {
  if (constant === undefined || constant.shape.length > rank) return undefined;
  const lead = rank - constant.shape.length;
  const fits = constant.shape.every((dim, i) => dim === 1 || (i + lead === 1 && dim === channels));
  return fits ? floatValues(constant) : undefined;
}
