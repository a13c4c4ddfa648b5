import type { Model, Node, Value } from '../../ir/graph.ts';
import { usesOf } from '../../ir/traverse.ts';
import { batchNormOf } from '../batch-norm.ts';
import { type Bias, biasBehind } from '../channel-constants.ts';
import { numberAttribute } from '../constant-values.ts';
import type { GraphEditor } from '../graph-editor.ts';
import { inferShapes } from '../infer-shapes.ts';
import { type Absorber, findAbsorber } from '../layer-affine.ts';
import { type RangeMeasure, ScaledWeight } from './scaled-weight.ts';

/** A layer whose rows may be scaled, together with its bias. */
export interface RowLayer {
  readonly weight: ScaledWeight;
  readonly channels: number;
  /** The constant that is added to the rows, if there is one. */
  readonly bias: Bias | undefined;
  /** The BatchNormalization behind the layer that any scale of its rows can go to. */
  readonly norm: Absorber | undefined;
}

/** What a BatchNormalization gives. */
export interface NormSource {
  readonly normOutput: string;
}

/** Columns of a weight that meet the channels of a link: the first of them. */
export interface Sink {
  readonly weight: ScaledWeight;
  readonly offset: number;
}

/**
 * Channels that may be divided by any positive factor where they are made, and multiplied by it where they are used: a
 * layer's rows or a BatchNormalization's γ and β, then only what commutes with such factors, then layers.
 */
export interface Link {
  readonly source: RowLayer | NormSource;
  readonly channels: number;
  readonly sinks: readonly Sink[];
}

export interface Links {
  readonly layers: readonly RowLayer[];
  readonly links: readonly Link[];
}

/** f(s·x) = s·f(x) for s > 0, element by element (PRelu whatever its slopes are). */
const ELEMENTWISE: ReadonlySet<string> = new Set(['Relu', 'LeakyRelu', 'PRelu', 'Identity']);

/** The same, where axis 1 is that of the channels. */
const BY_CHANNEL: ReadonlySet<string> = new Set([
  'MaxPool',
  'AveragePool',
  'GlobalMaxPool',
  'GlobalAveragePool',
]);

const LAYERS: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul']);

/** Steps from a value to all that use it, beyond which it is given up; networks have tens (files may be made to have 2^100). */
const MOST_STEPS = 1000;

/** Axis of the channels. Behind a Gemm 1 and the last one are the same. */
type ChannelAxis = '1' | 'last' | 'both';

/** Finds all links of a model. @param only weights that may be changed; all where it is absent */
export function findLinks(
  model: Model,
  editor: GraphEditor,
  measure: RangeMeasure,
  only: ReadonlySet<string> | undefined,
): Links {
  const finder = new LinkFinder(model, editor, measure, only);
  const layers: RowLayer[] = [];
  const links: Link[] = [];
  for (const node of model.graph.nodes) {
    const norm = batchNormOf(node, (name) => editor.constant(name));
    if (norm !== undefined) {
      const link = finder.linkOf({ normOutput: node.outputs[0]! }, node.outputs[0]!, norm.gamma.length, '1');
      if (link !== undefined) links.push(link);
      continue;
    }
    const layer = finder.rowLayer(node);
    if (layer === undefined) continue;
    layers.push(layer);
    if (layer.norm !== undefined) continue;
    const axis = node.opType === 'Gemm' ? 'both' : node.opType === 'MatMul' ? 'last' : '1';
    const link = finder.linkOf(layer, layer.bias?.value ?? node.outputs[0]!, layer.channels, axis);
    if (link !== undefined) links.push(link);
  }
  return { layers, links };
}

class LinkFinder {
  readonly #model: Model;
  readonly #editor: GraphEditor;
  readonly #measure: RangeMeasure;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #weights = new Map<string, ScaledWeight | undefined>();
  #values: ReadonlyMap<string, Value> | undefined;
  #steps = 0;

