import { BnnqError } from '../../errors.ts';
import { type Initializer, type Model, type ModelSource, withInitializers } from '../../ir/graph.ts';
import { quantizedInitializer } from '../../ir/quantized-initializer.ts';
import type { QuantizedTensor } from '../../ir/quantized-tensor.ts';
import { viewOf } from '../../tensor/decode.ts';
import { base64Of, createSha256, hexOf } from '../../tensor/sha256.ts';
import { checkJsonDepth } from '../json-depth.ts';
import { onnxContainerOf } from '../onnx/container.ts';
import type { ExternalReader } from '../onnx/external-data.ts';
import { readOnnx } from '../onnx/read.ts';
import { dataTypeOfSafetensors, decodeSafetensors, type Safetensors, tensorBytes } from '../safetensors.ts';
import {
  CODES_TENSOR,
  COMPRESSED_VERSION,
  FORMAT_VERSION,
  GRAPH_TENSOR,
  INDEX_KEY,
  LEVELS_TENSOR,
  META,
} from './format.ts';
import { inflateCodes } from './inflate-codes.ts';
import type { PackedContainer } from './pack.ts';
import { describeWeight, type PackedIndex, type SharedSettings } from './weight-index.ts';

export interface PackedReadOptions {
  /** Name for messages. */
  readonly file?: string;
  /** Check the SHA-256 of every tensor; default true. */
  readonly verify?: boolean;
}

/**
 * Reads a packed file. Codes and tensors stay views of `bytes`, which must not be changed afterwards.
 * @throws malformed, unsupported (another format version, another safetensors file), limit
 */
export function readPacked(bytes: Uint8Array, options: PackedReadOptions = {}): Model {
  const what = options.file === undefined ? 'the file' : `"${options.file}"`;
  const where = `packed: ${what}`;
  const file = decodeSafetensors(bytes, what);
  const version = file.metadata.get(META.version);
  if (version === undefined)
    throw new BnnqError('unsupported', `${where} is a safetensors file, but no packed model of bnn-quantize`);
  if (![FORMAT_VERSION, COMPRESSED_VERSION].map(String).includes(version))
    throw new BnnqError(
      'unsupported',
      `${where} has packed format ${version}, formats ${FORMAT_VERSION} and ${COMPRESSED_VERSION} are read`,
    );

  const graph = bytesOf(file, GRAPH_TENSOR, 'U8', where);
  const index = readIndex(file, graph, where);
  if (options.verify !== false) verify(file, index, where);

  const coded = { count: 0 };
  const model = readOnnx(graph, {
    file: `${options.file ?? 'packed'}/${GRAPH_TENSOR}`,
    external: tensorsOf(file, coded),
  });
  if (coded.count !== index.weights.length)
    throw new BnnqError(
      'malformed',
      `${where} has ${coded.count} discretized weights in its graph and ${index.weights.length} in its index`,
    );
  checkTypes(model, file, where);
  const metadata = new Map(model.metadata);
  metadata.delete(INDEX_KEY);
  const weights = readWeights(model, file, index, where);
  const deflated = new Map(
    index.weights.flatMap(({ name, deflated: bytes }) =>
      bytes === undefined ? [] : [[name, bytes] as const],
    ),
  );
  const container: PackedContainer = {
    ...onnxContainerOf(model)!,
    ...(deflated.size === 0 ? {} : { deflated }),
    ...(index.options === undefined ? {} : { options: index.options }),
  };
  return {
    ...withInitializers(model, weights),
    metadata,
    source: sourceOf(file, container),
  };
}

function bytesOf(file: Safetensors, name: string, dtype: string, where: string): Uint8Array {
  const entry = file.tensors.get(name);
  if (entry === undefined) throw new BnnqError('malformed', `${where} has no tensor "${name}"`);
  if (entry.dtype !== dtype)
    throw new BnnqError(
      'malformed',
      `${where} has the tensor "${name}" of type ${entry.dtype}, expected ${dtype}`,
    );
  return tensorBytes(file, entry);
}

