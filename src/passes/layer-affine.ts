import { BnnqError } from '../errors.ts';
import type { Model, Node } from '../ir/graph.ts';
import { type BatchNorm, batchNormOf } from './batch-norm.ts';
import { addendOf, biasOf, LARGEST, soleConsumer, withConstant } from './channel-constants.ts';
import { numberAttribute } from './constant-values.ts';
import { GraphEditor } from './graph-editor.ts';
import { inferShapes } from './infer-shapes.ts';
import { WeightChains } from './weight-chain.ts';

/**
 * Where y′ = scale[c]·y + shift[c] behind a layer can go without work of its own at run time.
 *
 * | kind         | what changes                                                    | scale |
 * | ------------ | --------------------------------------------------------------- | ----- |
 * | `batch-norm` | γ, β and mean of the BatchNormalization that alone reads y      | yes   |
 * | `bias`       | the bias of a Conv, ConvTranspose or Gemm; one is added to none | no    |
 * | `add`        | the constant of the Add that alone reads what a MatMul gives    | no    |
 */
export interface Absorber {
  readonly kind: 'batch-norm' | 'bias' | 'add';
  readonly takesScale: boolean;
  /** Output channels of the layer. */
  readonly channels: number;
  /** What the node gives whose constants change; it finds the node again in a model that has changed otherwise. */
  readonly value: string;
}

/** One value a channel each; what is absent is 1 and 0. */
export interface LayerAffine {
  readonly scale?: Float64Array | undefined;
  readonly shift?: Float64Array | undefined;
}

/**
 * Where an affine behind a Conv, ConvTranspose, Gemm or MatMul (the weight the right operand) can go; undefined where
 * nowhere. A BatchNormalization comes before the layer's own bias.
 * @param editor of the unchanged model, where one is at hand
 */
export function findAbsorber(
  model: Model,
  layerNode: Node,
  editor: GraphEditor = new GraphEditor(model),
): Absorber | undefined {
  const channels = layerChannels(model, layerNode);
  const value = layerNode.outputs[0];
  if (channels === undefined || value === undefined) return undefined;
  const next = soleConsumer(editor, value);
  if (next !== undefined && isNormOf(model, editor, layerNode, next, channels))
    return { kind: 'batch-norm', takesScale: true, channels, value: next.outputs[0]! };
  if (layerNode.opType !== 'MatMul') {
    const bias = biasOf(model, editor, layerNode, channels);
    return bias && { kind: 'bias', takesScale: false, channels, value };
  }
  const addend = next && addendOf(editor, next, channels);
  return addend && { kind: 'add', takesScale: false, channels, value: next.outputs[0]! };
}

/** The BatchNormalization that alone reads what a layer gives; undefined where there is none of constants. */
export function batchNormBehind(model: Model, node: Node): (BatchNorm & { readonly node: Node }) | undefined {
  const absorber = findAbsorber(model, node);
  if (absorber?.kind !== 'batch-norm') return undefined;
  const behind = model.graph.nodes.find(({ outputs }) => outputs[0] === absorber.value)!;
  return { node: behind, ...batchNormOf(behind, (name) => model.graph.initializers.get(name))! };
}

/**
 * A model in which what follows the layer gets scale·y + shift for y. Computed in float64 and rounded once to the types
 * that the constants have. Constants that others use too stay, and the node gets its own.
 * @throws option where the absorber takes no scale, or the affine is not one finite value a channel; internal where the
 * model is not one that the absorber was found in
 */
export function absorb(model: Model, absorber: Absorber, affine: LayerAffine): Model {
  const { scale, shift } = checked(absorber, affine);
  if (scale === undefined && shift === undefined) return model;
  const editor = new GraphEditor(model);
  const node = editor.producer(absorber.value);
  const rewritten = node && absorbInto(model, editor, node, absorber, { scale, shift });
  if (node === undefined || rewritten === undefined)
    throw new BnnqError('internal', `"${absorber.value}" takes no ${absorber.kind} change any more`, {
      tensor: absorber.value,
    });
  if (rewritten !== node) editor.replace(node, rewritten);
  return editor.result();
}

/** The node with its constants changed, the very same one where each was changed in place. */
function absorbInto(
  model: Model,
  editor: GraphEditor,
  node: Node,
  { kind, channels }: Absorber,
  affine: LayerAffine,
): Node | undefined {
  if (kind === 'batch-norm') return absorbIntoNorm(editor, node, channels, affine);
  const place = kind === 'add' ? addendOf(editor, node, channels) : biasOf(model, editor, node, channels);
  if (place === undefined) return undefined;
  const shifted = place.values.map((v, c) => v + (affine.shift?.[c] ?? 0));
  return withConstant(editor, node, place.input, 'bias', place.dtype, place.shape, shifted);
}

