import { BnnqError } from '../../../errors.ts';
import { isObject } from '../config.ts';
import type { JsonObject, KerasSource } from '../contract.ts';
import { field, textField } from './json.ts';
import { namedWeights } from './named-weights.ts';
import { type ShardReader, tfjsVariables } from './tfjs-weights.ts';

/** Whether a JSON file is a model of TensorFlow.js. */
export function isTfjs(json: JsonObject): boolean {
  return Object.hasOwn(json, 'modelTopology') || Object.hasOwn(json, 'weightsManifest');
}

/**
 * Reads a TensorFlow.js layers model: `model.json` with the architecture of Keras and the list of weights in shards.
 * @param what the file, for messages
 * @throws unsupported for a graph model, which holds TensorFlow operators
 */
export function readTfjs(json: JsonObject, openShard: ShardReader, what: string): KerasSource {
  const where = `tfjs: ${what}`;
  const topology = field(json, 'modelTopology');
  if (textField(json, 'format') === 'graph-model' || field(topology, 'node') !== undefined)
    throw new BnnqError(
      'unsupported',
      `${where} is a TensorFlow.js graph model, which holds TensorFlow operators and no layers; convert the SavedModel that it was made from to ONNX with tf2onnx, or the Keras model with "tensorflowjs_converter --output_format tfjs_layers_model"`,
    );
  const inner = field(topology, 'model_config');
  const config = isObject(inner) ? inner : topology;
  if (!isObject(config) || textField(config, 'class_name') === '')
    throw new BnnqError('malformed', `${where} has no architecture: modelTopology names no class of model`);
  return {
    container: 'TensorFlow.js',
    config,
    // Models that TensorFlow.js itself saved say "tfjs-layers 4.2.0": its layers are those of Keras 2.
    kerasVersion: /^\d/.exec(textField(topology, 'keras_version'))
      ? textField(topology, 'keras_version')
      : '2',
    weights: namedWeights(tfjsVariables(field(json, 'weightsManifest'), openShard, where)),
  };
}
