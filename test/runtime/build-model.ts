import { constantInitializer } from '../../src/ir/constant-initializer.ts';
import type { Attribute, FunctionBody, Graph, Initializer, Model, Node } from '../../src/ir/graph.ts';
import type { DataType } from '../../src/tensor/dtype.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/**
 * Attributes in short: whole numbers are INT, `{ float }` is FLOAT, lists of whole numbers INTS, `{ floats }` FLOATS, texts
 * STRING or STRINGS, tensors TENSOR, `{ nodes, … }` GRAPH, `{ ref }` what the caller of a function gives.
 */
export type ShortAttribute =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly ref: string }
  | ShortGraph
  | Tensor;

export interface ShortNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, ShortAttribute>>;
  readonly domain?: string;
  readonly overload?: string;
}

/** A model-local function, of domain `local` where nothing else is said. */
export interface ShortFunction {
  readonly name: string;
  readonly domain?: string;
  readonly overload?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: readonly string[];
  readonly defaults?: Readonly<Record<string, ShortAttribute>>;
  readonly opset?: number;
  readonly nodes: readonly ShortNode[];
}

export interface ShortGraph {
  readonly inputs: Readonly<Record<string, readonly [DataType, readonly (number | string)[]]>>;
  readonly outputs: readonly string[];
  readonly outputTypes?: Readonly<Record<string, DataType>>;
  readonly constants?: Readonly<Record<string, Tensor | Initializer>>;
  readonly nodes: readonly ShortNode[];
}

export interface ShortModel extends ShortGraph {
  readonly opset?: number;
  readonly functions?: readonly ShortFunction[];
}

/** A model for a test, written shortly. */
export function buildModel(short: ShortModel): Model {
  const graph = graphOf(short);
  return {
    irVersion: 8,
    opsets: withMicrosoft(opsetsOf(short.opset, short.functions?.length ?? 0), short.nodes),
    producer: 'test',
    metadata: new Map(),
    graph,
    functions: (short.functions ?? []).map((body) => functionOf(body, short.opset)),
    source: { format: 'memory' },
  };
}

function graphOf(short: ShortGraph): Graph {
  const initializers = new Map<string, Initializer>();
  for (const [name, value] of Object.entries(short.constants ?? {}))
    initializers.set(name, 'read' in value ? value : constantInitializer(name, value));
  return {
    name: 'test',
    inputs: Object.entries(short.inputs).map(([name, [dtype, shape]]) => ({ name, dtype, shape })),
    outputs: short.outputs.map((name) => ({ name, dtype: short.outputTypes?.[name] ?? 'FLOAT' })),
    nodes: short.nodes.map(nodeOf),
    initializers,
    valueInfo: new Map(),
  };
}

function opsetsOf(opset = 17, functions = 0): Map<string, number> {
  return new Map([['', opset], ...(functions > 0 ? [['local', 1] as const] : [])]);
}

/** The operator sets, with that of onnxruntime's own operators where a node is one. */
function withMicrosoft(opsets: Map<string, number>, nodes: readonly ShortNode[]): Map<string, number> {
  return nodes.some(({ domain }) => domain === 'com.microsoft') ? opsets.set('com.microsoft', 1) : opsets;
}

function functionOf(short: ShortFunction, opset?: number): FunctionBody {
  const defaults = Object.entries(short.defaults ?? {}).map(
    ([name, value]) => [name, attributeOf(value)] as const,
  );
  return {
    name: short.name,
    domain: short.domain ?? 'local',
    overload: short.overload ?? '',
    inputs: short.inputs,
    outputs: short.outputs,
    attributes: short.attributes ?? [],
    defaults: new Map(defaults),
    nodes: short.nodes.map(nodeOf),
    opsets: opsetsOf(short.opset ?? opset, 1),
  };
}

export function nodeOf(short: ShortNode, index: number): Node {
  const attributes = new Map<string, Attribute>();
  for (const [name, value] of Object.entries(short.attributes ?? {}))
    attributes.set(name, attributeOf(value));
  return {
    name: `${short.op}_${index}`,
    opType: short.op,
    domain: short.domain ?? '',
    ...(short.overload === undefined ? {} : { overload: short.overload }),
    inputs: short.inputs,
    outputs: short.outputs,
    attributes,
  };
}

function attributeOf(value: ShortAttribute): Attribute {
  if (typeof value === 'number') return { type: 'INT', value };
  if (typeof value === 'string') return { type: 'STRING', value };
  if (Array.isArray(value))
    return typeof value[0] === 'string'
      ? { type: 'STRINGS', value: value as string[] }
      : { type: 'INTS', value: value as number[] };
  if ('nodes' in value) return { type: 'GRAPH', value: graphOf(value) };
  if ('ref' in value) return { type: 'REF', value: value.ref };
  if ('floats' in value) return { type: 'FLOATS', value: value.floats.map(Math.fround) };
  if ('float' in value) return { type: 'FLOAT', value: Math.fround(value.float) };
  return { type: 'TENSOR', value: constantInitializer('', value as Tensor) };
}

export function int64(values: readonly number[], shape: readonly number[] = [values.length]): Tensor {
  return { dtype: 'INT64', shape, data: BigInt64Array.from(values, BigInt) };
}
