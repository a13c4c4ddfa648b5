import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/ir/graph.ts';
import { layerInputs } from '../../../src/quantizers/activations/layer-inputs.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, type ShortModel } from '../../runtime/build-model.ts';
import { someTensor } from '../../runtime/oracle.ts';

const w = (...shape: number[]): Tensor => someTensor('FLOAT', shape, shape.length);

/** x → Mul → Conv → Relu → r, two Convs on r, their sum, Gemm and MatMuls on either side. */
const short: ShortModel = {
  inputs: { x: ['FLOAT', ['N', 3, 4, 4]] },
  outputs: ['y', 'z'],
  constants: {
    half: w(1),
    w1: w(2, 3, 3, 3),
    w2: w(2, 2, 1, 1),
    w3: w(2, 2, 1, 1),
    w4: w(5, 8),
    w5: w(7, 5),
  },
  nodes: [
    { op: 'Mul', inputs: ['x', 'half'], outputs: ['scaled'] },
    { op: 'Conv', inputs: ['scaled', 'w1'], outputs: ['c'] },
    { op: 'Relu', inputs: ['c'], outputs: ['r'] },
    { op: 'Conv', inputs: ['r', 'w2'], outputs: ['a'] },
    { op: 'Conv', inputs: ['r', 'w3'], outputs: ['b'] },
    { op: 'Add', inputs: ['a', 'b'], outputs: ['s'] },
    { op: 'Flatten', inputs: ['s'], outputs: ['f'] },
    { op: 'Gemm', inputs: ['f', 'w4'], outputs: ['g'], attributes: { transB: 1 } },
    { op: 'Transpose', inputs: ['g'], outputs: ['t'] },
    { op: 'MatMul', inputs: ['w5', 't'], outputs: ['y'] },
    { op: 'MatMul', inputs: ['g', 't'], outputs: ['z'] },
  ],
};
const model = buildModel(short);

function summary(of: Model): unknown[] {
  return layerInputs(of).chosen.map(({ value, isFirst, layers }) => [
    value,
    isFirst,
    ...layers.map(({ weight, input, channelAxis }) => [weight, input, channelAxis]),
  ]);
}

const EXPECTED = [
  ['scaled', true, ['w1', 0, 1]],
  ['r', false, ['w2', 0, 1], ['w3', 0, 1]],
  ['f', false, ['w4', 0, -1]],
  ['t', false, ['w5', 1, -2]],
];

describe('the inputs of layers', () => {
  it('are the other operand of every weight, a value once, with the axis that is summed over', () => {
    expect(summary(model)).toEqual(EXPECTED);
    expect(layerInputs(model).skipped).toEqual([]);
  });

  it('are the same when the weights are discretized already', () => {
    expect(summary(quantizeModel(model, { scheme: 'exp', bits: 3 }).model)).toEqual(EXPECTED);
  });

  it('are chosen by globs on weights, layers and values', () => {
    const { chosen, skipped } = layerInputs(model, { exclude: ['w[23]', 'Gemm_7'] });
    expect(chosen.map(({ value }) => value)).toEqual(['scaled', 't']);
    expect(skipped).toEqual([
      { value: 'r', reason: 'excluded by "w[23]"' },
      { value: 'f', reason: 'excluded by "Gemm_7"' },
    ]);
    expect(layerInputs(model, { include: ['r'] }).chosen.map(({ value }) => value)).toEqual(['r']);
    expect(layerInputs(model, { exclude: ['w2'] }).chosen[1]!.layers.map(({ weight }) => weight)).toEqual([
      'w3',
    ]);
    expect(() => layerInputs(model, { exclude: ['nothing', 'w1'] })).toThrow(
      'exclude: the pattern "nothing" matches no weight',
    );
  });

  it('have no layer before them only where nothing of what a layer gave has gone into them', () => {
    const both = buildModel({
      ...short,
      outputs: ['y'],
      nodes: [
        { op: 'Conv', inputs: ['x', 'w1'], outputs: ['c'] },
        { op: 'Conv', inputs: ['x', 'w6'], outputs: ['d'] },
        { op: 'Mul', inputs: ['x', 'half'], outputs: ['e'] },
        { op: 'Add', inputs: ['e', 'd'], outputs: ['s'] },
        { op: 'Conv', inputs: ['s', 'w7'], outputs: ['y'] },
      ],
      constants: { half: w(1), w1: w(3, 3, 1, 1), w6: w(3, 3, 1, 1), w7: w(3, 3, 1, 1) },
    });
    expect(summary(both).map((row) => (row as unknown[]).slice(0, 2))).toEqual([
      ['x', true],
      ['s', false],
    ]);
  });

  it('of recurrent layers are left, with the reason', () => {
    const lstm = buildModel({
      inputs: { x: ['FLOAT', [4, 1, 3]] },
      outputs: ['y'],
      constants: { w: w(1, 8, 3), r: w(1, 8, 2) },
      nodes: [{ op: 'LSTM', inputs: ['x', 'w', 'r'], outputs: ['y'], attributes: { hidden_size: 2 } }],
    });
    expect(layerInputs(lstm)).toEqual({
      chosen: [],
      skipped: [{ value: 'x', reason: 'LSTM_0 (LSTM) has a state that cannot be discretized' }],
    });
  });
});
