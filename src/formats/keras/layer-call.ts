import { BnnqError } from '../../errors.ts';
import type { Dim, Initializer } from '../../ir/graph.ts';
import { shapeText } from '../../ir/print.ts';
import { DATA_TYPES, type DataType } from '../../tensor/dtype.ts';
import { Config, short } from './config.ts';
import type { Json, JsonObject, KerasWeights } from './contract.ts';
import type { GraphBuilder, ShortAttributes } from './graph-builder.ts';
import { channelsFirst, type DataFormat, KerasTensor } from './tensor.ts';
import { asFloat } from './weight-views.ts';

/** An argument of a layer's call: a value of JSON that has tensors in it. */
export type Argument = Json | KerasTensor | readonly Argument[] | { readonly [key: string]: Argument };

/** Turns the call of a layer into nodes. Returns its output, or its outputs where Keras gives a list. */
export type LayerConverter = (call: LayerCall) => KerasTensor | readonly KerasTensor[];

/** Converters of a family of layers by class name, as the file has it: `Conv2D`, `Larq>QuantConv2D`. */
export type LayerTable = Readonly<Record<string, LayerConverter>>;

/** A layer as it is serialised. */
export interface LayerJson {
  readonly className: string;
  readonly name: string;
  readonly config: JsonObject;
  /** All of it: `module`, `registered_name`, `build_config`. */
  readonly json: JsonObject;
}

/** What is the same for all layers of a file. */
export interface ImportContext {
  readonly graph: GraphBuilder;
  readonly weights: KerasWeights;
  /** 1, 2 or 3: what a layer does where its configuration does not say depends on it. */
  readonly major: number;
  /** Converts the call of another layer: the layer inside a wrapper. */
  readonly convert: (call: LayerCall) => readonly KerasTensor[];
  readonly problems: BnnqError[];
}

export interface LayerCallFields {
  readonly context: ImportContext;
  readonly layer: LayerJson;
  /** Names of the nested models around the layer, then its own: `VariableRef.layer`. */
  readonly path: readonly string[];
  /** `VariableRef.part`, for a layer inside a wrapper. */
  readonly part?: readonly string[];
  readonly args: readonly Argument[];
  readonly kwargs?: Readonly<Record<string, Argument>>;
  /** Outputs that the rest of the model uses; at least 1. */
  readonly outputCount?: number;
}

/** A layer that is called on tensors: what a converter sees. */
export class LayerCall {
  readonly context: ImportContext;
  readonly layer: LayerJson;
  readonly path: readonly string[];
  readonly part: readonly string[];
  readonly args: readonly Argument[];
  readonly kwargs: Readonly<Record<string, Argument>>;
  readonly outputCount: number;
  readonly config: Config;
  /** Base of the names of its nodes and weights: `block1/conv`. */
  readonly name: string;
  #isNamed = false;

  constructor(fields: LayerCallFields) {
    this.context = fields.context;
    this.layer = fields.layer;
    this.path = fields.path;
    this.part = fields.part ?? [];
    this.args = fields.args;
    this.kwargs = fields.kwargs ?? {};
    this.outputCount = fields.outputCount ?? 1;
    this.name = [...this.path, ...this.part].join('/');
    this.config = new Config(this.layer.config, this.where);
  }

  get graph(): GraphBuilder {
    return this.context.graph;
  }

  /** 1, 2 or 3. */
  get major(): number {
    return this.context.major;
  }

  /** The layer, as messages call it. */
  get where(): string {
    return `layer "${this.name}" (${this.layer.className})`;
  }

  /** The tensors of the first argument: one, or those of a list. */
  get inputs(): readonly KerasTensor[] {
    return tensorsIn(this.args[0] ?? null);
  }

  /** The input of a layer that takes one. @throws malformed for none or several */
  get input(): KerasTensor {
    const { inputs } = this;
    if (inputs.length !== 1) throw this.malformed(`has ${inputs.length} inputs, takes 1`);
    return inputs[0]!;
  }

  /** The input with its shape. @throws malformed for another rank; unsupported where the rank is unknown */
  inputOfRank(rank: number): KerasTensor & { readonly shape: readonly Dim[] } {
    const x = this.input;
    if (x.shape === undefined) return this.assumeShape(x, new Array<Dim>(rank).fill(null));
    if (x.shape.length !== rank)
      throw this.malformed(`its input has the shape ${shapeText(x.shape)}, needs ${rank} axes`);
    return x as KerasTensor & { shape: readonly Dim[] };
  }

  /** The input of a layer that takes any rank, as long as it is known. @throws unsupported */
  inputOfKnownRank(): KerasTensor & { readonly shape: readonly Dim[] } {
    const x = this.input;
    if (x.shape === undefined) throw this.unsupported('the shape of its input is not known');
    return x as KerasTensor & { shape: readonly Dim[] };
  }

  /** A tensor of unknown rank (it lies in Keras order) with the shape that it must have. */
  assumeShape(x: KerasTensor, shape: readonly Dim[]): KerasTensor & { readonly shape: readonly Dim[] } {
    return x.with({ shape }) as KerasTensor & { shape: readonly Dim[] };
  }

  /** `data_format` of the configuration. */
  get dataFormat(): DataFormat {
    return this.config.choice('data_format', ['channels_last', 'channels_first'], 'channels_last');
  }

