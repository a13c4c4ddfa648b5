import type { Dim } from '../../ir/graph.ts';
import { numberAttribute, textAttribute } from '../constant-values.ts';
import { type Equation, parseEquation } from '../einsum-equation.ts';
import { broadcastDims, fact, type Infer } from './fact.ts';

const gemm: Infer = ({ node, inputs: [a, b] }) => {
  if (a?.shape?.length !== 2 || b?.shape?.length !== 2) return [fact(a?.dtype, undefined)];
  const rows = a.shape[numberAttribute(node, 'transA', 0) === 0 ? 0 : 1] ?? null;
  const columns = b.shape[numberAttribute(node, 'transB', 0) === 0 ? 1 : 0] ?? null;
  return [fact(a.dtype, [rows, columns])];
};

const matMul: Infer = ({ inputs: [a, b] }) => {
  if (!a?.shape?.length || !b?.shape?.length) return [fact(a?.dtype, undefined)];
  const batch = broadcastDims(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (batch === undefined) return [fact(a.dtype, undefined)];
  const rows = a.shape.length > 1 ? [a.shape.at(-2) ?? null] : [];
  const columns = b.shape.length > 1 ? [b.shape.at(-1) ?? null] : [];
  return [fact(a.dtype, [...batch, ...rows, ...columns])];
};

/** The size of every label of the equation: that of its axes which is not 1; an axis of 1 repeats along the others. */
const einsum: Infer = ({ node, inputs }) => {
  const dtype = inputs[0]?.dtype;
  const shapes = inputs.flatMap(({ shape }) => (shape === undefined ? [] : [shape]));
  if (shapes.length !== inputs.length) return [fact(dtype, undefined)];
  const sizes = labelSizes(textAttribute(node, 'equation', ''), shapes);
  return [
    fact(
      dtype,
      sizes?.equation.result.map((label) => sizes.of.get(label) ?? null),
    ),
  ];
};

/** The equation of an Einsum and the sizes of its labels; undefined where it does not fit the shapes. */
export function labelSizes(
  text: string,
  shapes: readonly (readonly Dim[])[],
): { equation: Equation; of: Map<string, Dim> } | undefined {
  let equation: Equation;
  try {
    equation = parseEquation(
      text,
      shapes.map((shape) => shape.length),
    );
  } catch {
    return undefined;
  }
  const of = new Map<string, Dim>();
  equation.operands.forEach((labels, i) => {
    labels.forEach((label, axis) => {
      const dim = shapes[i]![axis]!;
      const known = of.get(label) ?? 1;
      if (known === 1 || (typeof dim === 'number' && dim !== 1)) of.set(label, dim);
    });
  });
  return { equation, of };
}

export const LINEAR: Readonly<Record<string, Infer>> = {
  Gemm: gemm,
  MatMul: matMul,
  Det: ({ inputs: [x] }) => [fact(x?.dtype, x?.shape?.slice(0, -2))],
  Einsum: einsum,
  QLinearMatMul: (call) => {
    const [a, , , b, , , , zero] = call.inputs;
    return [fact(zero?.dtype ?? a?.dtype, matMul({ ...call, inputs: [a ?? {}, b ?? {}] })[0]?.shape)];
  },
  MatMulInteger: (call) => [fact('INT32', matMul(call)[0]?.shape)],
};
