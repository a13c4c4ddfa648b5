import { BnnqError } from '../../../errors.ts';
import { isArray, isObject, short } from '../config.ts';
import type { Json, JsonObject } from '../contract.ts';
import { MAX_AXES } from '../tensor.ts';

/** Lists and objects in an argument of a layer's call may nest this deep; Keras's own stay below five. */
const MAX_NESTING = 16;

/** A tensor that a call takes: output `tensor` of call `node` of a layer. */
export class TensorRef {
  readonly layer: string;
  readonly node: number;
  readonly tensor: number;
  /** The shape that the file declares (Keras 3). */
  readonly shape: readonly (number | null)[] | undefined;

  constructor(layer: string, node: number, tensor: number, shape?: readonly (number | null)[]) {
    this.layer = layer;
    this.node = node;
    this.tensor = tensor;
    this.shape = shape;
  }
}

/** An argument with references for tensors. */
export type RefArgument = Json | TensorRef | readonly RefArgument[] | { readonly [key: string]: RefArgument };

export interface NodeArguments {
  readonly args: readonly RefArgument[];
  readonly kwargs: Readonly<Record<string, RefArgument>>;
}

/**
 * One entry of `inbound_nodes`. Keras 3: `{args, kwargs}` with `__keras_tensor__` objects. Before: a list of
 * `[layer, node, tensor, kwargs]`, or such an entry itself, with tensors among the kwargs as `[layer, node, tensor]`.
 * @param isLayer whether the model has a layer of that name
 */
export function nodeArguments(json: Json, isLayer: (name: string) => boolean, where: string): NodeArguments {
  if (isObject(json) && isArray(json.args)) {
    const kwargs = isObject(json.kwargs) ? json.kwargs : {};
    return {
      args: json.args.map((item) => modernArgument(item, where, 0)),
      kwargs: mapValues(kwargs, (item) => modernArgument(item, where, 0)),
    };
  }
  const kwargs: Record<string, RefArgument> = {};
  const first = legacyArgument(json, isLayer, kwargs, where, 0);
  const isSingle = Array.isArray(first) && first.length === 1;
  return { args: [isSingle ? (first as readonly RefArgument[])[0]! : first], kwargs };
}

function modernArgument(json: Json, where: string, depth: number): RefArgument {
  checkDepth(depth, where);
  if (isArray(json)) return json.map((item) => modernArgument(item, where, depth + 1));
  if (!isObject(json)) return json;
  if (json.class_name === '__keras_tensor__' && isObject(json.config)) {
    const { keras_history: history, shape } = json.config;
    const ref = isArray(history) ? refOf(history, isArray(shape) ? shape : undefined) : undefined;
    if (ref === undefined)
      throw new BnnqError('malformed', `keras: ${where}: ${short(history ?? null)} names no tensor`);
    return ref;
  }
  return mapValues(json, (item) => modernArgument(item, where, depth + 1));
}

/** The first argument of a call before Keras 3; the keyword arguments, which each of its tensors repeats, go to `kwargs`. */
function legacyArgument(
  json: Json,
  isLayer: (name: string) => boolean,
  kwargs: Record<string, RefArgument>,
  where: string,
  depth: number,
): RefArgument {
  checkDepth(depth, where);
  if (isObject(json))
    return mapValues(json, (item) => legacyArgument(item, isLayer, kwargs, where, depth + 1));
  if (!isArray(json)) throw new BnnqError('malformed', `keras: ${where}: ${short(json)} names no tensor`);
  const extra = json[3];
  if (isObject(extra) && typeof json[0] === 'string')
    for (const [key, value] of Object.entries(extra))
      Object.defineProperty(kwargs, key, {
        value: legacyKeyword(value, isLayer, where, 0),
        enumerable: true,
        configurable: true,
        writable: true,
      });
  if (json[0] === '_CONSTANT_VALUE') return json[2] ?? null;
  if (typeof json[0] === 'string') {
    const ref = refOf(json);
    if (ref === undefined)
      throw new BnnqError('malformed', `keras: ${where}: ${short(json)} names no tensor`);
    return ref;
  }
  return json.map((item) => legacyArgument(item, isLayer, kwargs, where, depth + 1));
}

function legacyKeyword(
  json: Json,
  isLayer: (name: string) => boolean,
  where: string,
  depth: number,
): RefArgument {
  checkDepth(depth, where);
  if (isArray(json)) {
    const ref = json.length === 3 || json.length === 4 ? refOf(json) : undefined;
    if (ref !== undefined && isLayer(ref.layer)) return ref;
    return json.map((item) => legacyKeyword(item, isLayer, where, depth + 1));
  }
  return isObject(json) ? mapValues(json, (item) => legacyKeyword(item, isLayer, where, depth + 1)) : json;
}

/** `[layer, node, tensor]`, or undefined where it is something else. */
export function refOf(json: readonly Json[], shape?: readonly Json[]): TensorRef | undefined {
  const [layer, node, tensor] = json;
  if (typeof layer !== 'string' || !isIndex(node) || !isIndex(tensor)) return undefined;
  const isShape = shape !== undefined && shape.length <= MAX_AXES;
  const dims = isShape ? shape.map((dim) => (isIndex(dim) ? dim : null)) : undefined;
  return new TensorRef(layer, node, tensor, dims);
}

function isIndex(json: Json | undefined): json is number {
  return Number.isSafeInteger(json) && (json as number) >= 0;
}

function checkDepth(depth: number, where: string): void {
  if (depth > MAX_NESTING)
    throw new BnnqError('limit', `keras: ${where}: its arguments are nested more than ${MAX_NESTING} deep`);
}

/** The references in an argument, in order. */
export function refsIn(argument: RefArgument): TensorRef[] {
  if (argument instanceof TensorRef) return [argument];
  if (typeof argument !== 'object' || argument === null) return [];
  return Object.values(argument as Readonly<Record<string, RefArgument>>).flatMap(refsIn);
}

function mapValues(object: JsonObject, map: (item: Json) => RefArgument): { [key: string]: RefArgument } {
  return Object.fromEntries(Object.entries(object).map(([key, item]) => [key, map(item)]));
}