/**
 * γ·(s·y + t − μ)/σ + β is a BatchNormalization of y with γ′ = γ·s and μ′ = (μ − t)/s. Where s is 0, or so small that μ′
 * is out of range, μ stays and β′ = β + γ·(t + (s − 1)·μ)/σ.
 */
function absorbIntoNorm(
  editor: GraphEditor,
  node: Node,
  channels: number,
  { scale, shift }: LayerAffine,
): Node | undefined {
  const norm = batchNormOf(node, (name) => editor.constant(name));
  if (norm?.gamma.length !== channels) return undefined;
  const { epsilon, variance } = norm;
  const [gamma, beta, mean] = [norm.gamma.slice(), norm.beta.slice(), norm.mean.slice()];
  const largest = LARGEST[editor.constant(node.inputs[3])!.dtype]!;
  let movesBeta = false;
  for (let c = 0; c < channels; c++) {
    const s = scale?.[c] ?? 1;
    const t = shift?.[c] ?? 0;
    const moved = (mean[c]! - t) / s;
    gamma[c]! *= s;
    if (Math.abs(moved) <= largest) {
      mean[c] = moved;
      continue;
    }
    movesBeta = true;
    beta[c]! += (norm.gamma[c]! * (t + (s - 1) * mean[c]!)) / Math.sqrt(variance[c]! + epsilon);
  }
  const parts = [
    { input: 1, role: 'gamma', values: gamma, changes: scale !== undefined },
    { input: 2, role: 'beta', values: beta, changes: movesBeta },
    { input: 3, role: 'mean', values: mean, changes: true },
  ];
  let current = node;
  for (const { input, role, values, changes } of parts) {
    const { dtype, shape } = editor.constant(node.inputs[input])!;
    if (changes) current = withConstant(editor, current, input, role, dtype, shape, values);
  }
  return current;
}

/** Output channels of a layer whose weight comes from an initializer. */
function layerChannels(model: Model, node: Node): number | undefined {
  if (node.domain !== '') return undefined;
  const weight = node.inputs[1] ?? '';
  const shape = (model.graph.initializers.get(weight) ?? new WeightChains(model).to(weight))?.shape;
  if (shape === undefined) return undefined;
  switch (node.opType) {
    case 'Conv':
      return shape[0];
    case 'ConvTranspose':
      return shape[1] === undefined ? undefined : shape[1] * numberAttribute(node, 'group', 1);
    case 'Gemm':
      return shape[numberAttribute(node, 'transB', 0) === 0 ? 1 : 0];
    case 'MatMul':
      return shape.length === 2 ? shape[1] : undefined;
  }
  return undefined;
}

/** Whether `next` normalizes the layer's channels: axis 1, for a MatMul the last one only where it gives matrices. */
function isNormOf(model: Model, editor: GraphEditor, layer: Node, next: Node, channels: number): boolean {
  const value = layer.outputs[0]!;
  const norm = next.inputs[0] === value && batchNormOf(next, (name) => editor.constant(name));
  if (!norm || [norm.gamma, norm.beta, norm.mean, norm.variance].some(({ length }) => length !== channels))
    return false;
  return layer.opType !== 'MatMul' || inferShapes(model).get(value)?.shape?.length === 2;
}

/** The affine without what changes nothing. */
function checked({ channels, takesScale, value, kind }: Absorber, affine: LayerAffine): LayerAffine {
  for (const [what, values] of Object.entries(affine) as [string, Float64Array | undefined][]) {
    if (values === undefined) continue;
    const bad = values.findIndex((v) => !Number.isFinite(v));
    if (values.length === channels && bad < 0) continue;
    const got = bad < 0 ? `${values.length} values` : `${values[bad]} in channel ${bad}`;
    throw new BnnqError('option', `${what} at "${value}": expected ${channels} finite values, got ${got}`, {
      tensor: value,
    });
  }
  const scale = affine.scale?.some((v) => v !== 1) ? affine.scale : undefined;
  const shift = affine.shift?.some((v) => v !== 0) ? affine.shift : undefined;
  if (scale !== undefined && !takesScale)
    throw new BnnqError(
      'option',
      `scale at "${value}": expected a shift alone, which is all that its ${kind} takes`,
      {
        tensor: value,
      },
    );
  return { scale, shift };
}
