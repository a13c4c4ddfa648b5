import { type Initializer, type Model, withInitializers } from '../../src/ir/graph.ts';
import { quantizedInitializer } from '../../src/ir/quantized-initializer.ts';
import {
  type Granularity,
  planesOf,
  type QuantizedTensor,
  type RowLayout,
  rowOrder,
  rowsAndColumns,
  tableCount,
} from '../../src/ir/quantized-tensor.ts';
import { planeBytes } from '../../src/tensor/bits.ts';
import { float16ToNumber } from '../../src/tensor/float16.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** Elements of a FLOAT or FLOAT16 tensor as numbers. */
function numbersOf(tensor: Tensor): Float32Array {
  if (tensor.data instanceof Float32Array) return tensor.data;
  if (tensor.data instanceof Uint16Array) return Float32Array.from(tensor.data, float16ToNumber);
  throw new Error(`no floats: ${tensor.dtype}`);
}

function plainLayout({ shape }: Initializer): RowLayout {
  return { split: shape, perm: shape.map((_, i) => i), rowAxes: 1 };
}

/** The plainest linear rounding over ±max, for tests of the formats only. */
export function naive(
  weight: Initializer,
  bits: number,
  granularity: Granularity = 'channel',
  layout: RowLayout = plainLayout(weight),
): QuantizedTensor {
  const values = numbersOf(weight.read());
  const order = rowOrder(layout);
  const { rows, columns } = rowsAndColumns(layout);
  const groupSize =
    granularity === 'tensor'
      ? rows * columns
      : granularity === 'channel'
        ? columns
        : Number(granularity.slice(6));
  const groups = Math.ceil(columns / groupSize);
  const tableOf = (i: number) =>
    granularity === 'tensor' ? 0 : Math.floor(i / columns) * groups + Math.floor((i % columns) / groupSize);
  const params = new Float32Array(tableCount({ rows, columns, granularity, groupSize }));
  const half = 2 ** (bits - 1);
  const at = (i: number) => values[order === undefined ? i : order[i]];
  for (let i = 0; i < values.length; i++)
    params[tableOf(i)] = Math.max(params[tableOf(i)], Math.abs(at(i)) / half);
  const codes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const index = Math.min(half - 1, Math.floor(Math.abs(at(i)) / params[tableOf(i)]) || 0);
    codes[i] = (at(i) < 0 ? half : 0) + index;
  }
  const { shape, dtype } = weight;
  const fixed = { scheme: 'linear', rule: 'linear', bits, granularity, shape, dtype, layout } as const;
  return { ...fixed, rows, columns, groupSize, params, planes: planesOf(codes, bits) };
}

type Quantize = typeof naive;

/** Settings without any codes in them, all zero: for tests of sizes. */
export const blank: Quantize = (weight, bits, granularity = 'channel', layout = plainLayout(weight)) => {
  const { rows, columns } = rowsAndColumns(layout);
  const groupSize = granularity === 'tensor' ? rows * columns : columns;
  const { shape, dtype } = weight;
  const fixed = { scheme: 'linear', rule: 'linear', bits, granularity, shape, dtype, layout } as const;
  const params = new Float32Array(tableCount({ rows, columns, granularity, groupSize }));
  return {
    ...fixed,
    rows,
    columns,
    groupSize,
    params,
    planes: new Uint8Array(bits * planeBytes(rows * columns)),
  };
};

/** A model with every weight of two or more dimensions that a Conv, Gemm or MatMul reads rounded. */
export function quantizeNaively(
  model: Model,
  bits: number,
  granularity: Granularity = 'channel',
  quantize: Quantize = naive,
): Model {
  const replaced = new Map<string, Initializer>();
  for (const node of model.graph.nodes) {
    const weight = model.graph.initializers.get(node.inputs[1] ?? '');
    if (weight === undefined || weight.shape.length < 2 || !['Conv', 'Gemm', 'MatMul'].includes(node.opType))
      continue;
    const [first, second] = weight.shape;
    const layout =
      node.opType === 'MatMul' ? { split: [first, second], perm: [1, 0], rowAxes: 1 } : undefined;
    replaced.set(weight.name, quantizedInitializer(weight.name, quantize(weight, bits, granularity, layout)));
  }
  return withInitializers(model, replaced);
}
