import type { Attribute, Model, Node } from '../ir/graph.ts';
import type { Grid } from './code-grids.ts';
import { withAttributes } from './constant-values.ts';
import { type FixedRole, fixedRole } from './fixed-roles.ts';
import { fixedUnit } from './fixed-unit.ts';
import { GraphEditor } from './graph-editor.ts';
import type { Pass } from './pass.ts';

/**
 * Values that layers on codes make as floats, that are added, bounded, pooled, moved, and all end in codes again, as residual sums do:
 * they become fixed-point values, 32-bit integers of one unit for all that meet (a *trunk*; see kernels/integer/fixed-contract.ts and
 * `fixedUnit`). Then nothing between the first codes and the last layer is a float. A trunk is taken as a whole or not at
 * all: it stays float where one of its values is an output, or is made or read by anything else.
 */
export const fuseFixed: Pass = {
  name: 'fuse-fixed',
  agreement: 'rounding',
  run(model: Model): Model {
    const editor = new GraphEditor(model);
    for (const trunk of trunksOf(editor)) {
      const unit = fixedUnit(editor, trunk);
      if (unit !== undefined) for (const { node, role } of trunk) convert(editor, node, role, unit);
    }
    return editor.result();
  },
};

/** A node of a trunk, and what it does there. */
export interface FixedNode {
  readonly node: Node;
  readonly role: FixedRole;
}

/** The nodes of every trunk that is whole, in the order of the graph. */
function trunksOf(editor: GraphEditor): FixedNode[][] {
  const roles = new Map<Node, FixedRole>();
  for (const node of editor.nodes()) {
    const role = fixedRole(editor, node);
    if (role !== undefined) roles.set(node, role);
  }
  const sets = new DisjointSets();
  for (const { values } of roles.values()) for (const value of values) sets.join(values[0]!, value);
  const trunks = new Map<string, FixedNode[]>();
  for (const [node, role] of roles) {
    const root = sets.rootOf(role.values[0]!);
    trunks.set(root, [...(trunks.get(root) ?? []), { node, role }]);
  }
  const isWhole = (value: string): boolean => {
    const producer = editor.producer(value);
    const made = producer === undefined ? undefined : roles.get(producer);
    if (made === undefined || made.made !== value || editor.isOutput(value)) return false;
    return editor.consumers(value).every((reader) => roles.get(reader)?.values.includes(value));
  };
  return [...trunks.values()].filter(
    (nodes) =>
      nodes.some(({ role }) => role.kind === 'codes') &&
      nodes.every(({ role }) => role.values.every(isWhole)),
  );
}

function convert(editor: GraphEditor, node: Node, role: FixedRole, unit: number): void {
  if (role.kind === 'layer') {
    const attributes = withAttributes(node.attributes, { y_unit: { type: 'FLOAT', value: unit } });
    editor.replace(node, { ...node, attributes });
  } else if (role.kind === 'inner') editor.replace(node, role.rewritten(editor, unit));
  else if (role.kind === 'flatten') editor.remove(node);
  else {
    const { scale, zero, high } = Object.fromEntries(node.attributes) as Grid;
    const attributes = new Map<string, Attribute>([
      ...Object.entries({ scale, zero, high }),
      ['unit', { type: 'FLOAT', value: unit }],
    ]);
    editor.replace(node, { ...node, opType: 'FixedCodes', inputs: role.values, attributes });
  }
}

/** Names that belong together (Tarjan, "Efficiency of a good but not linear set union algorithm", 1975). */
class DisjointSets {
  readonly #parents = new Map<string, string>();

  rootOf(name: string): string {
    let root = name;
    for (let parent = this.#parents.get(root); parent !== undefined; parent = this.#parents.get(root))
      root = parent;
    if (root !== name) this.#parents.set(name, root);
    return root;
  }

  join(a: string, b: string): void {
    const [root, other] = [this.rootOf(a), this.rootOf(b)];
    if (root !== other) this.#parents.set(other, root);
  }
}
