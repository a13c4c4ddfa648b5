import type { Attribute, Model, Node } from '../ir/graph.ts';
import type { Grid } from './code-grids.ts';
import { withAttributes } from './constant-values.ts';
import { DisjointSets } from './disjoint-sets.ts';
import { type FixedRole, fixedRole, gridOfCodes } from './fixed-roles.ts';
import { fixedUnit } from './fixed-unit.ts';
import { isCodes, settleCodes } from './fuse-integer.ts';
import { FUSED_DOMAIN } from './fused.ts';
import { GraphEditor } from './graph-editor.ts';
import type { Pass } from './pass.ts';

/**
 * Values that layers on codes make as floats, or that are rounded, and are added, bounded, pooled, moved, and all end in codes again, as
 * residual sums do: they become fixed-point values, 32-bit integers of one unit for all that meet (a *trunk*; see
 * kernels/integer/fixed-contract.ts and `fixedUnit`). Then nothing between the first codes and the last layer is a float. A trunk is
 * taken as a whole or not at all: it stays float where one of its values is an output, or is made or read by anything else.
 */
export const fuseFixed: Pass = {
  name: 'fuse-fixed',
  agreement: 'rounding',
  run(model: Model): Model {
    const editor = new GraphEditor(model);
    const trunks = trunksOf(editor);
    const unitOf = new Map(
      trunks.flatMap(({ nodes, unit }) =>
        nodes.flatMap(({ role }) => role.values.map((value) => [value, unit!])),
      ),
    );
    for (const { nodes, unit } of trunks)
      for (const { node, role } of nodes) convert(editor, node, role, unit!, unitOf);
    if (trunks.length > 0) settleCodes(editor);
    return editor.result();
  },
};

type QuantRole = FixedRole & { readonly kind: 'quant' };

/** A node of a trunk, and what it does there. */
export interface FixedNode {
  readonly node: Node;
  readonly role: FixedRole;
}

export interface Trunk {
  readonly nodes: FixedNode[];
  /** Grids of codes that values end in. */
  readonly ends: Grid[];
  /** Absent where it has to stay float. */
  unit: number | undefined;
}

/** Every trunk that is whole, with its nodes in the order of the graph. */
function trunksOf(editor: GraphEditor): Trunk[] {
  const roles = new Map<Node, FixedRole>();
  for (const node of editor.nodes()) {
    const role = fixedRole(editor, node);
    if (role !== undefined) roles.set(node, role);
  }
  const sets = new DisjointSets();
  for (const { values } of roles.values()) for (const value of values) sets.join(values[0]!, value);
  const trunks = new Map<string, Trunk>();
  for (const [node, role] of roles) {
    const root = sets.rootOf(role.values[0]!);
    const trunk = trunks.get(root) ?? { nodes: [], ends: [], unit: undefined };
    trunk.nodes.push({ node, role });
    trunks.set(root, trunk);
  }
  for (const [node, role] of roles) {
    if (role.kind === 'codes') trunks.get(sets.rootOf(role.values[0]!))!.ends.push(gridOfCodes(node));
    if (role.kind === 'quant') trunks.get(sets.rootOf(role.ends))?.ends.push(role.grid);
  }
  for (const trunk of trunks.values()) if (!isRoundedLayer(trunk)) trunk.unit = fixedUnit(editor, trunk);
  const isTaken = (value: string): boolean => trunks.get(sets.rootOf(value))?.unit !== undefined;
  const isReadAs = (reader: Node, value: string): boolean => {
    const role = roles.get(reader);
    if (role?.values.includes(value)) return true;
    if (role?.kind === 'quant') return role.ends === value && isTaken(role.values[0]!);
    // What makes codes is gone with those that read them.
    const [codes = ''] = reader.opType === 'QuantizeLinear' ? reader.outputs : [];
    const readers = editor.consumers(codes);
    const isGone = ({ values }: FixedRole): boolean => isTaken(values[0]!);
    return (
      readers.length > 0 &&
      !editor.isOutput(codes) &&
      readers.every((next) => roles.get(next)?.kind === 'quant' && isGone(roles.get(next)!))
    );
  };
  const isWhole = (value: string): boolean => {
    const producer = editor.producer(value);
    const made = producer === undefined ? undefined : roles.get(producer)?.made;
    if (made !== value || editor.isOutput(value)) return false;
    return editor.consumers(value).every((reader) => isReadAs(reader, value));
  };
  // A trunk that stays float may be where another ends.
  for (let isSettled = false; !isSettled; ) {
    isSettled = true;
    for (const trunk of trunks.values()) {
      if (trunk.unit === undefined || trunk.nodes.every(({ role }) => role.values.every(isWhole))) continue;
      trunk.unit = undefined;
      isSettled = false;
    }
  }
  return [...trunks.values()].filter(({ unit }) => unit !== undefined);
}

