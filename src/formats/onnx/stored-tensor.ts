import { BnnqError, messageOf } from '../../errors.ts';
import type { Initializer } from '../../ir/graph.ts';
import { decodeTensor } from '../../tensor/decode.ts';
import { byteLengthOf, type DataType, dataTypeOf } from '../../tensor/dtype.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import { MAX_ELEMENTS, MAX_RANK } from '../limits.ts';
import { type ExternalReader, readExternalEntries } from './external-data.ts';
import { EXTERNAL, TENSOR } from './schema.ts';
import {
  countValues,
  type Payload,
  payloadBytes,
  payloadLength,
  TYPED_FIELDS,
  typedBytes,
  valuesOf,
} from './typed-data.ts';
import { type Cut, type Field, FieldReader, fieldsOf, type Span } from './wire.ts';

/** What a model's tensors are read with. */
export interface TensorContext {
  /** All that is wrong so far; a tensor with a problem is still returned, and the model refused at the end. */
  readonly problems: BnnqError[];
  readonly external: ExternalReader;
  /** Every TensorProto met, in the order of the file. */
  readonly tensors: StoredTensor[];
  /** Payloads that are not in the bytes, by the offset of the empty field that stands for them. */
  readonly cuts: ReadonlyMap<number, Cut>;
}

/** A TensorProto of the file: an initializer of the IR that knows where it lies. */
export interface StoredTensor extends Initializer {
  readonly span: Span;
  /** Whether its elements are elsewhere than in the bytes that `span` points into. */
  readonly isOutside: boolean;
}

/**
 * Reads a TensorProto without its elements, which stay where they are until `read`.
 * @param label names it in errors, such as `initializer "conv1.weight"`, given the tensor's own name
 * @param name the name to give it; its own where absent
 */
export function readTensorProto(
  span: Span,
  context: TensorContext,
  label: (ownName: string) => string,
  name?: string,
): StoredTensor {
  const parts = partsOf(span, context.cuts);
  const where = `onnx: ${label(parts.name)}`;
  const given = name ?? parts.name;
  const place = { tensor: given, offset: span.start };
  const dtype = dataTypeOf(parts.dataType);
  const shell = {
    name: given,
    dtype: dtype ?? 'FLOAT',
    shape: parts.dims,
    span,
    isOutside: parts.isOutside,
  };
  let tensor: StoredTensor;
  try {
    if (dtype === undefined)
      throw new BnnqError('unsupported', `${where}: data type ${parts.dataType} is not one of ONNX`, place);
    checkShape(parts.dims, where);
    tensor = { ...shell, ...locate(parts, dtype, context.external, where) };
  } catch (thrown) {
    if (!(thrown instanceof BnnqError)) throw thrown;
    const problem = new BnnqError(thrown.code, thrown.message, { ...place, ...thrown.at }, thrown.cause);
    context.problems.push(problem);
    const read = () => {
      throw problem;
    };
    tensor = { ...shell, byteLength: 0, read };
  }
  context.tensors.push(tensor);
  return tensor;
}

interface TensorParts {
  readonly bytes: Uint8Array;
  name: string;
  dims: number[];
  dataType: number;
  raw?: Payload;
  typed: Map<number, Payload[]>;
  externalEntries: Span[];
  isExternal: boolean;
  isOutside: boolean;
  isSegment: boolean;
}

function partsOf(span: Span, cuts: ReadonlyMap<number, Cut>): TensorParts {
  const read = new FieldReader(span.bytes, 'a tensor');
  const parts: TensorParts = {
    bytes: span.bytes,
    name: '',
    dims: [],
    dataType: 0,
    typed: new Map(),
    externalEntries: [],
    isExternal: false,
    isOutside: false,
    isSegment: false,
  };
  for (const field of fieldsOf(span, 'a tensor')) {
    const cut = field.end === field.start ? cuts.get(field.start) : undefined;
    const payload: Payload = cut === undefined ? field : { ...field, cut };
    if (cut !== undefined) parts.isOutside = true;
    if (field.number === TENSOR.dims) read.ints(field, parts.dims);
    else if (field.number === TENSOR.dataType) parts.dataType = read.int(field);
    else if (field.number === TENSOR.name) parts.name = read.string(field);
    else if (field.number === TENSOR.segment) parts.isSegment = true;
    else if (field.number === TENSOR.rawData) parts.raw = payload;
    else if (field.number === TENSOR.externalData) parts.externalEntries.push(read.message(field));
    else if (field.number === TENSOR.dataLocation) parts.isExternal = read.int(field) === EXTERNAL;
    else if (TYPED_FIELDS.has(field.number)) {
      const list = parts.typed.get(field.number);
      if (list === undefined) parts.typed.set(field.number, [payload]);
      else list.push(payload);
    }
  }
  if (parts.isExternal) parts.isOutside = true;
  return parts;
}

