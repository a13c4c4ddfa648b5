import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;

export type TensorFields = onnxProto.onnx.ITensorProto;
export type NodeFields = onnxProto.onnx.INodeProto;
export type GraphFields = onnxProto.onnx.IGraphProto;
export type ModelFields = onnxProto.onnx.IModelProto;

/** A value info of a FLOAT tensor. */
export function value(
  name: string,
  dims: readonly (number | string)[] = [1],
): onnxProto.onnx.IValueInfoProto {
  const dim = dims.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType: 1, shape: { dim } } } };
}

/** Bytes of a model with that graph; x is its input and y, made by Identity, its output where nothing else is said. */
export function modelBytes(graph: GraphFields, fields: ModelFields = {}): Uint8Array {
  const encoded = onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 13 }],
    graph: {
      name: 'g',
      input: [value('x')],
      output: [value('y')],
      node: [{ opType: 'Identity', input: ['x'], output: ['y'] }],
      ...graph,
    },
    ...fields,
  }).finish();
  return new Uint8Array(encoded);
}

/** Bytes of a model with one initializer "w". */
export function modelWith(tensor: TensorFields): Uint8Array {
  return modelBytes({ initializer: [{ name: 'w', ...tensor }] });
}

/** Little-endian bytes of numbers. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
