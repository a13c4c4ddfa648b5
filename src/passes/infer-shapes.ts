import type { Dim, Graph, Model, Node, Value } from '../ir/graph.ts';
import { isQuantDomain } from '../ir/quant-domains.ts';
import { capturedNames } from '../ir/traverse.ts';
import { withoutFunctions } from './expand-functions.ts';
import { FUSED_DOMAIN } from './fused.ts';
import { ATTENTION } from './shapes/attention.ts';
import { CONTROL_FLOW } from './shapes/control-flow.ts';
import { CONVOLUTION } from './shapes/convolution.ts';
import { ELEMENTWISE } from './shapes/elementwise.ts';
import { type Fact, fact, factOf, type Infer } from './shapes/fact.ts';
import { FUSED } from './shapes/fused.ts';
import { GENERATION } from './shapes/generation.ts';
import { LINEAR } from './shapes/linear.ts';
import { MOVEMENT } from './shapes/movement.ts';
import { RECURRENT } from './shapes/recurrent.ts';
import { REDUCTION } from './shapes/reduction.ts';
import { SELECTION } from './shapes/selection.ts';
import { SPATIAL } from './shapes/spatial.ts';

/** How the outputs of an operator follow from its inputs, by operator name: an operator is one entry of one family. */
const INFER: ReadonlyMap<string, Infer> = new Map(
  [
    ELEMENTWISE,
    CONTROL_FLOW,
    CONVOLUTION,
    LINEAR,
    MOVEMENT,
    REDUCTION,
    GENERATION,
    ATTENTION,
    RECURRENT,
    SELECTION,
    SPATIAL,
    FUSED,
  ].flatMap((family) => Object.entries(family)),
);

/** Domains whose operators are known here; others give unknown values. */
function isKnownDomain(domain: string): boolean {
  return domain === '' || domain === 'ai.onnx.preview' || domain === FUSED_DOMAIN || isQuantDomain(domain);
}

/**
 * Types and shapes of all values of the main graph: inputs, initializers, and what nodes make, as far as they can be told
 * without running the model. An operator that is not known here gives what the file declares for its outputs, or
 * nothing; it is never an error. Calls of the model's own functions are looked into.
 * @param inputShapes shapes to take for graph inputs instead of the declared ones; symbols that they settle are settled
 * everywhere
 */
export function inferShapes(
  model: Model,
  inputShapes?: ReadonlyMap<string, readonly number[]>,
): Map<string, Value> {
  const graph = withFunctionsInPlace(model);
  const symbols = settleSymbols(graph, inputShapes);
  const given = new Map<string, Fact>();
  for (const input of graph.inputs)
    given.set(input.name, fact(input.dtype, inputShapes?.get(input.name) ?? settled(input.shape, symbols)));
  const values = new Map<string, Value>();
  for (const [name, { dtype, shape }] of inferGraph(model, graph, given, symbols))
    values.set(name, { name, ...fact(dtype, shape) });
  return values;
}

/** The main graph without calls of functions, as far as operators of that name are not known here. */
function withFunctionsInPlace(model: Model): Graph {
  try {
    return withoutFunctions(model, ({ domain, opType }) => isKnownDomain(domain) && INFER.has(opType)).graph;
  } catch {
    return model.graph; // functions that call themselves: whoever runs the model will say so
  }
}

/** What is known of all values of a graph, given what is known of its inputs and of what it captures. */
function inferGraph(
  model: Model,
  graph: Graph,
  given: ReadonlyMap<string, Fact>,
  symbols: ReadonlyMap<string, number>,
): Map<string, Fact> {
  const facts = new Map(given);
  for (const [name, initializer] of graph.initializers) facts.set(name, factOf(initializer));
  const declared = new Map([
    ...graph.valueInfo,
    ...graph.outputs.map((value) => [value.name, value] as const),
  ]);
  for (const node of graph.nodes) {
    const inferred = inferNode(model, node, facts, symbols);
    node.outputs.forEach((name, i) => {
      if (name !== '') facts.set(name, withDeclared(inferred[i] ?? {}, declared.get(name), symbols));
    });
  }
  return facts;
}

/** The declared shapes of the inputs with 1 for a batch that is left open: what one sample takes. */
export function singleSampleShapes(model: Model): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  for (const { name, shape } of model.graph.inputs) {
    const dims = shape?.map((dim, axis) => (axis === 0 && typeof dim !== 'number' ? 1 : dim));
    if (dims?.every((dim) => typeof dim === 'number')) shapes.set(name, dims as number[]);
  }
  return shapes;
}

function inferNode(
  model: Model,
  node: Node,
  facts: ReadonlyMap<string, Fact>,
  symbols: ReadonlyMap<string, number>,
): readonly Fact[] {
  const infer = isKnownDomain(node.domain) ? INFER.get(node.opType) : undefined;
  if (infer === undefined) return [];
  const inputs = node.inputs.map((name) => facts.get(name) ?? {});
  const body = (graph: Graph, known: readonly Fact[]): readonly Fact[] => {
    const inside = new Map<string, Fact>();
    for (const name of capturedNames(graph)) inside.set(name, facts.get(name) ?? {});
    graph.inputs.forEach((value, i) => {
      inside.set(value.name, withDeclared(known[i] ?? {}, value, symbols));
    });
    const made = inferGraph(model, graph, inside, symbols);
    return graph.outputs.map(({ name }) => made.get(name) ?? {});
  };
  return infer({ node, inputs, opset: node.opset ?? model.opsets.get(node.domain) ?? 1, body });
}

/** Numbers for the symbols in the declared shapes of the inputs that are given. */
function settleSymbols(graph: Graph, given?: ReadonlyMap<string, readonly number[]>): Map<string, number> {
  const symbols = new Map<string, number>();
  for (const { name, shape } of graph.inputs)
    given?.get(name)?.forEach((size, axis) => {
      const dim = shape?.[axis];
      if (typeof dim === 'string') symbols.set(dim, size);
    });
  return symbols;
}

function settled(shape: readonly Dim[] | undefined, symbols: ReadonlyMap<string, number>): Dim[] | undefined {
  return shape?.map((dim) => (typeof dim === 'string' ? (symbols.get(dim) ?? dim) : dim));
}

/** Fills what was not inferred with what the file says. */
function withDeclared(known: Fact, declared: Value | undefined, symbols: ReadonlyMap<string, number>): Fact {
  const said = settled(declared?.shape, symbols);
  const fits = said !== undefined && said.length === known.shape?.length;
  const shape = fits ? known.shape!.map((dim, i) => dim ?? said[i]!) : (known.shape ?? said);
  return fact(known.dtype ?? declared?.dtype, shape, known.content);
}
