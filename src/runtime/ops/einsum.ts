import { BnnqError } from '../../errors.ts';
import { type Equation, parseEquation } from '../../passes/einsum-equation.ts';
import type { DataType } from '../../tensor/dtype.ts';
import { sizeOf, type Tensor, zeros } from '../../tensor/tensor.ts';
import type { Call, Operator } from '../call.ts';
import { stridesOf } from '../shapes.ts';
import { copyStrided, elementsOf, zeroOf } from './elements.ts';
import { expectSameType } from './elementwise.ts';
import { matmulAnyType } from './matmul-any-type.ts';
import type { OperatorTable } from './operator-table.ts';

/** A tensor whose axes have labels, each at most once. */
interface Term {
  readonly tensor: Tensor;
  readonly labels: readonly string[];
}

/** The size of every label; an axis of 1 repeats along a longer one. */
function sizesOf(equation: Equation, operands: readonly Tensor[]): Map<string, number> {
  const sizes = new Map<string, number>();
  equation.operands.forEach((labels, i) => {
    labels.forEach((label, axis) => {
      const size = operands[i]!.shape[axis]!;
      const known = sizes.get(label) ?? 1;
      if (known !== 1 && size !== 1 && known !== size)
        throw new BnnqError('mismatch', `label "${label}" is an axis of ${known} and of ${size}`);
      sizes.set(label, known === 1 ? size : known);
    });
  });
  return sizes;
}

/** An operand along its diagonals where a label is repeated, without the axes that it repeats along. */
function termOf(tensor: Tensor, labels: readonly string[], sizes: ReadonlyMap<string, number>): Term {
  const strides = stridesOf(tensor.shape);
  const steps = new Map<string, number>();
  labels.forEach((label, axis) => {
    if (tensor.shape[axis] === sizes.get(label)) steps.set(label, (steps.get(label) ?? 0) + strides[axis]!);
  });
  const kept = [...steps.keys()];
  if (kept.length === labels.length) return { tensor, labels };
  const shape = kept.map((label) => sizes.get(label)!);
  const diagonal = zeros(tensor.dtype, shape);
  copyStrided(elementsOf(tensor), 0, [...steps.values()], shape, elementsOf(diagonal));
  return { tensor: diagonal, labels: kept };
}

/** The term with its axes in another order. */
function transposed({ tensor, labels }: Term, order: readonly string[]): Term {
  if (order.every((label, i) => label === labels[i])) return { tensor, labels };
  const strides = stridesOf(tensor.shape);
  const axes = order.map((label) => labels.indexOf(label));
  const shape = axes.map((axis) => tensor.shape[axis]!);
  const moved = zeros(tensor.dtype, shape);
  copyStrided(
    elementsOf(tensor),
    0,
    axes.map((axis) => strides[axis]!),
    shape,
    elementsOf(moved),
  );
  return { tensor: moved, labels: order };
}

/** The term summed over the labels that nothing needs any more: in float64, rounded or wrapped once. */
function summed(term: Term, isNeeded: (label: string) => boolean): Term {
  const kept = term.labels.filter(isNeeded);
  if (kept.length === term.labels.length) return term;
  const { tensor } = transposed(term, [...kept, ...term.labels.filter((label) => !isNeeded(label))]);
  const sum = zeros(tensor.dtype, tensor.shape.slice(0, kept.length));
  const count = sizeOf(tensor.shape.slice(kept.length));
  const from = elementsOf(tensor);
  const to = elementsOf(sum);
  for (let i = 0; i < to.length; i++) {
    let total = zeroOf(tensor.dtype);
    for (let j = i * count; j < (i + 1) * count; j++) total += from[j]!;
    to[i] = total;
  }
  return { tensor: sum, labels: kept };
}

/**
 * The product of two terms, summed over the labels of both that nothing needs any more: matrix products over
 * [shared, rows, summed] and [shared, summed, columns].
 */
function product(call: Call, left: Term, right: Term, isNeeded: (label: string) => boolean): Term {
  const isShared = (label: string): boolean => left.labels.includes(label) && right.labels.includes(label);
  const shared = left.labels.filter((label) => isShared(label) && isNeeded(label));
  const inner = left.labels.filter((label) => isShared(label) && !isNeeded(label));
  const rows = left.labels.filter((label) => !isShared(label));
  const columns = right.labels.filter((label) => !isShared(label));
  const a = transposed(left, [...shared, ...rows, ...inner]).tensor;
  const b = transposed(right, [...shared, ...inner, ...columns]).tensor;
  const count = sizeOf(a.shape.slice(0, shared.length));
  const m = sizeOf(a.shape.slice(shared.length, shared.length + rows.length));
  const k = sizeOf(a.shape.slice(shared.length + rows.length));
  const n = sizeOf(b.shape.slice(shared.length + inner.length));
  const shape = [
    ...a.shape.slice(0, shared.length + rows.length),
    ...b.shape.slice(shared.length + inner.length),
  ];
  const y = zeros(a.dtype, shape);
  multiply(call, a, b, y, count, m, k, n);
  return { tensor: y, labels: [...shared, ...rows, ...columns] };
}

function multiply(
  call: Call,
  a: Tensor,
  b: Tensor,
  y: Tensor,
  count: number,
  m: number,
  k: number,
  n: number,
): void {
  const starts = (size: number): number[] => Array.from({ length: count }, (_, i) => i * size);
  if (sizeOf(y.shape) === 0 || k === 0) return;
  if (a.dtype !== 'FLOAT') {
    matmulAnyType(a, b, y, starts(m * k), starts(k * n), m, k, n);
    return;
  }
  for (let i = 0; i < count; i++) {
    // A kernel may grow the heap that the operands are in: their views are made anew.
    const p = (a.data as Float32Array).subarray(i * m * k, (i + 1) * m * k);
    const q = (b.data as Float32Array).subarray(i * k * n, (i + 1) * k * n);
    call.kernels.matmul(p, q, (y.data as Float32Array).subarray(i * m * n, (i + 1) * m * n), m, k, n);
  }
}

const UNSUMMED: ReadonlySet<DataType> = new Set(['BOOL', 'STRING']);

/** Terms are multiplied from the left; a label is summed over as soon as no later term and not the result has it. */
const einsum: Operator = (call) => {
  const operands = call.inputs.map((_, i) => call.input(i));
  const [first] = operands;
  if (first === undefined) throw new BnnqError('mismatch', 'no operands');
  for (const operand of operands) expectSameType(first, operand);
  if (UNSUMMED.has(first.dtype)) throw new BnnqError('unsupported', `sums of type ${first.dtype}`);
  const equation = parseEquation(
    call.text('equation', ''),
    operands.map((operand) => operand.shape.length),
  );
  const sizes = sizesOf(equation, operands);
  const terms = operands.map((operand, i) => termOf(operand, equation.operands[i]!, sizes));
  const isNeededBy = (later: readonly Term[]) => (label: string) =>
    equation.result.includes(label) || later.some((term) => term.labels.includes(label));
  let total = summed(terms[0]!, isNeededBy(terms.slice(1)));
  terms.slice(1).forEach((term, i) => {
    const isNeeded = isNeededBy(terms.slice(i + 2));
    const isNeededHere = (label: string): boolean => isNeeded(label) || total.labels.includes(label);
    total = product(call, total, summed(term, isNeededHere), isNeeded);
  });
  const { tensor } = transposed(total, equation.result);
  const y = call.allocate(first.dtype, tensor.shape);
  elementsOf(y).set(elementsOf(tensor));
  return y;
};

export const EINSUMS: OperatorTable = { Einsum: { 12: einsum } };
