import { describe, expect, it } from 'vitest';
import { type Graph, type Initializer, type Model, type Node, withInitializers } from '../../src/ir/graph.ts';
import { nodeLabel, printModel, shapeText, valueText } from '../../src/ir/print.ts';
import {
  allNodes,
  capturedNames,
  consumersOf,
  producersOf,
  sortNodes,
  usesOf,
} from '../../src/ir/traverse.ts';
import { validateModel } from '../../src/ir/validate.ts';
import { floats } from '../../src/tensor/tensor.ts';

function node(opType: string, inputs: string[], outputs: string[], body?: Graph): Node {
  const attributes: Node['attributes'] = new Map(
    body === undefined ? [] : [['body', { type: 'GRAPH', value: body }]],
  );
  return { name: '', opType, domain: '', inputs, outputs, attributes };
}

function graph(nodes: Node[], inputs: string[], outputs: string[], constants: string[] = []): Graph {
  const initializers = new Map<string, Initializer>();
  for (const name of constants)
    initializers.set(name, { name, dtype: 'FLOAT', shape: [1], byteLength: 4, read: () => floats([1], [0]) });
  const values = (names: string[]) => names.map((name) => ({ name }));
  return {
    name: '',
    inputs: values(inputs),
    outputs: values(outputs),
    nodes,
    initializers,
    valueInfo: new Map(),
  };
}

function model(main: Graph): Model {
  return {
    irVersion: 8,
    opsets: new Map([['', 13]]),
    producer: '',
    metadata: new Map(),
    graph: main,
    functions: [],
    source: { format: 'memory' },
  };
}

const messages = (main: Graph) => validateModel(model(main)).map((problem) => problem.message);

describe('what a node uses', () => {
  const inner = graph([node('Add', ['a', 'w'], ['z']), node('Relu', ['outer'], ['q'])], ['a'], ['z'], ['w']);
  const loop = node('Loop', ['x', '', 'y'], ['r'], inner);

  it('is its inputs and what its subgraphs take from outside', () => {
    expect([...capturedNames(inner)]).toEqual(['outer']);
    expect(usesOf(loop)).toEqual(['x', 'y', 'outer']);
  });

  it('decides who makes and who needs a value', () => {
    const relu = node('Relu', ['r', 'r'], ['s', '']);
    expect([...producersOf([loop, relu]).keys()]).toEqual(['r', 's']);
    expect(consumersOf([loop, relu]).get('outer')).toEqual([loop]);
    expect(consumersOf([loop, relu]).get('r')).toEqual([relu]);
    expect([...allNodes([loop])].map(({ opType }) => opType)).toEqual(['Loop', 'Add', 'Relu']);
  });
});

describe('sorting nodes', () => {
  it('returns the same list where it is in order', () => {
    const nodes = [node('A', ['x'], ['a']), node('B', ['a'], ['b'])];
    expect(sortNodes(nodes).nodes).toBe(nodes);
  });

  it('moves only what must move', () => {
    const nodes = ['d<b', 'c<x', 'b<a', 'a<x', 'e<x'].map((text) => node('Op', [text[2]], [text[0]]));
    expect(
      sortNodes(nodes)
        .nodes.map(({ outputs }) => outputs[0])
        .join(''),
    ).toBe('abdce');
  });

  it('survives a chain of 100,000 nodes the wrong way round', () => {
    const nodes = Array.from({ length: 100_000 }, (_, i) => node('Op', [`${i}`], [`${i + 1}`])).reverse();
    expect(sortNodes(nodes).nodes[0]).toBe(nodes[99_999]);
  });

  it('tells a cycle, also that of a node with itself', () => {
    const nodes = [node('A', ['c'], ['a']), node('B', ['a'], ['b']), node('C', ['b'], ['c'])];
    expect(sortNodes(nodes).cycle).toHaveLength(3);
    expect(sortNodes([node('A', ['a'], ['a'])]).cycle).toHaveLength(1);
  });
});

