import { EmptyOptional, type RuntimeValue, TensorSequence } from '../../src/runtime/values.ts';
import { halfRounding, widen } from '../../src/runtime/widen.ts';
import type { DataType } from '../../src/tensor/dtype.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** ONNX's own tolerance for floating-point values (onnx/backend/test/case/test_case.py); anything else is to be equal. */
const RELATIVE = 1e-3;
const ABSOLUTE = 1e-7;

const IS_FLOATING: ReadonlySet<DataType> = new Set(['FLOAT', 'DOUBLE', 'COMPLEX64', 'COMPLEX128']);

/** How a result differs from what is expected; undefined where it does not. */
export function difference(wanted: RuntimeValue, actual: RuntimeValue | undefined): string | undefined {
  if (actual === undefined) return 'missing';
  if (wanted instanceof EmptyOptional || actual instanceof EmptyOptional)
    return wanted instanceof EmptyOptional && actual instanceof EmptyOptional
      ? undefined
      : `${describe(actual)}, expected ${describe(wanted)}`;
  if (!(wanted instanceof TensorSequence) && !(actual instanceof TensorSequence))
    return tensorDifference(wanted, actual);
  if (!(wanted instanceof TensorSequence && actual instanceof TensorSequence))
    return `${describe(actual)}, expected ${describe(wanted)}`;
  if (wanted.elements.length !== actual.elements.length)
    return `${actual.elements.length} tensors, expected ${wanted.elements.length}`;
  for (const [i, tensor] of wanted.elements.entries()) {
    const problem = tensorDifference(tensor, actual.elements[i]!);
    if (problem !== undefined) return `tensor ${i}: ${problem}`;
  }
  return undefined;
}

function describe(value: RuntimeValue): string {
  if (value instanceof EmptyOptional) return 'nothing';
  return value instanceof TensorSequence ? 'a sequence' : 'a tensor';
}

function tensorDifference(wanted: Tensor, actual: Tensor): string | undefined {
  const expected = widen(wanted);
  if (actual.dtype !== wanted.dtype && actual.dtype !== expected.dtype)
    return `type ${actual.dtype}, expected ${wanted.dtype}`;
  if (expected.shape.join() !== actual.shape.join())
    return `shape [${actual.shape}], expected [${expected.shape}]`;
  if (actual.data.length !== expected.data.length)
    return `${actual.data.length} elements, expected ${expected.data.length}`;
  const round = roundingTo(wanted.dtype);
  const got = widen(actual).data;
  for (let i = 0; i < expected.data.length; i++) {
    const want = expected.data[i]!;
    const have = typeof got[i] === 'number' ? round(got[i] as number) : got[i]!;
    if (!agree(expected.dtype, want, have)) return `element ${i} is ${have}, expected ${want}`;
  }
  return undefined;
}

/**
 * The runtime holds FLOAT16 and BFLOAT16 values as FLOAT, not rounded to the narrow type after every operator. What a file
 * of the declared type would hold is the result rounded once: that is what is compared.
 */
function roundingTo(dtype: DataType): (value: number) => number {
  return halfRounding(dtype) ?? ((value) => value);
}

function agree(dtype: DataType, want: number | bigint | string, have: number | bigint | string): boolean {
  if (want === have) return true;
  if (!IS_FLOATING.has(dtype)) return false;
  if (Number.isNaN(want) || Number.isNaN(have)) return Number.isNaN(want) && Number.isNaN(have);
  return Math.abs(Number(want) - Number(have)) <= ABSOLUTE + RELATIVE * Math.abs(Number(want));
}
