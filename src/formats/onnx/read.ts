import onnxProto from 'onnx-proto';
import { BnnqError, throwIfAny } from '../../errors.ts';
import type { Attribute, FunctionBody, Model } from '../../ir/graph.ts';
import { validateModel } from '../../ir/validate.ts';
import { sha256Hex } from '../../tensor/sha256.ts';
import type { HashedSource } from '../byte-source.ts';
import { readAttribute } from './attribute.ts';
import type { OnnxContainer } from './container.ts';
import { type ExternalReader, noExternalData } from './external-data.ts';
import { domainName, readGraph, readNode, sortedNodes } from './graph.ts';
import { withPackedWeights } from './import/packed-weights.ts';
import { outlineOnnx } from './outline.ts';
import { FUNCTION, MODEL } from './schema.ts';
import type { StoredTensor, TensorContext } from './stored-tensor.ts';
import { type Cut, decodeLeaf, FieldReader, fieldsOf, type Span, toNumber, wholeOf } from './wire.ts';

/** Files of IR version 1 and 2 may leave the operator set out; it is then 1 (onnx/docs/IR.md). */
const IR_VERSION_WITH_OPSETS = 3;

export interface OnnxOptions {
  /** Name for messages and provenance. */
  readonly file?: string;
  /** Where external data is; absent where that is not known. */
  readonly external?: ExternalReader;
  /** Payloads that were left out of the bytes. */
  readonly cuts?: ReadonlyMap<number, Cut>;
  /** Length and SHA-256 of the file, where the bytes are not all of it. */
  readonly whole?: { readonly byteLength: number; readonly sha256: string };
}

/**
 * Reads an ONNX model. Weights are not decoded: they stay views of `bytes`, which must not be changed afterwards.
 * @throws malformed, unsupported, limit: everything that is wrong with tensors and graph at once
 */
export function readOnnx(bytes: Uint8Array, options: OnnxOptions = {}): Model {
  const what = options.file === undefined ? 'the model' : `"${options.file}"`;
  const external = options.external ?? noExternalData;
  const tensors: StoredTensor[] = [];
  const context: TensorContext = { problems: [], external, tensors, cuts: options.cuts ?? new Map() };
  const read = new FieldReader(bytes, what);
  let irVersion = 0;
  let producer = '';
  let graphSpan: Span | undefined;
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  const functionSpans: Span[] = [];
  for (const field of fieldsOf(wholeOf(bytes), what)) {
    if (field.number === MODEL.irVersion) irVersion = read.int(field);
    else if (field.number === MODEL.producerName) producer = `${read.string(field)}${producer}`;
    else if (field.number === MODEL.producerVersion) producer = `${producer} ${read.string(field)}`.trim();
    else if (field.number === MODEL.graph) {
      if (graphSpan !== undefined) throw new BnnqError('malformed', `onnx: ${what} holds two graphs`);
      graphSpan = read.message(field);
    } else if (field.number === MODEL.opsetImport) readOpset(read.message(field), opsets);
    else if (field.number === MODEL.metadataProps) {
      const { key, value } = decodeLeaf(read.message(field), 'a metadata entry', (reader) =>
        onnxProto.onnx.StringStringEntryProto.decode(reader),
      );
      metadata.set(key, value);
    } else if (field.number === MODEL.functions) functionSpans.push(read.message(field));
  }
  if (graphSpan === undefined) throw new BnnqError('malformed', `onnx: ${what} holds no graph`);
  if (opsets.size === 0) {
    if (irVersion >= IR_VERSION_WITH_OPSETS || irVersion < 1)
      throw new BnnqError(
        'malformed',
        `onnx: ${what} names no operator set; it is cut off, or not an ONNX model`,
      );
    opsets.set('', 1);
  }
  const graph = readGraph(graphSpan, context);
  const functions = functionSpans.map((span) => readFunction(span, context));
  const container: OnnxContainer = { kind: 'onnx', bytes, graph, functions, metadata, tensors };
  const model: Model = {
    irVersion,
    opsets,
    producer,
    metadata,
    graph,
    functions,
    source: {
      format: 'onnx',
      ...(options.file === undefined ? {} : { file: options.file }),
      ...(options.whole ?? {
        sha256: sha256Hex(bytes),
        byteLength: bytes.length,
      }),
      container,
    },
  };
  throwIfAny([...context.problems, ...(context.problems.length === 0 ? validateModel(model) : [])]);
  const unpacked = withPackedWeights(model, context.problems);
  throwIfAny(context.problems);
  return unpacked;
}

/** Reads an ONNX model whose large tensors stay in the file until they are read. The file must not be changed meanwhile. */
export function readOnnxFile(source: HashedSource, options: OnnxOptions = {}): Model {
  const what = options.file === undefined ? 'the model' : `"${options.file}"`;
  const { bytes, cuts } = outlineOnnx(source, what);
  return readOnnx(bytes, { ...options, cuts, whole: { byteLength: source.length, sha256: source.sha256() } });
}

function readOpset(span: Span, opsets: Map<string, number>): void {
  const { domain, version } = decodeLeaf(span, 'an operator set', (reader) =>
    onnxProto.onnx.OperatorSetIdProto.decode(reader),
  );
  opsets.set(domainName(domain), toNumber(version));
}

/** Reads a FunctionProto. Its Constant nodes stay nodes: a function body has no initializers. */
function readFunction(span: Span, context: TensorContext): FunctionBody {
  const read = new FieldReader(span.bytes, 'a function');
  const body = { name: '', domain: '', overload: '' };
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: string[] = [];
  const defaults = new Map<string, Attribute>();
  const opsets = new Map<string, number>();
  const nodeSpans: Span[] = [];
  const defaultSpans: Span[] = [];
  for (const field of fieldsOf(span, read.what)) {
    if (field.number === FUNCTION.name) body.name = read.string(field);
    else if (field.number === FUNCTION.domain) body.domain = domainName(read.string(field));
    else if (field.number === FUNCTION.overload) body.overload = read.string(field);
    else if (field.number === FUNCTION.input) inputs.push(read.string(field));
    else if (field.number === FUNCTION.output) outputs.push(read.string(field));
    else if (field.number === FUNCTION.attribute) attributes.push(read.string(field));
    else if (field.number === FUNCTION.attributeProto) defaultSpans.push(read.message(field));
    else if (field.number === FUNCTION.opsetImport) readOpset(read.message(field), opsets);
    else if (field.number === FUNCTION.node) nodeSpans.push(read.message(field));
  }
  const readBranch = (inner: Span) => readGraph(inner, context, 1);
  for (const inner of defaultSpans) {
    const { name, attribute } = readAttribute(inner, context, `function "${body.name}"`, readBranch);
    defaults.set(name, attribute);
  }
  const nodes = sortedNodes(
    nodeSpans.map((inner) => readNode(inner, context, 0)),
    context,
  );
  return { ...body, inputs, outputs, attributes, defaults, nodes, opsets };
}