function readIndex(file: Safetensors, graph: Uint8Array, where: string): PackedIndex {
  const text = file.metadata.get(META.index) ?? '';
  const [, start, end] = (/^\[(\d+),(\d+)\]$/.exec(text) ?? []).map(Number);
  if (start === undefined || end === undefined || start > end || end > graph.length)
    throw new BnnqError(
      'malformed',
      `${where} has its index at "${text}", the graph has ${graph.length} bytes`,
    );
  try {
    const json = new TextDecoder('utf-8', { fatal: true }).decode(graph.subarray(start, end));
    checkJsonDepth(json, `${where}: its index`);
    const index: PackedIndex = JSON.parse(json);
    if (Array.isArray(index?.weights) && isRecord(index.sha256) && isRecord(index.options ?? {}))
      return index;
  } catch (thrown) {
    if (thrown instanceof BnnqError) throw thrown;
    throw new BnnqError(
      'malformed',
      `${where} has an index that is not JSON: ${(thrown as Error).message}`,
      {},
      thrown,
    );
  }
  throw new BnnqError('malformed', `${where} has an index without weights or hashes`);
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The hash of the graph is in the header; those of the other tensors are in the index, and so under the graph's. */
function verify(file: Safetensors, index: PackedIndex, where: string): void {
  for (const [name, entry] of file.tensors) {
    const hash = createSha256().update(tensorBytes(file, entry)).digest();
    const [expected, got] =
      name === GRAPH_TENSOR
        ? [file.metadata.get(META.graphSha256), hexOf(hash)]
        : [Object.hasOwn(index.sha256, name) ? index.sha256[name] : undefined, base64Of(hash)];
    if (got !== expected)
      throw new BnnqError(
        'malformed',
        `${where} is damaged: tensor "${name}" has SHA-256 ${got}, expected ${expected ?? 'one'}`,
        {
          tensor: name,
        },
      );
  }
}

/** External data of the graph: tensors of the same file, by name. Codes are no elements; they are put in afterwards. */
function tensorsOf(file: Safetensors, coded: { count: number }): ExternalReader {
  return ({ location }, needed, where) => {
    if (location === CODES_TENSOR) {
      coded.count++;
      return () => {
        throw new BnnqError('internal', `${where}: its codes are not elements`);
      };
    }
    const entry = file.tensors.get(location);
    if (entry === undefined || entry.end - entry.start !== needed)
      throw new BnnqError(
        'malformed',
        `${where}: tensor "${location}" of the packed file is missing or has not ${needed} bytes`,
      );
    const bytes = tensorBytes(file, entry);
    return () => bytes;
  };
}

function checkTypes(model: Model, file: Safetensors, where: string): void {
  for (const [name, { dtype }] of model.graph.initializers) {
    const entry = name.startsWith('__') ? undefined : file.tensors.get(name);
    if (entry !== undefined && dataTypeOfSafetensors(entry.dtype) !== dtype)
      throw new BnnqError(
        'malformed',
        `${where} has the tensor "${name}" as ${entry.dtype}, its graph says ${dtype}`,
      );
  }
}

function readWeights(
  model: Model,
  file: Safetensors,
  index: PackedIndex,
  where: string,
): Map<string, Initializer> {
  const weights = new Map<string, Initializer>();
  if (index.weights.length === 0) return weights;
  const codes = bytesOf(file, CODES_TENSOR, 'U8', where);
  const params = viewOf(Float32Array, bytesOf(file, LEVELS_TENSOR, 'F32', where));
  const shared: SharedSettings = {
    scheme: file.metadata.get(META.scheme) ?? '',
    rule: file.metadata.get(META.rule) ?? '',
    bits: Number(file.metadata.get(META.bits)),
    granularity: file.metadata.get(META.granularity) ?? '',
  };
  const mayDeflate = file.metadata.get(META.version) === String(COMPRESSED_VERSION);
  let codesAt = 0;
  let paramsAt = 0;
  for (const entry of index.weights) {
    const description = describeWeight(entry, shared, where);
    const { name, codesBytes, paramsCount, deflated, ...weight } = description;
    const initializer = model.graph.initializers.get(name);
    const shape = `[${weight.shape.join(',')}]`;
    if (
      initializer?.dtype !== weight.dtype ||
      `[${initializer.shape.join(',')}]` !== shape ||
      weights.has(name)
    )
      throw new BnnqError(
        'malformed',
        `${where} has codes for "${name}" of shape ${shape}, its graph has no such weight`,
      );
    if (deflated !== undefined && !mayDeflate)
      throw new BnnqError(
        'malformed',
        `${where} has the codes of "${name}" compressed, which format ${FORMAT_VERSION} does not have`,
        { tensor: name },
      );
    const codesEnd = codesAt + (deflated ?? codesBytes);
    const stored = codes.subarray(codesAt, codesEnd);
    const quantized: QuantizedTensor = {
      ...weight,
      params: params.subarray(paramsAt, paramsAt + paramsCount),
      // Codes that are cut off are refused below, with the lengths of all.
      planes:
        deflated === undefined || codesEnd > codes.length ? stored : inflateCodes(stored, description, where),
    };
    const broken = quantized.params.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0)
      throw new BnnqError(
        'malformed',
        `${where} has the weight "${name}" with a level parameter ${quantized.params[broken]}`,
        {
          tensor: name,
        },
      );
    codesAt = codesEnd;
    paramsAt += paramsCount;
    weights.set(name, quantizedInitializer(name, quantized));
  }
  if (codesAt !== codes.length || paramsAt !== params.length)
    throw new BnnqError(
      'malformed',
      `${where} has ${codes.length} bytes of codes and ${params.length} level parameters, its weights need ${codesAt} and ${paramsAt}`,
    );
  return weights;
}

function sourceOf(file: Safetensors, container: PackedContainer): ModelSource {
  const name = file.metadata.get(META.source);
  const bytes = file.metadata.get(META.sourceBytes);
  const sha256 = file.metadata.get(META.sourceSha256);
  return {
    format: 'packed',
    ...(name === undefined ? {} : { file: name }),
    ...(bytes === undefined ? {} : { byteLength: Number(bytes) }),
    ...(sha256 === undefined ? {} : { sha256 }),
    container,
  };
}
