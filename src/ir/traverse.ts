import type { Graph, Node } from './graph.ts';

/** The graphs in a node's attributes (branches of If, bodies of Loop and Scan). */
export function subgraphsOf(node: Node): Graph[] {
  const graphs: Graph[] = [];
  for (const attribute of node.attributes.values()) {
    if (attribute.type === 'GRAPH') graphs.push(attribute.value);
    else if (attribute.type === 'GRAPHS') graphs.push(...attribute.value);
  }
  return graphs;
}

/** The node with each of its subgraphs replaced; the same node where it has none. */
export function withSubgraphs(node: Node, replace: (graph: Graph) => Graph): Node {
  if (subgraphsOf(node).length === 0) return node;
  const attributes = new Map(node.attributes);
  for (const [name, attribute] of node.attributes) {
    if (attribute.type === 'GRAPH') attributes.set(name, { type: 'GRAPH', value: replace(attribute.value) });
    else if (attribute.type === 'GRAPHS')
      attributes.set(name, { type: 'GRAPHS', value: attribute.value.map(replace) });
  }
  return { ...node, attributes };
}

/** All nodes of a graph and of the subgraphs inside it, outer ones first. */
export function* allNodes(nodes: readonly Node[]): Generator<Node> {
  for (const node of nodes) {
    yield node;
    for (const graph of subgraphsOf(node)) yield* allNodes(graph.nodes);
  }
}

/** Values that a node needs: its inputs (absent ones left out) and what its subgraphs take from the graphs around them. */
export function usesOf(node: Node): string[] {
  const uses = node.inputs.filter((name) => name !== '');
  for (const graph of subgraphsOf(node)) uses.push(...capturedNames(graph));
  return uses;
}

/** Names that a graph uses and does not define. */
export function capturedNames(graph: Graph): Set<string> {
  const defined = new Set([...graph.inputs.map((value) => value.name), ...graph.initializers.keys()]);
  for (const node of graph.nodes) for (const output of node.outputs) defined.add(output);
  const captured = new Set<string>();
  const use = (name: string) => {
    if (!defined.has(name)) captured.add(name);
  };
  for (const node of graph.nodes) usesOf(node).forEach(use);
  for (const output of graph.outputs) use(output.name);
  return captured;
}

/** The node that makes each value of a graph. */
export function producersOf(nodes: readonly Node[]): Map<string, Node> {
  const producers = new Map<string, Node>();
  for (const node of nodes) for (const output of node.outputs) if (output !== '') producers.set(output, node);
  return producers;
}

/** The nodes that use each value of a graph, in order, each once; subgraphs count as part of their node. */
export function consumersOf(nodes: readonly Node[]): Map<string, Node[]> {
  const consumers = new Map<string, Node[]>();
  for (const node of nodes)
    for (const name of new Set(usesOf(node))) {
      const list = consumers.get(name);
      if (list === undefined) consumers.set(name, [node]);
      else list.push(node);
    }
  return consumers;
}

/**
 * The nodes in topological order: unchanged where they are sorted already, else every node after what it uses and
 * otherwise as they came. `cycle` holds the nodes of one cycle where there is one.
 */
export function sortNodes(nodes: readonly Node[]): { nodes: readonly Node[]; cycle?: readonly Node[] } {
  const producers = producersOf(nodes);
  const sorted: Node[] = [];
  const state = new Map<Node, 'open' | 'done'>();
  for (const root of nodes) {
    // Depth first with an explicit stack: a chain of 100,000 nodes must not overflow the call stack.
    const stack: { node: Node; needs: Node[] }[] = [];
    const enter = (node: Node) => {
      state.set(node, 'open');
      const needs = usesOf(node).flatMap((name) => producers.get(name) ?? []);
      stack.push({ node, needs: needs.reverse() });
    };
    if (!state.has(root)) enter(root);
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const need = top.needs.pop();
      if (need === undefined) {
        state.set(top.node, 'done');
        sorted.push(top.node);
        stack.pop();
      } else if (!state.has(need)) enter(need);
      else if (state.get(need) === 'open') {
        const open = stack.map(({ node }) => node);
        return { nodes, cycle: open.slice(open.indexOf(need)) };
      }
    }
  }
  return { nodes: sorted.every((node, i) => node === nodes[i]) ? nodes : sorted };
}
