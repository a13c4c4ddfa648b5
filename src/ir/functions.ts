import type { FunctionBody, Node } from './graph.ts';

/** Finds the function that a node calls, among a model's own: the one of its domain, name and overload. */
export function functionFinder(functions: readonly FunctionBody[]): (node: Node) => FunctionBody | undefined {
  const byKey = new Map(functions.map((body) => [keyOf(body.domain, body.name, body.overload), body]));
  return (node) => byKey.get(keyOf(node.domain, node.opType, node.overload ?? ''));
}

function keyOf(domain: string, name: string, overload: string): string {
  return `${domain}\n${name}\n${overload}`;
}
