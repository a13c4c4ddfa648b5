import type { Initializer, Node } from '../../../ir/graph.ts';
import { LEVEL_RULES, type LevelRule } from '../../../ir/levels.ts';
import { UNPACK_DOMAIN, type UnpackKind, unpackName } from '../export/unpack-function.ts';
import type { ExportedGraph } from './made-weight.ts';
import { intsOf, type Order, orderSteps, stepWalker } from './step-walker.ts';

/** A node that unpacks a weight, with the nodes behind it that only order what it gives. */
export interface UnpackChain {
  readonly kind: UnpackKind;
  /** The call first. */
  readonly nodes: readonly Node[];
  readonly planes: Initializer;
  readonly params: Initializer;
  readonly shape: Initializer;
  readonly order: Order;
  /** Name of the weight. */
  readonly name: string;
}

/** Kinds of weights by the names of their functions. */
const KINDS: ReadonlyMap<string, UnpackKind> = new Map(
  LEVEL_RULES.flatMap((rule: LevelRule) =>
    Array.from({ length: 8 }, (_, i) => i + 1).flatMap((bits) =>
      (['FLOAT', 'FLOAT16', 'BFLOAT16', 'DOUBLE'] as const).map((dtype) => {
        const kind: UnpackKind = { rule, bits, dtype };
        return [unpackName(kind), kind] as const;
      }),
    ),
  ),
);

/**
 * The chain that begins with a node, as `unpackWeight` writes it.
 * @returns undefined for another node, and for one whose inputs are not constants
 */
export function unpackChainAt(node: Node, graph: ExportedGraph): UnpackChain | undefined {
  const kind = node.domain === UNPACK_DOMAIN ? KINDS.get(node.opType) : undefined;
  const [planes, params, shape] = node.inputs.map(graph.constant);
  if (kind === undefined || planes === undefined || params === undefined || shape === undefined)
    return undefined;
  const walker = stepWalker(node, graph);
  const first = intsOf(graph, shape.name);
  const order = first && orderSteps(walker, first, graph);
  return order && { kind, nodes: walker.nodes, planes, params, shape, order, name: walker.value };
}
