import type { Operator } from '../call.ts';
import { ACTIVATIONS } from './activation.ts';
import { ARITHMETIC } from './arithmetic.ts';
import { BATCH_NORMALIZATIONS, FUSED_AFFINE } from './batch-normalization.ts';
import { CASTS } from './cast.ts';
import { COMPARISONS } from './comparison.ts';
import { CONVOLUTIONS, FUSED_CONVOLUTIONS } from './convolution.ts';
import { GATHERS } from './gather.ts';
import { GENERATORS } from './generation.ts';
import { FUSED_LINEAR, LINEAR } from './linear.ts';
import { MOVEMENT } from './movement.ts';
import { NORMALIZATIONS } from './normalization.ts';
import type { OperatorTable } from './operator-table.ts';
import { ORDERINGS } from './order.ts';
import { PADDINGS } from './padding.ts';
import { POOLS } from './pooling.ts';
import { QUANTIZATIONS } from './quantization.ts';
import { REDUCTIONS } from './reduction.ts';
import { RESIZES } from './resize.ts';
import { SCATTERS } from './scatter.ts';
import { SHAPES } from './shape.ts';
import { SLICINGS } from './slicing.ts';
import { SOFTMAX } from './softmax.ts';
import { TRANSPOSED_CONVOLUTIONS } from './transposed-convolution.ts';

/** Every operator that can be executed, by domain. A new family is one line here. */
const TABLES: Readonly<Record<string, readonly OperatorTable[]>> = {
  '': [
    ACTIVATIONS,
    ARITHMETIC,
    BATCH_NORMALIZATIONS,
    CASTS,
    COMPARISONS,
    CONVOLUTIONS,
    GATHERS,
    GENERATORS,
    LINEAR,
    MOVEMENT,
    NORMALIZATIONS,
    ORDERINGS,
    PADDINGS,
    POOLS,
    QUANTIZATIONS,
    REDUCTIONS,
    RESIZES,
    SCATTERS,
    SHAPES,
    SLICINGS,
    SOFTMAX,
    TRANSPOSED_CONVOLUTIONS,
  ],
  bnnq: [FUSED_AFFINE, FUSED_CONVOLUTIONS, FUSED_LINEAR],
};

/** The implementations of an operator by the version from which each holds, or undefined when there is none. */
export function versionsOf(domain: string, opType: string): Readonly<Record<number, Operator>> | undefined {
  for (const table of TABLES[canonicalDomain(domain)] ?? [])
    if (Object.hasOwn(table, opType)) return table[opType];
  return undefined;
}

/** The implementation that a model with that operator-set version gets, or undefined. */
export function findOperator(domain: string, opType: string, version: number): Operator | undefined {
  let best: Operator | undefined;
  let since = 0;
  for (const [key, operator] of Object.entries(versionsOf(domain, opType) ?? {})) {
    const from = Number(key);
    if (from <= version && from > since) {
      best = operator;
      since = from;
    }
  }
  return best;
}

/** `ai.onnx` is another name of the default domain. */
export function canonicalDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}
