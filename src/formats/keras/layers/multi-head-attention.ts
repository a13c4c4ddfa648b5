import type { Dim } from '../../../ir/graph.ts';
import { type LayerCall, type LayerConverter, type LayerTable, tensorsIn } from '../layer-call.ts';
import { BATCH, KerasTensor } from '../tensor.ts';
import { reshaped } from '../weight-views.ts';
import { asFlags, causalMask } from './attention-mask.ts';

/** What a softmax gets in the place of the score of a pair that does not count. */
const MASKED = -1e9;

/** Heads that share keys and values: each has its number in the graph. */
const MAX_HEADS = 65536;

/** The sizes of the heads, as the two layers call them. */
interface Heads {
  /** Of the queries. */
  readonly count: number;
  /** Of keys and values; each serves count / groups heads of the queries. */
  readonly groups: number;
  readonly keySize: number;
  readonly valueSize: number;
}

function headsOf(call: LayerCall): Heads {
  const { config } = call;
  if (call.layer.className === 'MultiHeadAttention') {
    const count = config.integer('num_heads', undefined, 1);
    const keySize = config.integer('key_dim', undefined, 1);
    return { count, groups: count, keySize, valueSize: config.integer('value_dim', keySize, 1) };
  }
  const count = config.integer('num_query_heads', undefined, 1);
  const groups = config.integer('num_key_value_heads', undefined, 1);
  const size = config.integer('head_dim', undefined, 1);
  if (count % groups !== 0) throw call.malformed(`${count} heads do not share ${groups} keys evenly`);
  return { count, groups, keySize: size, valueSize: size };
}

/** Query, value and key of a call, by place or by name. The key is the value where it is not given. */
function operands(call: LayerCall): {
  query: KerasTensor;
  value: KerasTensor;
  key: KerasTensor;
  isOwnKey: boolean;
} {
  const at = (place: number, name: string) =>
    tensorsIn(call.args[place] ?? null)[0] ?? tensorsIn(call.kwargs[name] ?? null)[0];
  const [query, value, key] = [at(0, 'query'), at(1, 'value'), at(2, 'key')];
  if (query === undefined || value === undefined) throw call.malformed('has no query or no value');
  return { query, value, key: key ?? value, isOwnKey: key !== undefined && key !== value };
}

/**
 * MultiHeadAttention and GroupQueryAttention over the axes of time: other axes before them join the batch, several axes of
 * time become one.
 */
const multiHead: LayerConverter = (call) => {
  const { config } = call;
  for (const key of ['use_gate', 'sliding_window'])
    if (config.has(key) && config.get(key) !== false) throw call.unsupported(`its ${key} is not known here`);
  const heads = headsOf(call);
  const { query, value, key, isOwnKey } = operands(call);
  const axes = attentionAxes(call, query);
  const folded = [query, value, key].map((x) => fold(call, call.float(x), axes)) as [
    KerasTensor,
    KerasTensor,
    KerasTensor,
  ];
  const [q, v, k] = folded;
  const mask = isPlain(axes, query)
    ? attentionMask(call, query, value, isOwnKey ? key : undefined)
    : refuseMask(call, [query, value, key]);
  const size = heads.keySize;
  const queries = project(call, q, 'query_dense', heads.count, size, [0, 2, 1, 3]);
  const scale = call.floats('scale', 1 / Math.sqrt(size));
  const scaled = call.node('Mul', [queries, scale], {}, 'scaled');
  const keys = repeat(call, project(call, k, 'key_dense', heads.groups, size, [0, 2, 3, 1]), heads, 'keys');
  let scores = call.node('MatMul', [scaled, keys], {}, 'scores');
  if (mask !== undefined)
    scores = call.node('Where', [mask, scores, call.floats('masked_score', MASKED)], {}, 'masked_scores');
  const weights = call.node('Softmax', [scores], { axis: -1 }, 'weights');
  const values = repeat(
    call,
    project(call, v, 'value_dense', heads.groups, heads.valueSize, [0, 2, 1, 3]),
    heads,
    'values',
  );
  // Keras 3 gives a query that may look at nothing zeros; before, it got the mean of all values.
  const isZeroed = mask !== undefined && call.major >= 3;
  const shown = isZeroed
    ? call.node('Where', [mask, weights, call.floats('nothing', 0)], {}, 'shown')
    : weights;
  const made = combine(call, call.node('MatMul', [shown, values], {}, 'mixed'), query, heads);
  const output = unfold(call, made, query, axes);
  if (call.kwargs.return_attention_scores !== true) return output;
  if (!isPlain(axes, query)) throw call.unsupported('it returns the scores of several axes');
  const shape: readonly Dim[] = [query.shape![0]!, heads.count, query.shape![1]!, value.shape![1]!];
  return [output, new KerasTensor({ value: shown, dtype: 'FLOAT', shape })];
};

