import { BnnqError } from '../../../errors.ts';
import type { Initializer, Model, Node } from '../../../ir/graph.ts';
import { paramCount } from '../../../ir/levels.ts';
import { nodeLabel } from '../../../ir/print.ts';
import { quantizedInitializer } from '../../../ir/quantized-initializer.ts';
import {
  type Granularity,
  type QuantizedTensor,
  type RowLayout,
  rowsAndColumns,
  tableCount,
} from '../../../ir/quantized-tensor.ts';
import { consumersOf } from '../../../ir/traverse.ts';
import { packBits, planeBytes, unpackBits } from '../../../tensor/bits.ts';
import { sizeOf } from '../../../tensor/tensor.ts';
import { UNPACK_DOMAIN } from '../export/unpack-function.ts';
import {
  NOTES_KEY,
  plainLayout,
  readNotes,
  SCHEME_OF_RULE,
  type WeightNote,
} from '../export/unpack-notes.ts';
import { type UnpackChain, unpackChainAt } from './unpack-chain.ts';

/**
 * The model with discretized weights in the place of the nodes that unpack them: the way back from `exportOnnx`. Codes and
 * level parameters are those that were written. A node of another making stays a call of its function.
 * @param problems takes what is wrong with nodes that are of this kind and whose codes or levels do not fit
 */
export function withPackedWeights(model: Model, problems: BnnqError[]): Model {
  const { graph } = model;
  if (!graph.nodes.some(({ domain }) => domain === UNPACK_DOMAIN)) return model;
  const consumers = consumersOf(graph.nodes);
  const noteOf = readNotes(model.metadata.get(NOTES_KEY));
  const weights = new Map<string, Initializer>();
  const gone = new Set<Node>();
  for (const node of graph.nodes) {
    const chain = unpackChainAt(node, graph, consumers);
    if (chain === undefined) continue;
    const problem = damageOf(chain);
    const weight = problem === undefined ? weightOf(chain, noteOf(chain.name)) : undefined;
    if (problem !== undefined) problems.push(problem);
    if (weight === undefined) continue;
    weights.set(chain.name, quantizedInitializer(chain.name, weight));
    for (const one of chain.nodes) gone.add(one);
  }
  if (gone.size === 0) return model;
  const nodes = graph.nodes.filter((node) => !gone.has(node));
  const used = new Set([...consumersOf(nodes).keys(), ...graph.outputs.map(({ name }) => name)]);
  const freed = new Set([...gone].flatMap(({ inputs }) => inputs).filter((name) => !used.has(name)));
  const initializers = new Map([...graph.initializers].filter(([name]) => !freed.has(name)));
  for (const [name, weight] of weights) initializers.set(name, weight);
  const called = calledFunctions(nodes, model.functions);
  const functions = model.functions.filter(
    ({ domain, name }) => domain !== UNPACK_DOMAIN || called.has(name),
  );
  const metadata = new Map([...model.metadata].filter(([key]) => key !== NOTES_KEY));
  return { ...model, functions, metadata, graph: { ...graph, nodes, initializers } };
}

/** Functions of weights that nodes call, and that these functions call. */
function calledFunctions(nodes: Iterable<Node>, functions: Model['functions']): Set<string> {
  const called = new Set<string>();
  const walk = (list: Iterable<Node>): void => {
    for (const { domain, opType } of list) {
      if (domain !== UNPACK_DOMAIN || called.has(opType)) continue;
      called.add(opType);
      for (const body of functions) if (body.domain === domain && body.name === opType) walk(body.nodes);
    }
  };
  walk(nodes);
  return called;
}

/** What does not fit the kind of the weight, with what was expected. */
function damageOf(chain: UnpackChain): BnnqError | undefined {
  const { kind, nodes, planes, params, shape } = chain;
  const dims = Array.from(shape.read().data as BigInt64Array, Number);
  const size = dims.every((dim) => dim > 0) ? sizeOf(dims) : 0;
  const width = paramCount(kind.rule, kind.bits);
  const expect = (initializer: Initializer, dtype: string, wanted: readonly (number | '*')[]) => {
    const isRight =
      initializer.dtype === dtype &&
      initializer.shape.length === wanted.length &&
      wanted.every((dim, i) => dim === '*' || initializer.shape[i] === dim);
    if (isRight) return undefined;
    const got = `${initializer.dtype} [${initializer.shape}]`;
    return new BnnqError(
      'malformed',
      `onnx: ${nodeLabel(nodes[0]!)}: "${initializer.name}" is ${got}, expected ${dtype} [${wanted}]`,
      { node: nodes[0]!.name, tensor: chain.name },
    );
  };
  if (!Number.isSafeInteger(size) || size < 1)
    return new BnnqError(
      'malformed',
      `onnx: ${nodeLabel(nodes[0]!)}: "${shape.name}" is not the shape of a weight`,
      { node: nodes[0]!.name, tensor: chain.name },
    );
  return expect(planes, 'UINT8', [kind.bits, planeBytes(size), 1]) ?? expect(params, 'FLOAT', ['*', width]);
}

