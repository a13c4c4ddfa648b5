import type { Model } from '../../src/ir/graph.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import type { ShortNode } from '../runtime/build-model.ts';
import { bias, codes, networkOf, node, PADDED, quant, scalar } from './integer-networks.ts';

export const indices = (...values: number[]): Tensor => ({
  dtype: 'INT64',
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

/** Two residual blocks and a matrix; a shortcut of every second pixel and more channels, pools, and parts side by side. */
export function residualNetwork(): Model {
  return networkOf(
    [
      quant('x', 'q1', 'shifted'),
      node('Conv', ['q1', 'w1', 'b1'], 'c1', PADDED),
      node('Relu', ['c1'], 'r1'),
      quant('r1', 'q2'),
      node('Conv', ['q2', 'w2', 'b2'], 'c2', PADDED),
      node('Add', ['c2', 'r1'], 's2'),
      node('Clip', ['s2', 'low', 'high'], 'r2'),
      quant('r2', 'q3', 'shifted'),
      node('Conv', ['q3', 'w3', 'b3'], 'c3', { strides: [2, 2], ...PADDED }),
      node('Slice', ['r2', 'starts', 'ends', 'axes', 'steps'], 'n3'),
      node('Pad', ['n3', 'pads'], 'p3'),
      node('Add', ['p3', 'c3'], 's3'),
      node('MaxPool', ['s3'], 'm3', { kernel_shape: [3, 3], strides: [2, 2], ...PADDED }),
      node('AveragePool', ['s3'], 'a3', { kernel_shape: [2, 2], strides: [2, 2], auto_pad: 'SAME_UPPER' }),
      node('Add', ['m3', 'a3'], 's4'),
      node('Relu', ['m3'], 'r4'),
      node('Concat', ['s4', 'r4'], 'k4', { axis: 1 }),
      node('Add', ['k4', 'k4'], 'd4'),
      quant('d4', 'q4', 'shifted'),
      node('Conv', ['q4', 'w4', 'b4'], 'c4'),
      node('GlobalMaxPool', ['c4'], 'g4'),
      node('Add', ['c4', 'g4'], 's5'),
      node('Add', ['g4', 's5'], 's6'),
      node('GlobalAveragePool', ['s6'], 'g6'),
      node('Flatten', ['g6'], 'f6'),
      quant('f6', 'q6', 'shifted'),
      node('Gemm', ['q6', 'w6', 'b6'], 'y', { transB: 1 }),
    ],
    {
      ...{ w1: codes('w1', [5, 5, 3, 3]), b1: bias(5), w2: codes('w2', [5, 5, 3, 3]), b2: bias(5) },
      ...{ w3: codes('w3', [9, 5, 3, 3]), b3: bias(9), w4: codes('w4', [6, 18, 1, 1]), b4: bias(6) },
      ...{ w6: codes('w6', [7, 6]), b6: bias(7), low: scalar(-2), high: scalar(6) },
      ...{ starts: indices(0, 0), ends: indices(9, 8), axes: indices(2, -1), steps: indices(2, 2) },
      pads: indices(0, 2, 0, 0, 0, 2, 0, 0),
    },
  );
}

/** Two residual blocks whose operands of sums are rounded, as in networks that were trained so. */
export function roundedNetwork(): Model {
  return networkOf(
    [
      quant('x', 'q1', 'shifted'),
      node('Conv', ['q1', 'w', 'b'], 'c1', PADDED),
      quant('c1', 'k1', 'second'),
      node('Add', ['k1', 'q1'], 's1'),
      node('Relu', ['s1'], 'r1'),
      quant('r1', 'q2'),
      node('Conv', ['q2', 'w', 'b'], 'c2', PADDED),
      node('Add', ['c2', 'q2'], 's2'),
      quant('s2', 'q3', 'shifted'),
      node('Conv', ['q3', 'w', 'b'], 'y', PADDED),
    ],
    { w: codes('w', [5, 5, 3, 3]), b: bias(5), second_scale: scalar(1 / 8), second_zero: scalar(100) },
  );
}

/** Layers on codes of the range of the run: a convolution, one by channel, a residual sum, a matrix. */
export function dynamicNetwork(): Model {
  const dynamic = (input: string, output: string): ShortNode[] => {
    const coded = [`${output}_codes`, `${output}_scale`, `${output}_zero`];
    return [
      { op: 'DynamicQuantizeLinear', inputs: [input], outputs: coded },
      node('DequantizeLinear', coded, output),
    ];
  };
  return networkOf(
    [
      dynamic('x', 'q1'),
      node('Conv', ['q1', 'w1', 'b1'], 'c1', { strides: [2, 2], ...PADDED }),
      node('Relu', ['c1'], 'r1'),
      dynamic('r1', 'q2'),
      node('Conv', ['q2', 'w2', 'b2'], 'c2', { group: 6, ...PADDED }),
      node('Add', ['c2', 'r1'], 's2'),
      dynamic('s2', 'q3'),
      node('Flatten', ['q3'], 'f3'),
      node('Gemm', ['f3', 'w3', 'b3'], 'y', { transB: 1 }),
    ],
    {
      ...{ w1: codes('w1', [6, 5, 3, 3]), b1: bias(6), w2: codes('w2', [6, 1, 3, 3]), b2: bias(6) },
      ...{ w3: codes('w3', [7, 6 * 5 * 4]), b3: bias(7) },
    },
  );
}
