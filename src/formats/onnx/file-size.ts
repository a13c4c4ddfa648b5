import type { Graph, Initializer, Model } from '../../ir/graph.ts';
import { payloadBytes } from '../../ir/quantized-tensor.ts';
import { allNodes, producersOf, subgraphsOf } from '../../ir/traverse.ts';
import { onnxContainerOf } from './container.ts';
import { MICROSOFT_DOMAIN } from './export/domains.ts';
import { UNPACK_DOMAIN } from './export/unpack-function.ts';

/** Bytes of an ONNX file by what they are for. */
export interface OnnxFileSize {
  /** Codes of weights: bit-planes, and integers that nodes of the graph dequantize. */
  readonly codes: number;
  /** Level parameters, scales and zero points. */
  readonly levels: number;
  /** All other constants: weights that are not discretized, biases, and discretized weights written as floats. */
  readonly other: number;
  /** Nodes, functions, names, metadata. */
  readonly graph: number;
  readonly total: number;
}

/** Operands of nodes that hold codes and levels, by operator: their places among the inputs. */
const CODED: Readonly<Record<string, readonly [codes: number, levels: readonly number[]]>> = {
  ' DequantizeLinear': [0, [1, 2]],
  [`${MICROSOFT_DOMAIN} DequantizeLinear`]: [0, [1, 2]],
  [`${MICROSOFT_DOMAIN} MatMulNBits`]: [1, [2, 3]],
};

/**
 * What the bytes of a file are for.
 * @param model as it was read from the file: what counts is the graph of the file, not what its nodes were taken for
 * @param total bytes of the file
 * @returns undefined where constants are elsewhere, outside of the file
 */
export function onnxFileSize(model: Model, total: number): OnnxFileSize | undefined {
  const size = constantBytes(onnxContainerOf(model)?.graph ?? model.graph);
  const graph = total - size.codes - size.levels - size.other;
  return graph < 0 ? undefined : { ...size, graph, total };
}

/** Bytes of the constants of a graph by what they are for; those in attributes and in branches, too. */
export function constantBytes({
  nodes,
  initializers,
}: Pick<Graph, 'nodes' | 'initializers'>): Pick<OnnxFileSize, 'codes' | 'levels' | 'other'> {
  const kinds = new Map<string, 'codes' | 'levels' | 'graph'>();
  const producers = producersOf(nodes);
  const constants: Initializer[] = [...initializers.values()];
  for (const { domain, opType, inputs, attributes } of allNodes(nodes)) {
    const [codes, levels] = domain === UNPACK_DOMAIN ? [0, [1]] : (CODED[`${domain} ${opType}`] ?? [-1, []]);
    if (codes >= 0) kinds.set(inputs[codes] ?? '', 'codes');
    for (const at of levels) kinds.set(inputs[at] ?? '', 'levels');
    if (domain === UNPACK_DOMAIN) kinds.set(inputs[2] ?? '', 'graph'); // the shape of the weight
    // Levels between the multiples of Δ: codes · 1 + ½, then · Δ.
    const sum = opType === 'Mul' ? producers.get(inputs[0] ?? '') : undefined;
    if (sum?.opType === 'Add' && producers.get(sum.inputs[0] ?? '')?.opType === 'DequantizeLinear')
      kinds.set(inputs[1] ?? '', 'levels');
    for (const attribute of attributes.values())
      if (attribute.type === 'TENSOR') constants.push(attribute.value);
  }
  for (const node of allNodes(nodes))
    for (const graph of subgraphsOf(node)) constants.push(...graph.initializers.values());
  const size = { codes: 0, levels: 0, other: 0, graph: 0 };
  for (const { name, quantized, byteLength } of constants)
    if (quantized === undefined) size[kinds.get(name) ?? 'other'] += byteLength;
    else {
      const payload = payloadBytes(quantized);
      size.codes += payload.codes;
      size.levels += payload.levels;
    }
  return size;
}
