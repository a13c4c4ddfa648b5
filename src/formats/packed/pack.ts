import { createHash } from 'node:crypto';
import { BnnqError } from '../../errors.ts';
import type { Initializer, Model } from '../../ir/graph.ts';
import { payloadBytes, type QuantizedTensor } from '../../ir/quantized-tensor.ts';
import { encodeTensor } from '../../tensor/decode.ts';
import { byteLengthOf, DATA_TYPES } from '../../tensor/dtype.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { fileName } from '../file.ts';
import { type OnnxContainer, onnxContainerOf } from '../onnx/container.ts';
import { onnxBytes } from '../onnx/write.ts';
import { encodeHeader, safetensorsDtype } from '../safetensors.ts';
import { deflateCodes } from './deflate-codes.ts';
import {
  CODES_TENSOR,
  COMPRESSED_VERSION,
  FORMAT_VERSION,
  GRAPH_TENSOR,
  INDEX_KEY,
  INLINE_BYTES,
  LEVELS_TENSOR,
  META,
} from './format.ts';
import {
  describeWeight,
  type PackedIndex,
  type PackedOption,
  type SharedSettings,
  sharedSettings,
  weightEntry,
} from './weight-index.ts';

export interface PackOptions {
  /** Version of the tool, for the file's metadata. */
  readonly toolVersion: string;
  /** Options that the weights were made with; where absent, those that a packed source already had. */
  readonly options?: Readonly<Record<string, PackedOption>>;
  /** Codes as Huffman codes, weight by weight where that is less; they are in memory until the file is written. Default false. */
  readonly compress?: boolean;
}

/** Bytes of a packed file by what they are for; `graph` holds the index and the small tensors too. */
export interface PackedSize {
  readonly codes: number;
  readonly levels: number;
  /** Tensors that are not discretized, where they are too large for the graph. */
  readonly other: number;
  readonly graph: number;
  readonly header: number;
  readonly total: number;
}

/** A packed file, not yet in one piece. */
export interface Packed {
  readonly size: PackedSize;
  /** The bytes of the file, in order; views of what is in memory where they can be. */
  chunks(): Iterable<Uint8Array>;
}

/** A tensor of the container. */
interface Part {
  readonly name: string;
  readonly dtype: string;
  /** Bytes of an element. */
  readonly width: number;
  readonly shape: readonly number[];
  readonly byteLength: number;
  chunks(): Iterable<Uint8Array>;
}

/** What the packed reader adds to the container of its graph. */
export interface PackedContainer extends OnnxContainer {
  readonly options?: Readonly<Record<string, PackedOption>>;
  /** Bytes in the file of the codes that are compressed there, by weight. */
  readonly deflated?: ReadonlyMap<string, number>;
}

/** A hash of the right length, for when only the size is wanted. */
const NO_HASH = Buffer.alloc(32);

/**
 * Lays out the packed file of a model: discretized weights as bit-planes and level parameters, other large initializers
 * as they are, and the graph as ONNX without them.
 * @param hashed false leaves the hashes out, for measuring only
 */
export function packModel(model: Model, options: PackOptions, hashed = true): Packed {
  const quantized = quantizedWeights(model);
  const others = [...model.graph.initializers.values()].filter(deservesTensor);
  // Wide elements first, so that every tensor is aligned to its element size.
  const streams = quantized.map(([, q]) => (options.compress === true ? deflateCodes(q) : undefined));
  const isCompressed = streams.some((stream) => stream !== undefined);
  const parts = [
    ...otherParts(others),
    ...weightParts(
      quantized.map(([, q]) => q),
      streams,
    ),
  ].toSorted((a, b) => b.width - a.width);
  const digest = (part: Part) => (hashed ? hashOf(part.chunks()) : NO_HASH);

  const shared = sharedSettings(quantized.map(([, q]) => q));
  const kept = options.options ?? (onnxContainerOf(model) as PackedContainer | undefined)?.options;
  const index: PackedIndex = {
    weights:
      shared === undefined
        ? []
        : quantized.map(([name, q], i) => weightEntry(name, q, shared, streams[i]?.length)),
    sha256: Object.fromEntries(parts.map((part) => [part.name, digest(part).toString('base64')])),
    ...(kept === undefined || Object.keys(kept).length === 0 ? {} : { options: sortKeys(kept) }),
  };
  if (shared !== undefined) checkEntries(index, quantized, shared);
  const indexText = JSON.stringify(index);
  const graph = packedGraph(model, new Set(others.map(({ name }) => name)), indexText);
  const indexStart = graph.length - Buffer.byteLength(indexText);

  const metadata = new Map<string, string>();
  const put = (key: string, value: string | number | undefined) => {
    if (value !== undefined) metadata.set(key, String(value));
  };
  put(META.version, isCompressed ? COMPRESSED_VERSION : FORMAT_VERSION);
  put(META.tool, `bnn-quantize ${options.toolVersion}`);
  put(META.source, model.source.file === undefined ? undefined : fileName(model.source.file));
  put(META.sourceBytes, model.source.byteLength);
  put(META.sourceSha256, model.source.sha256);
  put(META.scheme, shared?.scheme);
  put(META.rule, shared?.rule);
  put(META.bits, shared?.bits);
  put(META.granularity, shared?.granularity);
  put(META.index, `[${indexStart},${graph.length}]`);
  put(META.graphSha256, (hashed ? hashOf([graph]) : NO_HASH).toString('hex'));

  const all: Part[] = [
    ...parts,
    {
      name: GRAPH_TENSOR,
      dtype: 'U8',
      width: 1,
      shape: [graph.length],
      byteLength: graph.length,
      chunks: () => [graph],
    },
  ];
  const header = encodeHeader(
    metadata,
    all.map((part) => [part.name, part]),
  );
  const bytesOf = (name: string) => parts.find((part) => part.name === name)?.byteLength ?? 0;
  const codes = bytesOf(CODES_TENSOR);
  const levels = bytesOf(LEVELS_TENSOR);
  const data = all.reduce((sum, part) => sum + part.byteLength, 0);
  return {
    size: {
      codes,
      levels,
      other: data - codes - levels - graph.length,
      graph: graph.length,
      header: header.length,
      total: header.length + data,
    },
    *chunks() {
      yield header;
      for (const part of all) yield* part.chunks();
    },
  };
}