  /** The input as FLOAT, channels right after the batch in memory; `shape` stays in Keras order. */
  channelsFirstInput(rank: number): KerasTensor & { readonly shape: readonly Dim[] } {
    const x = this.graph.arrange(
      this.float(this.inputOfRank(rank)),
      this.name,
      channelsFirst(rank, this.dataFormat),
    );
    return x as KerasTensor & { shape: readonly Dim[] };
  }

  /** The tensor as FLOAT. */
  float(x: KerasTensor): KerasTensor {
    if (x.dtype === 'FLOAT') return x;
    return x.with({ value: this.cast(x.value, 'FLOAT', 'cast'), dtype: 'FLOAT' });
  }

  /** The tensor in Keras order in memory. */
  kerasOrder(x: KerasTensor): KerasTensor {
    return this.graph.arrange(x, this.name);
  }

  /** The axis of a configuration, counted from the front. @throws malformed outside of the rank */
  axisIn(axis: number, rank: number): number {
    const positive = axis < 0 ? axis + rank : axis;
    if (positive < 0 || positive >= rank) throw this.malformed(`its axis ${axis} is outside of ${rank} axes`);
    return positive;
  }

  /**
   * Adds a node with one output and returns the name of that. The first node of a layer is called after the layer, the
   * others after the step as well, which is the operator in small letters where absent.
   */
  node(
    opType: string,
    inputs: readonly (string | undefined)[],
    attributes: ShortAttributes = {},
    step: string = this.#isNamed ? opType.toLowerCase() : '',
  ): string {
    return this.nodes(opType, inputs, attributes, 1, step)[0]!;
  }

  /** As `node`, with several outputs. */
  nodes(
    opType: string,
    inputs: readonly (string | undefined)[],
    attributes: ShortAttributes,
    outputs: number,
    step: string = this.#isNamed ? opType.toLowerCase() : '',
  ): string[] {
    if (step === '') this.#isNamed = true;
    return this.graph.nodes(this.stepName(step), opType, inputs, attributes, outputs);
  }

  /** The value with elements of another type. */
  cast(value: string, dtype: DataType, step?: string): string {
    return this.node('Cast', [value], { to: DATA_TYPES[dtype].number }, step);
  }

  stepName(step: string): string {
    return step === '' ? this.name : `${this.name}/${step}`;
  }

  /** A FLOAT constant of this layer. */
  floats(step: string, values: number | readonly number[], shape?: readonly number[]): string {
    return this.graph.floats(this.stepName(step), values, shape);
  }

  /** An INT64 constant of this layer. */
  integers(step: string, values: number | readonly number[]): string {
    return this.graph.integers(this.stepName(step), values);
  }

  /**
   * A variable of the layer as it is stored, as FLOAT.
   * @param index its place among the layer's variables in the order in which Keras makes them
   * @param shape in Keras order; −1 where the configuration does not say
   * @throws malformed where the file has none, or one of another shape
   */
  variable(name: string, index: number, shape: readonly number[]): Initializer {
    const found = this.findVariable(name, index, shape);
    if (found !== undefined) return found;
    throw this.malformed(`its variable "${name}" is not in the file`);
  }

  /** The same; undefined where the file has none. */
  findVariable(name: string, index: number, shape: readonly number[]): Initializer | undefined {
    const ref = { layer: this.path, part: this.part, name, index };
    const found = this.context.weights.find(ref, shape);
    return found && asFloat(found);
  }

  /**
   * Adds an initializer of this layer, once for all its calls, and returns its name.
   * @param variant tells two views of the same variable apart
   */
  initializer(name: string, make: () => Initializer, variant = ''): string {
    const own = this.stepName(name);
    return this.graph.initializer(`${own}\n${variant}`, own, make);
  }

  /** A variable that is used as it is stored. */
  weight(name: string, index: number, shape: readonly number[]): string {
    return this.initializer(name, () => this.variable(name, index, shape));
  }

  /**
   * The call of a layer that this one holds, by the name of its attribute: `layer` of TimeDistributed, `cell` of RNN.
   * Give it to `context.convert`.
   */
  inner(
    attribute: string,
    json: LayerJson,
    args: readonly Argument[],
    kwargs: Readonly<Record<string, Argument>> = {},
  ): LayerCall {
    return new LayerCall({
      context: this.context,
      layer: json,
      path: this.path,
      part: [...this.part, attribute],
      args,
      kwargs,
    });
  }

  /** This one cannot be converted, as it is: it becomes an unknown node, the rest of the model goes on. */
  unsupported(what: string): BnnqError {
    return new BnnqError('unsupported', `keras: ${this.where}: ${what}`, { node: this.name });
  }

  /** The file is wrong: it is refused, together with all its other problems. */
  malformed(what: string): BnnqError {
    return new BnnqError('malformed', `keras: ${this.where}: ${what}`, { node: this.name });
  }
}

/** All tensors of an argument, those in lists and objects as well, in the order of Keras: objects by their keys. */
export function tensorsIn(argument: Argument): KerasTensor[] {
  if (argument instanceof KerasTensor) return [argument];
  if (typeof argument !== 'object' || argument === null) return [];
  if (Array.isArray(argument)) return (argument as readonly Argument[]).flatMap(tensorsIn);
  const object = argument as Readonly<Record<string, Argument>>;
  return Object.keys(object)
    .toSorted()
    .flatMap((key) => tensorsIn(object[key]!));
}

/** An argument for a message. */
export function printArgument(argument: Argument): string {
  return argument instanceof KerasTensor ? 'a tensor' : short(argument as Json);
}
