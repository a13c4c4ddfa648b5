import type { Dim, Node } from '../../ir/graph.ts';
import { type DataType, dataTypeOf } from '../../tensor/dtype.ts';
import { numberAttribute, numbersAttribute } from '../constant-values.ts';
import { axisIn, fact, type Infer, numbersIn, product } from './fact.ts';

/** Operators that sample images, and those of signals. Source: onnx.ai/onnx/operators. */

const gridSample: Infer = ({ inputs: [x, grid] }) => {
  const [batch = null, channels = null] = x?.shape ?? [];
  return [fact(x?.dtype, grid?.shape && [batch, channels, ...grid.shape.slice(1, -1)])];
};

const affineGrid: Infer = ({ inputs: [theta, size] }) => {
  const dims = size?.content;
  return [fact(theta?.dtype, dims && [dims[0] ?? null, ...dims.slice(2), dims.length - 2])];
};

const col2im: Infer = ({ inputs: [x, image, block] }) => {
  const [batch = null, rows = null] = x?.shape ?? [];
  const taps = block?.content && product(block.content);
  const channels = typeof rows === 'number' && typeof taps === 'number' ? rows / taps : null;
  return [fact(x?.dtype, image?.content && [batch, channels, ...image.content])];
};

const deformConv: Infer = ({ inputs: [x, w, offset] }) => [
  fact(x?.dtype, offset?.shape && [x?.shape?.[0] ?? null, w?.shape?.[0] ?? null, ...offset.shape.slice(2)]),
];

const roiAlign: Infer = ({ node, inputs: [x, rois] }) => {
  const size = [numberAttribute(node, 'output_height', 1), numberAttribute(node, 'output_width', 1)];
  return [fact(x?.dtype, [rois?.shape?.[0] ?? null, x?.shape?.[1] ?? null, ...size])];
};

const maxRoiPool: Infer = ({ node, inputs: [x, rois] }) => [
  fact(x?.dtype, [
    rois?.shape?.[0] ?? null,
    x?.shape?.[1] ?? null,
    ...(numbersAttribute(node, 'pooled_shape') ?? [null, null]),
  ]),
];

const maxUnpool: Infer = ({ node, inputs: [x, , target] }) => {
  const kernel = numbersAttribute(node, 'kernel_shape');
  if (node.inputs[2]) return [fact(x?.dtype, target?.content ?? x?.shape?.map(() => null))];
  if (x?.shape === undefined || kernel === undefined) return [fact(x?.dtype, undefined)];
  const strides = numbersAttribute(node, 'strides');
  const pads = numbersAttribute(node, 'pads');
  const spatial = x.shape.slice(2).map((dim, i): Dim => {
    const cut = (pads?.[i] ?? 0) + (pads?.[i + kernel.length] ?? 0);
    return typeof dim === 'number' ? (dim - 1) * (strides?.[i] ?? 1) - cut + kernel[i]! : null;
  });
  return [fact(x.dtype, [...x.shape.slice(0, 2), ...spatial])];
};

/** A scalar operand: its number, `missing` where it is absent, null where it is not known. */
function scalar(node: Node, known: { content?: readonly Dim[] } | undefined, at: number, missing: Dim): Dim {
  if (!node.inputs[at]) return missing;
  return numbersIn(known)?.[0] ?? null;
}

const dft: Infer = ({ node, inputs, opset }) => {
  const [x, length, axisInput] = inputs;
  const given = opset < 20 ? numberAttribute(node, 'axis', 1) : scalar(node, axisInput, 2, -2);
  const axis = x?.shape && typeof given === 'number' ? axisIn(given, x.shape.length) : undefined;
  if (x?.shape === undefined || axis === undefined) return [fact(x?.dtype, undefined)];
  const isOneSided = numberAttribute(node, 'onesided', 0) === 1;
  const isInverse = numberAttribute(node, 'inverse', 0) === 1;
  const size = x.shape[axis] ?? null;
  const usual = isOneSided && isInverse && typeof size === 'number' ? 2 * (size - 1) : size;
  const full = scalar(node, length, 1, isOneSided && isInverse && typeof size !== 'number' ? null : usual);
  const half = typeof full === 'number' ? Math.floor(full / 2) + 1 : null;
  const shape = x.shape.with(axis, isOneSided && !isInverse ? half : full);
  return [fact(x.dtype, shape.with(-1, isOneSided && isInverse ? 1 : 2))];
};

const stft: Infer = ({ node, inputs: [x, step, window, length] }) => {
  const signal = x?.shape?.[1] ?? null;
  const frame = scalar(node, length, 3, node.inputs[2] ? (window?.shape?.[0] ?? null) : signal);
  const hop = scalar(node, step, 1, null);
  const isKnown = typeof signal === 'number' && typeof frame === 'number' && typeof hop === 'number';
  const frames = isKnown ? Math.floor((signal - frame) / hop) + 1 : null;
  const half = typeof frame === 'number' ? Math.floor(frame / 2) + 1 : null;
  const bins = numberAttribute(node, 'onesided', 1) === 1 ? half : frame;
  return [fact(x?.dtype, [x?.shape?.[0] ?? null, frames, bins, 2])];
};

function namedType(node: Node): DataType | undefined {
  return dataTypeOf(numberAttribute(node, 'output_datatype', 1));
}

const window: Infer = ({ node, inputs: [size] }) => [fact(namedType(node), [scalar(node, size, 0, null)])];

const melWeightMatrix: Infer = ({ node, inputs: [bins, length] }) => {
  const size = scalar(node, length, 1, null);
  const rows = typeof size === 'number' ? Math.floor(size / 2) + 1 : null;
  return [fact(namedType(node), [rows, scalar(node, bins, 0, null)])];
};

const tfIdf: Infer = ({ node, inputs: [x] }) => {
  const columns = (numbersAttribute(node, 'ngram_indexes') ?? []).reduce(
    (most, at) => Math.max(most, at + 1),
    0,
  );
  return [fact('FLOAT', x?.shape && [...x.shape.slice(0, -1), columns])];
};

export const SPATIAL: Readonly<Record<string, Infer>> = {
  GridSample: gridSample,
  AffineGrid: affineGrid,
  Col2Im: col2im,
  DeformConv: deformConv,
  RoiAlign: roiAlign,
  MaxRoiPool: maxRoiPool,
  MaxUnpool: maxUnpool,
  DFT: dft,
  STFT: stft,
  HannWindow: window,
  HammingWindow: window,
  BlackmanWindow: window,
  MelWeightMatrix: melWeightMatrix,
  TfIdfVectorizer: tfIdf,
};
