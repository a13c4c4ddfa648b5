import type { Dim } from '../../ir/graph.ts';
import { numberAttribute, textAttribute } from '../constant-values.ts';
import { fact, type Infer } from './fact.ts';

/** Y, Y_h and, of an LSTM, Y_c; see runtime/ops/recurrent. */
const recurrent: Infer = ({ node, inputs: [x, , r] }) => {
  const [first = null, second = null] = x?.shape?.length === 3 ? x.shape : [];
  const hidden: Dim = r?.shape?.[2] ?? (numberAttribute(node, 'hidden_size', 0) || null);
  const directions = textAttribute(node, 'direction', 'forward') === 'bidirectional' ? 2 : 1;
  const batchFirst = numberAttribute(node, 'layout', 0) !== 0;
  const [steps, batch] = batchFirst ? [second, first] : [first, second];
  const y = batchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden];
  const state = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
  return [fact(x?.dtype, y), fact(x?.dtype, state), fact(x?.dtype, state)];
};

export const RECURRENT: Readonly<Record<string, Infer>> = { RNN: recurrent, GRU: recurrent, LSTM: recurrent };
