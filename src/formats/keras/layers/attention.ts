import type { Dim } from '../../../ir/graph.ts';
import type { LayerCall, LayerConverter, LayerTable } from '../layer-call.ts';
import { KerasTensor } from '../tensor.ts';
import { causalMask, maskArguments } from './attention-mask.ts';

/** What Keras takes off the score of a step that does not count. */
const MASKED_OFF = 1e9;

/** How a layer scores each pair of query and key: [batch, Tq, Tv]. */
type Score = (call: LayerCall, query: KerasTensor, key: KerasTensor) => string;

/** Attention and AdditiveAttention: a softmax of scores, times the values. Inputs are query, value and perhaps key. */
function attention(score: Score): LayerConverter {
  return (call) => {
    const [query, value, key = value] = call.inputs.map((x) => call.kerasOrder(call.float(x)));
    if (query === undefined || value === undefined || key === undefined)
      throw call.malformed(`has ${call.inputs.length} inputs, needs 2 or 3`);
    for (const x of [query, value, key])
      if (x.shape !== undefined && x.shape.length !== 3)
        throw call.unsupported(`has an input of ${x.shape.length} axes; only 3 are known here`);
    const given = maskArguments(call, [query, value]);
    let scores = score(call, query, key);
    const shown = valueMask(call, query, value, given[1]);
    if (shown !== undefined) {
      const less = call.node('Sub', [scores, call.floats('much', MASKED_OFF)], {}, 'masked_off');
      scores = call.node('Where', [shown, scores, less], {}, 'masked');
    }
    const weights = call.node('Softmax', [scores], { axis: -1 }, 'weights');
    let made = call.node('MatMul', [weights, value.value], {}, 'values');
    if (given[0] !== undefined) {
      const flag = call.node('Unsqueeze', [given[0], call.integers('last', [-1])], {}, 'query_mask');
      made = call.node('Where', [flag, made, call.floats('nothing', 0)], {}, 'query_masked');
    }
    const shape = query.shape && value.shape && [...query.shape.slice(0, 2), value.shape[2]!];
    const output = new KerasTensor({ value: made, dtype: 'FLOAT', shape, mask: given[0] });
    if (call.kwargs.return_attention_scores !== true) return output;
    const pairs: readonly Dim[] | undefined = query.shape &&
      value.shape && [...query.shape.slice(0, 2), value.shape[1]!];
    return [output, new KerasTensor({ value: weights, dtype: 'FLOAT', shape: pairs })];
  };
}

/** BOOL that broadcasts to [batch, Tq, Tv]: which values count for which query. */
function valueMask(
  call: LayerCall,
  query: KerasTensor,
  value: KerasTensor,
  mask: string | undefined,
): string | undefined {
  const isCausal = call.kwargs.use_causal_mask === true || call.config.flag('causal', false);
  const row = mask && call.node('Unsqueeze', [mask, call.integers('rows', [1])], {}, 'value_mask');
  if (!isCausal) return row;
  const causal = causalMask(call, query, value);
  return row === undefined ? causal : call.node('And', [row, causal], {}, 'both_masks');
}

/** query · keyᵀ, times the scale; or the weighed sum of tanh(scale · (query + key)). */
const dotScore: Score = (call, query, key) => {
  const { config } = call;
  const scale = config.flag('use_scale', false) ? call.weight('scale', 0, []) : undefined;
  if (config.choice('score_mode', ['dot', 'concat'], 'dot') === 'dot') {
    const turned = call.node('Transpose', [key.value], { perm: [0, 2, 1] }, 'keys');
    const scores = call.node('MatMul', [query.value, turned], {}, 'scores');
    return scale === undefined ? scores : call.node('Mul', [scores, scale], {}, 'scaled');
  }
  const sum = pairSums(call, query, key);
  const scaled = scale === undefined ? sum : call.node('Mul', [sum, scale], {}, 'scaled');
  const total = sumOfTanh(call, scaled);
  const weight = call.weight('concat_score_weight', scale === undefined ? 0 : 1, []);
  return call.node('Mul', [total, weight], {}, 'weighed');
};

/** The sum over features of scale · tanh(query + key). */
const additiveScore: Score = (call, query, key) => {
  const sum = call.node('Tanh', [pairSums(call, query, key)], {}, 'tanh');
  const features = query.shape?.[2];
  const width = typeof features === 'number' ? features : -1;
  const scaled = call.config.flag('use_scale', true)
    ? call.node('Mul', [sum, call.weight('scale', 0, [width])], {}, 'scaled')
    : sum;
  return call.node('ReduceSum', [scaled, call.integers('last', [-1])], { keepdims: 0 }, 'scores');
};

function sumOfTanh(call: LayerCall, x: string): string {
  const made = call.node('Tanh', [x], {}, 'tanh');
  return call.node('ReduceSum', [made, call.integers('last', [-1])], { keepdims: 0 }, 'scores');
}

/** [batch, Tq, Tv, features]: every query plus every key. */
function pairSums(call: LayerCall, query: KerasTensor, key: KerasTensor): string {
  const rows = call.node('Unsqueeze', [query.value, call.integers('columns', [2])], {}, 'queries');
  const columns = call.node('Unsqueeze', [key.value, call.integers('rows', [1])], {}, 'keys');
  return call.node('Add', [rows, columns], {}, 'pairs');
}

export const ATTENTION_LAYERS: LayerTable = {
  Attention: attention(dotScore),
  AdditiveAttention: attention(additiveScore),
};
