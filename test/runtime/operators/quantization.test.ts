import { floats } from '../../../src/tensor/tensor.ts';
import { type Case, f, testFamily } from '../operator-cases.ts';

const QUANTIZATION: readonly Case[] = [
  {
    op: 'QuantizeLinear',
    note: 'UINT8',
    inputs: [f(3, 4), floats([], [0.02]), { dtype: 'UINT8', shape: [], data: Uint8Array.of(128) }],
    outputs: ['UINT8'],
  },
  {
    op: 'DequantizeLinear',
    note: 'an axis',
    inputs: [
      ['INT8', [3, 4]],
      floats([3], [0.1, 0.2, 0.3]),
      { dtype: 'INT8', shape: [3], data: Int8Array.of(1, 0, -2) },
    ],
    attributes: { axis: 0 },
  },
];

testFamily('quantizations', QUANTIZATION);
