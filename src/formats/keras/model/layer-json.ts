import { BnnqError } from '../../../errors.ts';
import { isArray, isObject, short } from '../config.ts';
import type { Json, JsonObject } from '../contract.ts';
import type { LayerJson } from '../layer-call.ts';

/** A serialised layer, checked for what every layer has. @throws malformed */
export function layerJsonOf(json: Json | undefined, where: string): LayerJson {
  if (!isObject(json))
    throw new BnnqError('malformed', `keras: ${where} is ${short(json ?? null)}, expected an object`);
  const { class_name: className, config = {} } = json;
  if (typeof className !== 'string' || className === '')
    throw new BnnqError('malformed', `keras: ${where} has no class name`);
  const object: JsonObject = isArray(config) ? { layers: config } : isObject(config) ? config : {};
  const name = [json.name, object.name].find((text) => typeof text === 'string' && text !== '');
  return { className, name: (name as string | undefined) ?? className.toLowerCase(), config: object, json };
}

/** Modules of Keras itself; the class of another module is somebody's own, whatever its name. */
const KERAS_MODULE = /^(keras|tf_keras|tensorflow|builtins)(\.|$)/;
const OPERATION_MODULE = /^keras\.(src\.)?ops(\.|$)/;

/** Begins the key of an operation. */
export const OPERATION = 'ops>';

/**
 * The key under which the converter of a layer is registered: the class name; `Larq>QuantConv2D` for the class of a
 * registered package; `ops>Add` for an operation of a Keras 3 graph.
 */
export function layerKey({ className, config, json }: LayerJson): string {
  const { module, registered_name: registered } = json;
  // Keras 3 leaves the modules out of .h5 files; there the configuration of an operation has none of a layer's keys.
  if (
    module === undefined &&
    isModernCall(json) &&
    config.trainable === undefined &&
    ((config.dtype ?? null) === null || className === 'Cast')
  )
    return `${OPERATION}${className}`;
  if (typeof module !== 'string' || module === '') return className;
  if (OPERATION_MODULE.test(module)) return `${OPERATION}${className}`;
  if (KERAS_MODULE.test(module)) return className;
  return typeof registered === 'string' && registered.includes('>') ? registered : `${module}>${className}`;
}

/** Whether a layer of a graph is called as Keras 3 writes it. */
export function isModernCall({ inbound_nodes: nodes }: JsonObject): boolean {
  const first = isArray(nodes) ? nodes[0] : undefined;
  return isObject(first) && isArray(first.args);
}
