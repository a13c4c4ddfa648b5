import onnxProto from 'onnx-proto';
import protobuf from 'protobufjs/minimal.js';
import { domainName } from '../graph.ts';
import type { MetadataEntry } from '../patch.ts';
import { GRAPH, MODEL, NODE, TENSOR } from '../schema.ts';
import {
  concat,
  decodeLeaf,
  delimited,
  type Field,
  FieldReader,
  fieldsOf,
  type Span,
  wholeOf,
} from '../wire.ts';

/** Nodes in the place of one. */
export interface Substitute {
  readonly nodes: readonly Uint8Array[];
  /** Which of them inherits what the other one has besides its operator: documentation, metadata, fields of later versions. */
  readonly heir: number;
}

/** What is put into an ONNX file, as encoded messages, and what it takes the place of. */
export interface Splice {
  /** Values of the main graph that are made by the new nodes: their initializers, Constant nodes and inputs are left out. */
  readonly replaced: ReadonlySet<string>;
  readonly nodes: readonly Uint8Array[];
  /** What takes the place of nodes of the main graph, by a value that both make. */
  readonly substitutes: ReadonlyMap<string, Substitute>;
  readonly initializers: readonly Uint8Array[];
  readonly functions: readonly Uint8Array[];
  /** Operator sets that the model imports at least, by domain. */
  readonly opsets: ReadonlyMap<string, number>;
  /** The version of the format that the model has at least. */
  readonly irVersion: number;
  /** Keys of metadata entries to leave out. */
  readonly metadata: ReadonlySet<string>;
  /** An entry to add. */
  readonly notes: MetadataEntry | undefined;
}

/** Values of the main graph, inputs, initializers and node outputs, of the file and of the splice: names must differ from these. */
export function spliceOnnx(bytes: Uint8Array, splice: Splice): Uint8Array {
  const missing = new Map(splice.opsets);
  const chunks: Uint8Array[] = [];
  let hasVersion = false;
  for (const field of fieldsOf(wholeOf(bytes), 'the model')) {
    const whole = bytes.subarray(field.head, field.end);
    const span: Span = { bytes, start: field.start, end: field.end };
    switch (field.number) {
      case MODEL.irVersion: {
        const version = new FieldReader(bytes, 'the model').int(field);
        chunks.push(varint(MODEL.irVersion, Math.max(version, splice.irVersion)));
        hasVersion = true;
        break;
      }
      case MODEL.graph:
        chunks.push(...delimited(MODEL.graph, graphChunks(span, splice)));
        break;
      case MODEL.opsetImport: {
        const { domain, version } = decodeLeaf(span, 'an operator set', (reader) =>
          onnxProto.onnx.OperatorSetIdProto.decode(reader),
        );
        const wanted = missing.get(domainName(domain));
        missing.delete(domainName(domain));
        chunks.push(...(wanted === undefined || Number(version) >= wanted ? [whole] : opset(domain, wanted)));
        break;
      }
      case MODEL.metadataProps:
        if (!splice.metadata.has(metadataKey(span))) chunks.push(whole);
        break;
      default:
        chunks.push(whole);
    }
  }
  if (!hasVersion) chunks.push(varint(MODEL.irVersion, splice.irVersion));
  for (const [domain, version] of missing) chunks.push(...opset(domain, version));
  if (splice.notes !== undefined)
    chunks.push(
      ...delimited(MODEL.metadataProps, [
        onnxProto.onnx.StringStringEntryProto.encode(splice.notes).finish(),
      ]),
    );
  for (const one of splice.functions) chunks.push(...delimited(MODEL.functions, [one]));
  return concat(chunks);
}

/** New nodes come first: what they make is read by any of the others. */
function graphChunks(span: Span, { replaced, substitutes, nodes, initializers }: Splice): Uint8Array[] {
  const chunks = nodes.flatMap((node) => delimited(GRAPH.node, [node]));
  for (const field of fieldsOf(span, 'the graph'))
    if (!isReplaced(span.bytes, field, replaced)) {
      const substitute = substituteOf(span.bytes, field, substitutes);
      if (substitute === undefined) chunks.push(span.bytes.subarray(field.head, field.end));
      else
        for (const [i, node] of substitute.nodes.entries()) {
          const inherited = i === substitute.heir ? legacyOf(span.bytes, field) : [];
          chunks.push(...delimited(GRAPH.node, [node, ...inherited]));
        }
    }
  for (const one of initializers) chunks.push(...delimited(GRAPH.initializer, [one]));
  return chunks;
}

/** The field with the name in the messages that define a value. */
const NAMES: Readonly<Record<number, number>> = { [GRAPH.initializer]: TENSOR.name, [GRAPH.input]: 1 };

function outputsOf(bytes: Uint8Array, field: Field): string[] {
  const read = new FieldReader(bytes, 'a node');
  return fieldsOf(read.message(field), 'a node')
    .filter(({ number }) => number === NODE.output)
    .map((one) => read.string(one));
}

const WRITTEN: ReadonlySet<number> = new Set(Object.values(NODE));

/** The fields of a node that do not say what it computes. */
function legacyOf(bytes: Uint8Array, field: Field): Uint8Array[] {
  const read = new FieldReader(bytes, 'a node');
  return fieldsOf(read.message(field), 'a node')
    .filter(({ number }) => !WRITTEN.has(number))
    .map(({ head, end }) => bytes.subarray(head, end));
}

function substituteOf(
  bytes: Uint8Array,
  field: Field,
  substitutes: Splice['substitutes'],
): Substitute | undefined {
  if (field.number !== GRAPH.node || substitutes.size === 0) return undefined;
  const output = outputsOf(bytes, field).find((name) => substitutes.has(name));
  return output === undefined ? undefined : substitutes.get(output);
}

function isReplaced(bytes: Uint8Array, field: Field, replaced: ReadonlySet<string>): boolean {
  const read = new FieldReader(bytes, 'a value');
  if (field.number === GRAPH.node) return outputsOf(bytes, field).some((name) => replaced.has(name));
  const number = NAMES[field.number];
  if (number === undefined) return false;
  const name = fieldsOf(read.message(field), 'a value').findLast((one) => one.number === number);
  return name !== undefined && replaced.has(read.string(name));
}

function varint(number: number, value: number): Uint8Array {
  return protobuf.Writer.create()
    .uint32(number << 3)
    .int64(value)
    .finish();
}

function opset(domain: string, version: number): Uint8Array[] {
  return delimited(MODEL.opsetImport, [
    onnxProto.onnx.OperatorSetIdProto.encode({ domain, version }).finish(),
  ]);
}

function metadataKey(span: Span): string {
  return decodeLeaf(span, 'a metadata entry', (reader) =>
    onnxProto.onnx.StringStringEntryProto.decode(reader),
  ).key;
}
