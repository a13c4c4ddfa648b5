import { BnnqError } from '../../../errors.ts';
import type { Initializer } from '../../../ir/graph.ts';
import { decodeTensor } from '../../../tensor/decode.ts';
import { byteLengthOf, type DataType } from '../../../tensor/dtype.ts';
import { float16ToNumber } from '../../../tensor/float16.ts';
import { sizeOf, type Tensor } from '../../../tensor/tensor.ts';
import { type ByteSource, joinedSource } from '../../byte-source.ts';
import { MAX_ELEMENTS, MAX_RANK } from '../../limits.ts';
import { entryOf } from '../config.ts';
import type { Json } from '../contract.ts';
import { field, textField } from './json.ts';
import type { NamedVariable } from './named-weights.ts';

/** Element types of a manifest. Source: tfjs-core, io/types.ts, `WeightsManifestEntry`. */
const DTYPES: Readonly<Record<string, DataType>> = {
  float32: 'FLOAT',
  float16: 'FLOAT16',
  int32: 'INT32',
  uint8: 'UINT8',
  uint16: 'UINT16',
  bool: 'BOOL',
};

/** Fetches the shard of that name. */
export type ShardReader = (path: string) => ByteSource;

/**
 * The variables of a weights manifest: groups of weights that lie one after the other in the shards of the group.
 * @param where begins the messages
 * @throws malformed, unsupported, limit; what `openShard` throws
 */
export function tfjsVariables(
  manifest: Json | undefined,
  openShard: ShardReader,
  where: string,
): NamedVariable[] {
  const malformed = (text: string): BnnqError => new BnnqError('malformed', `${where}: ${text}`);
  if (!Array.isArray(manifest)) throw malformed('it has no weightsManifest');
  return manifest.flatMap((group, number) => {
    const [paths, weights] = [field(group, 'paths'), field(group, 'weights')];
    if (!isTexts(paths) || !Array.isArray(weights))
      throw malformed(`group ${number} of its weightsManifest has no list of paths and weights`);
    const entries = weights.map((weight) => readEntry(weight, where));
    const needed = entries.reduce((sum, { stored }) => sum + stored, 0);
    const bytes = joinedSource(paths.map(openShard));
    if (bytes.length !== needed)
      throw malformed(
        `group ${number} of its weightsManifest has ${bytes.length} bytes in ${paths.length} shards, its weights need ${needed}`,
      );
    let at = 0;
    return entries.map((entry) => {
      const start = at;
      at += entry.stored;
      return { name: entry.name, variable: variableAt(entry, bytes, start) };
    });
  });
}

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DataType;
  /** Type of the elements in the shard, and how many bytes they have there. */
  readonly storedAs: DataType;
  readonly stored: number;
  /** value = scale · stored + min; absent where the elements are stored as they are, or as float16. */
  readonly affine?: { readonly scale: number; readonly min: number };
}

function isTexts(json: Json | undefined): json is readonly string[] {
  return Array.isArray(json) && json.every((item) => typeof item === 'string');
}

function readEntry(weight: Json, where: string): Entry {
  const name = textField(weight, 'name');
  const about = `${where}: weight "${name}"`;
  const shape = field(weight, 'shape');
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && (size as number) >= 0))
    throw new BnnqError('malformed', `${about} has no shape`);
  const sizes = shape as readonly number[];
  if (sizes.length > MAX_RANK || sizes.some((size) => size > MAX_ELEMENTS) || sizeOf(sizes) > MAX_ELEMENTS)
    throw new BnnqError(
      'limit',
      `${about} has the shape [${sizes.slice(0, 8).join(',')}], which is too large`,
    );
  const typeOf = (json: Json | undefined): DataType => {
    const text = textField(json, 'dtype');
    const known = entryOf(DTYPES, text);
    if (known !== undefined) return known;
    throw new BnnqError('unsupported', `${about} has elements of type "${text}"`);
  };
  const quantization = field(weight, 'quantization');
  const dtype = typeOf(weight);
  const storedAs = quantization === undefined ? dtype : typeOf(quantization);
  const entry = { name, shape: sizes, dtype, storedAs, stored: byteLengthOf(storedAs, sizeOf(sizes)) };
  if (quantization === undefined || storedAs === 'FLOAT16') return entry;
  const [scale, min] = [field(quantization, 'scale'), field(quantization, 'min')];
  if (typeof scale !== 'number' || typeof min !== 'number' || (storedAs !== 'UINT8' && storedAs !== 'UINT16'))
    throw new BnnqError(
      'malformed',
      `${about} is quantized to ${storedAs} without scale and min, or not to uint8 or uint16`,
    );
  return { ...entry, affine: { scale, min } };
}

function variableAt(entry: Entry, bytes: ByteSource, start: number): Initializer {
  const { name, shape, dtype, storedAs, stored, affine } = entry;
  return {
    name,
    dtype,
    shape,
    byteLength: stored,
    read: () => {
      const tensor = decodeTensor(storedAs, shape, bytes.read(start, stored));
      return affine === undefined && storedAs === dtype ? tensor : restored(entry, tensor);
    },
  };
}

/** The elements as TensorFlow.js restores them: computed in float64, rounded once. Source: tfjs-core, io/io_utils.ts, `decodeWeights`. */
function restored({ name, shape, dtype, affine }: Entry, { data }: Tensor): Tensor {
  const value: (element: number) => number = affine
    ? (element) => element * affine.scale + affine.min
    : float16ToNumber;
  if (dtype === 'FLOAT') return { dtype, shape, data: Float32Array.from(data as Uint8Array, value) };
  if (dtype === 'INT32')
    return {
      dtype,
      shape,
      data: Int32Array.from(data as Uint8Array, (element) => Math.round(value(element))),
    };
  throw new BnnqError(
    'unsupported',
    `keras: weight "${name}" of type ${dtype} is quantized; expected float32 or int32`,
  );
}
