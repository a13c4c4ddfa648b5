import type { OperatorTable } from '../operator-table.ts';
import { gru } from './gru.ts';
import { lstm } from './lstm.ts';
import { rnn } from './rnn.ts';

/** Versions 14 (layout) and 22 (BFLOAT16) only add to version 7. */
export const RECURRENT: OperatorTable = { RNN: { 7: rnn }, GRU: { 7: gru }, LSTM: { 7: lstm } };