/** The axes of time; all but the batch and the features where the layer does not say. */
function attentionAxes(call: LayerCall, query: KerasTensor): readonly number[] {
  const rank = query.rank;
  if (rank === undefined || rank < 3)
    throw call.unsupported(`its query has ${rank ?? 'an unknown number of'} axes`);
  const axes = call.config.has('attention_axes')
    ? call.config.list('attention_axes').map((axis) => call.axisIn(axis, rank))
    : Array.from({ length: rank - 2 }, (_, i) => i + 1);
  if (axes.length === 0 || axes.some((axis) => axis === 0 || axis === rank - 1))
    throw call.unsupported(`its attention axes are ${axes}`);
  return axes;
}

function isPlain(axes: readonly number[], query: KerasTensor): boolean {
  return query.rank === 3 && axes.length === 1;
}

/** The batch axes, those of time, then the features. */
function foldOrder(axes: readonly number[], rank: number): number[] {
  const all = Array.from({ length: rank - 1 }, (_, axis) => axis);
  return [...all.filter((axis) => !axes.includes(axis)), ...axes, rank - 1];
}

function fold(call: LayerCall, x: KerasTensor, axes: readonly number[]): KerasTensor {
  if (isPlain(axes, x)) return call.kerasOrder(x);
  const rank = x.shape?.length ?? 0;
  if (axes.some((axis) => axis >= rank - 1)) throw call.malformed(`its input has ${rank} axes`);
  const arranged = call.graph.arrange(x, call.name, foldOrder(axes, rank));
  const steps = axes.reduce((product, axis) => product * known(call, x.shape![axis]!), 1);
  const features = known(call, x.shape![rank - 1]!);
  const shape = call.integers('folded', [-1, steps, features]);
  const value = call.node('Reshape', [arranged.value, shape], {}, 'fold');
  return new KerasTensor({ value, dtype: 'FLOAT', shape: [BATCH, steps, features] });
}

function unfold(call: LayerCall, y: KerasTensor, query: KerasTensor, axes: readonly number[]): KerasTensor {
  const shape = query.shape!;
  const width = y.shape!.at(-1)!;
  const full = [...shape.slice(0, -1), width];
  if (isPlain(axes, query)) return y.with({ shape: full, mask: query.mask });
  const order = foldOrder(axes, shape.length);
  const dims = order.map((axis) => (axis === 0 ? -1 : known(call, full[axis]!)));
  const value = call.node('Reshape', [y.value, call.integers('unfolded', dims)], {}, 'unfold');
  return new KerasTensor({ value, dtype: 'FLOAT', shape: full, order });
}

function known(call: LayerCall, dim: Dim): number {
  if (typeof dim === 'number') return dim;
  throw call.unsupported('the size of an axis that it needs is not known');
}

/** [batch, time, features] to one vector for each head: [batch, time, heads, size], its axes in the order `perm`. */
function project(
  call: LayerCall,
  x: KerasTensor,
  attribute: string,
  heads: number,
  size: number,
  perm: readonly number[],
): string {
  const features = x.shape?.[2];
  const width = typeof features === 'number' ? features : -1;
  const flat = linear(call, x.value, attribute, [width, heads, size], 1, heads * size);
  const split = call.node(
    'Reshape',
    [flat, call.integers(`${attribute}/heads`, [0, 0, heads, size])],
    {},
    `${attribute}/split`,
  );
  return call.node('Transpose', [split], { perm }, `${attribute}/turn`);
}

