import type { Dim, Node } from '../../ir/graph.ts';
import type { DataType } from '../../tensor/dtype.ts';
import { numberAttribute, numbersAttribute, textAttribute } from '../constant-values.ts';
import { fact, type Infer, type InferCall } from './fact.ts';

/** Kernel, strides, dilations and pads of a window over `rank` spatial axes; pads are [begin…, end…]. */
interface WindowAttributes {
  readonly kernel: readonly Dim[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  readonly autoPad: string;
}

function windowAttributes(node: Node, kernel: readonly Dim[]): WindowAttributes {
  const ones = kernel.map(() => 1);
  return {
    kernel,
    strides: numbersAttribute(node, 'strides') ?? ones,
    dilations: numbersAttribute(node, 'dilations') ?? ones,
    pads: numbersAttribute(node, 'pads') ?? [...kernel, ...kernel].map(() => 0),
    autoPad: textAttribute(node, 'auto_pad', 'NOTSET'),
  };
}

/** Source: onnx.ai/onnx/operators, Conv, MaxPool and AveragePool: "output_spatial_shape". */
function slide(size: Dim, axis: number, window: WindowAttributes, ceilMode: boolean): Dim {
  const [kernel, stride] = [window.kernel[axis]!, window.strides[axis] ?? 1];
  if (typeof size !== 'number' || typeof kernel !== 'number') return null;
  if (window.autoPad.startsWith('SAME')) return Math.ceil(size / stride);
  const extent = (kernel - 1) * (window.dilations[axis] ?? 1) + 1;
  const valid = window.autoPad === 'VALID';
  const [begin, end] = valid
    ? [0, 0]
    : [window.pads[axis] ?? 0, window.pads[axis + window.kernel.length] ?? 0];
  const steps = (size + begin + end - extent) / stride;
  if (!ceilMode) return Math.max(0, Math.floor(steps) + 1);
  const count = Math.ceil(steps) + 1;
  // A window that would begin in the padding behind the input is left out.
  return (count - 1) * stride >= size + begin ? count - 1 : count;
}

const conv: Infer = ({ node, inputs: [x, w] }) => {
  if (x?.shape === undefined || w?.shape === undefined) return [fact(x?.dtype, undefined)];
  const window = windowAttributes(node, numbersAttribute(node, 'kernel_shape') ?? w.shape.slice(2));
  const spatial = x.shape.slice(2).map((size, axis) => slide(size, axis, window, false));
  return [fact(x.dtype, [x.shape[0] ?? null, w.shape[0] ?? null, ...spatial])];
};

/** A convolution whose weight is another operand, its result of another type. */
const convLike =
  (weight: number, dtypeOf: (call: InferCall) => DataType | undefined): Infer =>
  (call) => {
    const shape = conv({ ...call, inputs: [call.inputs[0] ?? {}, call.inputs[weight] ?? {}] })[0]?.shape;
    return [fact(dtypeOf(call), shape)];
  };

const convTranspose: Infer = ({ node, inputs: [x, w] }) => {
  if (x?.shape === undefined || w?.shape === undefined) return [fact(x?.dtype, undefined)];
  const window = windowAttributes(node, numbersAttribute(node, 'kernel_shape') ?? w.shape.slice(2));
  const given = numbersAttribute(node, 'output_shape');
  const extra = numbersAttribute(node, 'output_padding') ?? [];
  const spatial = x.shape.slice(2).map((size, axis): Dim => {
    const [kernel, stride] = [window.kernel[axis]!, window.strides[axis] ?? 1];
    if (given !== undefined) return given.at(axis - window.kernel.length) ?? null;
    if (typeof size !== 'number' || typeof kernel !== 'number') return null;
    if (window.autoPad.startsWith('SAME')) return size * stride;
    const pads = (window.pads[axis] ?? 0) + (window.pads[axis + window.kernel.length] ?? 0);
    return stride * (size - 1) + (extra[axis] ?? 0) + (kernel - 1) * (window.dilations[axis] ?? 1) + 1 - pads;
  });
  const perGroup = w.shape[1] ?? null;
  const channels = typeof perGroup === 'number' ? perGroup * numberAttribute(node, 'group', 1) : null;
  return [fact(x.dtype, [x.shape[0] ?? null, channels, ...spatial])];
};

const pool: Infer = ({ node, inputs: [x] }) => {
  const kernel = numbersAttribute(node, 'kernel_shape');
  if (x?.shape === undefined || kernel === undefined) return [fact(x?.dtype, undefined)];
  const window = windowAttributes(node, kernel);
  const ceilMode = numberAttribute(node, 'ceil_mode', 0) === 1;
  const spatial = x.shape.slice(2).map((size, axis) => slide(size, axis, window, ceilMode));
  const shape = [...x.shape.slice(0, 2), ...spatial];
  return [fact(x.dtype, shape), fact('INT64', shape)];
};

const globalPool: Infer = ({ inputs: [x] }) => [
  fact(
    x?.dtype,
    x?.shape?.map((dim, axis) => (axis < 2 ? dim : 1)),
  ),
];

export const CONVOLUTION: Readonly<Record<string, Infer>> = {
  Conv: conv,
  ConvInteger: convLike(1, () => 'INT32'),
  QLinearConv: convLike(3, ({ inputs }) => inputs[7]?.dtype ?? inputs[0]?.dtype),
  ConvTranspose: convTranspose,
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
};
