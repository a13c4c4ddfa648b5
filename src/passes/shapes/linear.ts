import type { Dim } from '../../ir/graph.ts';
import { numberAttribute, textAttribute } from '../constant-values.ts';
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

/** "bij,bjk->bik" and the like; with an ellipsis nothing is told. */
const einsum: Infer = ({ node, inputs }) => {
  const [left = '', right] = textAttribute(node, 'equation', '').replaceAll(' ', '').split('->');
  const terms = left.split(',');
  const dtype = inputs[0]?.dtype;
  if (left.includes('.') || terms.length !== inputs.length) return [fact(dtype, undefined)];
  const sizes = new Map<string, Dim>();
  terms.forEach((term, i) => {
    [...term].forEach((letter, axis) => {
      const dim = inputs[i]?.shape?.[axis] ?? null;
      if (typeof dim === 'number' || !sizes.has(letter)) sizes.set(letter, dim);
    });
  });
  // Without an arrow: the letters that stand once, in the order of the alphabet.
  const once = [...sizes.keys()].filter((letter) => left.split(letter).length === 2).sort();
  return [
    fact(
      dtype,
      [...(right ?? once)].map((letter) => sizes.get(letter) ?? null),
    ),
  ];
};

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
