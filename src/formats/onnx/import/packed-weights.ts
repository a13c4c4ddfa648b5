import { BnnqError } from '../../../errors.ts';
import type { Initializer, Model, Node } from '../../../ir/graph.ts';
import { paramCount } from '../../../ir/levels.ts';
import { nodeLabel } from '../../../ir/print.ts';
import { quantizedInitializer } from '../../../ir/quantized-initializer.ts';
import { consumersOf, producersOf } from '../../../ir/traverse.ts';
import { planeBytes, unpackBits } from '../../../tensor/bits.ts';
import { sizeOf } from '../../../tensor/tensor.ts';
import { UNPACK_DOMAIN } from '../export/unpack-function.ts';
import { NOTES_KEY, readNotes } from '../export/unpack-notes.ts';
import { blockWeightAt } from './block-weight.ts';
import { filledOf, integerWeightAt, planesFrom } from './integer-weight.ts';
import { type ExportedGraph, type MadeWeight, quantizedOf } from './made-weight.ts';
import { quantWeightAt } from './quant-weight.ts';
import { type UnpackChain, unpackChainAt } from './unpack-chain.ts';

/**
 * The model with discretized weights in the place of the nodes that make them: the way back from `exportOnnx` and `exportQonnx`.
 * Codes and level parameters are those that were written. Nodes of another making stay; so do integers and rounded floats
 * of a file that has no notes of ours, for any program writes such nodes.
 * @param problems takes what is wrong with nodes that unpack planes and whose codes or levels do not fit
 */
export function withPackedWeights(model: Model, problems: BnnqError[]): Model {
  const { graph } = model;
  const notes = model.metadata.get(NOTES_KEY);
  if (notes === undefined && !graph.nodes.some(({ domain }) => domain === UNPACK_DOMAIN)) return model;
  const exported = exportedGraph(model);
  const weights = new Map<string, Initializer>();
  const gone = new Set<Node>();
  const readers = new Map<Node, Node>();
  const seen = new Set<string>();
  for (const node of graph.nodes) {
    if (readers.has(node)) continue;
    const chain = unpackChainAt(node, exported);
    const problem = chain && damageOf(chain);
    if (problem !== undefined) problems.push(problem);
    const found =
      chain === undefined ? othersAt(node, exported, notes) : problem === undefined && madeBy(chain);
    if (found === undefined || found === false || seen.has(found.name)) continue;
    const weight = quantizedOf(found, exported.noteOf(found.name));
    if (weight === undefined) continue;
    seen.add(found.name);
    weights.set(found.name, quantizedInitializer(found.name, weight));
    for (const one of found.nodes) gone.add(one);
    for (const [reader, other] of found.readers ?? []) readers.set(reader, other);
  }
  if (weights.size === 0) return model;
  const nodes = graph.nodes.flatMap((node) => (gone.has(node) ? [] : [readers.get(node) ?? node]));
  const used = new Set([...consumersOf(nodes).keys(), ...graph.outputs.map(({ name }) => name)]);
  const read = [...gone, ...readers.keys()].flatMap(({ inputs }) => inputs);
  const freed = new Set(read.filter((name) => !used.has(name)));
  const initializers = new Map([...graph.initializers].filter(([name]) => !freed.has(name)));
  for (const [name, weight] of weights) initializers.set(name, weight);
  const called = calledFunctions(nodes, model.functions);
  const functions = model.functions.filter(
    ({ domain, name }) => domain !== UNPACK_DOMAIN || called.has(name),
  );
  const metadata = new Map([...model.metadata].filter(([key]) => key !== NOTES_KEY));
  return { ...model, functions, metadata, graph: { ...graph, nodes, initializers } };
}

function exportedGraph({ graph, metadata }: Model): ExportedGraph {
  const consumers = consumersOf(graph.nodes);
  const producers = producersOf(graph.nodes);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  return {
    constant: (name) => graph.initializers.get(name ?? ''),
    producer: (name) => producers.get(name),
    consumers: (name) => consumers.get(name) ?? [],
    isOutput: (name) => outputs.has(name),
    noteOf: readNotes(metadata.get(NOTES_KEY)),
  };
}

/** A weight in one of the forms that other programs write as well. */
function othersAt(node: Node, graph: ExportedGraph, notes: string | undefined): MadeWeight | undefined {
  if (notes === undefined) return undefined;
  return integerWeightAt(node, graph) ?? quantWeightAt(node, graph) ?? blockWeightAt(node, graph);
}

function madeBy({ kind, nodes, planes, params, shape, order, name }: UnpackChain): MadeWeight {
  const first = Array.from(shape.read().data as BigInt64Array, Number);
  return {
    ...{ ...kind, name, nodes, shape: order.shape },
    ...(order.transposed === undefined ? {} : { transposed: order.transposed }),
    ...filledOf(order, first),
    params: params.read().data as Float32Array,
    planesIn: (layout, rows, columns) => {
      const whole = planes.read().data as Uint8Array;
      if (order.columns === undefined) return whole;
      const codes = unpackBits(whole, kind.bits, sizeOf(first));
      const place = { shape: order.shape, dtype: kind.dtype, first, columns: order.columns };
      return planesFrom(codes, kind.bits, place, layout, rows, columns);
    },
  };
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
