import { BnnqError } from '../errors.ts';
import { functionFinder } from '../ir/functions.ts';
import type { Attribute, FunctionBody, Graph, Initializer, Model, Node } from '../ir/graph.ts';
import { nodeLabel } from '../ir/print.ts';
import { allNodes, subgraphsOf, withSubgraphs } from '../ir/traverse.ts';
import type { Pass } from './pass.ts';

/** Nodes that there may be afterwards: a chain of n functions that each call the next one twice has 2^n. */
const MAX_NODES = 100_000;

/** Calls within calls. Exporters nest modules, some ten deep. */
const MAX_DEPTH = 100;

/**
 * Replaces the calls of a model's own functions by their bodies, nested ones too, and leaves no functions behind. Values
 * of a body get names of their own below that of the call; its constants become initializers.
 * Source: onnx/docs/IR.md, "Functions".
 * @param isKept calls to leave as they are: operators that are implemented otherwise
 * @throws malformed for a function that calls itself or a call with too many operands; limit for too many nodes
 */
export function expandFunctions(isKept: (node: Node) => boolean = () => false): Pass {
  return {
    name: 'expand-functions',
    agreement: 'bitwise',
    run(model: Model): Model {
      if (model.functions.length === 0) return model;
      const graph = new Expansion(model, isKept).graph(model.graph);
      return { ...model, graph, functions: [] };
    },
  };
}

/** The model without calls of its own functions. */
export function withoutFunctions(model: Model, isKept?: (node: Node) => boolean): Model {
  return expandFunctions(isKept).run(model);
}

/** Where nodes and constants go. */
interface Target {
  readonly nodes: Node[];
  readonly initializers: Map<string, Initializer>;
}

/** A call being expanded: what names and attributes of the body stand for. */
interface Frame {
  readonly body: FunctionBody;
  readonly call: Node;
  /** Names of new values and nodes start with it. */
  readonly prefix: string;
}

class Expansion {
  readonly #model: Model;
  readonly #find: (node: Node) => FunctionBody | undefined;
  readonly #taken = new Set<string>();
  /** Where a name was wanted more than once: the number to try next. */
  readonly #numbers = new Map<string, number>();
  readonly #sizes = new Map<FunctionBody, number>();
  /** Nodes made so far: subgraphs that are handed on by reference are there more often than `#size` knows. */
  #count = 0;

  constructor(model: Model, isKept: (node: Node) => boolean) {
    this.#model = model;
    const find = functionFinder(model.functions);
    this.#find = (node) => (isKept(node) ? undefined : find(node));
    this.#take(model.graph);
    expectAtMost(this.#size(model.graph.nodes, []));
  }

  /** Number of the nodes with all calls expanded. */
  #size(nodes: readonly Node[], open: readonly FunctionBody[]): number {
    let size = 0;
    for (const node of allNodes(nodes)) {
      const body = this.#find(node);
      if (body === undefined) {
        size++;
        continue;
      }
      expectCallable(node, body, open);
      const known = this.#sizes.get(body) ?? this.#size(body.nodes, [...open, body]);
      this.#sizes.set(body, known);
      size += known;
    }
    return size;
  }

