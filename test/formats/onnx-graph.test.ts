import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { MAX_GRAPH_DEPTH } from '../../src/formats/limits.ts';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import type { Attribute } from '../../src/ir/graph.ts';
import { bytesOf, type GraphFields, modelBytes, type NodeFields, value } from './onnx-bytes.ts';

const { AttributeType } = onnxProto.onnx.AttributeProto;
const one = { dims: [1], dataType: 1, floatData: [1] };

function attributes(attribute: onnxProto.onnx.IAttributeProto[]): ReadonlyMap<string, Attribute> {
  const node = { opType: 'Custom', domain: 'my.domain', input: ['x'], output: ['y'], attribute };
  return readOnnx(modelBytes({ node: [node] })).graph.nodes[0].attributes;
}

function constant(attribute: onnxProto.onnx.IAttributeProto) {
  const nodes: NodeFields[] = [
    { opType: 'Constant', output: ['c'], attribute: [attribute] },
    { opType: 'Identity', input: ['x'], output: ['y'] },
  ];
  const { graph } = readOnnx(modelBytes({ node: nodes }));
  expect(graph.nodes).toHaveLength(1);
  return graph.initializers.get('c')!;
}

describe('nodes', () => {
  it('of unknown operators and domains are imported as they are', () => {
    const node = {
      name: 'n',
      opType: 'BipolarQuant',
      domain: 'onnx.brevitas',
      input: ['x', '', 'x'],
      output: ['y', ''],
    };
    expect(readOnnx(modelBytes({ node: [node] })).graph.nodes[0]).toEqual({
      name: 'n',
      opType: 'BipolarQuant',
      domain: 'onnx.brevitas',
      inputs: ['x', '', 'x'],
      outputs: ['y', ''],
      attributes: new Map(),
    });
  });

  it('of the domain ai.onnx are those of the empty domain', () => {
    const bytes = modelBytes(
      { node: [{ opType: 'Relu', domain: 'ai.onnx', input: ['x'], output: ['y'] }] },
      { opsetImport: [{ domain: 'ai.onnx', version: 17 }] },
    );
    const model = readOnnx(bytes);
    expect(model.graph.nodes[0].domain).toBe('');
    expect([...model.opsets]).toEqual([['', 17]]);
  });

  it('have attributes of every kind', () => {
    const graph: GraphFields = { name: 'inner', node: [], output: [] };
    const tensor = { name: 't', ...one };
    const read = attributes([
      { name: 'f', type: AttributeType.FLOAT, f: 0.1 },
      { name: 'i', type: AttributeType.INT, i: -3 },
      { name: 's', type: AttributeType.STRING, s: Buffer.from('ü') },
      { name: 't', type: AttributeType.TENSOR, t: tensor },
      { name: 'g', type: AttributeType.GRAPH, g: graph },
      { name: 'fs', type: AttributeType.FLOATS, floats: [1, 2.5] },
      { name: 'is', type: AttributeType.INTS, ints: [1, -2, 2 ** 40] },
      { name: 'ss', type: AttributeType.STRINGS, strings: [Buffer.from('a'), Buffer.from('')] },
      { name: 'ts', type: AttributeType.TENSORS, tensors: [tensor, tensor] },
      { name: 'gs', type: AttributeType.GRAPHS, graphs: [graph] },
      { name: 'r', type: AttributeType.INT, refAttrName: 'alpha' },
      { name: 'tp', type: AttributeType.TYPE_PROTO },
    ]);
    expect(read.get('f')).toEqual({ type: 'FLOAT', value: Math.fround(0.1) });
    expect(read.get('i')).toEqual({ type: 'INT', value: -3 });
    expect(read.get('s')).toEqual({ type: 'STRING', value: 'ü' });
    const t = read.get('t');
    expect(t?.type === 'TENSOR' && [...t.value.read().data]).toEqual([1]);
    expect(read.get('g')).toMatchObject({ type: 'GRAPH', value: { name: 'inner' } });
    expect(read.get('fs')).toEqual({ type: 'FLOATS', value: [1, 2.5] });
    expect(read.get('is')).toEqual({ type: 'INTS', value: [1, -2, 2 ** 40] });
    expect(read.get('ss')).toEqual({ type: 'STRINGS', value: ['a', ''] });
    const ts = read.get('ts');
    expect(ts?.type === 'TENSORS' && ts.value.length).toBe(2);
    expect(read.get('gs')).toMatchObject({ type: 'GRAPHS', value: [{ name: 'inner' }] });
    expect(read.get('r')).toEqual({ type: 'REF', value: 'alpha' });
    expect(read.get('tp')).toEqual({ type: 'OTHER', value: null });
  });

  it('have zero and empty attributes although protobuf leaves their values out', () => {
    const read = attributes([
      { name: 'f', type: AttributeType.FLOAT },
      { name: 'i', type: AttributeType.INT },
      { name: 's', type: AttributeType.STRING },
      { name: 'is', type: AttributeType.INTS },
    ]);
    expect([...read.values()].map((attribute) => attribute.value)).toEqual([0, 0, '', []]);
  });

  it('have attributes without a type in files of IR version 1', () => {
    const read = attributes([
      { name: 'i', i: 7 },
      { name: 'fs', floats: [1] },
    ]);
    expect(read.get('i')).toEqual({ type: 'INT', value: 7 });
    expect(read.get('fs')).toEqual({ type: 'FLOATS', value: [1] });
  });

  it('are refused for an attribute that is there twice or has no value, and without an operator', () => {
    expect(() =>
      attributes([
        { name: 'i', i: 7 },
        { name: 'i', i: 8 },
      ]),
    ).toThrow('onnx: node of "y" (my.domain.Custom) has the attribute "i" twice');
    expect(() => attributes([{ name: 't', type: AttributeType.TENSOR }])).toThrow(
      'attribute "t" has no value',
    );
    expect(() => readOnnx(modelBytes({ node: [{ input: ['x'], output: ['y'] }] }))).toThrow(
      'has no operator',
    );
  });

  it('are put in topological order, and stay where they are when they are in order', () => {
    const chain = ['d', 'b', 'a', 'c'].map((name) => {
      const before = { a: 'x', b: 'a', c: 'b', d: 'c' }[name]!;
      return { opType: 'Relu', input: [before], output: [name] };
    });
    const { nodes } = readOnnx(modelBytes({ node: chain, output: [value('d')] })).graph;
    expect(nodes.map((node) => node.outputs[0])).toEqual(['a', 'b', 'c', 'd']);
  });

  it('in a cycle are refused by name', () => {
    const node = [
      { name: 'p', opType: 'Add', input: ['x', 'b'], output: ['a'] },
      { name: 'q', opType: 'Relu', input: ['a'], output: ['b'] },
    ];
    expect(() => readOnnx(modelBytes({ node, output: [value('b')] }))).toThrow(
      'onnx: the graph has a cycle of 2 nodes: node "p" (Add), node "q" (Relu)',
    );
  });

  it('are refused, all at once, for inputs that nothing makes and values that are made twice', () => {
    const node = [
      { name: 'p', opType: 'Add', input: ['x', 'nowhere'], output: ['a'] },
      { name: 'q', opType: 'Relu', input: ['a'], output: ['a'] },
    ];
    const read = () => readOnnx(modelBytes({ node: node.slice(0, 1), output: [value('z')] }));
    expect(read).toThrow('graph: node "p" (Add): input "nowhere" is made by nothing');
    expect(read).toThrow('graph: output "z" is made by nothing');
    expect(() => readOnnx(modelBytes({ node, output: [value('a')] }))).toThrow('cycle');
    const twice = [
      { name: 'p', opType: 'Relu', input: ['x'], output: ['y'] },
      { name: 'q', opType: 'Relu', input: ['x'], output: ['y'] },
    ];
    expect(() => readOnnx(modelBytes({ node: twice }))).toThrow(
      'value "y" is made twice, the second time by node "q" (Relu)',
    );
  });
});

