import { BnnqError } from '../../errors.ts';
import type { BinaryName, UnaryName } from '../../kernels/contract.ts';
import type { DataType } from '../../tensor/dtype.ts';
import { isNarrowFloat } from '../../tensor/narrow-float.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import { broadcast, broadcastShape, eachRun } from '../broadcast.ts';
import type { Call, Operator } from '../call.ts';
import { sameShape, shapeText } from '../shapes.ts';

/**
 * Building blocks of the operators that work element by element. FLOAT goes to a kernel where there is one, everything
 * else through a plain loop over numbers (float64, rounded or wrapped by the array that it is stored in) or, for the
 * 64-bit integers, over bigints.
 */

export type Unary = (x: number) => number;
export type Binary = (a: number, b: number) => number;
export type BigUnary = (x: bigint) => bigint;
export type BigBinary = (a: bigint, b: bigint) => bigint;

export function isBig(dtype: DataType): boolean {
  return dtype === 'INT64' || dtype === 'UINT64';
}

/** The larger of two bigints (Math.max takes none). */
export function bigMax(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

/** The smaller of two bigints. */
export function bigMin(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

/** An operator y = f(x) of one input, of the input's type. */
export function unary(kernel: UnaryName | undefined, f: Unary, big?: BigUnary): Operator {
  return (call) => {
    const x = call.input(0);
    const y = call.inPlace(0);
    if (kernel !== undefined && x.dtype === 'FLOAT')
      call.kernels.unary(kernel, x.data as Float32Array, y.data as Float32Array);
    else mapInto(x, y, f, big);
    return y;
  };
}

/** Throws for elements that are held as codes or texts, which arithmetic would take for numbers. */
function expectNumbers({ dtype }: Tensor): void {
  if (isNarrowFloat(dtype) || dtype === 'STRING')
    throw new BnnqError('unsupported', `arithmetic on elements of type ${dtype}`);
}

/** y[i] = f(x[i]), in plain loops. */
export function mapInto(x: Tensor, y: Tensor, f: Unary, big?: BigUnary): void {
  expectNumbers(x);
  if (isBig(x.dtype)) {
    if (big === undefined) throw new BnnqError('unsupported', `elements of type ${x.dtype}`);
    const from = x.data as BigInt64Array;
    const to = y.data as BigInt64Array;
    for (let i = 0; i < to.length; i++) to[i] = big(from[i]!);
    return;
  }
  const from = x.data as Float32Array;
  const to = y.data as Float32Array;
  for (let i = 0; i < to.length; i++) to[i] = f(from[i]!);
}

/** How the smaller operand of a binary kernel lies along the output. */
interface ChannelPattern {
  readonly outer: number;
  readonly channels: number;
  readonly inner: number;
}

/** How two operands broadcast to an output: what depends on shapes alone. */
interface BinaryLayout {
  readonly shape: readonly number[];
  /** The operand that has the shape of the output. */
  readonly full: 0 | 1 | undefined;
  /** Of the other operand; undefined when it fits no kernel. */
  readonly pattern: ChannelPattern | undefined;
}

function layoutOf(
  a: readonly number[],
  b: readonly number[],
  shape: readonly number[] = broadcastShape(a, b),
): BinaryLayout {
  const full = sameShape(a, shape) ? 0 : sameShape(b, shape) ? 1 : undefined;
  const pattern = full === undefined ? undefined : channelPattern(shape, full === 0 ? b : a);
  return { shape, full, pattern };
}

function channelPattern(shape: readonly number[], b: readonly number[]): ChannelPattern | undefined {
  const { dims, strides } = broadcast(shape, [shape, b]);
  const steps = strides[1]!;
  const used = steps.flatMap((step, axis) => (step === 0 ? [] : [axis]));
  if (used.length === 0) return { outer: 1, channels: 1, inner: sizeOf(dims) };
  const axis = used[0]!;
  if (used.length > 1 || steps[axis] !== 1) return undefined;
  return {
    outer: sizeOf(dims.slice(0, axis)),
    channels: dims[axis]!,
    inner: sizeOf(dims.slice(axis + 1)),
  };
}

/** What a binary operator computes: a kernel for FLOAT, a function for the other types, one for 64-bit integers. */
export interface BinaryFunctions {
  readonly kernel?: BinaryName | undefined;
  readonly f: Binary;
  readonly big?: BigBinary | undefined;
  /** For INT32 and UINT32 where float64 would not be exact. */
  readonly word?: Binary | undefined;
}

/** y = f(a, b), the operands of one type broadcast to the shape of y, which is of their type and may be one of them. */
export function binaryInto(
  call: Call,
  functions: BinaryFunctions,
  a: Tensor,
  b: Tensor,
  y: Tensor,
  layout: BinaryLayout = layoutOf(a.shape, b.shape, y.shape),
): void {
  const { kernel } = functions;
  if (kernel === undefined || a.dtype !== 'FLOAT') {
    combine(functions, a, b, y);
    return;
  }
  const to = y.data as Float32Array;
  if (layout.pattern === undefined) {
    const { shape } = y;
    call.kernels.binary(kernel, expanded(a, shape), expanded(b, shape), to, 1, to.length, 1);
    return;
  }
  const { outer, channels, inner } = layout.pattern;
  const swapped = layout.full === 1;
  const full = (swapped ? b : a).data as Float32Array;
  const part = (swapped ? a : b).data as Float32Array;
  call.kernels.binary(kernel, full, part, to, outer, channels, inner, swapped);
}

/** The elements repeated to a larger shape. */
function expanded(tensor: Tensor, shape: readonly number[]): Float32Array {
  const from = tensor.data as Float32Array;
  if (sameShape(tensor.shape, shape)) return from;
  const plan = broadcast(shape, [tensor.shape]);
  const to = new Float32Array(sizeOf(shape));
  const step = plan.strides[0]!.at(-1)!;
  const length = plan.dims.at(-1)!;
  eachRun(plan, (at, [start]) => {
    for (let i = 0; i < length; i++) to[at + i] = from[start! + i * step]!;
  });
  return to;
}

/** y = f(a, b) with broadcasting, in plain loops; y may be of another type (comparisons). */
export function combine(functions: BinaryFunctions, a: Tensor, b: Tensor, y: Tensor): void {
  expectNumbers(a);
  const plan = broadcast(y.shape, [a.shape, b.shape]);
  const length = plan.dims.at(-1)!;
  const stepA = plan.strides[0]!.at(-1)!;
  const stepB = plan.strides[1]!.at(-1)!;
  if (isBig(a.dtype)) {
    const { big } = functions;
    if (big === undefined) throw new BnnqError('unsupported', `elements of type ${a.dtype}`);
    const left = a.data as BigInt64Array;
    const right = b.data as BigInt64Array;
    const to = y.data as BigInt64Array;
    eachRun(plan, (at, [p, q]) => {
      for (let i = 0; i < length; i++) to[at + i] = big(left[p! + i * stepA]!, right[q! + i * stepB]!);
    });
    return;
  }
  const isWord = a.dtype === 'INT32' || a.dtype === 'UINT32';
  const f = isWord && functions.word !== undefined ? functions.word : functions.f;
  const left = a.data as Float32Array;
  const right = b.data as Float32Array;
  const to = y.data as Float32Array;
  eachRun(plan, (at, [p, q]) => {
    for (let i = 0; i < length; i++) to[at + i] = f(left[p! + i * stepA]!, right[q! + i * stepB]!);
  });
}

/** Throws unless both operands are of one type. */
export function expectSameType(a: Tensor, b: Tensor): void {
  if (a.dtype !== b.dtype)
    throw new BnnqError('mismatch', `operands are of types ${a.dtype} and ${b.dtype}, expected one type`);
}

/** An operator of two inputs of one type with broadcasting. */
export function binary(functions: BinaryFunctions): Operator {
  return (call) => {
    const a = call.input(0);
    const b = call.input(1);
    expectSameType(a, b);
    const layout = call.memo(() => layoutOf(a.shape, b.shape), a.shape, b.shape);
    const y = layout.full === undefined ? call.allocate(a.dtype, layout.shape) : call.inPlace(layout.full);
    binaryInto(call, functions, a, b, y, layout);
    return y;
  };
}

/** An operator of any number of inputs of one type with broadcasting, combined from the left. */
export function variadic(functions: BinaryFunctions): Operator {
  return (call) => {
    const first = call.input(0);
    const others = call.inputs.slice(1).map((_, i) => call.input(i + 1));
    for (const other of others) expectSameType(first, other);
    const y = call.allocate(first.dtype, broadcastShape(...[first, ...others].map((x) => x.shape)));
    if (others.length === 0)
      mapInto(
        first,
        y,
        (value) => value,
        (value) => value,
      );
    others.forEach((other, i) => {
      binaryInto(call, functions, i === 0 ? first : y, other, y);
    });
    return y;
  };
}

/** Throws unless the tensor is of one of the types. */
export function expectType(tensor: Tensor, ...types: DataType[]): void {
  if (!types.includes(tensor.dtype))
    throw new BnnqError(
      'mismatch',
      `tensor of type ${tensor.dtype} and shape ${shapeText(tensor.shape)}, expected ${types.join(' or ')}`,
    );
}