/** @throws malformed (negative dimension), limit */
export function checkShape(dims: readonly number[], where: string): void {
  const shape = `shape [${dims.slice(0, 8).join(',')}${dims.length > 8 ? ',…' : ''}]`;
  const negative = dims.find((dim) => dim < 0);
  if (negative !== undefined)
    throw new BnnqError('malformed', `${where}: ${shape} has the negative dimension ${negative}`);
  if (dims.length > MAX_RANK)
    throw new BnnqError(
      'limit',
      `${where}: ${shape} has ${dims.length} dimensions, at most ${MAX_RANK} are read`,
    );
  if (dims.some((dim) => dim > MAX_ELEMENTS) || sizeOf(dims) > MAX_ELEMENTS)
    throw new BnnqError('limit', `${where}: ${shape} has more than ${MAX_ELEMENTS} elements`);
}

/** Where the elements are, checked against type and shape; throws for the first thing that does not fit. */
function locate(
  parts: TensorParts,
  dtype: DataType,
  external: ExternalReader,
  where: string,
): { byteLength: number; read: () => Tensor } {
  const { bytes, dims, raw } = parts;
  const shape = `shape [${dims.join(',')}] of ${dtype}`;
  const size = sizeOf(dims);
  const byteLength = byteLengthOf(dtype, size);
  const refuse = (text: string): never => {
    throw new BnnqError('malformed', `${where}: ${text}`);
  };
  const stored = (fetch: () => Uint8Array) => ({
    byteLength,
    read: () => decodeTensor(dtype, dims, fetch()),
  });

  if (parts.isSegment) throw new BnnqError('unsupported', `${where}: it is stored in segments`);
  if (parts.isExternal) {
    if (dtype === 'STRING') refuse('strings cannot be external');
    return stored(external(readExternalEntries(parts.externalEntries, where), byteLength, where));
  }

  const filled = [...parts.typed].filter(
    ([number, list]) => number === TENSOR.stringData || !list.every(isEmpty),
  );
  const names = filled.map(([number]) => TYPED_FIELDS.get(number)!.name);
  if (raw !== undefined && !isEmpty(raw)) names.unshift('raw_data');
  if (names.length > 1) refuse(`its elements are in both ${names.join(' and ')}`);

  const [typed] = filled;
  if (typed !== undefined) {
    const [number, list] = typed;
    const form = TYPED_FIELDS.get(number)!;
    if (!form.types.has(dtype)) refuse(`elements of type ${dtype} cannot be in ${form.name}`);
    const count = countValues(bytes, form, list);
    const needed = valuesOf(dtype, size);
    if (count !== needed) refuse(`${form.name} has ${Math.floor(count)} values, ${shape} needs ${needed}`);
    if (form.width === undefined) return strings(bytes, dims, list);
    return stored(() => {
      try {
        return typedBytes(bytes, form, dtype, list);
      } catch (thrown) {
        throw new BnnqError(
          'malformed',
          `${where}: ${form.name} is damaged: ${messageOf(thrown)}`,
          {},
          thrown,
        );
      }
    });
  }
  if (dtype === 'STRING') {
    if (size > 0) refuse(`string_data has 0 values, ${shape} needs ${size}`);
    return strings(bytes, dims, []);
  }
  if (raw === undefined && size > 0) refuse(`it has no data, ${shape} needs ${byteLength} bytes`);
  const length = raw === undefined ? 0 : payloadLength(raw);
  if (length !== byteLength) refuse(`raw_data has ${length} bytes, ${shape} needs ${byteLength}`);
  return stored(() => (raw === undefined ? new Uint8Array(0) : payloadBytes(bytes, raw)));
}

function isEmpty(payload: Payload): boolean {
  return payloadLength(payload) === 0;
}

function strings(bytes: Uint8Array, shape: readonly number[], list: readonly Field[]) {
  const read = new FieldReader(bytes, 'string_data');
  return {
    byteLength: list.reduce((sum, field) => sum + field.end - field.start, 0),
    read: (): Tensor => ({ dtype: 'STRING', shape, data: list.map((field) => read.string(field)) }),
  };
}