describe('Constant nodes', () => {
  const KINDS: [onnxProto.onnx.IAttributeProto, string, readonly number[], readonly unknown[]][] = [
    [{ name: 'value', type: AttributeType.TENSOR, t: { name: 'other', ...one } }, 'FLOAT', [1], [1]],
    [{ name: 'value_float', type: AttributeType.FLOAT, f: 2 }, 'FLOAT', [], [2]],
    [{ name: 'value_floats', type: AttributeType.FLOATS, floats: [2, 3] }, 'FLOAT', [2], [2, 3]],
    [{ name: 'value_int', type: AttributeType.INT, i: 4 }, 'INT64', [], [4n]],
    [{ name: 'value_ints', type: AttributeType.INTS, ints: [4, -5] }, 'INT64', [2], [4n, -5n]],
    [{ name: 'value_string', type: AttributeType.STRING, s: Buffer.from('a') }, 'STRING', [], ['a']],
    [
      { name: 'value_strings', type: AttributeType.STRINGS, strings: [Buffer.from('a')] },
      'STRING',
      [1],
      ['a'],
    ],
  ];
  it.each(KINDS)(
    'are initializers under the name of their output: %o',
    (attribute, dtype, shape, elements) => {
      const initializer = constant(attribute);
      expect(initializer).toMatchObject({ name: 'c', dtype, shape });
      expect([...initializer.read().data]).toEqual(elements);
    },
  );

  it('of INT64_MAX keep it, although the attribute is rounded', () => {
    const max = { low: -1, high: 0x7fffffff, unsigned: false } as unknown as number;
    expect([...constant({ name: 'value_ints', type: AttributeType.INTS, ints: [max] }).read().data]).toEqual([
      2n ** 63n - 1n,
    ]);
  });

  it('that are sparse are unpacked when they are read', () => {
    const sparseTensor = {
      values: { dims: [2], dataType: 1, floatData: [5, 6] },
      indices: { dims: [2, 2], dataType: 7, int64Data: [0, 1, 1, 2] },
      dims: [2, 3],
    };
    const sparse = constant({ name: 'sparse_value', type: AttributeType.SPARSE_TENSOR, sparseTensor });
    expect(sparse).toMatchObject({ name: 'c', dtype: 'FLOAT', shape: [2, 3] });
    expect([...sparse.read().data]).toEqual([0, 5, 0, 0, 0, 6]);
  });

  it('stay nodes in functions, where the value may come from the caller', () => {
    const body = {
      name: 'F',
      domain: 'd',
      output: ['o'],
      attribute: ['alpha'],
      node: [
        {
          opType: 'Constant',
          output: ['o'],
          attribute: [{ name: 'value_float', refAttrName: 'alpha', type: 1 }],
        },
      ],
      opsetImport: [{ domain: '', version: 13 }],
    };
    const [read] = readOnnx(modelBytes({}, { functions: [body] })).functions;
    expect(read).toMatchObject({ name: 'F', domain: 'd', inputs: [], outputs: ['o'], attributes: ['alpha'] });
    expect(read.nodes[0].attributes.get('value_float')).toEqual({ type: 'REF', value: 'alpha' });
  });
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

describe('the graph', () => {
  it('has no initializers among its inputs, as old files do', () => {
    const { graph } = readOnnx(
      modelBytes({ input: [value('x'), value('w')], initializer: [{ name: 'w', ...one }] }),
    );
    expect(graph.inputs.map((input) => input.name)).toEqual(['x']);
    expect(graph.initializers.has('w')).toBe(true);
  });

  it('has inputs with numbers, symbols and unknown dimensions', () => {
    const dim = [{ dimValue: 3 }, { dimParam: 'N' }, {}, { dimValue: -1 }, { dimValue: 0 }];
    const input = { name: 'x', type: { tensorType: { elemType: 10, shape: { dim } } } };
    const rankless = { name: 'y', type: { tensorType: { elemType: 1 } } };
    const { graph } = readOnnx(modelBytes({ input: [input], output: [rankless] }));
    expect(graph.inputs).toEqual([{ name: 'x', dtype: 'FLOAT16', shape: [3, 'N', null, null, 0] }]);
    expect(graph.outputs).toEqual([{ name: 'y', dtype: 'FLOAT' }]);
  });

  it('refuses two initializers of one name', () => {
    const initializer = [
      { name: 'w', ...one },
      { name: 'w', ...one },
    ];
    expect(() => readOnnx(modelBytes({ initializer }))).toThrow('onnx: initializer "w" is there twice');
  });

  const sparseInitializer = (dims: number[], indices: number[], indexDims = [indices.length]) =>
    readOnnx(
      modelBytes({
        sparseInitializer: [
          {
            values: { name: 's', ...one },
            indices: { dims: indexDims, dataType: 7, int64Data: indices },
            dims,
          },
        ],
      }),
    ).graph.initializers.get('s')!;

  it('has sparse initializers, which are unpacked when they are read', () => {
    const initializer = sparseInitializer([4], [2]);
    expect(initializer).toMatchObject({ dtype: 'FLOAT', shape: [4] });
    expect([...initializer.read().data]).toEqual([0, 0, 1, 0]);
  });

  it.each([
    [[4], [4], [1], 'index 4 is not below 4'],
    [[4], [-1], [1], 'index -1 is not below 4'],
    [[2, 2], [1, 2], [1, 2], 'index 2 is not below 2'],
    [[4], [1, 2], [2], 'its indices are [2] of INT64, expected [1] or [1,1] of INT64'],
    [[2 ** 20, 2 ** 20], [0], [1], `it has ${2 ** 40} elements, at most ${2 ** 26} are unpacked`],
  ])('refuses to unpack shape %j with indices %j of shape %j', (dims, indices, indexDims, message) => {
    expect(() => sparseInitializer(dims, indices, indexDims).read()).toThrow(
      `onnx: sparse tensor "s": ${message}`,
    );
  });

  it('refuses sparse initializers of impossible shapes at once', () => {
    expect(() => sparseInitializer([-4], [0])).toThrow(
      'onnx: sparse tensor "s": shape [-4] has the negative dimension -4',
    );
  });

  it('keeps subgraphs with their own initializers, and values of the graph around them are known inside', () => {
    const branch: GraphFields = {
      name: 'then',
      node: [{ opType: 'Add', input: ['x', 'w'], output: ['z'] }],
      initializer: [{ name: 'w', ...one }],
      output: [value('z')],
    };
    const node = {
      opType: 'If',
      input: ['x'],
      output: ['y'],
      attribute: [{ name: 'then_branch', type: 5, g: branch }],
    };
    const attribute = readOnnx(modelBytes({ node: [node] })).graph.nodes[0].attributes.get('then_branch')!;
    expect(attribute.type === 'GRAPH' && [...attribute.value.initializers.keys()]).toEqual(['w']);
  });

  it('is sorted by what subgraphs take from outside, too', () => {
    const branch: GraphFields = {
      node: [{ opType: 'Relu', input: ['late'], output: ['z'] }],
      output: [value('z')],
    };
    const node = [
      { opType: 'If', input: ['x'], output: ['y'], attribute: [{ name: 'then_branch', type: 5, g: branch }] },
      { opType: 'Relu', input: ['x'], output: ['late'] },
    ];
    expect(readOnnx(modelBytes({ node })).graph.nodes.map((n) => n.opType)).toEqual(['Relu', 'If']);
  });

  it(`is refused when subgraphs are nested more than ${MAX_GRAPH_DEPTH} deep`, () => {
    const nest = (depth: number): GraphFields => ({
      node: [
        depth === 0
          ? { opType: 'Relu', input: ['x'], output: ['y'] }
          : {
              opType: 'If',
              input: ['x'],
              output: ['y'],
              attribute: [{ name: 'b', type: 5, g: nest(depth - 1) }],
            },
      ],
      output: [value('y')],
    });
    expect(readOnnx(modelBytes(nest(MAX_GRAPH_DEPTH))).graph.nodes).toHaveLength(1);
    expect(() => readOnnx(modelBytes(nest(MAX_GRAPH_DEPTH + 1)))).toThrow('nested more than 32 deep');
    expect(() => readOnnx(modelBytes(nest(300)))).toThrow('nested more than 32 deep');
  });

  it('is refused when types are sequences of sequences without end', () => {
    const nested = (depth: number): Uint8Array => {
      // TypeProto.sequence_type is field 4, its elem_type field 1: each level puts both around what is inside.
      const heads: Buffer[] = [];
      let length = 0;
      for (let level = 0; level < depth; level++)
        for (const tag of [0x0a, 0x22]) {
          const head = Buffer.from([tag, ...varint(length)]);
          heads.push(head);
          length += head.length;
        }
      const type = Buffer.concat(heads.reverse());
      const info = Buffer.concat([
        Buffer.from([0x0a, 1, 0x79, 0x12, ...varint(type.length)]), // name "y", then the type
        type,
      ]);
      const graph = Buffer.concat([Buffer.from([0x5a, ...varint(info.length)]), info]);
      // IR version 8 and operator set 13.
      const head = Buffer.from([8, 8, 0x42, 2, 0x10, 13, 0x3a, ...varint(graph.length)]);
      return Buffer.concat([head, graph]);
    };
    expect(readOnnx(nested(MAX_GRAPH_DEPTH)).graph.inputs).toHaveLength(1);
    expect(() => readOnnx(nested(MAX_GRAPH_DEPTH + 1))).toThrow('types are nested more than 32 deep');
    expect(() => readOnnx(nested(100_000))).toThrow('a value info is damaged');
  });
});

describe('the model', () => {
  it('has versions, producer and metadata', () => {
    const fields = {
      irVersion: 9,
      producerName: 'pytorch',
      producerVersion: '2.1',
      opsetImport: [
        { domain: '', version: 21 },
        { domain: 'com.microsoft', version: 1 },
      ],
      metadataProps: [{ key: 'author', value: 'me' }],
    };
    const model = readOnnx(modelBytes({}, fields), { file: 'm.onnx' });
    expect(model.irVersion).toBe(9);
    expect(model.producer).toBe('pytorch 2.1');
    expect([...model.opsets]).toEqual([
      ['', 21],
      ['com.microsoft', 1],
    ]);
    expect([...model.metadata]).toEqual([['author', 'me']]);
    expect(model.source).toMatchObject({ format: 'onnx', file: 'm.onnx' });
  });

  it('is refused without a graph, with two graphs and without operator sets', () => {
    expect(() => readOnnx(Uint8Array.of(0x08, 8), { file: 'm' })).toThrow('onnx: "m" holds no graph');
    const bytes = modelBytes({});
    expect(() => readOnnx(Uint8Array.from([...bytes, ...bytes]))).toThrow('onnx: the model holds two graphs');
    expect(() => readOnnx(modelBytes({}, { opsetImport: [] }))).toThrow(
      'onnx: the model names no operator set',
    );
  });

  it('of IR version 2 may leave its operator set out', () => {
    expect([...readOnnx(modelBytes({}, { irVersion: 2, opsetImport: [] })).opsets]).toEqual([['', 1]]);
  });

  it('reads float attributes and raw data from a buffer that is itself a view', () => {
    const initializer = [{ name: 'w', dims: [2], dataType: 1, rawData: bytesOf(Float32Array.of(5, 6)) }];
    const bytes = modelBytes({ initializer });
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect([...readOnnx(shifted.subarray(3)).graph.initializers.get('w')!.read().data]).toEqual([5, 6]);
  });
});
