import { BnnqError, throwIfAny } from '../../errors.ts';
import type { Model, ModelSource } from '../../ir/graph.ts';
import { validateModel } from '../../ir/validate.ts';
import type { KerasSource } from './contract.ts';
import { GraphBuilder } from './graph-builder.ts';
import { type ImportContext, LayerCall, tensorsIn } from './layer-call.ts';
import { findLayer } from './layers/registry.ts';
import { convertModel } from './model/convert-model.ts';
import { modernLayer } from './model/keras1.ts';
import { layerJsonOf, layerKey } from './model/layer-json.ts';
import { modelKind } from './model/model-call.ts';
import { NOT_CONVERTED } from './not-converted.ts';
import { KerasTensor } from './tensor.ts';
import { unknownLayer } from './unknown-layer.ts';

/** The ONNX operator set that layers are written in, and the IR version that came with it (ONNX 1.17). */
const OPSET = 22;
const IR_VERSION = 10;

/** Calls of layers: the largest networks have some thousand; nested models that call each other twice make 2^depth, without a node. */
const MAX_CALLS = 10_000;

/** Names in one note. */
const MAX_LISTED = 20;

export interface KerasOptions {
  /** Where the model came from; `format` is always `keras`. */
  readonly source?: Omit<ModelSource, 'format'>;
}

/**
 * The graph of a Keras model. Inputs and outputs keep the shapes and the order of Keras; inside, images are NCHW. Layers
 * that cannot be converted become nodes of domain `keras`, and are listed in the metadata under `keras.not-converted`.
 * @throws malformed with everything that is wrong with the file; unsupported for a model that its configuration does not
 * describe; limit
 */
export function importKeras(source: KerasSource, options: KerasOptions = {}): Model {
  const graph = new GraphBuilder();
  const problems: BnnqError[] = [];
  const notes: string[] = [];
  let calls = 0;
  const context: ImportContext = {
    graph,
    weights: source.weights,
    major: Number.parseInt(source.kerasVersion, 10) || 2,
    problems,
    convert: (call) => {
      if (++calls > MAX_CALLS)
        throw new BnnqError('limit', `keras: the model calls layers more than ${MAX_CALLS} times`);
      return convertCall(
        context.major === 1 ? new LayerCall({ ...call, layer: modernLayer(call.layer) }) : call,
        notes,
      );
    },
  };
  const model = layerJsonOf(source.config, 'the configuration of the model');
  const outputs = convertModel({ context, model, path: [] });
  if (notes.length > 0) notes.push(...leftOut(source));
  outputs.tensors.forEach((tensor, i) => {
    graph.output(outputs.names[i]!, tensor);
  });
  const imported: Model = {
    irVersion: IR_VERSION,
    opsets: new Map([
      ['', OPSET],
      ...[...graph.domains].filter((domain) => domain !== '').map((d) => [d, 1] as const),
    ]),
    producer: `keras ${source.kerasVersion}`.trim(),
    metadata: new Map(notes.length === 0 ? [] : [[NOT_CONVERTED, notes.join('\n')]]),
    graph: graph.finish(model.name),
    functions: [],
    source: { format: 'keras', ...options.source },
  };
  throwIfAny([...problems, ...(problems.length === 0 ? validateModel(imported) : [])]);
  return imported;
}

/** Weights that no layer asked for, where some layers are unknown: they are not in the graph. */
function leftOut(source: KerasSource): string[] {
  const names = source.weights.unused();
  if (names.length === 0) return [];
  const more = names.length > MAX_LISTED ? `, and ${names.length - MAX_LISTED} more` : '';
  return [`weights that no converted layer has: ${names.slice(0, MAX_LISTED).join(', ')}${more}`];
}

/** Converts one call; what is wrong with the layer is noted, so that the next one gets its turn. */
function convertCall(call: LayerCall, notes: string[]): readonly KerasTensor[] {
  const { graph, problems } = call.context;
  const convert = findLayer(layerKey(call.layer));
  const before = graph.mark();
  try {
    if (convert === undefined && modelKind(call.layer) !== undefined) {
      const inputs = tensorsIn(call.args);
      return convertModel({ context: call.context, model: call.layer, path: call.path, inputs }).tensors;
    }
    // Keras 3 asks for inference whatever the graph says.
    if (call.kwargs.training === true && call.major < 3) throw call.unsupported('is called as in training');
    if (convert !== undefined) {
      const made = convert(call);
      return made instanceof KerasTensor ? [made] : made;
    }
    const isCode = call.layer.className === 'Lambda';
    notes.push(
      `${call.where}: ${isCode ? 'holds code, which is never run' : 'not a layer that is known here'}`,
    );
  } catch (thrown) {
    if (!(thrown instanceof BnnqError) || (thrown.code !== 'unsupported' && thrown.code !== 'malformed'))
      throw thrown;
    if (thrown.code === 'malformed') problems.push(thrown);
    else notes.push(thrown.message.replace(/^keras: /, ''));
    graph.rollBack(before);
  }
  return unknownLayer(call);
}
