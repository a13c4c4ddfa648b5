import { constantInitializer } from '../ir/constant-initializer.ts';
import type { Initializer, Model, Node } from '../ir/graph.ts';
import { type DataType, isHalf } from '../tensor/dtype.ts';
import { sizeOf } from '../tensor/tensor.ts';
import { batchNormOf } from './batch-norm.ts';
import { floatTensor, floatValues, numberAttribute } from './constant-values.ts';
import type { GraphEditor } from './graph-editor.ts';
import { inferShapes } from './infer-shapes.ts';

/** A constant of one value a channel, as it may be written: `values` of that shape, the last axis that of the channels. */
export interface ChannelConstant {
  readonly input: number;
  readonly shape: readonly number[];
  readonly dtype: DataType;
  readonly values: Float64Array;
}

/** The one node that reads a value, once, if the value is no output of the graph. */
export function soleConsumer(editor: GraphEditor, value: string): Node | undefined {
  const next = editor.consumers(value)[0];
  return next !== undefined && editor.soleProducer(value, next) !== undefined ? next : undefined;
}

/** The bias of a Conv, ConvTranspose or Gemm, zeros where it has none yet. */
export function biasOf(
  model: Model,
  editor: GraphEditor,
  node: Node,
  channels: number,
): ChannelConstant | undefined {
  const name = node.inputs[2] ?? '';
  const isGemm = node.opType === 'Gemm';
  if (isGemm && numberAttribute(node, 'beta', 1) !== 1) return undefined;
  if (name !== '') {
    const place = channelConstant(editor.constant(name), 2, channels);
    return isGemm || sizeOf(editor.constant(name)?.shape ?? []) === channels ? place : undefined;
  }
  const weight = node.inputs[1]!;
  const dtype = editor.constant(weight)?.dtype ?? inferShapes(model).get(weight)?.dtype;
  if (dtype !== 'FLOAT' && !isHalf(dtype)) return undefined;
  return { input: 2, shape: [channels], dtype: dtype!, values: new Float64Array(channels) };
}

/** The constant of an Add of one value a channel of the last axis. */
export function addendOf(editor: GraphEditor, node: Node, channels: number): ChannelConstant | undefined {
  if (node.domain !== '' || node.opType !== 'Add') return undefined;
  const input = editor.constant(node.inputs[1]) === undefined ? 0 : 1;
  return channelConstant(editor.constant(node.inputs[input]), input, channels);
}

/** A constant of shape [..1, channels], or of one element, which becomes one a channel. */
function channelConstant(
  constant: Initializer | undefined,
  input: number,
  channels: number,
): ChannelConstant | undefined {
  const last = constant?.shape.at(-1) ?? 1;
  if (constant === undefined || (last !== 1 && last !== channels)) return undefined;
  if (sizeOf(constant.shape) !== last) return undefined;
  const values = floatValues(constant);
  if (values === undefined) return undefined;
  const shape = [...constant.shape.slice(0, -1), channels];
  const each = last === channels ? values : new Float64Array(channels).fill(values[0]!);
  return { input, shape, dtype: constant.dtype, values: each };
}

/** Largest finite values of the types that are written back. */
export const LARGEST: Readonly<Partial<Record<DataType, number>>> = {
  FLOAT: 3.4028234663852886e38,
  FLOAT16: 65504,
  BFLOAT16: 3.3895313892515355e38,
};

/** The node with a constant changed: in its place where the node alone uses it, else under a name that is free. */
export function withConstant(
  editor: GraphEditor,
  node: Node,
  input: number,
  role: string,
  dtype: DataType,
  shape: readonly number[],
  values: Float64Array,
): Node {
  const name = node.inputs[input] ?? '';
  const tensor = floatTensor(dtype, shape, values);
  const isOwn =
    editor.constant(name) !== undefined &&
    !editor.isOutput(name) &&
    editor.consumers(name).length === 1 &&
    node.inputs.filter((other) => other === name).length === 1;
  if (isOwn) {
    editor.setConstant(constantInitializer(name, tensor));
    return node;
  }
  const inputs = node.inputs.slice();
  while (inputs.length < input) inputs.push('');
  inputs[input] = editor.addConstant(`${node.outputs[0]}/${role}`, tensor);
  return { ...node, inputs };
}

