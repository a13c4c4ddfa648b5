import { describe, expect, it } from 'vitest';
import { createSession } from '../../../src/runtime/session.ts';
import type { DataType } from '../../../src/tensor/dtype.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, type ShortAttribute } from '../build-model.ts';
import { expectAgreement, expectAsOnnxRuntime, someTensor } from '../oracle.ts';

interface Recurrent {
  readonly op: 'RNN' | 'GRU' | 'LSTM';
  readonly note: string;
  readonly attributes?: Readonly<Record<string, ShortAttribute>>;
  readonly steps?: number;
  readonly batch?: number;
  readonly inputs?: number;
  readonly hidden?: number;
  readonly lengths?: readonly number[];
  readonly bias?: boolean;
  readonly initial?: boolean;
  readonly peepholes?: boolean;
  readonly opset?: number;
  /** Weights and states are fed instead of being constants. */
  readonly fed?: boolean;
  readonly dtype?: DataType;
}

const GATES = { RNN: 1, GRU: 3, LSTM: 4 } as const;

/** Weights in [−0.5, 0.5), so that gates are neither shut nor open. */
function small(shape: readonly number[], seed: number, dtype: DataType): Tensor {
  const tensor = someTensor(dtype, shape, seed);
  const data = tensor.data as Float32Array;
  for (let i = 0; i < data.length; i++) data[i]! /= 4;
  return tensor;
}

function modelOf(c: Recurrent): {
  model: Parameters<typeof expectAsOnnxRuntime>[0];
  feeds: Record<string, Tensor>;
} {
  const { op, attributes = {}, steps = 5, batch = 3, inputs = 7, hidden = 6, dtype = 'FLOAT' } = c;
  const directions = attributes.direction === 'bidirectional' ? 2 : 1;
  const batchFirst = attributes.layout === 1;
  const width = GATES[op] * hidden;
  const state = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
  const operands: (readonly [string, Tensor] | null)[] = [
    ['X', someTensor(dtype, batchFirst ? [batch, steps, inputs] : [steps, batch, inputs], 1)],
    ['W', small([directions, width, inputs], 2, dtype)],
    ['R', small([directions, width, hidden], 3, dtype)],
    c.bias === false ? null : ['B', small([directions, 2 * width], 4, dtype)],
    c.lengths === undefined
      ? null
      : ['lengths', { dtype: 'INT32', shape: [batch], data: Int32Array.from(c.lengths) }],
    c.initial === true ? ['h', small(state, 5, dtype)] : null,
  ];
  if (op === 'LSTM')
    operands.push(
      c.initial === true ? ['c', small(state, 6, dtype)] : null,
      c.peepholes === true ? ['P', small([directions, 3 * hidden], 7, dtype)] : null,
    );
  const names = operands.map((operand) => operand?.[0] ?? '');
  const tensors = operands.filter((operand) => operand !== null);
  const isFed = (name: string): boolean => name === 'X' || c.fed === true;
  const outputs = op === 'LSTM' ? ['Y', 'Yh', 'Yc'] : ['Y', 'Yh'];
  return {
    feeds: Object.fromEntries(tensors.filter(([name]) => isFed(name))),
    model: {
      opset: c.opset ?? 14,
      inputs: Object.fromEntries(
        tensors.filter(([name]) => isFed(name)).map(([name, t]) => [name, [t.dtype, t.shape]]),
      ),
      constants: Object.fromEntries(tensors.filter(([name]) => !isFed(name))),
      outputs,
      outputTypes: Object.fromEntries(outputs.map((name) => [name, dtype])),
      nodes: [{ op, inputs: names, outputs, attributes: { hidden_size: hidden, ...attributes } }],
    },
  };
}

const CASES: readonly Recurrent[] = (['RNN', 'GRU', 'LSTM'] as const).flatMap((op): Recurrent[] => [
  { op, note: 'defaults' },
  { op, note: 'without bias, opset 7', bias: false, opset: 7 },
  { op, note: 'one sample, one step', batch: 1, steps: 1 },
  { op, note: 'one sample, many columns', batch: 1, inputs: 70, hidden: 40 },
  { op, note: 'reverse', attributes: { direction: 'reverse' }, initial: true },
  { op, note: 'bidirectional', attributes: { direction: 'bidirectional' }, initial: true },
  {
    op,
    note: 'everything fed',
    attributes: { direction: 'bidirectional' },
    initial: true,
    fed: true,
    hidden: 20,
  },
  {
    op,
    note: 'so large that memory grows in between',
    attributes: { direction: 'bidirectional' },
    initial: true,
    fed: true,
    peepholes: true,
    inputs: 300,
    hidden: 150,
    steps: 12,
  },
  { op, note: 'lengths', lengths: [5, 2, 3], initial: true },
  { op, note: 'lengths, reverse', lengths: [1, 5, 4], initial: true, attributes: { direction: 'reverse' } },
  {
    op,
    note: 'lengths, bidirectional',
    lengths: [1, 5, 4],
    initial: true,
    attributes: { direction: 'bidirectional' },
  },
  { op, note: 'a sequence of no steps', lengths: [0, 5, 1], initial: true },
  { op, note: 'clip', attributes: { clip: { float: 0.3 } }, initial: true },
  { op, note: 'opset 22', opset: 22, initial: true },
]);

