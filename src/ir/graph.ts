import type { DataType } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { QuantizedTensor } from './quantized-tensor.ts';

/** A dimension: a number, the name of a symbol (`"N"`), or null where nothing is known. */
export type Dim = number | string | null;

/** What is known of the type of a value. A tensor has `dtype` and `shape`, the latter absent when even the rank is unknown. */
export interface ValueType {
  readonly dtype?: DataType;
  readonly shape?: readonly Dim[];
  /** Set for a sequence or an optional, instead of `dtype` and `shape`. */
  readonly container?: ContainerType;
}

/** A sequence of tensors, or an optional tensor or sequence. */
export interface ContainerType {
  readonly kind: 'sequence' | 'optional';
  readonly element: ValueType;
}

/** A named value of a graph. */
export interface Value extends ValueType {
  readonly name: string;
}

/**
 * Attribute of a node, by the AttributeProto types. INT is a number: beyond 2^53 it is rounded, which only happens to
 * "to the end" sentinels such as INT64_MAX. OTHER is a kind that nothing here reads (type protos).
 */
export type Attribute =
  | { readonly type: 'FLOAT' | 'INT'; readonly value: number }
  | { readonly type: 'FLOATS' | 'INTS'; readonly value: readonly number[] }
  | { readonly type: 'STRING'; readonly value: string }
  | { readonly type: 'STRINGS'; readonly value: readonly string[] }
  | { readonly type: 'TENSOR' | 'SPARSE_TENSOR'; readonly value: Initializer }
  | { readonly type: 'TENSORS'; readonly value: readonly Initializer[] }
  | { readonly type: 'GRAPH'; readonly value: Graph }
  | { readonly type: 'GRAPHS'; readonly value: readonly Graph[] }
  | { readonly type: 'REF'; readonly value: string }
  | { readonly type: 'OTHER'; readonly value: null };

/** An operator call. An absent optional input or output is the empty string. `domain` '' is ai.onnx. */
export interface Node {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  /** Tells functions of one domain and name apart; absent for the empty text. */
  readonly overload?: string;
  /** Version of the operator set, where it is not the one that the model names: nodes that came from a function's body. */
  readonly opset?: number;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/**
 * A constant of the graph: an ONNX initializer, or the tensor of a Constant node, lifted under the name of its output.
 * Its elements stay where they are (file, mapped bytes, bit-planes) until `read` decodes them; nothing is kept, so two
 * calls decode twice. When `quantized` is set, the codes are the truth and `read` gives their levels.
 */
export interface Initializer {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Bytes of the elements as stored in the source. */
  readonly byteLength: number;
  readonly quantized?: QuantizedTensor;
  read(): Tensor;
}

export interface Graph {
  readonly name: string;
  /** What the caller feeds; initializers that old files list among the inputs too are left out. */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** In topological order. Constant nodes are lifted to `initializers`. */
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Initializer>;
  /** Declared types of inner values. */
  readonly valueInfo: ReadonlyMap<string, Value>;
}

/** A model-local function (ONNX FunctionProto); attributes may be references (REF) to the caller's. */
export interface FunctionBody {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes that a call must give. */
  readonly attributes: readonly string[];
  /** Attributes that a call may give, with their default values. */
  readonly defaults: ReadonlyMap<string, Attribute>;
  readonly nodes: readonly Node[];
  readonly opsets: ReadonlyMap<string, number>;
}

/** Where a model came from; `container` is for the format that read it and for nobody else. */
export interface ModelSource {
  readonly format: 'onnx' | 'keras' | 'packed' | 'memory';
  readonly file?: string;
  /** SHA-256 of the source file, hex. For a packed file: of the source that it was made from. */
  readonly sha256?: string;
  readonly byteLength?: number;
  readonly container?: unknown;
}

/** A network: ONNX operators and attributes, NCHW, plain data. */
export interface Model {
  readonly irVersion: number;
  /** Version of each operator set by domain; '' is ai.onnx. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly producer: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly graph: Graph;
  readonly functions: readonly FunctionBody[];
  readonly source: ModelSource;
}

/** A copy of the model with some initializers replaced, by name. */
export function withInitializers(model: Model, replaced: ReadonlyMap<string, Initializer>): Model {
  const initializers = new Map(model.graph.initializers);
  for (const [name, initializer] of replaced) initializers.set(name, initializer);
  return { ...model, graph: { ...model.graph, initializers } };
}
