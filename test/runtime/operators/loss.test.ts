import { describe, expect, it } from 'vitest';
import { createSession } from '../../../src/runtime/session.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, int64, type ShortAttribute } from '../build-model.ts';
import { type Case, f, positive, testFamily } from '../operator-cases.ts';

/** Classes below 5 for every position of a shape, one of them −1. */
function targets(shape: readonly number[], withIgnored: boolean): Tensor {
  const count = shape.reduce((p, d) => p * d, 1);
  const classes = Array.from({ length: count }, (_, i) => (i * 7 + 3) % 5);
  if (withIgnored) classes[1] = -1;
  return int64(classes, shape);
}

const cases: Case[] = [];
for (const inner of [[], [4], [2, 3]])
  for (const reduction of ['none', 'sum', 'mean'])
    for (const isWeighted of [false, true])
      for (const withIgnored of [false, true])
        for (const op of ['NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss'])
          cases.push({
            op,
            note: `${[3, 5, ...inner]}, ${reduction}${isWeighted ? ', weighted' : ''}${withIgnored ? ', one ignored' : ''}`,
            inputs: [
              f(3, 5, ...inner),
              targets([3, ...inner], withIgnored),
              ...(isWeighted ? [positive(5)] : []),
            ],
            attributes: { reduction, ...(withIgnored ? { ignore_index: -1 } : {}) },
            outputs: op === 'SoftmaxCrossEntropyLoss' ? ['FLOAT', 'FLOAT'] : ['FLOAT'],
            opset: 13,
          });

testFamily('losses', cases);

function loss(operands: readonly Tensor[], attributes: Readonly<Record<string, ShortAttribute>>): Tensor {
  const session = createSession(
    buildModel({
      inputs: {},
      constants: Object.fromEntries(operands.map((t, i) => [`x${i}`, t])),
      outputs: ['y'],
      nodes: [
        {
          op: 'NegativeLogLikelihoodLoss',
          inputs: operands.map((_, i) => `x${i}`),
          outputs: ['y'],
          attributes,
        },
      ],
    }),
  );
  const y = session.run({}).get('y')!;
  session.dispose();
  return y;
}

describe('NegativeLogLikelihoodLoss', () => {
  const logs = floats([2, 3], [-1, -2, -4, -8, -16, -32]);

  it('divides the mean by the weights of what is not ignored', () => {
    const weight = floats([3], [1, 0.5, 0.25]);
    const y = loss([logs, int64([1, 0]), weight], { ignore_index: 0 });
    expect([...y.data]).toEqual([2]);
    expect([...loss([logs, int64([1, 0]), weight], {}).data]).toEqual([9 / 1.5]);
  });

  it('names a target that is no class', () => {
    expect(() => loss([logs, int64([1, 3])], {})).toThrow('target 1 is class 3, there are 3');
    expect(() => loss([logs, int64([1, -1])], {})).toThrow('target 1 is class -1, there are 3');
  });
});
