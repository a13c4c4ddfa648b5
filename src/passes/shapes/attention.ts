import type { Dim, Node } from '../../ir/graph.ts';
import { numberAttribute } from '../constant-values.ts';
import { type Fact, fact, type Infer, sameAsFirst } from './fact.ts';

const attention: Infer = ({ node, inputs: [q, k, v, , pastKey, pastValue] }) => {
  const [query, key, value] = [
    headsOf(q, numberAttribute(node, 'q_num_heads', 0)),
    headsOf(k, numberAttribute(node, 'kv_num_heads', 0)),
    headsOf(v, numberAttribute(node, 'kv_num_heads', 0)),
  ];
  if (query === undefined || key === undefined || value === undefined) return [fact(q?.dtype, undefined)];
  const hasPast = hasInput(node, 4);
  const before = hasPast ? (pastKey?.shape?.[2] ?? pastValue?.shape?.[2] ?? null) : 0;
  const total = sum(before, key.length);
  const { batch, heads, length } = query;
  const y =
    q?.shape?.length === 3 ? [batch, length, times(heads, value.size)] : [batch, heads, length, value.size];
  return [
    fact(q?.dtype, y),
    fact(k?.dtype, [batch, key.heads, total, key.size]),
    fact(v?.dtype, [batch, key.heads, total, value.size]),
    fact(q?.dtype, [batch, heads, length, total]),
  ];
};

const flexAttention: Infer = ({ inputs: [q, , v] }) => [
  fact(q?.dtype, q?.shape?.length === 4 ? [...q.shape.slice(0, 3), v?.shape?.[3] ?? null] : undefined),
];

const linearAttention: Infer = ({ node, inputs: [q, k, v, past] }) => {
  const heads = numberAttribute(node, 'kv_num_heads', 0);
  const [query, key, value] = [
    headsOf(q, numberAttribute(node, 'q_num_heads', 0)),
    headsOf(k, heads),
    headsOf(v, heads),
  ];
  if (query === undefined) return [fact(q?.dtype, undefined)];
  const width = times(query.heads, value?.size ?? null);
  return [
    fact(q?.dtype, [query.batch, query.length, width]),
    fact(past?.dtype ?? q?.dtype, [query.batch, key?.heads ?? null, key?.size ?? null, value?.size ?? null]),
  ];
};

const causalConvolution: Infer = ({ inputs: [x, w] }) => {
  const kernel = w?.shape?.[2] ?? null;
  const kept = typeof kernel === 'number' && kernel > 0 ? kernel - 1 : null;
  const state = x?.shape?.length === 3 ? [...x.shape.slice(0, 2), kept] : undefined;
  return [fact(x?.dtype, x?.shape), fact(x?.dtype, state)];
};

function headsOf(
  known: Fact | undefined,
  count: number,
): { batch: Dim; heads: Dim; length: Dim; size: Dim } | undefined {
  const shape = known?.shape;
  if (shape?.length === 4) {
    const [batch = null, heads = null, length = null, size = null] = shape;
    return { batch, heads, length, size };
  }
  if (shape?.length !== 3 || !Number.isInteger(count) || count < 1) return undefined;
  const [batch = null, length = null, width = null] = shape;
  return { batch, heads: count, length, size: typeof width === 'number' ? Math.floor(width / count) : null };
}

function hasInput(node: Node, index: number): boolean {
  return (node.inputs[index] ?? '') !== '';
}

function sum(a: Dim, b: Dim): Dim {
  if (a === 0) return b;
  return typeof a === 'number' && typeof b === 'number' ? a + b : null;
}

function times(a: Dim, b: Dim): Dim {
  return typeof a === 'number' && typeof b === 'number' ? a * b : null;
}

export const ATTENTION: Readonly<Record<string, Infer>> = {
  Attention: attention,
  FlexAttention: flexAttention,
  LinearAttention: linearAttention,
  CausalConvWithState: causalConvolution,
  RotaryEmbedding: sameAsFirst,
  SwiGLU: sameAsFirst,
};