/** x · kernel + bias of a part of the layer; the kernel of several axes is seen as [in, out]. */
function linear(
  call: LayerCall,
  x: string,
  attribute: string,
  shape: readonly number[],
  inputs: number,
  width: number,
): string {
  const part = call.inner(attribute, call.layer, []);
  const kernel = part.initializer('kernel', () => {
    const stored = part.variable('kernel', 0, shape);
    const rows = stored.shape.slice(0, inputs).reduce((product, dim) => product * dim, 1);
    return reshaped(stored, [rows, width]);
  });
  const product = part.node('MatMul', [x, kernel]);
  if (!call.config.flag('use_bias', true)) return product;
  const bias = part.initializer('bias', () =>
    reshaped(part.variable('bias', 1, shape.slice(inputs)), [width]),
  );
  return part.node('Add', [product, bias], {}, 'add');
}

/** Each key or value for all the heads of its group. */
function repeat(call: LayerCall, x: string, { count, groups }: Heads, step: string): string {
  if (count === groups) return x;
  if (count > MAX_HEADS) throw call.unsupported(`${count} heads`);
  const heads = Array.from({ length: count }, (_, head) => Math.floor((head * groups) / count));
  return call.node('Gather', [x, call.integers('heads', heads)], { axis: 1 }, step);
}

/** The heads of every step side by side, through the last projection. */
function combine(
  call: LayerCall,
  mixed: string,
  query: KerasTensor,
  { count, valueSize }: Heads,
): KerasTensor {
  const turned = call.node('Transpose', [mixed], { perm: [0, 2, 1, 3] }, 'turn');
  const flat = call.node('Reshape', [turned, call.integers('flat', [0, 0, count * valueSize])], {}, 'join');
  const output = call.config.has('output_shape') ? call.config.list('output_shape') : [query.shape!.at(-1)!];
  if (output.length !== 1) throw call.unsupported(`its output has ${output.length} axes of features`);
  const width = known(call, output[0]!);
  const value = linear(call, flat, 'output_dense', [count, valueSize, width], 2, width);
  return new KerasTensor({ value, dtype: 'FLOAT', shape: [BATCH, null, width] });
}

/** BOOL that broadcasts to [batch, heads, Tq, Tv]; undefined where all pairs count. */
function attentionMask(
  call: LayerCall,
  query: KerasTensor,
  value: KerasTensor,
  key: KerasTensor | undefined,
): string | undefined {
  const masks: string[] = [];
  const unsqueeze = (mask: string, axes: readonly number[]): void => {
    masks.push(call.node('Unsqueeze', [mask, call.integers(`axes_${axes.join('_')}`, axes)], {}, 'mask'));
  };
  const given = tensorsIn(call.kwargs.attention_mask ?? null)[0];
  if (given !== undefined) {
    if (given.rank !== 3 && given.rank !== 4)
      throw call.unsupported(`its attention mask has ${given.rank} axes`);
    if (given.rank === 3) unsqueeze(asFlags(call, given), [1]);
    else masks.push(asFlags(call, given));
  }
  const maskOf = (x: KerasTensor | undefined, name: string): string | undefined => {
    const explicit = tensorsIn(call.kwargs[`${name}_mask`] ?? null)[0];
    return explicit === undefined ? x?.mask : asFlags(call, explicit);
  };
  const queryMask = maskOf(query, 'query');
  if (queryMask !== undefined) unsqueeze(queryMask, [1, 3]);
  for (const mask of new Set([maskOf(value, 'value'), maskOf(key, 'key')]))
    if (mask !== undefined) unsqueeze(mask, [1, 2]);
  if (call.kwargs.use_causal_mask === true) masks.push(causalMask(call, query, value));
  return masks.length === 0 ? undefined : masks.reduce((a, b) => call.node('And', [a, b], {}, 'masks'));
}

function refuseMask(call: LayerCall, inputs: readonly KerasTensor[]): undefined {
  const has =
    inputs.some((x) => x.mask !== undefined) || tensorsIn(call.kwargs.attention_mask ?? null).length > 0;
  if (has || call.kwargs.use_causal_mask === true) throw call.unsupported('it has a mask over several axes');
}

export const MULTI_HEAD_ATTENTION_LAYERS: LayerTable = {
  MultiHeadAttention: multiHead,
  GroupQueryAttention: multiHead,
  GroupedQueryAttention: multiHead,
};
