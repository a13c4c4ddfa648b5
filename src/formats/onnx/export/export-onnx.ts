import type { Model, Node } from '../../../ir/graph.ts';
import type { QuantizedTensor, RowLayout } from '../../../ir/quantized-tensor.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { INDEX_KEY } from '../../packed/format.ts';
import { encodeParts } from '../encode.ts';
import { onnxBytes } from '../write.ts';
import { blockProducts } from './block-products.ts';
import { dequantizeWeight } from './dequantize-weights.ts';
import { MICROSOFT_DOMAIN } from './domains.ts';
import { nameMaker } from './name-maker.ts';
import { quantFunctions } from './quant-functions.ts';
import { type Substitute, spliceOnnx } from './splice.ts';
import { undeclaredDomains } from './undeclared-domains.ts';
import { NOTES_KEY, type NotedWeight, saidBySteps, writeNotes } from './unpack-notes.ts';
import { unpackWeight } from './unpack-weights.ts';
import { WeightParts } from './weight-parts.ts';

/**
 * How discretized weights are written. `planes`: k bits stay k bits, unpacked by standard operators. `integer`: as integers for
 * DequantizeLinear where the operator set has them, the others as planes. `msft`: matrix products by blocks of 2, 4 or 8 bits as
 * onnxruntime's MatMulNBits, the others as planes. `float`: their levels, as any tool reads them.
 */
export const ONNX_FLAVORS = ['planes', 'integer', 'msft', 'float'] as const;

export type OnnxFlavor = (typeof ONNX_FLAVORS)[number];

/** Functions of a model are known from this version of the format on (ONNX 1.10). */
const FUNCTIONS_IR_VERSION = 8;

/** Functions of one name from this version on (ONNX 1.16). */
const OVERLOADS_IR_VERSION = 10;

/** Versions of the format that came with sets of operators, the newest first: types of integers need theirs. */
const IR_VERSIONS: readonly (readonly [opset: number, irVersion: number])[] = [
  [25, 13],
  [24, 12],
  [23, 11],
  [21, 10],
  [19, 9],
  [15, 8],
];

/** What an export takes from those who know operators. */
export interface OnnxExport {
  readonly flavor: OnnxFlavor;
  /** The set of standard operators to declare: the model's, or a newer one. */
  readonly opset: number;
  /** What nodes of the main graph become in that set; the others mean the same there. */
  readonly raise: (make: {
    readonly constant: (tensor: Tensor) => string;
    readonly free: (wanted: string) => string;
  }) => ReadonlyMap<Node, readonly Node[]>;
  /** How many axes a value of the graph has, where that is known. */
  readonly rankOf: (name: string) => number | undefined;
}

/**
 * A model as a standard ONNX file. What the source had, names, metadata and fields that nothing here reads, stays as it was; a
 * discretized weight is made by nodes of what it takes on disk. The same model gives the same bytes.
 * @throws unsupported with all nodes of QONNX that cannot be said by operators of the standard
 */
export function exportOnnx(model: Model, { flavor, opset, raise, rankOf }: OnnxExport): Uint8Array {
  const weights = new Map<string, QuantizedTensor>();
  if (flavor !== 'float')
    for (const [name, { quantized }] of model.graph.initializers)
      if (quantized !== undefined) weights.set(name, quantized);
  const parts = new WeightParts(nameMaker(model));
  const noted = new Map<string, NotedWeight>();
  const products =
    flavor === 'msft'
      ? blockProducts(model.graph, weights, parts)
      : { nodes: new Map<Node, readonly Node[]>(), written: new Map<string, RowLayout>() };
  for (const [name, weight] of weights) {
    const integers =
      products.written.get(name) ??
      (flavor === 'integer' ? dequantizeWeight(parts, name, weight, opset) : undefined);
    if (integers === undefined) unpackWeight(parts, name, weight, opset);
    noted.set(name, { quantized: weight, said: integers ?? saidBySteps(weight) });
  }
  const raised = raise({ constant: (tensor) => parts.shared('operand', tensor), free: parts.free });
  // What is made by nodes is not to be written as floats first.
  const bytes = onnxBytes(model, ({ name }) => (weights.has(name) ? 'unpacked' : undefined));
  const quants = quantFunctions(model, opset, rankOf);
  const functions = [...quants.functions, ...parts.functions.values()];
  const opsets = undeclaredDomains(model);
  for (const { domain } of functions) opsets.set(domain, 1);
  if (products.nodes.size > 0) opsets.set(MICROSOFT_DOMAIN, 1);
  if (opset > 0) opsets.set('', opset);
  const own = model.opsets.get('') ?? 0;
  const needed = opset > own ? (IR_VERSIONS.find(([from]) => from <= opset)?.[1] ?? 0) : 0;
  return spliceOnnx(bytes, {
    ...encodeParts(parts.nodes, parts.initializers, functions),
    replaced: new Set(weights.keys()),
    substitutes: substitutesFor(
      new Map([
        ...raised,
        ...products.nodes,
        ...[...quants.overloads].map(([node, overload]) => [node, [{ ...node, overload }]] as const),
      ]),
    ),
    opsets,
    irVersion: Math.max(
      needed,
      functions.length > 0 ? FUNCTIONS_IR_VERSION : 0,
      quants.overloads.size > 0 ? OVERLOADS_IR_VERSION : 0,
    ),
    metadata: new Set([INDEX_KEY, NOTES_KEY]),
    notes: noted.size === 0 ? undefined : { key: NOTES_KEY, value: writeNotes(noted) },
  });
}

/** Encoded nodes in the place of others, by the first value that is made. */
function substitutesFor(nodes: ReadonlyMap<Node, readonly Node[]>): Map<string, Substitute> {
  return new Map(
    [...nodes].map(([node, list]) => {
      const heir = Math.max(
        0,
        list.findIndex(({ opType }) => opType === node.opType),
      );
      return [node.outputs.find((name) => name !== '')!, { nodes: encodeParts(list, [], []).nodes, heir }];
    }),
  );
}
