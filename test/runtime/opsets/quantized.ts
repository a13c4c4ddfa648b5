import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { f } from '../operator-cases.ts';
import type { VersionedCase } from './versioned-case.ts';

const bytes = (...values: number[]): Tensor => ({
  dtype: 'UINT8',
  shape: [values.length],
  data: Uint8Array.from(values),
});
const byte = (value: number): Tensor => ({ ...bytes(value), shape: [] });
const signed = (...values: number[]): Tensor => ({
  dtype: 'INT8',
  shape: [values.length],
  data: Int8Array.from(values),
});
const scale = (value: number): Tensor => floats([], [value]);

/** Operators of quantized values. */
export const QUANTIZED_VERSIONS: readonly VersionedCase[] = [
  { op: 'QuantizeLinear', inputs: [f(2, 3), scale(0.1), byte(9)], outputs: ['UINT8'] },
  {
    op: 'QuantizeLinear',
    note: 'along an axis',
    from: 13,
    inputs: [f(2, 3), floats([3], [0.1, 0.2, 0.05]), signed(0, 3, -5)],
    outputs: ['INT8'],
  },
  {
    op: 'QuantizeLinear',
    note: 'in blocks, to a named type',
    from: 21,
    inputs: [f(2, 4), floats([2, 2], [0.1, 0.2, 0.3, 0.4])],
    attributes: { block_size: 2, output_dtype: 3 },
    outputs: ['INT8'],
  },
  { op: 'DequantizeLinear', inputs: [['UINT8', [2, 3]], scale(0.1), byte(9)] },
  {
    op: 'DequantizeLinear',
    note: 'along an axis',
    from: 13,
    inputs: [['INT8', [2, 3]], floats([2], [0.1, 0.2]), signed(0, 3)],
    attributes: { axis: 0 },
  },
  {
    op: 'DequantizeLinear',
    note: 'in blocks',
    from: 21,
    inputs: [['INT8', [2, 4]], floats([2, 2], [0.1, 0.2, 0.3, 0.4])],
    attributes: { axis: 1, block_size: 2 },
  },
  { op: 'DynamicQuantizeLinear', inputs: [f(2, 3)], outputs: ['UINT8', 'FLOAT', 'UINT8'] },
  {
    op: 'ConvInteger',
    inputs: [['UINT8', [1, 2, 4, 4]], ['UINT8', [3, 2, 2, 2]], byte(3), byte(1)],
    attributes: { pads: [1, 0, 0, 1] },
    outputs: ['INT32'],
  },
  { op: 'MatMulInteger', inputs: [['UINT8', [2, 3]], ['INT8', [3, 4]], byte(3)], outputs: ['INT32'] },
  {
    op: 'QLinearConv',
    inputs: [
      ['UINT8', [1, 2, 4, 4]],
      scale(0.1),
      byte(3),
      ['UINT8', [3, 2, 2, 2]],
      scale(0.2),
      byte(4),
      scale(0.3),
      byte(100),
    ],
    outputs: ['UINT8'],
  },
  {
    op: 'QLinearMatMul',
    inputs: [
      ['UINT8', [2, 3]],
      scale(0.1),
      byte(3),
      ['UINT8', [3, 4]],
      scale(0.2),
      byte(4),
      scale(0.3),
      byte(100),
    ],
    outputs: ['UINT8'],
  },
];
