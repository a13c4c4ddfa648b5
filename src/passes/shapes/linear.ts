import { numberAttribute } from '../constant-values.ts';
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

export const LINEAR: Readonly<Record<string, Infer>> = {
  Gemm: gemm,
  MatMul: matMul,
  MatMulInteger: (call) => [fact('INT32', matMul(call)[0]?.shape)],
};
