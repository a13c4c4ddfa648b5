import { describe, expect, it } from 'vitest';
import { createSession } from '../../../src/runtime/session.ts';
import { buildModel, type ShortAttribute } from '../build-model.ts';
import { type Case, f, fixed, modelOfCase, testFamily } from '../operator-cases.ts';
import { someTensor } from '../oracle.ts';

const fused = (
  activation: string,
  parameters: number[],
  inputs: Case['inputs'] = [f(2, 3, 7, 6), fixed(4, 3, 3, 3), fixed(4)],
  attributes: Record<string, ShortAttribute> = {},
): Case => ({
  op: 'FusedConv',
  note: `${activation} of ${inputs.length} operands`,
  inputs,
  attributes: {
    ...(activation === '' ? {} : { activation }),
    ...(parameters.length === 0 ? {} : { activation_params: { floats: parameters } }),
    ...attributes,
  },
  domain: 'com.microsoft',
});

testFamily('FusedConv of onnxruntime', [
  fused('', []),
  fused('Relu', []),
  fused('Relu', [], [f(2, 4, 7, 6), fixed(4, 2, 3, 3)], { group: 2, strides: [2, 1], pads: [1, 0, 2, 1] }),
  fused('Relu', [], [f(2, 3, 7, 6), fixed(4, 3, 3, 3), fixed(4), f(2, 4, 5, 4)]),
  fused('Relu', [], [f(2, 3, 7, 6), fixed(4, 3, 3, 3), null, f(2, 4, 5, 4)]),
  fused('Clip', [-0.5, 1.5]),
  fused('LeakyRelu', [0.2]),
  fused('Sigmoid', []),
  fused('Tanh', []),
  fused('HardSigmoid', [0.3, 0.4]),
]);

describe('what FusedConv refuses', () => {
  const cases: [title: string, thrown: string, of: Case][] = [
    ['an activation that it does not know', 'activation Swirl', fused('Swirl', [])],
    ['parameters that are missing', 'activation Clip takes 2 parameters, 1 given', fused('Clip', [1])],
    [
      'an addend of another shape',
      'Z of shape [4,1,1] for [2,4,5,4]',
      fused('Relu', [], [f(2, 3, 7, 6), fixed(4, 3, 3, 3), null, fixed(4, 1, 1)]),
    ],
    [
      'an addend of another type',
      'FusedConv of type DOUBLE',
      {
        ...fused('', []),
        inputs: [f(2, 3, 7, 6), fixed(4, 3, 3, 3), null, ['DOUBLE', [2, 4, 5, 4]]],
      },
    ],
  ];
  for (const [title, thrown, of] of cases)
    it(title, () => {
      const short = modelOfCase(of);
      const session = createSession(buildModel(short));
      const feeds = Object.entries(short.inputs).map(([name, [dtype, shape]], i) => [
        name,
        someTensor(dtype, shape as number[], i),
      ]);
      expect(() => session.run(Object.fromEntries(feeds))).toThrow(thrown);
      session.dispose();
    });
});