/** A bias of a layer that may be scaled with its rows. */
export interface Bias {
  /** What the node gives that has it as a constant: the layer, or the Add behind a MatMul. */
  readonly value: string;
  /** One a channel. */
  readonly values: Float64Array;
}

/** The bias of a layer; `none` where nothing is added, undefined where it is no constant of one value a channel. */
export function biasBehind(
  model: Model,
  editor: GraphEditor,
  layer: Node,
  channels: number,
): Bias | 'none' | undefined {
  const output = layer.outputs[0]!;
  if (layer.opType === 'MatMul') {
    const next = soleConsumer(editor, output);
    const place = next && addendOf(editor, next, channels);
    return place === undefined ? 'none' : { value: next!.outputs[0]!, values: place.values };
  }
  if ((layer.inputs[2] ?? '') === '') return 'none';
  const place = biasOf(model, editor, layer, channels);
  return place && { value: output, values: place.values };
}

/** Multiplies the bias that `biasBehind` has told of by one factor a channel. */
export function scaleBias(model: Model, editor: GraphEditor, value: string, factors: Float64Array): void {
  const node = editor.producer(value)!;
  const place =
    node.opType === 'Add'
      ? addendOf(editor, node, factors.length)
      : biasOf(model, editor, node, factors.length);
  const { input, dtype, shape, values } = place!;
  const scaled = values.map((v, c) => v * factors[c]!);
  const changed = withConstant(editor, node, input, 'bias', dtype, shape, scaled);
  if (changed !== node) editor.replace(node, changed);
}

/** Multiplies what a BatchNormalization gives by one factor a channel: its γ and β. */
export function scaleNorm(editor: GraphEditor, value: string, factors: Float64Array): void {
  const node = editor.producer(value)!;
  let changed = node;
  for (const [input, role] of [
    [1, 'gamma'],
    [2, 'beta'],
  ] as const) {
    const constant = editor.constant(node.inputs[input])!;
    const scaled = floatValues(constant)!.map((v, c) => v * factors[c]!);
    changed = withConstant(editor, changed, input, role, constant.dtype, constant.shape, scaled);
  }
  if (changed !== node) editor.replace(node, changed);
}

/**
 * Adapts a BatchNormalization to a layer that gives f·(y − b) + b for y: its statistics become those of what it now gets, mean
 * f·(μ − b) + b and variance f²·(σ² + ε) − ε, and γ and β still tell what it gives.
 * @returns whether the types of its constants can hold them; else nothing has changed
 */
export function scaleStatistics(
  editor: GraphEditor,
  value: string,
  factors: Float64Array,
  bias: Float64Array | undefined,
): boolean {
  const node = editor.producer(value)!;
  const { mean, variance, epsilon } = batchNormOf(node, (name) => editor.constant(name))!;
  const parts = [
    {
      input: 3,
      role: 'mean',
      values: mean.map((m, c) => factors[c]! * (m - (bias?.[c] ?? 0)) + (bias?.[c] ?? 0)),
    },
    {
      input: 4,
      role: 'variance',
      values: variance.map((v, c) => factors[c]! * factors[c]! * (v + epsilon) - epsilon),
    },
  ].map((part) => ({ ...part, constant: editor.constant(node.inputs[part.input])! }));
  if (parts[1]!.values.some((v) => v < 0)) return false;
  if (parts.some(({ values, constant }) => !values.every((v) => Math.abs(v) <= LARGEST[constant.dtype]!)))
    return false;
  let changed = node;
  for (const { input, role, values, constant } of parts)
    changed = withConstant(editor, changed, input, role, constant.dtype, constant.shape, values);
  if (changed !== node) editor.replace(node, changed);
  return true;
}
