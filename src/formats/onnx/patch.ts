import onnxProto from 'onnx-proto';
import protobuf from 'protobufjs/minimal.js';
import { ATTRIBUTE, EXTERNAL, FUNCTION, GRAPH, MODEL, NODE, SPARSE_TENSOR, TENSOR } from './schema.ts';
import { concat, decodeLeaf, delimited, type Field, fieldsOf, type Span, wholeOf } from './wire.ts';

/** New elements of a TensorProto: bytes in raw layout, or the name of a place outside. */
export type TensorData = { readonly raw: Uint8Array } | { readonly location: string };

/** An entry of a model's metadata; one of the same key is taken out first. */
export interface MetadataEntry {
  readonly key: string;
  readonly value: string;
}

/** What is embedded where: message kind by field. Only paths that lead to a TensorProto. */
export const PATHS: Record<string, Readonly<Record<number, string>>> = {
  model: { [MODEL.graph]: 'graph', [MODEL.functions]: 'function', [MODEL.trainingInfo]: 'training' },
  training: { 1: 'graph', 2: 'graph' },
  graph: { [GRAPH.node]: 'node', [GRAPH.initializer]: 'tensor', [GRAPH.sparseInitializer]: 'sparse' },
  function: { [FUNCTION.node]: 'node', [FUNCTION.attributeProto]: 'attribute' },
  node: { [NODE.attribute]: 'attribute' },
  attribute: {
    [ATTRIBUTE.t]: 'tensor',
    [ATTRIBUTE.tensors]: 'tensor',
    [ATTRIBUTE.g]: 'graph',
    [ATTRIBUTE.graphs]: 'graph',
    [ATTRIBUTE.sparseTensor]: 'sparse',
    [ATTRIBUTE.sparseTensors]: 'sparse',
  },
  sparse: { [SPARSE_TENSOR.values]: 'tensor', [SPARSE_TENSOR.indices]: 'tensor' },
};

const DATA_FIELDS: ReadonlySet<number> = new Set([
  TENSOR.floatData,
  TENSOR.int32Data,
  TENSOR.stringData,
  TENSOR.int64Data,
  TENSOR.rawData,
  TENSOR.doubleData,
  TENSOR.uint64Data,
  TENSOR.externalData,
  TENSOR.dataLocation,
]);

/**
 * A copy of an ONNX file with the elements of some tensors replaced. Every other field, known or not, is copied byte by
 * byte in its order; only the lengths of the messages around a replaced tensor change.
 * @param patches new elements by the offset at which the TensorProto begins in `bytes`
 * @param metadata an entry of metadata_props to put at the very end of the file
 */
export function patchOnnx(
  bytes: Uint8Array,
  patches: ReadonlyMap<number, TensorData>,
  metadata?: MetadataEntry,
): Uint8Array {
  const offsets = Float64Array.from(patches.keys()).sort();
  const chunks = rewrite(wholeOf(bytes), 'model', { patches, offsets, key: metadata?.key });
  if (metadata !== undefined)
    chunks.push(...delimited(MODEL.metadataProps, [encodeEntry(metadata.key, metadata.value)]));
  return concat(chunks);
}

interface Patching {
  readonly patches: ReadonlyMap<number, TensorData>;
  /** Keys of `patches`, ascending. */
  readonly offsets: Float64Array;
  /** Key of the metadata entries to take out. */
  readonly key: string | undefined;
}

/** The message as pieces, most of them views of the file. */
function rewrite(span: Span, kind: string, patching: Patching): Uint8Array[] {
  const { bytes } = span;
  const patch = kind === 'tensor' ? patching.patches.get(span.start) : undefined;
  if (patch !== undefined) return rewriteTensor(span, patch);
  const chunks: Uint8Array[] = [];
  let copied = span.start;
  for (const field of fieldsOf(span, `the ${kind}`)) {
    const inside = { bytes, start: field.start, end: field.end };
    const inner = field.wire === 2 ? PATHS[kind]?.[field.number] : undefined;
    const enter = inner !== undefined && holdsAny(patching.offsets, field.start, field.end);
    if (!enter && !(kind === 'model' && isEntry(field, inside, patching.key))) continue;
    chunks.push(bytes.subarray(copied, field.head));
    copied = field.end;
    if (enter) chunks.push(...delimited(field.number, rewrite(inside, inner, patching)));
  }
  chunks.push(bytes.subarray(copied, span.end));
  return chunks;
}

/** Everything of a TensorProto but its elements, then the new ones. */
function rewriteTensor(span: Span, data: TensorData): Uint8Array[] {
  const chunks = fieldsOf(span, 'a tensor')
    .filter(({ number }) => !DATA_FIELDS.has(number))
    .map(({ head, end }) => span.bytes.subarray(head, end));
  if ('raw' in data) return [...chunks, ...delimited(TENSOR.rawData, [data.raw])];
  return [
    ...chunks,
    ...delimited(TENSOR.externalData, [encodeEntry('location', data.location)]),
    protobuf.Writer.create()
      .uint32(TENSOR.dataLocation << 3)
      .uint32(EXTERNAL)
      .finish(),
  ];
}

/** Whether one of the ascending offsets is in [start, end). */
function holdsAny(offsets: Float64Array, start: number, end: number): boolean {
  let low = 0;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle]! < start) low = middle + 1;
    else high = middle;
  }
  return low < offsets.length && offsets[low]! < end;
}

function isEntry(field: Field, inside: Span, key: string | undefined): boolean {
  if (key === undefined || field.number !== MODEL.metadataProps || field.wire !== 2) return false;
  const entry = decodeLeaf(inside, 'a metadata entry', (reader) =>
    onnxProto.onnx.StringStringEntryProto.decode(reader),
  );
  return entry.key === key;
}

function encodeEntry(key: string, value: string): Uint8Array {
  return onnxProto.onnx.StringStringEntryProto.encode({ key, value }).finish();
}
