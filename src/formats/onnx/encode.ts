import onnxProto from 'onnx-proto';
import { BnnqError, throwIfAny } from '../../errors.ts';
import type {
  Attribute,
  Dim,
  FunctionBody,
  Graph,
  Initializer,
  Model,
  Node,
  Value,
  ValueType,
} from '../../ir/graph.ts';
import { nodeLabel } from '../../ir/print.ts';
import { encodeTensor } from '../../tensor/decode.ts';
import { DATA_TYPES } from '../../tensor/dtype.ts';
import { MAX_RANK } from '../limits.ts';
import { ATTRIBUTE, EXTERNAL, FUNCTION, GRAPH, MODEL, NODE } from './schema.ts';
import { concat, delimited } from './wire.ts';

const { onnx } = onnxProto;
const { AttributeType } = onnx.AttributeProto;

/** Where an initializer's elements are written: the name of a place outside, or undefined for in the file. */
export type Placement = (initializer: Initializer) => string | undefined;

/**
 * Writes a model as ONNX, from the IR alone. Use `patchOnnx` where the bytes that it was read from are at hand: what the
 * IR does not hold (documentation, types of maps) is not in the result.
 * @throws unsupported where a node has an attribute that the IR did not keep
 */
export function encodeModel(model: Model, placeOf: Placement = () => undefined): Uint8Array {
  const problems: BnnqError[] = [];
  const proto: onnxProto.onnx.IModelProto = {
    irVersion: model.irVersion,
    producerName: model.producer,
    opsetImport: opsetProtos(model.opsets),
    metadataProps: [...model.metadata].map(([key, value]) => ({ key, value })),
  };
  // onnx-proto knows the messages of IR 8: nodes and functions are written one by one, with the fields that came later.
  const chunks = [
    onnx.ModelProto.encode(proto).finish(),
    ...delimited(MODEL.graph, graphChunks(model.graph, placeOf, problems)),
    ...model.functions.flatMap((body) => delimited(MODEL.functions, functionChunks(body, problems))),
  ];
  throwIfAny(problems);
  return concat(chunks);
}

function opsetProtos(opsets: ReadonlyMap<string, number>): onnxProto.onnx.IOperatorSetIdProto[] {
  return [...opsets].map(([domain, version]) => ({ domain, version }));
}

function graphChunks(graph: Graph, placeOf: Placement, problems: BnnqError[]): Uint8Array[] {
  const proto: onnxProto.onnx.IGraphProto = {
    name: graph.name,
    initializer: [...graph.initializers.values()].map((initializer) =>
      tensorProto(initializer, placeOf(initializer)),
    ),
    input: graph.inputs.map(valueProto),
    output: graph.outputs.map(valueProto),
    valueInfo: [...graph.valueInfo.values()].map(valueProto),
  };
  const nodes = graph.nodes.flatMap((node) => delimited(GRAPH.node, nodeChunks(node, problems)));
  return [onnx.GraphProto.encode(proto).finish(), ...nodes];
}

function nodeChunks(node: Node, problems: BnnqError[]): Uint8Array[] {
  const { inputs, outputs, name, opType, domain, overload } = node;
  const chunks = [
    onnx.NodeProto.encode({ input: [...inputs], output: [...outputs], name, opType, domain }).finish(),
  ];
  for (const [key, attribute] of node.attributes)
    chunks.push(...delimited(NODE.attribute, attributeChunks(key, attribute, nodeLabel(node), problems)));
  if (overload !== undefined) chunks.push(...delimited(NODE.overload, [utf8(overload)]));
  return chunks;
}

function attributeChunks(
  name: string,
  attribute: Attribute,
  owner: string,
  problems: BnnqError[],
): Uint8Array[] {
  const inner = (graph: Graph): Uint8Array[] => graphChunks(graph, () => undefined, problems);
  const { type } = attribute;
  if (type === 'GRAPH') {
    const head = onnx.AttributeProto.encode({ name, type: AttributeType.GRAPH }).finish();
    return [head, ...delimited(ATTRIBUTE.g, inner(attribute.value))];
  }
  if (type === 'GRAPHS') {
    const head = onnx.AttributeProto.encode({ name, type: AttributeType.GRAPHS }).finish();
    return [head, ...attribute.value.flatMap((graph) => delimited(ATTRIBUTE.graphs, inner(graph)))];
  }
  return [onnx.AttributeProto.encode(attributeProto(name, attribute, owner, problems)).finish()];
}

