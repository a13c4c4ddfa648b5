import type { Graph, Initializer, Node } from '../../../ir/graph.ts';
import { LEVEL_RULES, type LevelRule } from '../../../ir/levels.ts';
import { UNPACK_DOMAIN, type UnpackKind, unpackName } from '../export/unpack-function.ts';

/** A node that unpacks a weight, with the nodes behind it that only order what it gives. */
export interface UnpackChain {
  readonly kind: UnpackKind;
  /** The call first. */
  readonly nodes: readonly Node[];
  readonly planes: Initializer;
  readonly params: Initializer;
  readonly shape: Initializer;
  /** Columns of a row, where rows were filled up. */
  readonly columns?: number;
  /** The axes before they were permuted, and how. */
  readonly transposed?: { readonly split: readonly number[]; readonly perm: readonly number[] };
  /** Of the weight. */
  readonly weightShape: readonly number[];
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
 * The chain that begins with a node, as `unpackWeights` writes it: steps are told from nodes of the model by what the
 * values between them are called.
 * @param consumers nodes that use each value of the graph
 * @returns undefined for another node, and for one whose inputs are not constants
 */
export function unpackChainAt(
  node: Node,
  graph: Graph,
  consumers: ReadonlyMap<string, readonly Node[]>,
): UnpackChain | undefined {
  const kind = node.domain === UNPACK_DOMAIN ? KINDS.get(node.opType) : undefined;
  const [planes, params, shape] = node.inputs.map((name) => graph.initializers.get(name));
  if (kind === undefined || planes === undefined || params === undefined || shape === undefined)
    return undefined;
  const nodes: Node[] = [node];
  const ints = (name: string | undefined): number[] | undefined => {
    const constant = graph.initializers.get(name ?? '');
    return constant?.dtype === 'INT64' && constant.shape.length === 1 ? numbersOf(constant) : undefined;
  };
  let value = node.outputs[0] ?? '';
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  /** Takes the next node into the chain if it is a step of that operator. */
  const step = (opType: string): Node | undefined => {
    const [next, ...others] = consumers.get(value) ?? [];
    const output = next?.outputs[0] ?? '';
    if (next === undefined || others.length > 0 || next.opType !== opType || next.domain !== '')
      return undefined;
    if (next.inputs[0] !== value || next.name !== '' || outputs.has(value)) return undefined;
    if (!value.startsWith(`${output}.${opType}`)) return undefined;
    nodes.push(next);
    value = output;
    return next;
  };
  let dims = ints(shape.name);
  if (dims === undefined) return undefined;
  const slice = step('Slice');
  let columns: number | undefined;
  if (slice !== undefined) {
    columns = ints(slice.inputs[2])?.[0];
    dims = ints(step('Reshape')?.inputs[1]);
    if (columns === undefined || dims === undefined) return undefined;
  }
  const transpose = step('Transpose');
  let transposed: UnpackChain['transposed'];
  if (transpose !== undefined) {
    const inverse = transpose.attributes.get('perm');
    if (inverse?.type !== 'INTS' || !isPermutation(inverse.value, dims.length)) return undefined;
    const permuted = dims;
    const perm = inverse.value.map((_, axis) => inverse.value.indexOf(axis));
    transposed = { split: inverse.value.map((axis) => permuted[axis]!), perm };
    const reshape = step('Reshape');
    const reshaped = reshape === undefined ? transposed.split : ints(reshape.inputs[1]);
    if (reshaped === undefined) return undefined;
    dims = [...reshaped];
  }
  return {
    ...{ kind, nodes, planes, params, shape, weightShape: dims, name: value },
    ...(columns === undefined ? {} : { columns }),
    ...(transposed === undefined ? {} : { transposed }),
  };
}

function numbersOf(constant: Initializer): number[] {
  return Array.from(constant.read().data as BigInt64Array, Number);
}

function isPermutation(perm: readonly number[], rank: number): boolean {
  return perm.length === rank && perm.toSorted((a, b) => a - b).every((axis, i) => axis === i);
}