describe('validating a graph', () => {
  it('finds nothing in a sound one', () => {
    const body = graph([node('Add', ['i', 'outer'], ['o'])], ['i'], ['o', 'outer']);
    const nodes = [node('Relu', ['x'], ['outer']), node('Loop', ['w', ''], ['y', ''], body)];
    expect(messages(graph(nodes, ['x'], ['y', 'w'], ['w']))).toEqual([]);
  });

  it('finds everything that is wrong at once', () => {
    const body = graph([node('Add', ['i', 'late'], ['o'])], ['i'], ['p']);
    const nodes = [
      node('Loop', ['nowhere'], ['y'], body),
      node('Relu', ['x'], ['y']),
      node('Relu', ['x'], ['w']),
    ];
    expect(messages(graph(nodes, ['x', 'w'], ['z'], ['w']))).toEqual([
      'graph: value "w" is made twice, the second time by an initializer',
      'graph: node of "y" (Loop): input "nowhere" is made by nothing',
      'graph: node of "o" (Add): input "late" is made by nothing',
      'graph: output "p" is made by nothing',
      'graph: value "y" is made twice, the second time by node of "y" (Relu)',
      'graph: value "w" is made twice, the second time by node of "w" (Relu)',
      'graph: output "z" is made by nothing',
    ]);
  });

  it('finds cycles and nodes out of order', () => {
    expect(messages(graph([node('A', ['b'], ['a']), node('B', ['a'], ['b'])], [], ['a']))[0]).toBe(
      'graph: 2 nodes form a cycle: node of "a" (A), node of "b" (B)',
    );
    expect(messages(graph([node('B', ['a'], ['b']), node('A', ['x'], ['a'])], ['x'], ['b']))).toEqual([
      'graph: the nodes are not in topological order',
    ]);
  });

  it('looks into functions', () => {
    const body = { name: 'F', domain: '', overload: '', inputs: ['i'], outputs: ['o'], attributes: [] };
    const nodes = [node('Add', ['x', 'b'], ['i']), node('Relu', ['i'], ['a'])];
    const withFunction = {
      ...model(graph([], [], [])),
      functions: [{ ...body, defaults: new Map(), nodes, opsets: new Map() }],
    };
    expect(validateModel(withFunction).map((problem) => problem.message)).toEqual([
      'graph: node of "i" (Add): input "x" is made by nothing',
      'graph: node of "i" (Add): input "b" is made by nothing',
      'graph: function "F": value "i" is made twice, the second time by node of "i" (Add)',
      'graph: function "F": output "o" is made by nothing',
    ]);
  });
});

describe('the graph as text', () => {
  it('has a line for every input, initializer, node and output', () => {
    const body = graph([node('Relu', ['i'], ['o'])], ['i'], ['o']);
    expect(printModel(model(graph([node('Loop', ['x', ''], ['y'], body)], ['x'], ['y'], ['w'])))).toBe(
      `IR 8, ai.onnx 13
input x ?
initializer w FLOAT [1]
y = Loop(x, )
  body:
    input i ?
    o = Relu(i)
    output o ?
output y ?
`,
    );
  });

  it('names nodes, shapes and values', () => {
    expect(nodeLabel({ ...node('Conv', [], ['y']), name: 'c1', domain: 'my' })).toBe('node "c1" (my.Conv)');
    expect(shapeText(['N', 3, null])).toBe('[N,3,?]');
    expect(valueText({ name: 'x', dtype: 'FLOAT', shape: [] })).toBe('x FLOAT []');
  });
});

describe('replacing initializers', () => {
  it('leaves the model as it was', () => {
    const before = model(graph([], [], [], ['w', 'v']));
    const other = { ...before.graph.initializers.get('w')!, byteLength: 99 };
    const after = withInitializers(before, new Map([['w', other]]));
    expect(after.graph.initializers.get('w')).toBe(other);
    expect(before.graph.initializers.get('w')!.byteLength).toBe(4);
    expect([...after.graph.initializers.keys()]).toEqual(['w', 'v']);
  });
});
