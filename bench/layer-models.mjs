/** Networks of one layer as ONNX files, with weights that follow from nothing but their sizes. */
import onnxProto from 'onnx-proto';
import { normals, signs } from './random.mjs';

const { onnx } = onnxProto;
export const FLOAT = 1;
const INTS = 7;
const INT = 2;

/**
 * A convolution "input" → "output", NCHW, with a bias of its own.
 * @param shape `{inChannels, outChannels, size, kernel, stride = 1, groups = 1}`; padded so that stride 1 keeps the size
 * @param isBinary Sign in front, weights of ±1, no bias
 */
export function convModel(shape, { isBinary = false } = {}) {
  const { inChannels, outChannels, size, kernel, stride = 1, groups = 1 } = shape;
  const pad = (kernel - 1) >> 1;
  const outSize = Math.floor((size + 2 * pad - kernel) / stride) + 1;
  const columns = (inChannels / groups) * kernel * kernel;
  const dims = [outChannels, inChannels / groups, kernel, kernel];
  const count = outChannels * columns;
  const weights = isBinary ? signs(count) : normals(count, 1 / Math.sqrt(columns));
  const conv = {
    opType: 'Conv',
    name: 'conv',
    input: isBinary ? ['signs', 'w'] : ['input', 'w', 'bias'],
    output: ['output'],
    attribute: [
      { name: 'pads', type: INTS, ints: [pad, pad, pad, pad] },
      { name: 'strides', type: INTS, ints: [stride, stride] },
      { name: 'group', type: INT, i: groups },
    ],
  };
  const sign = { opType: 'Sign', name: 'sign', input: ['input'], output: ['signs'] };
  return encodeModel({
    inputShape: [1, inChannels, size, size],
    outputShape: [1, outChannels, outSize, outSize],
    nodes: isBinary ? [sign, conv] : [conv],
    initializers: [
      tensor('w', dims, weights),
      ...(isBinary ? [] : [tensor('bias', [outChannels], normals(outChannels, 0.1))]),
    ],
  });
}

/** A fully connected layer "input" [1, columns] → "output" [1, rows]. */
export function linearModel(rows, columns) {
  return encodeModel({
    inputShape: [1, columns],
    outputShape: [1, rows],
    nodes: [
      {
        opType: 'Gemm',
        name: 'linear',
        input: ['input', 'w', 'bias'],
        output: ['output'],
        attribute: [{ name: 'transB', type: INT, i: 1 }],
      },
    ],
    initializers: [
      tensor('w', [rows, columns], normals(rows * columns, 1 / Math.sqrt(columns))),
      tensor('bias', [rows], normals(rows, 0.1)),
    ],
  });
}

/** An initializer of float32. */
export function tensor(name, dims, values) {
  return {
    name,
    dims,
    dataType: FLOAT,
    rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  };
}

/** Bytes of a model with one input "input" and one output "output", both of float32. */
export function encodeModel({ inputShape, outputShape, nodes, initializers }) {
  const value = (name, shape) => ({
    name,
    type: { tensorType: { elemType: FLOAT, shape: { dim: shape.map((dimValue) => ({ dimValue })) } } },
  });
  return onnx.ModelProto.encode(
    onnx.ModelProto.fromObject({
      irVersion: 8,
      opsetImport: [{ domain: '', version: 13 }],
      graph: {
        name: 'layer',
        input: [value('input', inputShape)],
        output: [value('output', outputShape)],
        initializer: initializers,
        node: nodes,
      },
    }),
  ).finish();
}
