import { BnnqError } from '../errors.ts';
import { functionFinder } from './functions.ts';
import type { FunctionBody, Graph, Model, Node } from './graph.ts';
import { nodeLabel } from './print.ts';
import { allNodes, sortNodes, subgraphsOf } from './traverse.ts';

/**
 * Everything that is wrong with the structure of a model: values made twice, used but made by nothing, nodes in a
 * cycle or out of order. Operators and types are not looked at.
 */
export function validateModel(model: Model): BnnqError[] {
  const problems = validateGraph(model.graph, new Set());
  for (const body of model.functions) problems.push(...validateFunction(body));
  problems.push(...recursiveFunctions(model.functions));
  return problems;
}

/** Functions that call themselves, directly or through others: nothing could ever run them. */
function recursiveFunctions(functions: readonly FunctionBody[]): BnnqError[] {
  const find = functionFinder(functions);
  const calls = new Map<FunctionBody, FunctionBody[]>();
  for (const body of functions) {
    const called = new Set([...allNodes(body.nodes)].flatMap((node) => find(node) ?? []));
    calls.set(body, [...called]);
  }
  // What is taken away, again and again, calls nothing that is left; what remains leads into a circle.
  const callers = new Map<FunctionBody, FunctionBody[]>(functions.map((body) => [body, []]));
  for (const [body, called] of calls) for (const other of called) callers.get(other)!.push(body);
  const left = new Map([...calls].map(([body, called]) => [body, called.length]));
  const open = functions.filter((body) => left.get(body) === 0);
  for (let body = open.pop(); body !== undefined; body = open.pop()) {
    left.delete(body);
    for (const caller of callers.get(body)!) {
      left.set(caller, left.get(caller)! - 1);
      if (left.get(caller) === 0) open.push(caller);
    }
  }
  if (left.size === 0) return [];
  const path: FunctionBody[] = [];
  let at = [...left.keys()][0]!;
  for (; !path.includes(at); at = calls.get(at)!.find((body) => left.has(body))!) path.push(at);
  const circle = [...path.slice(path.indexOf(at)), at].map(({ name }) => `"${name}"`).join(' → ');
  return [refuse(`function "${at.name}" calls itself: ${circle}`)];
}

function validateGraph(graph: Graph, outer: ReadonlySet<string>): BnnqError[] {
  const problems: BnnqError[] = [];
  const made = new Set<string>();
  const make = (name: string, by: string) => {
    if (made.has(name))
      problems.push(refuse(`value "${name}" is made twice, the second time by ${by}`, name));
    made.add(name);
  };
  for (const input of graph.inputs) make(input.name, 'a graph input');
  for (const name of graph.initializers.keys()) make(name, 'an initializer');
  validateNodes(graph.nodes, made, outer, make, problems);
  for (const { name } of graph.outputs)
    if (!made.has(name) && !outer.has(name))
      problems.push(refuse(`output "${name}" is made by nothing`, name));
  return problems;
}

function validateFunction(body: FunctionBody): BnnqError[] {
  const problems: BnnqError[] = [];
  const made = new Set<string>(body.inputs);
  const make = (name: string, by: string) => {
    if (made.has(name))
      problems.push(
        refuse(`function "${body.name}": value "${name}" is made twice, the second time by ${by}`, name),
      );
    made.add(name);
  };
  validateNodes(body.nodes, made, new Set(), make, problems);
  for (const name of body.outputs)
    if (!made.has(name))
      problems.push(refuse(`function "${body.name}": output "${name}" is made by nothing`, name));
  return problems;
}

function validateNodes(
  nodes: readonly Node[],
  made: ReadonlySet<string>,
  outer: ReadonlySet<string>,
  make: (name: string, by: string) => void,
  problems: BnnqError[],
): void {
  const { nodes: sorted, cycle } = sortNodes(nodes);
  if (cycle !== undefined) {
    const labels = cycle.slice(0, 3).map(nodeLabel).join(', ') + (cycle.length > 3 ? ', …' : '');
    problems.push(refuse(`${cycle.length} nodes form a cycle: ${labels}`, undefined, cycle[0]));
    return;
  }
  if (sorted !== nodes) problems.push(refuse('the nodes are not in topological order'));
  for (const node of sorted) {
    for (const name of node.inputs)
      if (name !== '' && !made.has(name) && !outer.has(name))
        problems.push(refuse(`${nodeLabel(node)}: input "${name}" is made by nothing`, name, node));
    const inner = subgraphsOf(node);
    if (inner.length > 0) {
      const visible = new Set([...outer, ...made]);
      for (const graph of inner) problems.push(...validateGraph(graph, visible));
    }
    for (const name of node.outputs) if (name !== '') make(name, nodeLabel(node));
  }
}

function refuse(text: string, tensor?: string, node?: Node): BnnqError {
  const at = {
    ...(tensor === undefined ? {} : { tensor }),
    ...(node === undefined ? {} : { node: node.name || (node.outputs[0] ?? '') }),
  };
  return new BnnqError('malformed', `graph: ${text}`, at);
}
