import { describe, expect, it } from 'vitest';
import type { FunctionBody, Model, Node } from '../../src/ir/graph.ts';
import { rowOrder } from '../../src/ir/quantized-tensor.ts';
import { planWeights } from '../../src/quantizers/plan/plan-weights.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { sizeOf } from '../../src/tensor/tensor.ts';
import { constant, graphOf, int, modelOf, node, shapeConstant, weight } from './model-builder.ts';

/** The output channel of every element of a weight [axes…], by the definition of its operator. */
function channels(shape: readonly number[], channelOf: (index: number[]) => number): number[] {
  return Array.from({ length: sizeOf(shape) }, (_, position) => {
    const index: number[] = [];
    for (let axis = shape.length - 1, rest = position; axis >= 0; axis--) {
      index[axis] = rest % shape[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    return channelOf(index);
  });
}

describe('the rows of a weight are its output channels', () => {
  it.each([
    ['Conv', [6, 3, 5, 5], {}, 1, ([m]: number[]) => m],
    ['Conv', [6, 1, 3, 3], { group: int(6) }, 1, ([m]: number[]) => m],
    ['Conv', [4, 3, 7], {}, 1, ([m]: number[]) => m],
    ['Conv', [2, 3, 2, 2, 2], {}, 1, ([m]: number[]) => m],
    ['ConvTranspose', [6, 4, 3, 2], {}, 1, ([, m]: number[]) => m],
    // Input channel c belongs to group ⌊c / (C/G)⌋, and output m of group g is g·(M/G) + m.
    ['ConvTranspose', [6, 4, 3, 2], { group: int(3) }, 1, ([c, m]: number[]) => Math.floor(c / 2) * 4 + m],
    ['ConvTranspose', [5, 1, 2], { group: int(5) }, 1, ([c]: number[]) => c],
    ['Gemm', [5, 7], { transB: int(1) }, 1, ([n]: number[]) => n],
    ['Gemm', [7, 5], {}, 1, ([, n]: number[]) => n],
    ['Gemm', [7, 5], { transB: int(0) }, 1, ([, n]: number[]) => n],
    ['MatMul', [7, 5], {}, 1, ([, n]: number[]) => n],
    ['MatMul', [2, 3, 7, 5], {}, 1, ([i, j, , n]: number[]) => (i * 3 + j) * 5 + n],
    ['MatMul', [7], {}, 1, () => 0],
    ['MatMul', [5, 7], {}, 0, ([m]: number[]) => m],
    ['MatMul', [2, 5, 7], {}, 0, ([i, m]: number[]) => i * 5 + m],
    ['MatMul', [7], {}, 0, () => 0],
  ] as const)('%s %j %j, input %i', (opType, shape, attributes, input, channelOf) => {
    const inputs = input === 1 ? ['x', 'w'] : ['w', 'x'];
    const { chosen, skipped } = planWeights(
      modelOf([node(opType, inputs, 'y', attributes)], [weight('w', shape)]),
    );
    expect(skipped).toEqual([]);
    expect(chosen).toHaveLength(1);
    const { layout, rows, columns, count } = chosen[0];
    const expected = channels(shape, channelOf);
    expect(rows).toBe(Math.max(...expected) + 1);
    expect(count).toBe(sizeOf(shape));
    const order = rowOrder(layout);
    for (let i = 0; i < count; i++) expect(expected[order?.[i] ?? i]).toBe(Math.floor(i / columns));
  });

  it('a MatMul weight behind a Reshape of an initializer has the rows of its reshaped shape', () => {
    for (const dims of [
      [12, 5],
      [-1, 5],
      [12, -1],
    ]) {
      const model = modelOf(
        [node('Reshape', ['w', 'dims'], 'r'), node('MatMul', ['x', 'r'], 'y')],
        [weight('w', [3, 4, 5]), shapeConstant('dims', dims)],
      );
      expect(planWeights(model).chosen).toMatchObject([
        {
          name: 'w',
          node: 'y_node',
          opType: 'MatMul',
          layout: { split: [12, 5], perm: [1, 0], rowAxes: 1 },
          rows: 5,
          columns: 12,
          count: 60,
        },
      ]);
    }
  });

  it('a dimension 0 of a Reshape is that of its input', () => {
    const model = modelOf(
      [node('Reshape', ['w', 'dims'], 'r'), node('MatMul', ['x', 'r'], 'y')],
      [weight('w', [3, 4, 5]), shapeConstant('dims', [0, -1])],
    );
    expect(planWeights(model).chosen[0].layout.split).toEqual([3, 20]);
  });
});

describe('what is discretized', () => {
  const conv = (w: string, y: string, name?: string) => node('Conv', ['x', w, 'b'], y, {}, name);

  it('weights in the order of the nodes, and nothing else: no bias, no BatchNormalization', () => {
    const model = modelOf(
      [
        conv('w2', 'a'),
        node('BatchNormalization', ['a', 's', 's', 's', 's'], 'n'),
        node('Mul', ['n', 's'], 'm'),
        node('Gemm', ['m', 'w1', 'b'], 'y'),
      ],
      [weight('w1', [4, 3]), weight('w2', [4, 3, 1, 1]), weight('b', [4]), weight('s', [4])],
    );
    const { chosen, skipped } = planWeights(model);
    expect(chosen.map(({ name, node, opType }) => [name, node, opType])).toEqual([
      ['w2', 'a_node', 'Conv'],
      ['w1', 'y_node', 'Gemm'],
    ]);
    expect(skipped).toEqual([]);
  });

  it('operators of other domains have no weights', () => {
    const other = { ...conv('w', 'y'), domain: 'com.example' };
    expect(planWeights(modelOf([other], [weight('w', [4, 3, 1, 1])]))).toEqual({ chosen: [], skipped: [] });
  });

  it('weights of what onnxruntime fuses: FusedConv, FusedMatMul on either side, transposed or not', () => {
    const rowsOf = (opType: string, inputs: string[], shape: number[], attributes = {}) => {
      const fused = { ...node(opType, inputs, 'y', attributes), domain: 'com.microsoft' };
      return planWeights(modelOf([fused], [weight('w', shape)])).chosen.map(({ rows, layout }) => [
        rows,
        layout.perm,
      ]);
    };
    expect(rowsOf('FusedConv', ['x', 'w'], [4, 3, 1, 1])).toEqual([[4, [0, 1, 2, 3]]]);
    expect(rowsOf('FusedMatMul', ['x', 'w'], [3, 5])).toEqual([[5, [1, 0]]]);
    expect(rowsOf('FusedMatMul', ['x', 'w'], [5, 3], { transB: int(1) })).toEqual([[5, [0, 1]]]);
    expect(rowsOf('FusedMatMul', ['w', 'x'], [5, 3])).toEqual([[5, [0, 1]]]);
    expect(rowsOf('FusedMatMul', ['w', 'x'], [3, 5], { transA: int(1) })).toEqual([[5, [1, 0]]]);
    expect(rowsOf('FusedMatMul', ['x', 'w'], [2, 3, 5], { transBatchB: int(1) })).toEqual([]);
  });

  it('a weight that two nodes share is planned once', () => {
    const model = modelOf([conv('w', 'a', 'one'), conv('w', 'y', 'two')], [weight('w', [4, 4, 1, 1])]);
    expect(planWeights(model).chosen.map(({ name, node }) => [name, node])).toEqual([['w', 'one']]);
  });

  it('reads no elements but the shapes of Reshape', () => {
    const w = weight('w', [4, 3, 1, 1]);
    planWeights(modelOf([conv('w', 'y')], [w]));
    expect(w.reads).toBe(0);
  });

  const reasonFor = (model: Parameters<typeof planWeights>[0]) => {
    const { chosen, skipped } = planWeights(model);
    expect(chosen).toEqual([]);
    expect(skipped).toHaveLength(1);
    return `${skipped[0].name}: ${skipped[0].reason}`;
  };

  it('a weight shared with different rows is left, with the reason', () => {
    const model = modelOf(
      [node('MatMul', ['x', 'w'], 'a', {}, 'up'), node('Gemm', ['a', 'w'], 'y', { transB: int(1) }, 'down')],
      [weight('w', [4, 4])],
    );
    expect(reasonFor(model)).toBe('w: up and down share it with different rows');
  });

  it('a weight that something else uses, too, is left, with the reason', () => {
    const model = modelOf(
      [node('Gather', ['w', 'x'], 'e', {}, 'embed'), node('MatMul', ['e', 'w'], 'y')],
      [weight('w', [4, 4])],
    );
    expect(reasonFor(model)).toBe('w: embed (Gather) uses it, too, and not as a weight');
  });

  it('a weight that is an output of the graph is left, with the reason', () => {
    expect(reasonFor(modelOf([conv('w', 'y')], [weight('w', [4, 3, 1, 1])], ['w']))).toBe(
      'w: it is an output of the graph',
    );
  });

  it('weights of integer types, without elements, of too few axes are left, with the reason', () => {
    const integers = constant('w', { dtype: 'INT8', shape: [4, 3, 1, 1], data: new Int8Array(12) });
    expect(reasonFor(modelOf([conv('w', 'y')], [integers]))).toBe('w: its type is INT8, not a float type');
    expect(reasonFor(modelOf([conv('w', 'y')], [weight('w', [0, 3, 1, 1])]))).toBe('w: it has no elements');
    expect(reasonFor(modelOf([conv('w', 'y')], [weight('w', [4, 3])]))).toBe(
      'w: a weight of shape [4,3] has too few axes for the operator',
    );
  });

  it('groups that do not divide the channels are left, with the reason', () => {
    const model = modelOf(
      [node('ConvTranspose', ['x', 'w'], 'y', { group: int(4) })],
      [weight('w', [6, 1, 2, 2])],
    );
    expect(reasonFor(model)).toBe('w: 6 input channels do not make 4 groups');
  });

  it('the constant left operand of a Gemm is left, with the reason', () => {
    expect(reasonFor(modelOf([node('Gemm', ['w', 'x'], 'y')], [weight('w', [4, 3])]))).toBe(
      'w: the constant is the left operand A of a Gemm, which is kept as it is',
    );
  });

  it('a weight that is computed from constants is left, with the reason', () => {
    const model = modelOf(
      [node('Relu', ['w'], 'q', {}, 'quant'), node('MatMul', ['x', 'q'], 'y', {}, 'fc')],
      [weight('w', [4, 3])],
    );
    expect(reasonFor(model)).toBe('q: weight of fc that Relu computes from constants');
  });

  it('a table of lookups and weights that are multiplied as integers are left, with the reason', () => {
    const lookup = modelOf([node('Gather', ['w', 'x'], 'y', {}, 'embed')], [weight('w', [64, 8])]);
    expect(reasonFor(lookup)).toBe('w: embed (Gather) looks rows up in it and multiplies nothing');
    const integers = { dtype: 'INT8', shape: [4, 3], data: new Int8Array(12) } as const;
    const product = modelOf(
      [node('MatMulInteger', ['x', 'w'], 'y', {}, 'product')],
      [constant('w', integers)],
    );
    expect(reasonFor(product)).toBe('w: product (MatMulInteger) multiplies integers');
  });

  it('the product of two activations has no weight', () => {
    const model = modelOf([node('Relu', ['x'], 'a'), node('MatMul', ['x', 'a'], 'y')], []);
    expect(planWeights(model)).toEqual({ chosen: [], skipped: [] });
  });

  it('weights in branches are left, with the reason', () => {
    const branch = graphOf([conv('w', 'z', 'inner')], [weight('w', [4, 3, 1, 1])]);
    const choose = node('If', ['x'], 'y', { then_branch: { type: 'GRAPH', value: branch } }, 'choose');
    expect(reasonFor(modelOf([choose], []))).toBe(
      'w: weight of inner (Conv) inside of a branch or loop body of choose',
    );
  });

  describe('in functions of the model', () => {
    const block = (nodes: Node[]): FunctionBody => ({
      name: 'Block',
      domain: 'local',
      overload: '',
      inputs: ['a', 'k'],
      outputs: ['c'],
      attributes: [],
      defaults: new Map(),
      nodes,
      opsets: new Map(),
    });
    const call = (x: string, w: string, y: string): Node => ({
      ...node('Block', [x, w], y, {}, `call_${y}`),
      domain: 'local',
    });
    const called = (nodes: Node[]): Model => ({
      ...modelOf(
        [call('x', 'w', 'h'), call('h', 'v', 'y')],
        [weight('w', [3, 3, 1, 1]), weight('v', [3, 3, 1, 1])],
        ['y'],
      ),
      functions: [block(nodes)],
    });

    it('those that a call gives are chosen, behind views too, and the model keeps its functions', () => {
      const turned = node('Transpose', ['k'], 't', { perm: { type: 'INTS', value: [1, 0, 2, 3] } });
      for (const nodes of [
        [node('Conv', ['a', 'k'], 'c', {}, 'conv')],
        [turned, node('Conv', ['a', 't'], 'c', {}, 'conv')],
      ]) {
        const model = called(nodes);
        const { chosen, skipped } = planWeights(model);
        expect(chosen.map(({ name, node }) => [name, node])).toEqual([
          ['w', 'call_h/conv'],
          ['v', 'call_y/conv'],
        ]);
        expect(skipped).toEqual([]);
        const { model: quantized } = quantizeModel(model, { scheme: 'linear', bits: 2 });
        expect(quantized.functions).toBe(model.functions);
        expect(quantized.graph.initializers.get('v')!.quantized!.bits).toBe(2);
      }
    });

    it('constants of the body are left, with the reason, once a call', () => {
      const constant = node('Constant', [], 'inner', {
        value: { type: 'TENSOR', value: weight('', [3, 3, 1, 1]) },
      });
      const { chosen, skipped } = planWeights(
        called([constant, node('Conv', ['a', 'inner'], 'c', {}, 'conv')]),
      );
      expect(chosen).toEqual([]);
      expect(skipped).toEqual([
        { name: 'call_h/inner', reason: 'weight of call_h/conv (Conv) inside of a function' },
        { name: 'call_y/inner', reason: 'weight of call_y/conv (Conv) inside of a function' },
      ]);
    });
  });

  it('a weight that a branch takes from outside is left, with the reason', () => {
    const branch = graphOf([node('Relu', ['w'], 'z')], []);
    const model = modelOf(
      [conv('w', 'a'), node('If', ['a'], 'y', { then_branch: { type: 'GRAPH', value: branch } }, 'choose')],
      [weight('w', [4, 3, 1, 1])],
    );
    expect(reasonFor(model)).toBe('w: choose (If) uses it, too, and not as a weight');
  });
});

describe('include and exclude', () => {
  const names = ['features.0.weight', 'features.1.weight', '/head/fc.weight'];
  const model = modelOf(
    names.map((name, i) => node('Conv', ['x', name], `y${i}`, {}, `/model/conv_${i}`)),
    names.map((name) => weight(name, [2, 2, 1, 1])),
  );
  const chosen = (include: string[], exclude: string[]) =>
    planWeights(model, { include, exclude }).chosen.map(({ name }) => name);

  it.each([
    [[], [], names],
    [['features.*'], [], names.slice(0, 2)],
    [['*weight'], [], names],
    [['/model/conv_2'], [], names.slice(2)],
    [['/model/*'], ['*_1'], [names[0], names[2]]],
    [[], ['*fc*'], names.slice(0, 2)],
    [['features.[01].weight'], ['features.0.*'], [names[1]]],
    [['{features.0,/head/fc}.weight'], [], [names[0], names[2]]],
    [['features.?.weight', '*conv_2'], [], names],
  ])('include %j, exclude %j', (include, exclude, expected) => {
    expect(chosen(include, exclude)).toEqual(expected);
  });

  it('lists what was not wanted', () => {
    expect(planWeights(model, { include: ['features*'], exclude: ['*.1.*'] }).skipped).toEqual([
      { name: 'features.1.weight', reason: 'excluded by "*.1.*"' },
      { name: '/head/fc.weight', reason: 'not included by any pattern' },
    ]);
  });

  it('refuses every pattern that matches nothing, by its name', () => {
    expect(() => planWeights(model, { include: ['layer*', 'features*'], exclude: ['classifier'] })).toThrow(
      expect.objectContaining({
        code: 'option',
        message: [
          '2 problems:',
          '  include: the pattern "layer*" matches no weight and no node that has one',
          '  exclude: the pattern "classifier" matches no weight and no node that has one',
        ].join('\n'),
      }),
    );
  });

  it('a name with signs of its own matches itself', () => {
    const odd = modelOf([node('Conv', ['x', 'a[0](b)'], 'y')], [weight('a[0](b)', [2, 2, 1, 1])]);
    expect(planWeights(odd, { include: ['a[0](b)'] }).chosen).toHaveLength(1);
  });
});