const LSTM_AND_GRU: readonly Recurrent[] = [
  { op: 'GRU', note: 'linear before reset', attributes: { linear_before_reset: 1 }, initial: true },
  {
    op: 'GRU',
    note: 'linear before reset, bidirectional, clip',
    attributes: { linear_before_reset: 1, direction: 'bidirectional', clip: { float: 0.4 } },
    initial: true,
    lengths: [2, 5, 1],
  },
  {
    op: 'GRU',
    note: 'linear before reset without bias',
    attributes: { linear_before_reset: 1 },
    bias: false,
  },
  { op: 'LSTM', note: 'peepholes', peepholes: true, initial: true },
  {
    op: 'LSTM',
    note: 'peepholes, bidirectional',
    peepholes: true,
    attributes: { direction: 'bidirectional', clip: { float: 0.5 } },
  },
  { op: 'LSTM', note: 'input_forget', attributes: { input_forget: 1 }, initial: true },
  {
    op: 'LSTM',
    note: 'input_forget with peepholes',
    attributes: { input_forget: 1 },
    peepholes: true,
    initial: true,
  },
];

const ACTIVATIONS: readonly Recurrent[] = [
  ...['Relu', 'Tanh', 'Sigmoid', 'LeakyRelu', 'HardSigmoid', 'Elu', 'Softsign', 'Softplus'].map(
    (name): Recurrent => ({ op: 'RNN', note: `activation ${name}`, attributes: { activations: [name] } }),
  ),
  {
    op: 'RNN',
    note: 'activation Affine',
    attributes: {
      activations: ['Affine'],
      activation_alpha: { floats: [0.7] },
      activation_beta: { floats: [0.1] },
    },
  },
  {
    op: 'RNN',
    note: 'activation ScaledTanh',
    attributes: {
      activations: ['ScaledTanh'],
      activation_alpha: { floats: [0.7] },
      activation_beta: { floats: [1.5] },
    },
  },
  {
    op: 'RNN',
    note: 'activation ThresholdedRelu',
    attributes: { activations: ['ThresholdedRelu'], activation_alpha: { floats: [0.2] } },
  },
  {
    op: 'LSTM',
    note: 'values go to the functions that take them',
    attributes: {
      direction: 'bidirectional',
      activations: ['HardSigmoid', 'Tanh', 'LeakyRelu', 'Sigmoid', 'ScaledTanh', 'Elu'],
      activation_alpha: { floats: [0.3, 0.2, 0.9, 0.8] },
      activation_beta: { floats: [0.4, 1.1] },
    },
  },
  {
    op: 'GRU',
    note: 'hard sigmoid of the gates',
    attributes: { activations: ['HardSigmoid', 'Relu'], linear_before_reset: 1 },
  },
];

describe('recurrent layers agree with onnxruntime', () => {
  for (const c of [...CASES, ...LSTM_AND_GRU, ...ACTIVATIONS])
    it(`${c.op} ${c.note}`, async () => {
      const { model, feeds } = modelOf(c);
      await expectAsOnnxRuntime(model, feeds);
    });
});

