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
import { EXTERNAL, FUNCTION, MODEL } from './schema.ts';
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
    graph: graphProto(model.graph, placeOf, problems),
    opsetImport: opsetProtos(model.opsets),
    metadataProps: [...model.metadata].map(([key, value]) => ({ key, value })),
  };
  // onnx-proto knows functions of IR 8 only: they are written one by one, with the fields that came later.
  const functions = model.functions.map((body) => functionBytes(body, problems));
  throwIfAny(problems);
  return concat([
    onnx.ModelProto.encode(proto).finish(),
    ...functions.flatMap((bytes) => delimited(MODEL.functions, [bytes])),
  ]);
}

function opsetProtos(opsets: ReadonlyMap<string, number>): onnxProto.onnx.IOperatorSetIdProto[] {
  return [...opsets].map(([domain, version]) => ({ domain, version }));
}

function graphProto(graph: Graph, placeOf: Placement, problems: BnnqError[]): onnxProto.onnx.IGraphProto {
  return {
    name: graph.name,
    node: graph.nodes.map((node) => nodeProto(node, problems)),
    initializer: [...graph.initializers.values()].map((initializer) =>
      tensorProto(initializer, placeOf(initializer)),
    ),
    input: graph.inputs.map(valueProto),
    output: graph.outputs.map(valueProto),
    valueInfo: [...graph.valueInfo.values()].map(valueProto),
  };
}

function nodeProto(node: Node, problems: BnnqError[]): onnxProto.onnx.INodeProto {
  const attribute: onnxProto.onnx.IAttributeProto[] = [];
  for (const [name, value] of node.attributes)
    attribute.push(attributeProto(name, value, nodeLabel(node), problems));
  const { inputs, outputs, name, opType, domain } = node;
  return { input: [...inputs], output: [...outputs], name, opType, domain, attribute };
}

function attributeProto(
  name: string,
  attribute: Attribute,
  owner: string,
  problems: BnnqError[],
): onnxProto.onnx.IAttributeProto {
  const inner = (graph: Graph) => graphProto(graph, () => undefined, problems);
  switch (attribute.type) {
    case 'FLOAT':
      return { name, type: AttributeType.FLOAT, f: attribute.value };
    case 'INT':
      return { name, type: AttributeType.INT, i: int64(attribute.value) };
    case 'STRING':
      return { name, type: AttributeType.STRING, s: utf8(attribute.value) };
    case 'TENSOR':
      return { name, type: AttributeType.TENSOR, t: tensorProto(attribute.value, undefined) };
    case 'GRAPH':
      return { name, type: AttributeType.GRAPH, g: inner(attribute.value) };
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
    case 'GRAPHS':
      return { name, type: AttributeType.GRAPHS, graphs: attribute.value.map(inner) };
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

function tensorProto(initializer: Initializer, location: string | undefined): onnxProto.onnx.ITensorProto {
  const { name, dtype, shape } = initializer;
  const proto = { name, dims: [...shape], dataType: DATA_TYPES[dtype].number };
  if (location !== undefined)
    return { ...proto, externalData: [{ key: 'location', value: location }], dataLocation: EXTERNAL };
  const tensor = initializer.read();
  return Array.isArray(tensor.data)
    ? { ...proto, stringData: tensor.data.map(utf8) }
    : { ...proto, rawData: encodeTensor(tensor) };
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

function functionBytes(body: FunctionBody, problems: BnnqError[]): Uint8Array {
  const proto: onnxProto.onnx.IFunctionProto = {
    name: body.name,
    domain: body.domain,
    input: [...body.inputs],
    output: [...body.outputs],
    attribute: [...body.attributes],
    node: body.nodes.map((node) => nodeProto(node, problems)),
    opsetImport: opsetProtos(body.opsets),
  };
  const chunks = [onnx.FunctionProto.encode(proto).finish()];
  for (const [name, attribute] of body.defaults) {
    const encoded = onnx.AttributeProto.encode(
      attributeProto(name, attribute, `function "${body.name}"`, problems),
    ).finish();
    chunks.push(...delimited(FUNCTION.attributeProto, [encoded]));
  }
  if (body.overload !== '') chunks.push(...delimited(FUNCTION.overload, [utf8(body.overload)]));
  return concat(chunks);
}

const INT64_MAX = { low: -1, high: 0x7fffffff, unsigned: false };

/** What was rounded to 2^63 when it was read is INT64_MAX. */
function int64(value: number): number {
  return value >= 2 ** 63 ? (INT64_MAX as unknown as number) : value;
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