  /** Notes all names of a graph, of its subgraphs too. */
  #take(graph: Graph): void {
    for (const { name } of [...graph.inputs, ...graph.outputs]) this.#taken.add(name);
    for (const name of graph.initializers.keys()) this.#taken.add(name);
    for (const node of graph.nodes) {
      for (const name of [...node.inputs, ...node.outputs]) this.#taken.add(name);
      for (const inner of subgraphsOf(node)) this.#take(inner);
    }
  }

  #fresh(wanted: string): string {
    if (!this.#taken.has(wanted)) {
      this.#taken.add(wanted);
      return wanted;
    }
    // Calls may all have one name: the search for a number goes on where it ended.
    let i = this.#numbers.get(wanted) ?? 2;
    while (this.#taken.has(`${wanted}_${i}`)) i++;
    this.#numbers.set(wanted, i + 1);
    this.#taken.add(`${wanted}_${i}`);
    return `${wanted}_${i}`;
  }

  graph(graph: Graph): Graph {
    const into: Target = { nodes: [], initializers: new Map(graph.initializers) };
    for (const node of graph.nodes) this.#emit(node, into);
    return { ...graph, ...into };
  }

  /** Puts a node there, or what it stands for. */
  #emit(node: Node, into: Target): void {
    const body = this.#find(node);
    if (body !== undefined) {
      this.#inline(node, body, into);
      return;
    }
    expectAtMost(++this.#count);
    const value = constantOf(node);
    if (value !== undefined) into.initializers.set(value.name, value);
    else into.nodes.push(withSubgraphs(node, (graph) => this.graph(graph)));
  }

  #inline(call: Node, body: FunctionBody, into: Target): void {
    const frame = { body, call, prefix: call.name || call.outputs.find((name) => name !== '') || body.name };
    const names = new Map<string, string>([['', '']]);
    for (const [i, name] of body.inputs.entries()) names.set(name, call.inputs[i] ?? '');
    // An output that is an input, or there twice, has two names outside: a copy gives the second one.
    const copies: [from: string, to: string][] = [];
    body.outputs.forEach((name, i) => {
      const outside = call.outputs[i] ?? '';
      if (outside === '') return;
      if (names.has(name)) copies.push([name, outside]);
      else names.set(name, outside);
    });
    this.#define(body.nodes, names, frame);
    for (const node of body.nodes) this.#emit(this.#instance(node, names, frame), into);
    for (const [name, outside] of copies)
      into.nodes.push({
        name: `${frame.prefix}/${name}`,
        opType: 'Identity',
        domain: '',
        inputs: [names.get(name)!],
        outputs: [outside],
        attributes: new Map(),
      });
  }

  /** New names for what nodes make, where there are none yet. */
  #define(nodes: readonly Node[], names: Map<string, string>, { prefix }: Frame): void {
    for (const node of nodes)
      for (const name of node.outputs)
        if (!names.has(name)) names.set(name, this.#fresh(`${prefix}/${name}`));
  }

  /** A node of the body, in the names and with the attributes of the call. */
  #instance(node: Node, names: ReadonlyMap<string, string>, frame: Frame): Node {
    const renamed = (name: string): string => names.get(name) ?? name;
    const attributes = new Map<string, Attribute>();
    for (const [key, attribute] of node.attributes) {
      const given = attribute.type === 'REF' ? attributeOf(frame, attribute.value) : attribute;
      if (given === attribute) attributes.set(key, this.#attribute(attribute, names, frame));
      else if (given !== undefined) attributes.set(key, given);
    }
    const version = frame.body.opsets.get(node.domain);
    const isOther = version !== undefined && version !== this.#model.opsets.get(node.domain);
    return {
      ...node,
      ...(isOther ? { opset: version } : {}),
      name: `${frame.prefix}/${node.name}`,
      inputs: node.inputs.map(renamed),
      outputs: node.outputs.map(renamed),
      attributes,
    };
  }

  #attribute(attribute: Attribute, names: ReadonlyMap<string, string>, frame: Frame): Attribute {
    if (attribute.type === 'GRAPH')
      return { type: 'GRAPH', value: this.#subgraph(attribute.value, names, frame) };
    if (attribute.type === 'GRAPHS')
      return { type: 'GRAPHS', value: attribute.value.map((graph) => this.#subgraph(graph, names, frame)) };
    return attribute;
  }

  /** A subgraph of the body. All that it defines gets a new name, too: an operand of the call might have the old one. */
  #subgraph(graph: Graph, outer: ReadonlyMap<string, string>, frame: Frame): Graph {
    const names = new Map(outer);
    const own = [...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()];
    for (const node of graph.nodes) own.push(...node.outputs);
    for (const name of own) if (name !== '') names.set(name, this.#fresh(`${frame.prefix}/${name}`));
    const renamed = <T extends { readonly name: string }>(value: T): T => ({
      ...value,
      name: names.get(value.name) ?? value.name,
    });
    return {
      name: graph.name,
      inputs: graph.inputs.map(renamed),
      outputs: graph.outputs.map(renamed),
      nodes: graph.nodes.map((node) => this.#instance(node, names, frame)),
      initializers: new Map(
        [...graph.initializers.values()].map(renamed).map((value) => [value.name, value]),
      ),
      valueInfo: new Map([...graph.valueInfo.values()].map(renamed).map((value) => [value.name, value])),
    };
  }
}

function expectAtMost(count: number): void {
  if (count > MAX_NODES)
    throw new BnnqError('limit', `the functions of the model expand to more than ${MAX_NODES} nodes`);
}

function expectCallable(call: Node, body: FunctionBody, open: readonly FunctionBody[]): void {
  if (open.includes(body)) {
    const path = [...open.slice(open.indexOf(body)), body].map(({ name }) => `"${name}"`).join(' → ');
    throw new BnnqError('malformed', `function "${body.name}" calls itself: ${path}`, { node: call.name });
  }
  if (open.length >= MAX_DEPTH)
    throw new BnnqError('limit', `calls of functions are nested more than ${MAX_DEPTH} deep`);
  for (const side of ['inputs', 'outputs'] as const)
    if (call[side].length > body[side].length)
      throw new BnnqError(
        'malformed',
        `${nodeLabel(call)} has ${call[side].length} ${side}, its function ${body[side].length}`,
        { node: call.name },
      );
}

/** What a reference to an attribute of the caller stands for; undefined where the caller leaves it out and there is no default. */
function attributeOf({ call, body }: Frame, name: string): Attribute | undefined {
  return call.attributes.get(name) ?? body.defaults.get(name);
}

/** The tensor of a Constant node as an initializer. */
function constantOf(node: Node): Initializer | undefined {
  const value = node.attributes.get('value');
  const name = node.outputs[0] ?? '';
  if (node.opType !== 'Constant' || node.domain !== '' || value?.type !== 'TENSOR' || name === '')
    return undefined;
  return { ...value.value, name };
}