function quantizedWeights(model: Model): [string, QuantizedTensor][] {
  const weights: [string, QuantizedTensor][] = [];
  for (const [name, { quantized }] of model.graph.initializers)
    if (quantized !== undefined) weights.push([name, quantized]);
  return weights;
}

/** Whether an initializer that is not discretized becomes a tensor of the container. */
function deservesTensor({ name, quantized, dtype, shape }: Initializer): boolean {
  if (quantized !== undefined || name.startsWith('__') || safetensorsDtype(dtype) === undefined) return false;
  return byteLengthOf(dtype, sizeOf(shape)) > INLINE_BYTES;
}

function otherParts(others: readonly Initializer[]): Part[] {
  return others.map((initializer) => ({
    name: initializer.name,
    dtype: safetensorsDtype(initializer.dtype)!,
    width: DATA_TYPES[initializer.dtype].bits / 8,
    shape: initializer.shape,
    byteLength: byteLengthOf(initializer.dtype, sizeOf(initializer.shape)),
    *chunks() {
      yield encodeTensor(initializer.read());
    },
  }));
}

/**
 * Level parameters and codes of all weights, each in one tensor: a header entry a weight would cost 10 % at one bit.
 * @param streams codes that are compressed, in the order of weights
 */
function weightParts(
  weights: readonly QuantizedTensor[],
  streams: readonly (Uint8Array | undefined)[],
): Part[] {
  if (weights.length === 0) return [];
  const params = weights.reduce((sum, q) => sum + q.params.length, 0);
  const codes = weights.reduce((sum, q, i) => sum + (streams[i]?.length ?? payloadBytes(q).codes), 0);
  return [
    {
      name: LEVELS_TENSOR,
      dtype: 'F32',
      width: 4,
      shape: [params],
      byteLength: 4 * params,
      *chunks() {
        for (const { params: of } of weights) yield new Uint8Array(of.buffer, of.byteOffset, of.byteLength);
      },
    },
    {
      name: CODES_TENSOR,
      dtype: 'U8',
      width: 1,
      shape: [codes],
      byteLength: codes,
      *chunks() {
        for (const [i, q] of weights.entries()) yield streams[i] ?? q.planes;
      },
    },
  ];
}

/** Guards the promise that a reader finds what is written: what an entry says must be what the weight is. */
function checkEntries(
  index: PackedIndex,
  quantized: readonly [string, QuantizedTensor][],
  shared: SharedSettings,
): void {
  quantized.forEach(([name, q], i) => {
    const { codesBytes, paramsCount, rows, columns, groupSize } = describeWeight(
      index.weights[i]!,
      shared,
      'packed: the model',
    );
    const fits =
      rows === q.rows &&
      columns === q.columns &&
      groupSize === q.groupSize &&
      codesBytes === q.planes.length &&
      paramsCount === q.params.length;
    if (!fits)
      throw new BnnqError(
        'internal',
        `packed: weight "${name}" contradicts itself: ${q.planes.length} bytes of codes and ${q.params.length} parameters, its settings need ${codesBytes} and ${paramsCount}`,
        { tensor: name },
      );
  });
}

/** The model as ONNX: tensors that are elsewhere in the file name their place, the index is the last entry of its metadata. */
function packedGraph(model: Model, outside: ReadonlySet<string>, index: string): Uint8Array {
  const placeOf = ({ name, quantized }: Initializer): string | undefined =>
    quantized !== undefined ? CODES_TENSOR : outside.has(name) ? name : undefined;
  return onnxBytes(model, placeOf, { key: INDEX_KEY, value: index });
}

function hashOf(chunks: Iterable<Uint8Array>): Buffer {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest();
}

function sortKeys<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
