import type { Model, Node } from '../../../ir/graph.ts';
import type { QuantizedTensor } from '../../../ir/quantized-tensor.ts';
import { INDEX_KEY } from '../../packed/format.ts';
import { encodeParts } from '../encode.ts';
import { onnxBytes } from '../write.ts';
import { blockProducts, MICROSOFT_DOMAIN } from './block-products.ts';
import { dequantizeWeight } from './dequantize-weights.ts';
import { nameMaker } from './name-maker.ts';
import { quantFunctions } from './quant-functions.ts';
import { spliceOnnx } from './splice.ts';
import { NOTES_KEY, writeNotes } from './unpack-notes.ts';
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

/** Versions of the format that came with sets of operators, the newest first: types of integers need theirs. */
const IR_VERSIONS: readonly (readonly [opset: number, irVersion: number])[] = [
  [25, 13],
  [24, 12],
  [23, 11],
  [21, 10],
  [19, 9],
  [15, 8],
];

/**
 * A model as a standard ONNX file. What the source had, names, metadata and fields that nothing here reads, stays as it was; a
 * discretized weight is made by nodes of what it takes on disk. The same model gives the same bytes.
 * @param opset the set of standard operators to declare: the model's, or a newer one in which its nodes mean the same
 * @throws unsupported with all nodes of QONNX that cannot be said by operators of the standard
 */
export function exportOnnx(model: Model, flavor: OnnxFlavor, opset: number): Uint8Array {
  const weights = new Map<string, QuantizedTensor>();
  if (flavor !== 'float')
    for (const [name, { quantized }] of model.graph.initializers)
      if (quantized !== undefined) weights.set(name, quantized);
  const parts = new WeightParts(nameMaker(model));
  const unpacked = new Map<string, QuantizedTensor>();
  const products =
    flavor === 'msft'
      ? blockProducts(model.graph, weights, parts)
      : { nodes: new Map<string, Node>(), written: new Set<string>() };
  for (const [name, weight] of weights) {
    if (products.written.has(name)) continue;
    if (flavor === 'integer' && dequantizeWeight(parts, name, weight, opset)) continue;
    unpackWeight(parts, name, weight, opset);
    unpacked.set(name, weight);
  }
  // What is made by nodes is not to be written as floats first.
  const bytes = onnxBytes(model, ({ name }) => (weights.has(name) ? 'unpacked' : undefined));
  const functions = [...quantFunctions(model, opset), ...parts.functions.values()];
  const opsets = new Map(functions.map(({ domain }) => [domain, 1]));
  if (products.nodes.size > 0) opsets.set(MICROSOFT_DOMAIN, 1);
  if (opset > 0) opsets.set('', opset);
  const own = model.opsets.get('') ?? 0;
  const needed = opset > own ? (IR_VERSIONS.find(([from]) => from <= opset)?.[1] ?? 0) : 0;
  return spliceOnnx(bytes, {
    ...encodeParts(parts.nodes, parts.initializers, functions),
    replaced: new Set(weights.keys()),
    substitutes: new Map(
      [...products.nodes].map(([output, node]) => [output, encodeParts([node], [], []).nodes[0]!]),
    ),
    opsets,
    irVersion: Math.max(needed, functions.length > 0 ? FUNCTIONS_IR_VERSION : 0),
    metadata: new Set([INDEX_KEY, NOTES_KEY]),
    notes: unpacked.size === 0 ? undefined : { key: NOTES_KEY, value: writeNotes(unpacked) },
  });
}
