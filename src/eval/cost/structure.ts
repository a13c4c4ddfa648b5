import type { Initializer, Model, Node, Value } from '../../ir/graph.ts';
import { consumersOf, subgraphsOf, usesOf } from '../../ir/traverse.ts';
import { countMacs } from '../../passes/count-macs.ts';
import { inferShapes, singleSampleShapes } from '../../passes/infer-shapes.ts';
import { product } from '../../passes/shapes/fact.ts';
import { VIEWS, WeightChains } from '../../passes/weight-chain.ts';
import { withMissingFunctions } from '../../runtime/operator-support.ts';
import { type ValueWidth, valueWidths } from './value-widths.ts';

/** What the cost of a network is worked out from, but for the forms of its weights. All sizes are those of one sample. */
export interface Structure {
  readonly model: Model;
  /** Nodes that work on a sample; what follows from constants and shapes alone is left out. */
  readonly nodes: readonly Node[];
  readonly chains: WeightChains;
  readonly macs: ReadonlyMap<Node, number>;
  /** Nodes that use a value, those behind Reshape and the like among them. */
  readersOf(name: string): readonly Node[];
  /** The value that a Reshape, Flatten … shows in another shape, else the value itself. */
  rootOf(name: string): string;
  isConstant(name: string): boolean;
  constant(name: string): Initializer | undefined;
  /** Elements; undefined where the shape is not known. */
  countOf(name: string): number | undefined;
  shapeOf(name: string): Value['shape'];
  widthOf(name: string): ValueWidth;
  isOutput(name: string): boolean;
  isInput(name: string): boolean;
}

/** Operators that give the elements of their input in the same order: nothing moves. */
const IN_PLACE: ReadonlySet<string> = new Set([...VIEWS, 'Dropout'].filter((name) => name !== 'Transpose'));

export function isInPlace({ domain, opType }: Node): boolean {
  return domain === '' && IN_PLACE.has(opType);
}

/** @param inputShapes of inputs whose declared shape leaves more open than the batch */
export function structureOf(source: Model, inputShapes: ReadonlyMap<string, readonly number[]>): Structure {
  const model = withMissingFunctions(source);
  const { graph } = model;
  const given = new Map<string, readonly number[]>([...singleSampleShapes(model), ...inputShapes]);
  const values = inferShapes(model, given);
  const constants = constantValues(model, values);
  const nodes = graph.nodes.filter((node) =>
    node.outputs.some((name) => name !== '' && !constants.has(name)),
  );
  const roots = new Map<string, string>();
  const rootOf = (name: string): string => roots.get(name) ?? name;
  for (const node of nodes) if (isInPlace(node)) roots.set(node.outputs[0]!, rootOf(node.inputs[0] ?? ''));
  const readers = readersByRoot(nodes, rootOf);
  const outputs = new Set(graph.outputs.map(({ name }) => rootOf(name)));
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const widths = valueWidths(model, values);
  return {
    model,
    nodes,
    chains: new WeightChains(model),
    macs: countMacs(model, values),
    readersOf: (name) => readers.get(rootOf(name)) ?? [],
    rootOf,
    isConstant: (name) => constants.has(name),
    constant: (name) => graph.initializers.get(name),
    countOf: (name) => product(values.get(name)?.shape ?? [null]) ?? undefined,
    shapeOf: (name) => values.get(name)?.shape,
    widthOf: (name) => widths.get(name) ?? { bits: 32, integer: false, scale: 'none' },
    isOutput: (name) => outputs.has(rootOf(name)),
    isInput: (name) => inputs.has(rootOf(name)),
  };
}

/** Values that do not depend on the elements of an input: initializers, and what is computed from them and from shapes. */
function constantValues({ graph }: Model, values: ReadonlyMap<string, Value>): Set<string> {
  const constants = new Set<string>(['', ...graph.initializers.keys()]);
  for (const node of graph.nodes) {
    const isShape = node.domain === '' && (node.opType === 'Shape' || node.opType === 'Size');
    const known = product(values.get(node.inputs[0] ?? '')?.shape ?? [null]) !== null;
    const isConstant = usesOf(node).every((name) => constants.has(name)) && subgraphsOf(node).length === 0;
    if (isConstant || (isShape && known)) for (const output of node.outputs) constants.add(output);
  }
  return constants;
}

function readersByRoot(nodes: readonly Node[], rootOf: (name: string) => string): Map<string, Node[]> {
  const readers = new Map<string, Node[]>();
  for (const [name, users] of consumersOf(nodes)) {
    const list = readers.get(rootOf(name)) ?? [];
    for (const user of users) if (!isInPlace(user) && !list.includes(user)) list.push(user);
    readers.set(rootOf(name), list);
  }
  return readers;
}
