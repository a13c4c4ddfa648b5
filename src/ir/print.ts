import type { Dim, Graph, Model, Node, Value } from './graph.ts';

/** The name of a node, or of its first output where it has none. */
export function nodeName(node: Node): string {
  return node.name !== '' ? node.name : (node.outputs[0] ?? node.opType);
}

/** How a node is called in messages: by name and operator, or by what it makes where it has no name. */
export function nodeLabel(node: Node): string {
  const operator = node.domain === '' ? node.opType : `${node.domain}.${node.opType}`;
  return node.name === ''
    ? `node of "${node.outputs[0] ?? ''}" (${operator})`
    : `node "${node.name}" (${operator})`;
}

/** A shape as `[N,3,224,224]`; `?` where a dimension is unknown. */
export function shapeText(shape: readonly Dim[]): string {
  return `[${shape.map((dim) => dim ?? '?').join(',')}]`;
}

/** A value as `input FLOAT [N,3,32,32]`. */
export function valueText(value: Value): string {
  const shape = value.shape === undefined ? '' : ` ${shapeText(value.shape)}`;
  return `${value.name} ${value.dtype ?? '?'}${shape}`;
}

/** The graph as text, a line a node: for people and for tests. */
export function printModel(model: Model): string {
  const opsets = [...model.opsets].map(([domain, version]) => `${domain || 'ai.onnx'} ${version}`);
  const lines = [`IR ${model.irVersion}, ${opsets.join(', ')}`, ...graphLines(model.graph, '')];
  for (const body of model.functions) {
    lines.push(
      `function ${body.domain}.${body.name}(${body.inputs.join(', ')}) -> ${body.outputs.join(', ')}`,
    );
    lines.push(...body.nodes.map((node) => `  ${nodeLine(node)}`));
  }
  return `${lines.join('\n')}\n`;
}

function graphLines(graph: Graph, indent: string): string[] {
  const lines = graph.inputs.map((value) => `${indent}input ${valueText(value)}`);
  for (const { name, dtype, shape, quantized } of graph.initializers.values()) {
    const codes = quantized === undefined ? '' : ` ${quantized.scheme} ${quantized.bits} bits`;
    lines.push(`${indent}initializer ${name} ${dtype} ${shapeText(shape)}${codes}`);
  }
  for (const node of graph.nodes) {
    lines.push(indent + nodeLine(node));
    for (const [name, attribute] of node.attributes) {
      const inner =
        attribute.type === 'GRAPH' ? [attribute.value] : attribute.type === 'GRAPHS' ? attribute.value : [];
      for (const subgraph of inner)
        lines.push(`${indent}  ${name}:`, ...graphLines(subgraph, `${indent}    `));
    }
  }
  return [...lines, ...graph.outputs.map((value) => `${indent}output ${valueText(value)}`)];
}

function nodeLine(node: Node): string {
  const operator = node.domain === '' ? node.opType : `${node.domain}.${node.opType}`;
  return `${node.outputs.join(', ')} = ${operator}(${node.inputs.join(', ')})`;
}
