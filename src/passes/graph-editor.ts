import { constantInitializer } from '../ir/constant-initializer.ts';
import type { Graph, Initializer, Model, Node } from '../ir/graph.ts';
import { usesOf } from '../ir/traverse.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A graph being rewritten: nodes are replaced or removed in place, producers and consumers stay up to date. */
export class GraphEditor {
  readonly #model: Model;
  readonly #nodes: (Node | undefined)[];
  readonly #position = new Map<Node, number>();
  readonly #producers = new Map<string, Node>();
  readonly #consumers = new Map<string, Set<Node>>();
  readonly #initializers: Map<string, Initializer>;
  readonly #outputs: ReadonlySet<string>;
  readonly #inputs: ReadonlySet<string>;
  #changed = false;

  constructor(model: Model) {
    this.#model = model;
    this.#nodes = [...model.graph.nodes];
    this.#initializers = new Map(model.graph.initializers);
    this.#outputs = new Set(model.graph.outputs.map((value) => value.name));
    this.#inputs = new Set(model.graph.inputs.map((value) => value.name));
    this.#nodes.forEach((node, i) => {
      this.#enter(node!, i);
    });
  }

  #enter(node: Node, position: number): void {
    this.#position.set(node, position);
    for (const output of node.outputs) if (output !== '') this.#producers.set(output, node);
    for (const name of new Set(usesOf(node))) {
      const users = this.#consumers.get(name) ?? new Set();
      users.add(node);
      this.#consumers.set(name, users);
    }
  }

  #leave(node: Node): void {
    this.#position.delete(node);
    for (const output of node.outputs)
      if (this.#producers.get(output) === node) this.#producers.delete(output);
    for (const name of usesOf(node)) this.#consumers.get(name)?.delete(node);
  }

  /** The nodes at the time of the call, in order; ask `has` for each, as it may be gone when its turn comes. */
  nodes(): Node[] {
    return this.#nodes.filter((node) => node !== undefined);
  }

  has(node: Node): boolean {
    return this.#position.has(node);
  }

  /** Place of a node in the topological order. */
  position(node: Node): number {
    return this.#position.get(node) ?? -1;
  }

  producer(name: string): Node | undefined {
    return this.#producers.get(name);
  }

  consumers(name: string): readonly Node[] {
    return [...(this.#consumers.get(name) ?? [])];
  }

  constant(name: string | undefined): Initializer | undefined {
    return name === undefined ? undefined : this.#initializers.get(name);
  }

  isOutput(name: string): boolean {
    return this.#outputs.has(name);
  }

  isInput(name: string): boolean {
    return this.#inputs.has(name);
  }

  /** The node that makes `name` if `consumer` is the only one to read it, once, and it is no output of the graph. */
  soleProducer(name: string | undefined, consumer: Node): Node | undefined {
    if (name === undefined || name === '' || this.isOutput(name)) return undefined;
    const users = this.#consumers.get(name);
    if (users?.size !== 1 || !users.has(consumer)) return undefined;
    if (usesOf(consumer).filter((input) => input === name).length !== 1) return undefined;
    return this.producer(name);
  }

  /** Puts `next` where `node` was. */
  replace(node: Node, next: Node): void {
    const position = this.position(node);
    this.#leave(node);
    this.#nodes[position] = next;
    this.#enter(next, position);
    this.#changed = true;
  }

  /** Puts `next` right before `node`. */
  insertBefore(node: Node, next: Node): void {
    const position = this.position(node);
    this.#nodes.splice(position, 0, next);
    for (const [other, at] of this.#position) if (at >= position) this.#position.set(other, at + 1);
    this.#enter(next, position);
    this.#changed = true;
  }

  remove(node: Node): void {
    this.#nodes[this.position(node)] = undefined;
    this.#leave(node);
    this.#changed = true;
  }

  /** A new constant under `name`, or under a name made from it that nothing has yet; returns the name. */
  addConstant(name: string, tensor: Tensor): string {
    const initializer = constantInitializer(this.#freeName(name), tensor);
    return this.setConstant(initializer);
  }

  /** Adds an initializer, or puts it in the place of what has its name. */
  setConstant(initializer: Initializer): string {
    this.#initializers.set(initializer.name, initializer);
    this.#changed = true;
    return initializer.name;
  }

  #freeName(wanted: string): string {
    const taken = (name: string): boolean =>
      this.#initializers.has(name) ||
      this.#inputs.has(name) ||
      this.#producers.has(name) ||
      this.#consumers.has(name);
    if (!taken(wanted)) return wanted;
    for (let i = 2; ; i++) if (!taken(`${wanted}_${i}`)) return `${wanted}_${i}`;
  }

  /** The rewritten model, without the constants that nothing uses any more; the one that came in when nothing changed. */
  result(): Model {
    if (!this.#changed) return this.#model;
    const { graph } = this.#model;
    const nodes = this.nodes();
    const used = new Set<string>(this.#outputs);
    for (const node of nodes) for (const name of usesOf(node)) used.add(name);
    const initializers = new Map([...this.#initializers].filter(([name]) => used.has(name)));
    const rewritten: Graph = { ...graph, nodes, initializers };
    return { ...this.#model, graph: rewritten };
  }
}

export { constantInitializer };
