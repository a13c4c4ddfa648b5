import { BnnqError } from '../../errors.ts';
import type { Attribute, Dim, Graph, Initializer, Node, Value } from '../../ir/graph.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import { KerasTensor } from './tensor.ts';
import { constant } from './weight-views.ts';

/** Values that nodes make: a model whose nested models call each other doubles at every level. */
const MAX_VALUES = 200_000;

/**
 * Elements of constants that no file holds, counted each time one is asked for: a few bytes of configuration ask for the
 * weights of a large resize, and for those of the next one again. Real networks need some thousand.
 */
const MAX_CONSTANT_ELEMENTS = 2 ** 22;

/** Attributes in short: a number is INT, `{ float }` FLOAT, numbers INTS, a text STRING, `{ floats }` FLOATS, texts STRINGS. */
export type ShortAttribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] };

export type ShortAttributes = Readonly<Record<string, ShortAttribute>>;

/** The graph that layers are written to. Node `a/b` makes the values `a/b:0`, `a/b:1`, …; names without a colon are inputs, outputs and initializers. */
export class GraphBuilder {
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Initializer>();
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  /** Names of inputs, outputs, initializers and what nodes make. */
  readonly #values = new Names();
  readonly #nodeNames = new Names();
  readonly #constants = new Map<string, string>();
  readonly #arranged = new Map<string, string>();
  readonly #produced = new Set<string>();
  /** Values that became outputs of the graph, under their names there. */
  readonly #renamed = new Map<string, string>();
  readonly #domains = new Set<string>();
  #constantElements = 0;

  input(name: string, shape: readonly Dim[] | undefined, dtype: Value['dtype'] = 'FLOAT'): KerasTensor {
    const value = this.#values.unique(name);
    this.#inputs.push({ name: value, dtype, ...(shape === undefined ? {} : { shape }) });
    return new KerasTensor({ value, dtype, shape });
  }

  /**
   * Adds a node.
   * @param name of the node, as wished; made unique
   * @param inputs names of values and initializers; undefined for an absent optional one
   * @returns names of its outputs
   */
  nodes(
    name: string,
    opType: string,
    inputs: readonly (string | undefined)[],
    attributes: ShortAttributes = {},
    outputs = 1,
    domain = '',
  ): string[] {
    if (this.#produced.size + outputs > MAX_VALUES)
      throw new BnnqError('limit', `keras: the nodes of the model make more than ${MAX_VALUES} values`);
    const own = this.#nodeNames.unique(name);
    const names = Array.from({ length: outputs }, (_, i) => this.#values.unique(`${own}:${i}`));
    for (const output of names) this.#produced.add(output);
    this.#domains.add(domain);
    this.#nodes.push({
      name: own,
      opType,
      domain,
      inputs: inputs.map((input) => input ?? ''),
      outputs: names,
      attributes: new Map(Object.entries(attributes).map(([key, value]) => [key, attributeOf(value)])),
    });
    return names;
  }

  /** Adds a node with one output, and returns its name. */
  node(
    name: string,
    opType: string,
    inputs: readonly (string | undefined)[],
    attributes: ShortAttributes = {},
  ): string {
    return this.nodes(name, opType, inputs, attributes)[0]!;
  }

  /** Adds an initializer under that name, once for the same key: a layer that is called twice shares its weights. */
  initializer(key: string, name: string, make: () => Initializer): string {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const own = this.#values.unique(name);
    this.#initializers.set(own, named(make(), own));
    this.#constants.set(key, own);
    return own;
  }

