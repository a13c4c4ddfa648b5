import type { Model } from '../../../ir/graph.ts';
import { allNodes } from '../../../ir/traverse.ts';

/**
 * Operator sets of nodes whose domain the model does not import, as files of FINN leave theirs out: version 1 of each. Other
 * readers refuse a file without them.
 */
export function undeclaredDomains({ graph, opsets }: Model): Map<string, number> {
  const domains = [...allNodes(graph.nodes)].map(({ domain }) => domain);
  return new Map(
    domains.filter((domain) => domain !== '' && !opsets.has(domain)).map((domain) => [domain, 1]),
  );
}
