import onnxProto from 'onnx-proto';
import { BnnqError } from '../../errors.ts';
import type { Attribute, Dim, Graph, Initializer, Node, Value, ValueType } from '../../ir/graph.ts';
import { nodeLabel } from '../../ir/print.ts';
import { sortNodes } from '../../ir/traverse.ts';
import { dataTypeOf } from '../../tensor/dtype.ts';
import { MAX_GRAPH_DEPTH } from '../limits.ts';
import { readAttribute } from './attribute.ts';
import { liftConstant } from './constant.ts';
import { GRAPH, NODE } from './schema.ts';
import { readSparseTensor } from './sparse-tensor.ts';
import { readTensorProto, type TensorContext } from './stored-tensor.ts';
import { decodeLeaf, FieldReader, fieldsOf, type Span, toNumber } from './wire.ts';

/** Reads a GraphProto: Constant nodes are lifted, nodes sorted, initializers taken out of the inputs. */
export function readGraph(span: Span, context: TensorContext, depth = 0): Graph {
  if (depth > MAX_GRAPH_DEPTH)
    throw new BnnqError('limit', `onnx: subgraphs are nested more than ${MAX_GRAPH_DEPTH} deep`, {
      offset: span.start,
    });
  const read = new FieldReader(span.bytes, 'the graph');
  const initializers = new Map<string, Initializer>();
  const nodes: Node[] = [];
  const inputs: Value[] = [];
  const outputs: Value[] = [];
  const valueInfo = new Map<string, Value>();
  let name = '';
  const add = (initializer: Initializer) => {
    if (initializers.has(initializer.name))
      context.problems.push(
        new BnnqError('malformed', `onnx: initializer "${initializer.name}" is there twice`, {
          tensor: initializer.name,
        }),
      );
    initializers.set(initializer.name, initializer);
  };
  for (const field of fieldsOf(span, read.what)) {
    if (field.number === GRAPH.name) name = read.string(field);
    else if (field.number === GRAPH.initializer)
      add(readTensorProto(read.message(field), context, (own) => `initializer "${own}"`));
    else if (field.number === GRAPH.sparseInitializer) add(readSparseTensor(read.message(field), context));
    else if (field.number === GRAPH.input) inputs.push(readValue(read.message(field)));
    else if (field.number === GRAPH.output) outputs.push(readValue(read.message(field)));
    else if (field.number === GRAPH.valueInfo) {
      const value = readValue(read.message(field));
      valueInfo.set(value.name, value);
    } else if (field.number === GRAPH.node) {
      const node = readNode(read.message(field), context, depth);
      const constant = liftConstant(node);
      if (constant === undefined) nodes.push(node);
      else add(constant);
    }
  }
  return {
    name,
    inputs: inputs.filter((input) => !initializers.has(input.name)),
    outputs,
    nodes: sortedNodes(nodes, context),
    initializers,
    valueInfo,
  };
}

/** The nodes in topological order; a cycle is a problem. */
export function sortedNodes(nodes: readonly Node[], context: TensorContext): readonly Node[] {
  const { nodes: sorted, cycle } = sortNodes(nodes);
  if (cycle !== undefined) {
    const labels = cycle.slice(0, 3).map(nodeLabel).join(', ') + (cycle.length > 3 ? ', …' : '');
    context.problems.push(
      new BnnqError('malformed', `onnx: the graph has a cycle of ${cycle.length} nodes: ${labels}`, {
        node: cycle[0]!.name,
      }),
    );
  }
  return sorted;
}

/** Reads a NodeProto. */
export function readNode(span: Span, context: TensorContext, depth: number): Node {
  const read = new FieldReader(span.bytes, 'a node');
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributeSpans: Span[] = [];
  let name = '';
  let opType = '';
  let domain = '';
  let overload = '';
  for (const field of fieldsOf(span, read.what)) {
    if (field.number === NODE.input) inputs.push(read.string(field));
    else if (field.number === NODE.output) outputs.push(read.string(field));
    else if (field.number === NODE.name) name = read.string(field);
    else if (field.number === NODE.opType) opType = read.string(field);
    else if (field.number === NODE.domain) domain = domainName(read.string(field));
    else if (field.number === NODE.overload) overload = read.string(field);
    else if (field.number === NODE.attribute) attributeSpans.push(read.message(field));
  }
  const attributes = new Map<string, Attribute>();
  const called = overload === '' ? {} : { overload };
  const node: Node = { name, opType, domain, ...called, inputs, outputs, attributes };
  const label = nodeLabel(node);
  if (opType === '')
    context.problems.push(
      new BnnqError('malformed', `onnx: ${label} has no operator`, { node: name, offset: span.start }),
    );
  for (const attributeSpan of attributeSpans) {
    const { name: key, attribute } = readAttribute(attributeSpan, context, label, (inner) =>
      readGraph(inner, context, depth + 1),
    );
    if (attributes.has(key))
      context.problems.push(
        new BnnqError('malformed', `onnx: ${label} has the attribute "${key}" twice`, {
          node: name,
          offset: span.start,
        }),
      );
    attributes.set(key, attribute);
  }
  return node;
}

/** Both '' and 'ai.onnx' name the standard operators; the IR says ''. */
export function domainName(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

/** Reads a ValueInfoProto; of maps and sparse tensors the IR has the name alone. */
function readValue(span: Span): Value {
  const proto = decodeLeaf(span, 'a value info', (reader) => onnxProto.onnx.ValueInfoProto.decode(reader));
  return { name: proto.name, ...typeOf(proto.type) };
}

function typeOf(proto: onnxProto.onnx.ITypeProto | null | undefined, depth = 0): ValueType {
  if (depth > MAX_GRAPH_DEPTH)
    throw new BnnqError('limit', `onnx: types are nested more than ${MAX_GRAPH_DEPTH} deep`);
  const sequence = proto?.sequenceType?.elemType;
  if (sequence) return { container: { kind: 'sequence', element: typeOf(sequence, depth + 1) } };
  const optional = proto?.optionalType?.elemType;
  if (optional) return { container: { kind: 'optional', element: typeOf(optional, depth + 1) } };
  const tensor = proto?.tensorType;
  const dtype = dataTypeOf(tensor?.elemType ?? 0);
  const shape = tensor?.shape?.dim?.map((dim): Dim => {
    if (dim.dimParam) return dim.dimParam;
    if (dim.dimValue === null || dim.dimValue === undefined) return null;
    const size = toNumber(dim.dimValue);
    return size < 0 ? null : size;
  });
  return { ...(dtype === undefined ? {} : { dtype }), ...(shape === undefined ? {} : { shape }) };
}
