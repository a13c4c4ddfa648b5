import { isNarrowFloat, narrowFloatValues } from '../../tensor/narrow-float.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { broadcast, broadcastShape, eachRun } from '../broadcast.ts';
import type { Call, Operator } from '../call.ts';
import { type Binary, combine, expectSameType, expectType, isBig } from './elementwise.ts';
import type { OperatorTable } from './operator-table.ts';

type Sign = -1 | 0 | 1;

/** A comparison, given by what it answers for less, equal and greater; with a NaN it is false. */
function comparison(less: boolean, equal: boolean, greater: boolean): Operator {
  const answer = (sign: Sign): boolean => (sign < 0 ? less : sign > 0 ? greater : equal);
  return (call) => {
    const a = call.input(0);
    const b = call.input(1);
    expectSameType(a, b);
    const y = call.allocate('BOOL', broadcastShape(a.shape, b.shape));
    if (isBig(a.dtype) || Array.isArray(a.data)) compareAny(a, b, y, answer);
    else
      combine(
        { f: (p, q) => (p < q ? Number(less) : p > q ? Number(greater) : p === q ? Number(equal) : 0) },
        a,
        b,
        y,
      );
    return y;
  };
}

/** Bigints and strings. */
function compareAny(a: Tensor, b: Tensor, y: Tensor, answer: (sign: Sign) => boolean): void {
  const plan = broadcast(y.shape, [a.shape, b.shape]);
  const [stepA, stepB] = plan.strides.map((steps) => steps.at(-1)!);
  const to = y.data as Uint8Array;
  eachRun(plan, (at, [p, q]) => {
    for (let i = 0; i < plan.dims.at(-1)!; i++) {
      const left = a.data[p! + i * stepA!]!;
      const right = b.data[q! + i * stepB!]!;
      to[at + i] = answer(left < right ? -1 : left > right ? 1 : 0) ? 1 : 0;
    }
  });
}

const logic =
  (f: Binary): Operator =>
  (call) => {
    const a = call.input(0);
    const b = call.input(1);
    expectType(a, 'BOOL');
    expectType(b, 'BOOL');
    const y = call.allocate('BOOL', broadcastShape(a.shape, b.shape));
    combine({ f }, a, b, y);
    return y;
  };

/** A yes-or-no question about every element. */
const test =
  (question: (call: Call) => (x: number) => boolean): Operator =>
  (call) => {
    const x = call.input(0);
    const y = call.allocate('BOOL', x.shape);
    const to = y.data as Uint8Array;
    const answer = question(call);
    if (isNarrowFloat(x.dtype)) {
      const answers = Uint8Array.from(narrowFloatValues(x.dtype), (value) => (answer(value) ? 1 : 0));
      for (let i = 0; i < to.length; i++) to[i] = answers[x.data[i] as number]!;
      return y;
    }
    const from = x.data as Float32Array;
    for (let i = 0; i < to.length; i++) to[i] = answer(from[i]!) ? 1 : 0;
    return y;
  };

function isInfinite(call: Call): (x: number) => boolean {
  const positive = call.int('detect_positive', 1) !== 0;
  const negative = call.int('detect_negative', 1) !== 0;
  return (x) => (positive && x === Number.POSITIVE_INFINITY) || (negative && x === Number.NEGATIVE_INFINITY);
}

const where: Operator = (call) => {
  const condition = call.input(0);
  const a = call.input(1);
  const b = call.input(2);
  expectType(condition, 'BOOL');
  expectSameType(a, b);
  const shape = broadcastShape(condition.shape, a.shape, b.shape);
  const y = Array.isArray(a.data)
    ? { dtype: a.dtype, shape, data: new Array<string>(shape.reduce((p, d) => p * d, 1)) }
    : call.allocate(a.dtype, shape);
  const plan = broadcast(shape, [condition.shape, a.shape, b.shape]);
  const [stepC, stepA, stepB] = plan.strides.map((steps) => steps.at(-1)!);
  const length = plan.dims.at(-1)!;
  const choose = condition.data as Uint8Array;
  const yes = a.data as Float32Array;
  const no = b.data as Float32Array;
  const to = y.data as unknown as Float32Array;
  eachRun(plan, (at, [c, p, q]) => {
    for (let i = 0; i < length; i++)
      to[at + i] = choose[c! + i * stepC!] !== 0 ? yes[p! + i * stepA!]! : no[q! + i * stepB!]!;
  });
  return y;
};

export const COMPARISONS: OperatorTable = {
  Equal: { 7: comparison(false, true, false) },
  Greater: { 7: comparison(false, false, true) },
  Less: { 7: comparison(true, false, false) },
  GreaterOrEqual: { 12: comparison(false, true, true) },
  LessOrEqual: { 12: comparison(true, true, false) },
  And: { 7: logic((a, b) => a & b) },
  Or: { 7: logic((a, b) => a | b) },
  Xor: { 7: logic((a, b) => a ^ b) },
  Not: { 1: test(() => (x) => x === 0) },
  IsNaN: { 9: test(() => Number.isNaN) },
  IsInf: { 10: test(isInfinite) },
  Where: { 9: where },
};
