import { floats } from '../../../src/tensor/tensor.ts';
import { int64 } from '../build-model.ts';
import { f, fixed } from '../operator-cases.ts';
import type { VersionedCase } from './versioned-case.ts';

const GATES = { RNN: 1, GRU: 3, LSTM: 4 } as const;

/** Operators over time and over tokens. Sequence 4, batch 2, 3 inputs, 5 hidden values. */
export const SEQUENCE_VERSIONS: readonly VersionedCase[] = [
  ...(['RNN', 'GRU', 'LSTM'] as const).flatMap((op): VersionedCase[] => {
    const gates = GATES[op];
    const outputs = op === 'LSTM' ? (['FLOAT', 'FLOAT', 'FLOAT'] as const) : (['FLOAT', 'FLOAT'] as const);
    const weights = [fixed(1, gates * 5, 3), fixed(1, gates * 5, 5), fixed(1, gates * 10)];
    return [
      { op, inputs: [f(4, 2, 3), ...weights], attributes: { hidden_size: 5 }, outputs },
      {
        op,
        note: 'backwards',
        inputs: [f(4, 2, 3), ...weights],
        attributes: { hidden_size: 5, direction: 'reverse' },
        outputs,
      },
    ];
  }),
  // Since 14 the batch may come first. With weights of 0 and a bias of 0 every hidden value is 0, whatever comes in.
  ...(['RNN', 'GRU', 'LSTM'] as const).map((op): VersionedCase => {
    const gates = GATES[op];
    const zero = (...shape: number[]) => floats(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));
    return {
      op,
      note: 'with the batch first',
      from: 14,
      inputs: [f(2, 4, 3), zero(1, gates * 5, 3), zero(1, gates * 5, 5)],
      attributes: { hidden_size: 5, layout: 1 },
      outputs: ['FLOAT', 'FLOAT'],
      expected: [zero(2, 4, 1, 5), zero(2, 1, 5)],
    };
  }),
  {
    op: 'ReverseSequence',
    inputs: [f(4, 3), int64([2, 4, 1])],
    attributes: { time_axis: 0, batch_axis: 1 },
  },
  { op: 'Attention', inputs: [f(1, 2, 3, 4), f(1, 2, 5, 4), f(1, 2, 5, 4)] },
  {
    op: 'Attention',
    note: 'causal, of three axes',
    inputs: [f(1, 3, 8), f(1, 3, 8), f(1, 3, 8)],
    attributes: { q_num_heads: 2, kv_num_heads: 2, is_causal: 1 },
  },
  { op: 'RotaryEmbedding', inputs: [f(1, 2, 3, 4), fixed(1, 3, 2), fixed(1, 3, 2)] },
  // Written at position 1 of an axis of 3.
  {
    op: 'TensorScatter',
    inputs: [floats([1, 1, 3, 1], [1, 2, 3]), floats([1, 1, 1, 1], [9]), int64([1])],
    expected: [floats([1, 1, 3, 1], [1, 9, 3])],
  },
];