  constructor(
    model: Model,
    editor: GraphEditor,
    measure: RangeMeasure,
    only: ReadonlySet<string> | undefined,
  ) {
    this.#model = model;
    this.#editor = editor;
    this.#measure = measure;
    this.#only = only;
  }

  rowLayer(node: Node): RowLayer | undefined {
    const weight = this.#weightOf(node);
    if (weight === undefined) return undefined;
    const channels = weight.rowFactors.length;
    const found = findAbsorber(this.#model, node, this.#editor);
    const norm = found?.kind === 'batch-norm' ? found : undefined;
    const bias = biasBehind(this.#model, this.#editor, node, channels);
    return bias === undefined
      ? undefined
      : { weight, channels, norm, bias: bias === 'none' ? undefined : bias };
  }

  /** The link from a value; undefined where something uses it, or what is made of it, that does not let factors through. */
  linkOf(source: Link['source'], value: string, channels: number, axis: ChannelAxis): Link | undefined {
    const sinks: Sink[] = [];
    this.#steps = 0;
    return this.#follow(value, channels, 0, axis, sinks) && sinks.length > 0
      ? { source, channels, sinks }
      : undefined;
  }

  #follow(value: string, channels: number, offset: number, axis: ChannelAxis, sinks: Sink[]): boolean {
    if (++this.#steps > MOST_STEPS || this.#editor.isOutput(value)) return false;
    return this.#editor.consumers(value).every((node) => {
      if (node.domain !== '' || node.outputs.length !== 1) return false;
      const next = node.outputs[0]!;
      if (node.opType === 'Concat' && axis === '1')
        return this.#offsetsIn(node, value).every(
          (at) => at !== undefined && this.#follow(next, channels, offset + at, axis, sinks),
        );
      if (node.inputs[0] !== value || usesOf(node).filter((name) => name === value).length !== 1)
        return false;
      if (ELEMENTWISE.has(node.opType) || (axis === '1' && BY_CHANNEL.has(node.opType)))
        return this.#follow(next, channels, offset, axis, sinks);
      const weight = takesChannels(node, axis) ? this.#weightOf(node) : undefined;
      if (weight === undefined || offset + channels > weight.columnFactors.length) return false;
      sinks.push({ weight, offset });
      return true;
    });
  }

  /** Channels before each place where a Concat along axis 1 has the value; undefined where they are not known. */
  #offsetsIn(node: Node, value: string): (number | undefined)[] {
    this.#values ??= inferShapes(this.#model);
    if (numberAttribute(node, 'axis', 1) !== 1) return [undefined];
    const offsets: (number | undefined)[] = [];
    let before: number | undefined = 0;
    for (const name of node.inputs) {
      if (name === value) offsets.push(before);
      const dim = this.#values.get(name)?.shape?.[1];
      before = typeof dim === 'number' && before !== undefined ? before + dim : undefined;
    }
    return offsets;
  }

  /** The weight of a layer, if it is a constant of floats that nothing else uses. */
  #weightOf(node: Node): ScaledWeight | undefined {
    if (node.domain !== '' || !LAYERS.has(node.opType)) return undefined;
    const name = node.inputs[1] ?? '';
    if (!this.#weights.has(name)) this.#weights.set(name, this.#readWeight(node, name));
    return this.#weights.get(name);
  }

  #readWeight(node: Node, name: string): ScaledWeight | undefined {
    const initializer = this.#editor.constant(name);
    if (initializer === undefined || this.#only?.has(name) === false) return undefined;
    const isOwn =
      this.#editor.consumers(name).length === 1 &&
      node.inputs.filter((input) => input === name).length === 1 &&
      !this.#editor.isOutput(name);
    const isPlain = node.opType !== 'Gemm' || numberAttribute(node, 'transA', 0) === 0;
    return isOwn && isPlain ? ScaledWeight.of(node, initializer, this.#measure) : undefined;
  }
}

function takesChannels({ opType }: Node, axis: ChannelAxis): boolean {
  if (opType === 'Gemm') return true; // its input is a matrix, whatever made it
  if (opType === 'MatMul') return axis !== '1';
  return axis === '1';
}