  /** A small constant, once for the same name and elements. */
  constant(name: string, tensor: Tensor): string {
    this.#constantElements += tensor.data.length;
    if (this.#constantElements > MAX_CONSTANT_ELEMENTS)
      throw new BnnqError(
        'limit',
        `keras: the model needs constants of more than ${MAX_CONSTANT_ELEMENTS} elements besides its weights`,
      );
    const key = `${name}\n${tensor.dtype}[${tensor.shape}]${elementsText(tensor)}`;
    return this.initializer(key, name, () => constant(name, tensor));
  }

  /** A FLOAT constant: a scalar of a number, else of rank 1 unless a shape is given. */
  floats(name: string, values: number | readonly number[], shape?: readonly number[]): string {
    const data = Float32Array.from(typeof values === 'number' ? [values] : values);
    return this.constant(name, {
      dtype: 'FLOAT',
      shape: shape ?? (typeof values === 'number' ? [] : [data.length]),
      data,
    });
  }

  /** A FLOAT scalar, once for the whole graph. */
  scalar(value: number): string {
    return this.floats(`scalar/${value}`, value);
  }

  /** An INT64 constant: a scalar of a number, else of rank 1. */
  integers(name: string, values: number | readonly number[]): string {
    const data = BigInt64Array.from(typeof values === 'number' ? [values] : values, BigInt);
    return this.constant(name, {
      dtype: 'INT64',
      shape: typeof values === 'number' ? [] : [data.length],
      data,
    });
  }

  /**
   * The tensor with its axes in that order in memory: a Transpose, or a Reshape where only axes of size 1 move. Made
   * once for a value, whoever asks.
   * @param order see `KerasTensor.order`; absent for Keras order
   * @throws internal where the rank is unknown
   */
  arrange(x: KerasTensor, name: string, order?: readonly number[]): KerasTensor {
    const plain = x.scramble === undefined ? x : this.#unscramble(x, name);
    const { shape } = plain;
    if (shape === undefined) {
      if (order === undefined) return plain;
      throw new BnnqError('internal', `keras: "${x.value}" of unknown rank cannot be transposed`);
    }
    const wanted = order ?? shape.map((_, axis) => axis);
    const now = plain.order ?? shape.map((_, axis) => axis);
    if (wanted.every((axis, i) => axis === now[i])) return plain;
    const perm = wanted.map((axis) => now.indexOf(axis));
    const key = `${plain.value}|${perm}`;
    const known = this.#arranged.get(key);
    if (known !== undefined) return plain.with({ value: known, order: wanted });
    const target = wanted.map((axis) => shape[axis]!);
    const moved = (axes: readonly number[]): string => axes.filter((axis) => shape[axis] !== 1).join();
    const dims = moved(wanted) === moved(now) ? reshapeDims(target) : undefined;
    const value =
      dims === undefined
        ? this.node(`${name}/transpose`, 'Transpose', [plain.value], { perm })
        : this.node(`${name}/reshape`, 'Reshape', [plain.value, this.integers(`${name}/shape`, dims)]);
    this.#arranged.set(key, value);
    return plain.with({ value, order: wanted });
  }

  /** A flattened feature map in Keras order. */
  #unscramble(x: KerasTensor, name: string): KerasTensor {
    const { dims, order } = x.scramble!;
    const key = `${x.value}|flat ${order}`;
    const known = this.#arranged.get(key);
    if (known !== undefined) return x.with({ value: known, scramble: undefined });
    const lead = (x.shape?.length ?? 2) - 1;
    const outer = Array.from({ length: lead }, (_, i) => i);
    const split = this.node(`${name}/unflatten`, 'Reshape', [
      x.value,
      this.integers(`${name}/shape`, [...outer.map(() => 0), ...order.map((axis) => dims[axis]!)]),
    ]);
    const turned = this.node(`${name}/transpose`, 'Transpose', [split], {
      perm: [...outer, ...dims.map((_, axis) => lead + order.indexOf(axis))],
    });
    const value = this.node(`${name}/flatten`, 'Reshape', [
      turned,
      this.integers(`${name}/shape`, [...outer.map(() => 0), sizeOf(dims)]),
    ]);
    this.#arranged.set(key, value);
    return x.with({ value, scramble: undefined });
  }

  /** Makes a tensor an output of the graph, in Keras order, under that name or one like it. */
  output(name: string, x: KerasTensor): void {
    const { value, dtype, shape } = this.arrange(x, name);
    const own = this.#values.unique(name);
    if (this.#produced.has(value) && !this.#renamed.has(value)) this.#renamed.set(value, own);
    else this.#renamed.set(this.node(`${name}/identity`, 'Identity', [value]), own);
    this.#outputs.push({ name: own, dtype, ...(shape === undefined ? {} : { shape }) });
  }

  /** The state to which `rollBack` returns. */
  mark(): number {
    return this.#nodes.length;
  }

  /** Takes the nodes away that were added since the mark; what they are made of stays, for another layer may share it. */
  rollBack(mark: number): void {
    const gone = new Set(this.#nodes.splice(mark).flatMap((node) => node.outputs));
    for (const [key, value] of [...this.#arranged]) if (gone.has(value)) this.#arranged.delete(key);
  }

  /** Domains of the nodes besides the default one. */
  get domains(): ReadonlySet<string> {
    return this.#domains;
  }

  finish(name: string): Graph {
    const renamed = (value: string): string => this.#renamed.get(value) ?? value;
    return {
      name,
      inputs: this.#inputs,
      outputs: this.#outputs,
      nodes: this.#nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map(renamed),
        outputs: node.outputs.map(renamed),
      })),
      initializers: this.#initializers,
      valueInfo: new Map(),
    };
  }
}

/** Names that are taken. */
class Names {
  readonly #taken = new Set<string>();
  /** Where to go on counting, by base: thousands of calls of one layer must not count from 1 each. */
  readonly #next = new Map<string, number>();

  /** `base`, or `base.1`, `base.2`, … where it is taken; then that is taken, too. */
  unique(base: string): string {
    let name = base;
    let next = this.#next.get(base) ?? 1;
    while (this.#taken.has(name)) name = `${base}.${next++}`;
    this.#next.set(base, next);
    this.#taken.add(name);
    return name;
  }
}

/** Text that tells the elements of two tensors of one type apart: their bytes, which takes no time. */
function elementsText({ data }: Tensor): string {
  if (!ArrayBuffer.isView(data)) return JSON.stringify(data);
  return new TextDecoder('latin1').decode(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/** The same constant under another name. */
function named(constant: Initializer, name: string): Initializer {
  const { dtype, shape, byteLength } = constant;
  return { name, dtype, shape, byteLength, read: () => constant.read() };
}

/** A shape for Reshape that keeps the batch; undefined where more than one other dimension is unknown. */
export function reshapeDims(shape: readonly Dim[]): number[] | undefined {
  const dims = shape.map((dim, i) => (typeof dim === 'number' ? dim : i === 0 ? 0 : -1));
  return dims.filter((dim) => dim === -1).length > 1 ? undefined : dims;
}

function attributeOf(value: ShortAttribute): Attribute {
  if (typeof value === 'number') return { type: 'INT', value };
  if (typeof value === 'string') return { type: 'STRING', value };
  if ('float' in value) return { type: 'FLOAT', value: Math.fround(value.float) };
  if ('floats' in value) return { type: 'FLOATS', value: value.floats.map(Math.fround) };
  if ('strings' in value) return { type: 'STRINGS', value: value.strings };
  return { type: 'INTS', value };
}
