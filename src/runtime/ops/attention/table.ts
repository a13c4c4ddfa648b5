import type { OperatorTable } from '../operator-table.ts';
import { attention } from './attention.ts';
import { causalConvolution } from './causal-convolution.ts';
import { flexAttention } from './flex-attention.ts';
import { linearAttention } from './linear-attention.ts';
import { rotaryEmbedding } from './rotary-embedding.ts';

/** Version 24 of Attention adds nonpad_kv_seqlen, version 25 windows. */
export const ATTENTION: OperatorTable = {
  Attention: { 23: attention },
  RotaryEmbedding: { 23: rotaryEmbedding },
  LinearAttention: { 27: linearAttention },
  CausalConvWithState: { 27: causalConvolution },
};

/** The operators of the domain ai.onnx.preview. */
export const FLEX_ATTENTION: OperatorTable = { FlexAttention: { 1: flexAttention } };
