import type { Attribute, Node } from '../ir/graph.ts';
import { numberAttribute, scalarValue } from './constant-values.ts';
import { type Carried, type CarrierContext, channelDims } from './sign-carriers.ts';

/**
 * A value whose elements follow from the elements of one or two values of signs at the same place. `values` are the results for +1, −1
 * and 0 (what has no sign) of the first, then for those of the second: digit 0, 1, 2 of the index, the first digit the lowest.
 */
export interface SignTable {
  readonly sources: readonly string[];
  readonly values: readonly number[];
  /** The nodes that compute it. */
  readonly nodes: readonly Node[];
}

const DIGITS = [1, -1, 0];

/** The table of signs themselves. */
export function ownTable(name: string): SignTable {
  return { sources: [name], values: DIGITS, nodes: [] };
}

type Elementwise = (operands: readonly number[]) => number;

const ELEMENTWISE: Readonly<Record<string, Elementwise>> = {
  Add: ([a, b]) => a! + b!,
  Sub: ([a, b]) => a! - b!,
  Mul: ([a, b]) => a! * b!,
  Div: ([a, b]) => a! / b!,
  Max: (all) => Math.max(...all),
  Min: (all) => Math.min(...all),
  Neg: ([a]) => -a!,
  Relu: ([a]) => Math.max(a!, 0),
  Clip: ([a, low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY]) =>
    Math.min(Math.max(a!, low), high),
};

/** The table of what an elementwise node makes of tables and numbers; undefined for more than two sources, or other operands. */
export function tableOf(
  node: Node,
  tables: ReadonlyMap<string, SignTable>,
  { editor, shapeOf }: CarrierContext,
): SignTable | undefined {
  const compute = node.domain === '' ? ELEMENTWISE[node.opType] : undefined;
  if (compute === undefined || !node.inputs.some((name) => tables.has(name))) return undefined;
  const shape = shapeOf(node.outputs[0]!);
  const operands: (SignTable | number | undefined)[] = [];
  for (const name of node.inputs) {
    const constant = editor.constant(name);
    const operand = tables.get(name) ?? (constant?.dtype === 'FLOAT' ? scalarValue(constant) : undefined);
    if (operand === undefined && name !== '') return undefined;
    operands.push(operand);
  }
  if (node.opType === 'Clip' && operands.length === 1) {
    operands.push(numberAttribute(node, 'min', Number.NEGATIVE_INFINITY));
    operands.push(numberAttribute(node, 'max', Number.POSITIVE_INFINITY));
  }
  const inner = operands.filter((operand) => typeof operand === 'object');
  const sources = [...new Set(inner.flatMap((table) => table.sources))];
  const isSame = sources.every((name) => sameShape(shapeOf(name), shape));
  if (sources.length > 2 || !isSame) return undefined;
  const values = Array.from({ length: 3 ** sources.length }, (_, i) => {
    const at = operands.map((operand) =>
      typeof operand === 'object' ? entry(operand, sources, i) : operand,
    );
    return Math.fround(compute(at as number[]));
  });
  return { sources, values, nodes: [...new Set([...inner.flatMap((table) => table.nodes), node])] };
}

function sameShape(a: ReturnType<CarrierContext['shapeOf']>, b: typeof a): boolean {
  return a?.length === b?.length && a?.every((dim, i) => dim !== null && dim === b?.[i]) === true;
}

/** The value for an index over other sources. */
function entry(table: SignTable, sources: readonly string[], index: number): number {
  const digits = [index % 3, Math.floor(index / 3)];
  let at = 0;
  table.sources.forEach((name, i) => {
    at += digits[sources.indexOf(name)]! * 3 ** i;
  });
  return table.values[at]!;
}

/** What a table of signs alone is: those of its one source, or a combination of two. */
export function carriedByTable(table: SignTable, { known, shapeOf }: CarrierContext): Carried | undefined {
  const { sources, values, nodes } = table;
  const between = nodes.slice(0, -1);
  const isFlat = known.get(sources[0]!)?.isFlat;
  if (isFlat === undefined || sources.some((name) => known.get(name)?.isFlat !== isFlat)) return undefined;
  if (sources.length === 1)
    return values.join() === DIGITS.join() ? { inputs: sources, isFlat, between } : undefined;
  const signs = [values[0], values[1], values[3], values[4]].join();
  const how = { '1,-1,-1,1': 'xor', '1,1,1,-1': 'and', '1,-1,-1,-1': 'or' }[signs];
  const channels = channelDims(shapeOf(sources[0]!));
  if (how === undefined || isFlat || channels === undefined) return undefined;
  const attributes = new Map<string, Attribute>([
    ['how', { type: 'STRING', value: how }],
    ['channels', { type: 'INT', value: channels.reduce((a, b) => a * b, 1) }],
    ['table', { type: 'FLOATS', value: values }],
  ]);
  return { inputs: sources, isFlat, operator: { opType: 'SignCombine', attributes }, between };
}
