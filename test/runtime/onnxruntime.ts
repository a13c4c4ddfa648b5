import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { DataType } from '../../src/tensor/dtype.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

const ORT_TYPES: Partial<Record<DataType, string>> = {
  FLOAT: 'float32',
  DOUBLE: 'float64',
  INT64: 'int64',
  INT32: 'int32',
  INT8: 'int8',
  UINT8: 'uint8',
  INT16: 'int16',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  BOOL: 'bool',
  FLOAT16: 'float16',
};

function toOrt(tensor: Tensor): OrtTensor {
  const type = ORT_TYPES[tensor.dtype];
  if (type === undefined) throw new Error(`no onnxruntime type for ${tensor.dtype}`);
  return new OrtTensor(type as 'float32', tensor.data as Float32Array, [...tensor.shape]) as OrtTensor;
}

function fromOrt(tensor: OrtTensor): Tensor {
  const entry = Object.entries(ORT_TYPES).find(([, type]) => type === tensor.type);
  if (entry === undefined) throw new Error(`no type for onnxruntime's ${tensor.type}`);
  let data = tensor.data as unknown;
  // Half precision comes as Float16Array where the engine has it.
  if (tensor.type === 'float16') {
    const view = data as Uint16Array;
    data = new Uint16Array(view.buffer, view.byteOffset, view.length);
  }
  return { dtype: entry[0] as DataType, shape: [...tensor.dims], data: data as Tensor['data'] };
}

/** What onnxruntime-node makes of the model: the oracle of these tests. One thread, graph rewriting as it does by default. @param extra settings of the session, in its own words */
export async function runOnnxRuntime(
  model: string | Uint8Array,
  feeds: Readonly<Record<string, Tensor>>,
  extra: Readonly<Record<string, unknown>> = {},
): Promise<Map<string, Tensor>> {
  const bytes = typeof model === 'string' ? readFileSync(model) : model;
  const session = await InferenceSession.create(bytes, {
    ...{ intraOpNumThreads: 1, logSeverityLevel: 4, extra },
  });
  try {
    const ortFeeds = Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, toOrt(t)]));
    const results = await session.run(ortFeeds);
    return new Map(Object.entries(results).map(([name, t]) => [name, fromOrt(t)]));
  } finally {
    await session.release();
  }
}
