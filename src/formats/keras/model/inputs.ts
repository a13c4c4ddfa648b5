import type { Dim } from '../../../ir/graph.ts';
import type { DataType } from '../../../tensor/dtype.ts';
import { isArray, isObject } from '../config.ts';
import type { Json } from '../contract.ts';
import type { LayerJson } from '../layer-call.ts';
import { BATCH, MAX_AXES } from '../tensor.ts';

/** The shape that a layer was made for, batch first: Keras 3 says `batch_shape`, Keras 2 `batch_input_shape`. */
export function declaredShape({ config, json }: LayerJson): readonly Dim[] | undefined {
  const build = isObject(json.build_config) ? json.build_config : {};
  for (const stated of [
    config.batch_shape,
    config.batch_input_shape,
    config.build_input_shape,
    build.input_shape,
  ]) {
    const shape = shapeOf(stated);
    if (shape !== undefined) return shape;
  }
  const inner =
    shapeOf(config.input_shape) ?? (typeof config.input_dim === 'number' ? [config.input_dim] : undefined);
  return inner && [BATCH, ...inner];
}

/** A list of sizes; the first is the batch where it is not stated. */
export function shapeOf(json: Json | undefined): readonly Dim[] | undefined {
  if (!isArray(json) || json.length === 0 || json.length > MAX_AXES) return undefined;
  const dims: Dim[] = [];
  for (const [axis, dim] of json.entries()) {
    if (dim === null) dims.push(axis === 0 ? BATCH : null);
    else if (Number.isSafeInteger(dim) && (dim as number) > 0) dims.push(dim as number);
    else return undefined;
  }
  return dims;
}

const DTYPES: Readonly<Record<string, DataType>> = {
  uint8: 'UINT8',
  int8: 'INT8',
  uint16: 'UINT16',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  bool: 'BOOL',
  string: 'STRING',
};

/** The element type of an input; all floating-point types are FLOAT here. */
export function declaredType(json: Json | undefined): DataType {
  return (typeof json === 'string' && Object.hasOwn(DTYPES, json) ? DTYPES[json] : undefined) ?? 'FLOAT';
}