/** A layer whose outputs are rounded to one grid alone: it gives codes itself, once they are asked for. */
function isRoundedLayer({ nodes, ends }: Trunk): boolean {
  const [first, ...others] = nodes;
  const isAlone = others.length === 0 && first?.role.kind === 'layer' && first.role.values.length === 1;
  return isAlone && ends.every((grid) => isSameGrid(grid, ends[0]!));
}

function isSameGrid(a: Grid, b: Grid): boolean {
  return (['scale', 'zero', 'high'] as const).every((name) => a[name].value === b[name].value);
}

function convert(
  editor: GraphEditor,
  node: Node,
  role: FixedRole,
  unit: number,
  unitOf: ReadonlyMap<string, number>,
): void {
  if (role.kind === 'layer') {
    const attributes = withAttributes(node.attributes, { y_unit: { type: 'FLOAT', value: unit } });
    editor.replace(node, { ...node, attributes });
  } else if (role.kind === 'inner') editor.replace(node, role.rewritten(editor, unit));
  else if (role.kind === 'flatten') editor.remove(node);
  else if (role.kind !== 'quant')
    editor.replace(node, coding(node, role.values[0]!, node.outputs[0]!, gridOfCodes(node), unit));
  else convertQuant(editor, node, role, unit, unitOf);
}

/** Codes of what is rounded, and fixed-point values of these. */
function convertQuant(
  editor: GraphEditor,
  node: Node,
  role: QuantRole,
  unit: number,
  unitOf: ReadonlyMap<string, number>,
): void {
  const codes = codesFor(editor, node, role, unitOf.get(role.ends));
  const attributes = new Map(Object.entries({ ...role.grid, unit: float(unit) }));
  editor.replace(node, {
    ...node,
    domain: FUSED_DOMAIN,
    opType: 'FixedOfCodes',
    inputs: [codes],
    attributes,
  });
  const { coder } = role;
  if (coder === undefined || !editor.has(coder)) return;
  if (coder.outputs.every((name) => !editor.isOutput(name) && editor.consumers(name).length === 0))
    editor.remove(coder);
}

/** The name of the codes that the node rounds a value to; they are made where they are not there. @param unit of the value, where it is fixed-point */
function codesFor(
  editor: GraphEditor,
  node: Node,
  { ends, grid }: QuantRole,
  unit: number | undefined,
): string {
  const isSame = (other: Node): boolean => isSameGrid(gridOfCodes(other), grid);
  const made = editor
    .consumers(ends)
    .find((other) => isAnyCodes(other) && isSame(other) && editor.position(other) < editor.position(node));
  if (made !== undefined) return made.outputs[0]!;
  const name = `${node.outputs[0]}/own codes`;
  editor.insertBefore(node, coding(node, ends, name, grid, unit));
  return name;
}

function isAnyCodes(node: Node): boolean {
  return isCodes(node) || (node.domain === FUSED_DOMAIN && node.opType === 'FixedCodes');
}

/** The node that makes codes of a value. */
function coding(node: Node, input: string, output: string, grid: Grid, unit: number | undefined): Node {
  const isFixed = unit !== undefined;
  return {
    ...{
      ...node,
      domain: FUSED_DOMAIN,
      opType: isFixed ? 'FixedCodes' : 'Codes',
      inputs: [input],
      outputs: [output],
    },
    attributes: new Map(Object.entries(isFixed ? { ...grid, unit: float(unit) } : grid)),
  };
}

function float(value: number): Attribute {
  return { type: 'FLOAT', value };
}
