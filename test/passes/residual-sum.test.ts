import { describe, expect, it } from 'vitest';
import { residualSum } from '../../src/passes/residual-sum.ts';
import { floats } from '../../src/tensor/tensor.ts';
import { buildModel, type ShortNode } from '../runtime/build-model.ts';

const two = (...values: number[]) => floats([2], values);

function sumOf(nodes: ShortNode[], outputs = ['z']) {
  const model = buildModel({
    inputs: { x: ['FLOAT', [1, 2, 3, 3]] },
    outputs,
    constants: {
      w: floats([2, 2, 1, 1], [1, 2, 3, 4]),
      gamma: two(2, 3),
      beta: two(0, 1),
      mean: two(0, 0),
      variance: two(3, 8),
      c: floats([1, 2, 1, 1], [1, 2]),
    },
    nodes,
  });
  return residualSum(model, model.graph.nodes.find(({ opType }) => opType === 'Conv')!, 2);
}

const conv: ShortNode = { op: 'Conv', inputs: ['x', 'w'], outputs: ['y'] };
const norm: ShortNode = {
  op: 'BatchNormalization',
  inputs: ['y', 'gamma', 'beta', 'mean', 'variance'],
  outputs: ['n'],
  attributes: { epsilon: 1 },
};

describe('the residual sum behind a layer', () => {
  it('is found straight behind it, on either side', () => {
    for (const inputs of [
      ['y', 'x'],
      ['x', 'y'],
    ])
      expect(sumOf([conv, { op: 'Add', inputs, outputs: ['z'] }])).toEqual({
        other: 'x',
        scale: Float64Array.of(1, 1),
      });
  });

  it('is found behind its BatchNormalization, with the scale of that', () => {
    const found = sumOf([conv, norm, { op: 'Add', inputs: ['x', 'n'], outputs: ['z'] }]);
    expect([found?.other, ...found!.scale]).toEqual(['x', 1, 1]);
  });

  it('is none where the output has other readers, is an output of the graph, or something constant is added', () => {
    const add: ShortNode = { op: 'Add', inputs: ['y', 'x'], outputs: ['z'] };
    expect(sumOf([conv, add, { op: 'Relu', inputs: ['y'], outputs: ['r'] }], ['z', 'r'])).toBeUndefined();
    expect(sumOf([conv, add], ['z', 'y'])).toBeUndefined();
    expect(sumOf([conv, { op: 'Add', inputs: ['y', 'c'], outputs: ['z'] }])).toBeUndefined();
    expect(sumOf([conv, { op: 'Add', inputs: ['y', 'y'], outputs: ['z'] }])).toBeUndefined();
    expect(sumOf([conv, { op: 'Relu', inputs: ['y'], outputs: ['z'] }])).toBeUndefined();
  });
});
