import { describe, expect, it } from 'vitest';
import type { Model, Node } from '../../src/ir/graph.ts';
import { validateModel } from '../../src/ir/validate.ts';
import { activationBits } from '../../src/passes/activation-bits.ts';
import {
  type ActivationQuant,
  type ActivationRule,
  insertActivationQuant,
} from '../../src/passes/insert-activation-quant.ts';
import { planWeights } from '../../src/quantizers/plan/plan-weights.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, type Tensor } from '../../src/tensor/tensor.ts';
import { buildModel } from '../runtime/build-model.ts';

/** x → Relu → r; r @ w + r @ v + r. */
const block: Model = buildModel({
  inputs: { x: ['FLOAT', ['N', 2]] },
  outputs: ['y'],
  constants: { w: floats([2, 2], [1, 0, 0, 1]), v: floats([2, 2], [10, 0, 0, 10]) },
  nodes: [
    { op: 'Relu', inputs: ['x'], outputs: ['r'] },
    { op: 'MatMul', inputs: ['r', 'w'], outputs: ['a'] },
    { op: 'MatMul', inputs: ['r', 'v'], outputs: ['b'] },
    { op: 'Add', inputs: ['a', 'b'], outputs: ['c'] },
    { op: 'Add', inputs: ['c', 'r'], outputs: ['y'] },
  ],
});

const STEPS: ActivationRule = { kind: 'uniform', bits: 2, scale: 1, zero: 0 };

function operands(model: Model, value: string): ActivationQuant['layers'] {
  const nodes = model.graph.nodes.filter(({ opType }) => opType === 'MatMul' || opType === 'Conv');
  return nodes.flatMap((node) => (node.inputs[0] === value ? [{ node, input: 0 }] : []));
}

function run(model: Model, x: Tensor): number[] {
  const session = createSession(model);
  try {
    return [...(session.run({ x }).get('y')!.data as Float32Array)];
  } finally {
    session.dispose();
  }
}

const types = (model: Model): string[] => model.graph.nodes.map(({ opType }) => opType);

describe('layers that read rounded activations', () => {
  it('share what is rounded once, while all others read the value as it is', () => {
    const rounded = insertActivationQuant(block, [{ value: 'r', layers: operands(block, 'r'), rule: STEPS }]);
    expect(types(rounded)).toEqual(['Relu', 'Quant', 'MatMul', 'MatMul', 'Add', 'Add']);
    // 1.2 → 1, 7 → 3, the sum with 1.2 and 7 themselves.
    const y = run(rounded, floats([1, 2], [1.2, 7]));
    expect(y).toEqual([Math.fround(11 + Math.fround(1.2)), 40]);
    expect(validateModel(rounded)).toEqual([]);
    expect(types(block)).toEqual(['Relu', 'MatMul', 'MatMul', 'Add', 'Add']);
  });

  it('have weights of their own as before', () => {
    const rounded = insertActivationQuant(block, [{ value: 'r', layers: operands(block, 'r'), rule: STEPS }]);
    const names = (model: Model): unknown => {
      const { chosen, skipped } = planWeights(model);
      return [chosen.map(({ name, maker, rows }) => [name, maker, rows]), skipped];
    };
    expect(names(rounded)).toEqual(names(block));
  });

  it('make the model import the domain of the operators, of the version that it has if it has one', () => {
    const quants = [{ value: 'r', layers: operands(block, 'r'), rule: STEPS }];
    const domain = 'qonnx.custom_op.general';
    expect(insertActivationQuant(block, quants).opsets.get(domain)).toBe(1);
    const newer = { ...block, opsets: new Map([...block.opsets, [domain, 2]]) };
    expect(insertActivationQuant(newer, quants).opsets.get(domain)).toBe(2);
    expect(insertActivationQuant(block, [])).toBe(block);
  });

  it('get names that nothing has, however often it is done', () => {
    let model = block;
    for (let i = 0; i < 3; i++) {
      const value = model.graph.nodes.find(({ opType }) => opType === 'MatMul')!.inputs[0]!;
      model = insertActivationQuant(model, [{ value, layers: operands(model, value), rule: STEPS }]);
    }
    expect(validateModel(model)).toEqual([]);
    const nodes = model.graph.nodes.map(({ name }) => name);
    expect(new Set(nodes).size).toBe(nodes.length);
    const taken = buildModel({
      inputs: { r_quantized: ['FLOAT', ['N', 2]] },
      outputs: ['r_scale'],
      constants: { w: floats([2, 2], [1, 0, 0, 1]) },
      nodes: [
        { op: 'Relu', inputs: ['r_quantized'], outputs: ['r'] },
        { op: 'MatMul', inputs: ['r', 'w'], outputs: ['r_scale'] },
      ],
    });
    const rounded = insertActivationQuant(taken, [{ value: 'r', layers: operands(taken, 'r'), rule: STEPS }]);
    expect(validateModel(rounded)).toEqual([]);
    expect([...rounded.graph.initializers.keys()]).toEqual(['w', 'r_scale_2', 'r_zero_point', 'r_bit_width']);
  });

  it('get the upper level from the threshold on, in every channel, and the lower one below', () => {
    const rule: ActivationRule = {
      kind: 'threshold',
      thresholds: Float32Array.of(0.5, 0),
      low: Float32Array.of(0.25, -1),
      high: Float32Array.of(0.75, 3),
      shape: [1, 2],
    };
    const single: Model = buildModel({
      inputs: { x: ['FLOAT', ['N', 2]] },
      outputs: ['y'],
      constants: { w: floats([2, 2], [1, 0, 0, 1]) },
      nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
    });
    const rounded = insertActivationQuant(single, [{ value: 'x', layers: operands(single, 'x'), rule }]);
    expect(types(rounded)).toEqual(['Sub', 'BipolarQuant', 'Add', 'MatMul']);
    const below = 0.5 - 2 ** -25; // the float32 before 0.5
    const x = floats([5, 2], [0.5, 0, below, -0, -9, -1e-45, 9, 1e-45, 0.5, -1]);
    expect(run(rounded, x)).toEqual([0.75, 3, 0.25, 3, 0.25, -1, 0.75, 3, 0.75, -1]);
  });

  it('are seen by whoever asks how many bits an activation has', () => {
    const threshold: ActivationRule = {
      kind: 'threshold',
      thresholds: Float32Array.of(1),
      low: Float32Array.of(0),
      high: Float32Array.of(2),
      shape: [],
    };
    for (const [rule, bits] of [
      [STEPS, { bits: 2, by: 'Quant' }],
      [threshold, { bits: 1, by: 'BipolarQuant' }],
    ] as const) {
      const model = insertActivationQuant(block, [{ value: 'r', layers: operands(block, 'r'), rule }]);
      const product = model.graph.nodes.find(({ opType }) => opType === 'MatMul') as Node;
      expect(activationBits(model)(product.inputs[0]!)).toEqual(bits);
      expect(activationBits(model)('c')).toBeUndefined();
    }
  });

  it('must be nodes of the graph', () => {
    const [first] = operands(block, 'r');
    const elsewhere = { ...first!.node };
    expect(() =>
      insertActivationQuant(block, [{ value: 'r', layers: [{ node: elsewhere, input: 0 }], rule: STEPS }]),
    ).toThrow('value "r": a layer that reads it is not in the graph');
  });
});
