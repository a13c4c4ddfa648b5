import { expect } from 'vitest';
import { encodeModel } from '../../src/formats/onnx/encode.ts';
import { createSession } from '../../src/runtime/session.ts';
import type { DataType } from '../../src/tensor/dtype.ts';
import { sizeOf, type Tensor, zeros } from '../../src/tensor/tensor.ts';
import { buildModel, type ShortModel } from './build-model.ts';
import { runOnnxRuntime } from './onnxruntime.ts';
import { generator } from './random.ts';

/**
 * How far results may be from onnxruntime's, as a part of the largest expected value: both round float32 sums, in other
 * orders, so a few hundred units in the last place.
 */
const AGREEMENT = 2e-5;

/** Values for an input: floats in [−2, 2), integers in −5 … 5 (unsigned: 0 … 9), booleans. */
export function someTensor(dtype: DataType, shape: readonly number[], seed: number): Tensor {
  const next = generator(seed);
  const tensor = zeros(dtype, shape);
  for (let i = 0; i < sizeOf(shape); i++) {
    const value = next();
    if (tensor.data instanceof BigInt64Array) tensor.data[i] = BigInt(Math.floor(value * 11) - 5);
    else if (dtype === 'FLOAT' || dtype === 'DOUBLE') (tensor.data as Float64Array)[i] = 4 * value - 2;
    else if (dtype === 'BOOL') (tensor.data as Uint8Array)[i] = value < 0.5 ? 0 : 1;
    else
      (tensor.data as Int32Array)[i] =
        Math.floor(value * (dtype.startsWith('U') ? 10 : 11)) - (dtype.startsWith('U') ? 0 : 5);
  }
  return tensor;
}

/** Runs a model here and in onnxruntime and expects the same outputs. Fixed dimensions only; feeds are made up where none are given. */
export async function expectAsOnnxRuntime(
  short: ShortModel,
  given: Readonly<Record<string, Tensor>> = {},
): Promise<void> {
  const model = buildModel(short);
  const feeds: Record<string, Tensor> = { ...given };
  Object.entries(short.inputs).forEach(([name, [dtype, shape]], i) => {
    feeds[name] ??= someTensor(dtype, shape as number[], i + 1);
  });
  const expected = await runOnnxRuntime(encodeModel(model), feeds);
  const session = createSession(model);
  const first = session.run(feeds);
  const second = session.run(feeds);
  session.dispose();
  for (const [name, wanted] of expected) {
    expectAgreement(wanted, first.get(name)!);
    expect(second.get(name)).toEqual(first.get(name));
  }
}

export function expectAgreement(wanted: Tensor, actual: Tensor): void {
  expect(actual.dtype).toBe(wanted.dtype);
  expect(actual.shape).toEqual(wanted.shape);
  if (wanted.dtype !== 'FLOAT' && wanted.dtype !== 'DOUBLE') {
    expect([...actual.data]).toEqual([...wanted.data]);
    return;
  }
  const want = wanted.data as Float32Array;
  const got = actual.data as Float32Array;
  let largest = 1e-3;
  for (const value of want) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  want.forEach((value, i) => {
    if (Object.is(value, got[i]) || (Number.isNaN(value) && Number.isNaN(got[i]!)) || value === got[i])
      return;
    if (!(Math.abs(value - got[i]!) <= AGREEMENT * largest))
      expect.fail(`element ${i} is ${got[i]}, onnxruntime has ${value}`);
  });
}
