import { BnnqError } from '../../../errors.ts';
import type { Model } from '../../../ir/graph.ts';
import type { QuantizedTensor } from '../../../ir/quantized-tensor.ts';
import { allNodes } from '../../../ir/traverse.ts';
import { INDEX_KEY } from '../../packed/format.ts';
import { encodeParts } from '../encode.ts';
import { onnxBytes } from '../write.ts';
import { quantFunctions } from './quant-functions.ts';
import { spliceOnnx } from './splice.ts';
import { UNPACK_OPSET } from './unpack-function.ts';
import { NOTES_KEY, writeNotes } from './unpack-notes.ts';
import { unpackWeights } from './unpack-weights.ts';

/** `planes`: weights of k bits stay k bits, unpacked by standard operators. `float`: their levels, as any tool reads them. */
export type OnnxFlavor = 'planes' | 'float';

/** Functions of a model are known from this version of the format on (ONNX 1.10). */
const FUNCTIONS_IR_VERSION = 8;

/**
 * A model as a standard ONNX file. What the source had, names, metadata and fields that nothing here reads, stays as it was; a
 * discretized weight is made by one node of what it takes on disk. The same model gives the same bytes.
 * @throws unsupported where the operators that unpack weights are newer than the model's operator set
 */
export function exportOnnx(model: Model, flavor: OnnxFlavor = 'planes'): Uint8Array {
  const weights = new Map<string, QuantizedTensor>();
  if (flavor === 'planes')
    for (const [name, { quantized }] of model.graph.initializers)
      if (quantized !== undefined) weights.set(name, quantized);
  const opset = model.opsets.get('') ?? model.opsets.get('ai.onnx') ?? 0;
  if (weights.size > 0 && opset < UNPACK_OPSET)
    throw new BnnqError(
      'unsupported',
      `onnx: weights of few bits are unpacked by operators of set ${UNPACK_OPSET}, the model is of set ${opset}; flavor "float" writes their levels`,
    );
  const quants = quantFunctions(model, opset);
  const parts = unpackWeights(weights, opset, nameMaker(model));
  // What is made by nodes is not to be written as floats first.
  const bytes = onnxBytes(model, ({ name }) => (weights.has(name) ? 'unpacked' : undefined));
  const functions = [...quants, ...parts.functions];
  const domains = new Set(functions.map(({ domain }) => domain));
  return spliceOnnx(bytes, {
    ...encodeParts(parts.nodes, parts.initializers, functions),
    replaced: new Set(weights.keys()),
    opsets: new Map([...domains].map((domain) => [domain, 1])),
    irVersion: functions.length > 0 ? FUNCTIONS_IR_VERSION : 0,
    metadata: new Set([INDEX_KEY, NOTES_KEY]),
    notes: weights.size === 0 ? undefined : { key: NOTES_KEY, value: writeNotes(weights) },
  });
}

/** Gives names that no value of the model has. */
function nameMaker({ graph }: Model): (wanted: string) => string {
  const taken = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  for (const name of graph.initializers.keys()) taken.add(name);
  for (const { inputs, outputs } of allNodes(graph.nodes))
    for (const name of [...inputs, ...outputs]) taken.add(name);
  return (wanted) => {
    let name = wanted;
    for (let i = 2; taken.has(name); i++) name = `${wanted}.${i}`;
    taken.add(name);
    return name;
  };
}