/** The weight that a chain makes; undefined where no layout of rows says what the nodes do. */
function weightOf(chain: UnpackChain, note: WeightNote): QuantizedTensor | undefined {
  const { kind, transposed, weightShape } = chain;
  const nodes = transposed ?? { split: weightShape, perm: weightShape.map((_, axis) => axis) };
  const plain = plainLayout(nodes.split, nodes.perm);
  const layouts = [note.layout, plain].filter((layout) => layout !== undefined);
  for (const layout of layouts) {
    if (!fitsNodes(layout, chain)) continue;
    const { rows, columns } = rowsAndColumns(layout);
    const shares = sharesOf(chain, note, rows, columns);
    if (shares === undefined) continue;
    const codes = codesOf(chain, rows, columns);
    if (codes === undefined) continue;
    return {
      ...{ scheme: typeof note.scheme === 'string' ? note.scheme : SCHEME_OF_RULE[kind.rule] },
      ...{ bits: kind.bits, rule: kind.rule, dtype: kind.dtype, shape: weightShape, layout },
      ...{ rows, columns, ...shares },
      ...{ params: chain.params.read().data as Float32Array, planes: codes },
    };
  }
  return undefined;
}

/** Whether a layout orders the elements as the nodes of the chain do. */
function fitsNodes(layout: Partial<RowLayout>, { transposed, weightShape }: UnpackChain): boolean {
  const { split, perm, rowAxes } = layout;
  if (!Array.isArray(split) || !Array.isArray(perm) || !Number.isInteger(rowAxes)) return false;
  if (rowAxes! < 0 || rowAxes! > split.length) return false;
  if (transposed !== undefined)
    return `${split}` === `${transposed.split}` && `${perm}` === `${transposed.perm}`;
  return (
    perm.length === split.length &&
    perm.every((axis, i) => axis === i) &&
    sizeOf(split) === sizeOf(weightShape)
  );
}

/** What has one level table: as noted, else what fits the number of tables. */
function sharesOf(
  { params, columns: kept }: UnpackChain,
  note: WeightNote,
  rows: number,
  columns: number,
): { granularity: Granularity; groupSize: number } | undefined {
  const tables = params.shape[0]!;
  const perRow = tables / rows;
  const guesses = ['tensor', 'channel', `group:${Math.ceil(columns / perRow)}`];
  if (kept !== undefined) guesses.length = 0; // rows that were filled up have groups of a size that is not to be seen
  for (const granularity of [note.granularity, ...guesses]) {
    const group = /^group:([1-9]\d{0,9})$/.exec(granularity ?? '');
    if (group === null && granularity !== 'tensor' && granularity !== 'channel') continue;
    const groupSize = group !== null ? Number(group[1]) : granularity === 'tensor' ? rows * columns : columns;
    const shares = { granularity: granularity as Granularity, groupSize };
    if (tableCount({ rows, columns, ...shares }) === tables) return shares;
  }
  return undefined;
}

/** The planes without the columns that rows were filled up with. */
function codesOf(chain: UnpackChain, rows: number, columns: number): Uint8Array | undefined {
  const planes = chain.planes.read().data as Uint8Array;
  const [filledRows, filled] = Array.from(chain.shape.read().data as BigInt64Array, Number);
  if (chain.columns === undefined) return planes;
  if (chain.columns !== columns || filledRows !== rows || filled === undefined) return undefined;
  const { bits } = chain.kind;
  const codes = new Uint8Array(rows * columns);
  for (let r = 0; r < rows; r++)
    codes.set(unpackBits(planes, bits, rows * filled, r * filled, columns), r * columns);
  return packBits(codes, bits);
}