/** The tensor with its axes in another order. */
function transposed(tensor: Tensor, perm: readonly number[]): Tensor {
  const shape = perm.map((axis) => tensor.shape[axis]!);
  const strides = tensor.shape.map((_, axis) => tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const data = tensor.data.slice() as Float32Array;
  for (let i = 0; i < data.length; i++) {
    let rest = i;
    let from = 0;
    for (let axis = perm.length - 1; axis >= 0; axis--) {
      from += (rest % shape[axis]!) * strides[perm[axis]!]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    data[i] = (tensor.data as Float32Array)[from]!;
  }
  return { dtype: tensor.dtype, shape, data };
}

describe('layout 1', () => {
  for (const op of ['RNN', 'GRU', 'LSTM'] as const)
    it(`is layout 0 with the batch first, for ${op}`, () => {
      const lengths = [4, 2, 5];
      const plain = modelOf({
        op,
        note: '',
        initial: true,
        fed: true,
        lengths,
        attributes: { direction: 'bidirectional' },
      });
      const swapped: Record<string, Tensor> = { ...plain.feeds };
      for (const name of ['X', 'h', 'c'])
        if (swapped[name] !== undefined) swapped[name] = transposed(swapped[name], [1, 0, 2]);
      const { model } = modelOf({
        op,
        note: '',
        initial: true,
        fed: true,
        lengths,
        attributes: { direction: 'bidirectional', layout: 1 },
      });
      const expected = run(plain.model, plain.feeds);
      const actual = run(model, swapped);
      expect(actual.get('Y')).toEqual(transposed(expected.get('Y')!, [2, 0, 1, 3]));
      for (const name of op === 'LSTM' ? ['Yh', 'Yc'] : ['Yh'])
        expect(actual.get(name)).toEqual(transposed(expected.get(name)!, [1, 0, 2]));
    });
});

describe('DOUBLE', () => {
  for (const op of ['RNN', 'GRU', 'LSTM'] as const)
    it(`is computed in float64, for ${op}`, () => {
      const c: Recurrent = {
        op,
        note: '',
        initial: true,
        attributes: { direction: 'bidirectional' },
        peepholes: true,
      };
      const wide = modelOf({ ...c, dtype: 'DOUBLE' });
      const narrow = modelOf(c);
      const doubles = run(wide.model, wide.feeds);
      for (const [name, tensor] of run(narrow.model, narrow.feeds)) {
        const { data, dtype, shape } = doubles.get(name)!;
        expect(dtype).toBe('DOUBLE');
        expectAgreement(tensor, floats(shape, Float32Array.from(data as Float64Array)));
        expect([...data]).not.toEqual([...Float32Array.from(data as Float64Array)]);
      }
    });
});

describe('an empty input', () => {
  it('has states of zeros, or no states', () => {
    for (const op of ['RNN', 'GRU', 'LSTM'] as const) {
      const noSteps = modelOf({ op, note: '', steps: 0 });
      const { shape, data } = run(noSteps.model, noSteps.feeds).get('Yh')!;
      expect(shape).toEqual([1, 3, 6]);
      expect([...data]).toEqual(new Array(18).fill(0));
      const noSamples = modelOf({ op, note: '', batch: 0 });
      expect(run(noSamples.model, noSamples.feeds).get('Y')!.shape).toEqual([5, 1, 0, 6]);
    }
  });
});

describe('what is refused', () => {
  const refusal = (c: Partial<Recurrent> & Pick<Recurrent, 'op'>): string => {
    const { model, feeds } = modelOf({ note: '', ...c });
    try {
      run(model, feeds);
    } catch (thrown) {
      const { code, message } = thrown as { code: string; message: string };
      return `${code}: ${message}`;
    }
    return 'nothing';
  };

  it('activations that do not exist, or not as many as there are functions', () => {
    expect(refusal({ op: 'RNN', attributes: { activations: ['Gelu'] } })).toBe(
      'malformed: node "RNN_0" (RNN): attribute "activations": there is no activation "Gelu"',
    );
    expect(refusal({ op: 'LSTM', attributes: { activations: ['Tanh', 'Relu'] } })).toContain(
      'attribute "activations" has 2 names, 3 functions are needed',
    );
  });

  it('Affine and ScaledTanh without their values, for which no operator has a default', () => {
    expect(refusal({ op: 'RNN', attributes: { activations: ['Affine'] } })).toContain(
      'unsupported: node "RNN_0" (RNN): activation Affine without a value in activation_alpha',
    );
  });

  it('a list with more values than functions that take one, unless both ways to read it agree', () => {
    const attributes = {
      activations: ['Tanh', 'HardSigmoid', 'Tanh'],
      activation_alpha: { floats: [9, 0.2, 9] },
    };
    expect(refusal({ op: 'LSTM', attributes })).toContain(
      'unsupported: node "LSTM_0" (LSTM): attribute "activation_alpha" has 3 values, the activations Tanh, HardSigmoid, Tanh take 1',
    );
    const first = { activations: ['HardSigmoid', 'Tanh', 'Tanh'], activation_alpha: { floats: [0.3, 9, 9] } };
    expect(refusal({ op: 'LSTM', attributes: first })).toBe('nothing');
  });

  it('lengths beyond the sequence, other directions, shapes that do not fit', () => {
    expect(refusal({ op: 'GRU', lengths: [1, 6, 2] })).toContain(
      'mismatch: node "GRU_0" (GRU): sequence_lens has 6',
    );
    expect(refusal({ op: 'GRU', attributes: { direction: 'sideways' } })).toContain('malformed');
    expect(refusal({ op: 'GRU', attributes: { hidden_size: 5 } })).toContain(
      'attribute "hidden_size" is 5, R has 6 columns',
    );
    expect(
      refusal({ op: 'GRU', attributes: { direction: 'reverse', layout: 1 }, initial: true, steps: 3 }),
    ).toBe('nothing');
  });

  it('all shapes that do not fit at once', () => {
    const { model, feeds } = modelOf({ op: 'LSTM', note: '', fed: true, initial: true });
    const wrong = { ...feeds, W: someTensor('FLOAT', [1, 23, 7], 1), c: someTensor('FLOAT', [1, 3, 5], 1) };
    const inputs = {
      ...model.inputs,
      W: ['FLOAT', [1, 23, 7]],
      c: ['FLOAT', [1, 3, 5]],
    } as typeof model.inputs;
    expect(() => run({ ...model, inputs }, wrong)).toThrow('W has shape [1,23,7], expected [1,24,7]');
  });
});

function run(model: Parameters<typeof buildModel>[0], feeds: Record<string, Tensor>): Map<string, Tensor> {
  const session = createSession(buildModel(model));
  const results = session.run(feeds);
  session.dispose();
  return results;
}