function attributeProto(
  name: string,
  attribute: Exclude<Attribute, { readonly type: 'GRAPH' | 'GRAPHS' }>,
  owner: string,
  problems: BnnqError[],
): onnxProto.onnx.IAttributeProto {
  switch (attribute.type) {
    case 'FLOAT':
      return { name, type: AttributeType.FLOAT, f: attribute.value };
    case 'INT':
      return { name, type: AttributeType.INT, i: int64(attribute.value) };
    case 'STRING':
      return { name, type: AttributeType.STRING, s: utf8(attribute.value) };
    case 'TENSOR':
      return { name, type: AttributeType.TENSOR, t: tensorProto(attribute.value, undefined) };
    case 'FLOATS':
      return { name, type: AttributeType.FLOATS, floats: [...attribute.value] };
    case 'INTS':
      return { name, type: AttributeType.INTS, ints: attribute.value.map(int64) };
    case 'STRINGS':
      return { name, type: AttributeType.STRINGS, strings: attribute.value.map(utf8) };
    case 'TENSORS':
      return {
        name,
        type: AttributeType.TENSORS,
        tensors: attribute.value.map((value) => tensorProto(value, undefined)),
      };
    case 'REF':
      return { name, refAttrName: attribute.value };
    case 'SPARSE_TENSOR':
    case 'OTHER':
      problems.push(
        new BnnqError(
          'unsupported',
          `onnx: ${owner}: attribute "${name}" is of a kind that cannot be written`,
          { node: owner },
        ),
      );
      return { name };
  }
}

/** Messages of what is put into a file that is there. @throws unsupported for attributes that cannot be written */
export function encodeParts(
  nodes: readonly Node[],
  initializers: readonly Initializer[],
  functions: readonly FunctionBody[],
): { readonly nodes: Uint8Array[]; readonly initializers: Uint8Array[]; readonly functions: Uint8Array[] } {
  const problems: BnnqError[] = [];
  const parts = {
    nodes: nodes.map((node) => concat(nodeChunks(node, problems))),
    initializers: initializers.map((one) => onnx.TensorProto.encode(tensorProto(one, undefined)).finish()),
    functions: functions.map((body) => concat(functionChunks(body, problems))),
  };
  throwIfAny(problems);
  return parts;
}

/** A Constant node whose value is the initializer, its elements in the file or at a place outside. */
export function constantNode(
  name: string,
  initializer: Initializer,
  location: string | undefined,
): Uint8Array {
  const value = {
    name: 'value',
    type: AttributeType.TENSOR,
    t: tensorProto(initializer, location),
  };
  return onnx.NodeProto.encode({
    name,
    opType: 'Constant',
    output: [initializer.name],
    attribute: [value],
  }).finish();
}

function tensorProto(initializer: Initializer, location: string | undefined): onnxProto.onnx.ITensorProto {
  const { name, dtype, shape } = initializer;
  const proto = { name, dims: [...shape], dataType: DATA_TYPES[dtype].number };
  if (location !== undefined)
    return { ...proto, externalData: [{ key: 'location', value: location }], dataLocation: EXTERNAL };
  const tensor = initializer.read();
  if (Array.isArray(tensor.data)) return { ...proto, stringData: tensor.data.map(utf8) };
  // Shapes and the like: a byte each as varints, eight as raw data.
  if (dtype === 'INT64' && tensor.data.length <= MAX_RANK && tensor.data.every(isSmall))
    return { ...proto, int64Data: Array.from(tensor.data, Number) };
  return { ...proto, rawData: encodeTensor(tensor) };
}

function valueProto({ name, ...type }: Value): onnxProto.onnx.IValueInfoProto {
  const proto = typeProto(type);
  return proto === undefined ? { name } : { name, type: proto };
}

function typeProto({ dtype, shape, container }: ValueType): onnxProto.onnx.ITypeProto | undefined {
  if (container !== undefined) {
    const held = typeProto(container.element);
    const wrapped = held === undefined ? {} : { elemType: held };
    return container.kind === 'sequence' ? { sequenceType: wrapped } : { optionalType: wrapped };
  }
  if (dtype === undefined) return undefined;
  const elemType = DATA_TYPES[dtype].number;
  if (shape === undefined) return { tensorType: { elemType } };
  return { tensorType: { elemType, shape: { dim: shape.map(dimProto) } } };
}

function dimProto(dim: Dim): onnxProto.onnx.TensorShapeProto.IDimension {
  if (dim === null) return {};
  return typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim };
}

function functionChunks(body: FunctionBody, problems: BnnqError[]): Uint8Array[] {
  const proto: onnxProto.onnx.IFunctionProto = {
    name: body.name,
    domain: body.domain,
    input: [...body.inputs],
    output: [...body.outputs],
    attribute: [...body.attributes],
    opsetImport: opsetProtos(body.opsets),
  };
  const chunks = [onnx.FunctionProto.encode(proto).finish()];
  for (const node of body.nodes) chunks.push(...delimited(FUNCTION.node, nodeChunks(node, problems)));
  for (const [name, attribute] of body.defaults) {
    const encoded = attributeChunks(name, attribute, `function "${body.name}"`, problems);
    chunks.push(...delimited(FUNCTION.attributeProto, encoded));
  }
  if (body.overload !== '') chunks.push(...delimited(FUNCTION.overload, [utf8(body.overload)]));
  return chunks;
}

/** Whether a varint says it in less than eight bytes. */
function isSmall(value: number | bigint): boolean {
  return value >= 0 && value < 2 ** 31;
}

const INT64_MAX = { low: -1, high: 0x7fffffff, unsigned: false };

/** What was rounded to 2^63 when it was read is INT64_MAX. */
function int64(value: number): number {
  return value >= 2 ** 63 ? (INT64_MAX as unknown as number) : value;
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
