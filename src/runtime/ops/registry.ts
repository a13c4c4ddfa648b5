import { isQuantDomain } from '../../ir/quant-domains.ts';
import type { Operator } from '../call.ts';
import { ACTIVATIONS } from './activation.ts';
import { ARITHMETIC } from './arithmetic.ts';
import { ATTENTION, FLEX_ATTENTION } from './attention/table.ts';
import { BATCH_NORMALIZATIONS, FUSED_AFFINE } from './batch-normalization.ts';
import { FUSED_BINARY } from './binary/table.ts';
import { BIT_CASTS } from './bit-cast.ts';
import { CASTS } from './cast.ts';
import { CENTRED_CROPS } from './center-crop-pad.ts';
import { COLUMNS_TO_IMAGE } from './col2im.ts';
import { COMPARISONS } from './comparison.ts';
import { CONTROL_FLOW } from './control-flow.ts';
import { CONVOLUTIONS, FUSED_CONVOLUTIONS } from './convolution.ts';
import { DEFORMABLE_CONVOLUTIONS } from './deformable-convolution.ts';
import { DETERMINANTS } from './determinant.ts';
import { DYNAMIC_QUANTIZATIONS } from './dynamic-quantization.ts';
import { EINSUMS } from './einsum.ts';
import { MICROSOFT_CONVOLUTIONS } from './fused-convolution.ts';
import { GATHERS } from './gather.ts';
import { GENERATORS } from './generation.ts';
import { GRID_SAMPLING } from './grid-sample.ts';
import { FUSED_INTEGER } from './integer/table.ts';
import { FUSED_LINEAR, LINEAR } from './linear.ts';
import { LOSSES } from './loss.ts';
import { MACHINE_LEARNING } from './machine-learning.ts';
import { MEAN_VARIANCE_NORMALIZATIONS } from './mean-variance-normalization.ts';
import { MOVEMENT } from './movement.ts';
import { BOX_SELECTIONS } from './non-max-suppression.ts';
import { NORMALIZATIONS } from './normalization.ts';
import type { OperatorTable } from './operator-table.ts';
import { ORDERINGS } from './order.ts';
import { PADDINGS } from './padding.ts';
import { POOLS } from './pooling.ts';
import { QONNX } from './qonnx.ts';
import { MICROSOFT_QUANTIZATIONS, QUANTIZATIONS } from './quantization.ts';
import { CODED_POOLS } from './quantized/average-pool.ts';
import { INTEGER_CONVOLUTIONS } from './quantized/convolution.ts';
import { CODED_GEMM } from './quantized/gemm.ts';
import { INTEGER_PRODUCTS } from './quantized/matmul.ts';
import { BLOCK_PRODUCTS } from './quantized/matmul-blocks.ts';
import { PRODUCTS_TO_FLOAT } from './quantized/matmul-to-float.ts';
import { CODED_POINTWISE } from './quantized/pointwise.ts';
import { CODED_SOFTMAX } from './quantized/softmax.ts';
import { RECURRENT } from './recurrent/table.ts';
import { REDUCTIONS } from './reduction.ts';
import { REGION_POOLS } from './region-pooling.ts';
import { RESIZES } from './resize.ts';
import { SEQUENCE_REVERSALS } from './reverse-sequence.ts';
import { SCANS } from './scan.ts';
import { SCATTERS } from './scatter.ts';
import { SELECTIONS } from './selection.ts';
import { SEQUENCES } from './sequence.ts';
import { SHAPES } from './shape.ts';
import { SIGNALS } from './signal.ts';
import { SIGNAL_WEIGHTS } from './signal-weights.ts';
import { SLICINGS } from './slicing.ts';
import { SOFTMAX } from './softmax.ts';
import { CACHE_UPDATES } from './tensor-scatter.ts';
import { TRANSFORMER_FUSIONS } from './transformer-fusions.ts';
import { TRANSPOSED_CONVOLUTIONS } from './transposed-convolution.ts';
import { UNPOOLS } from './unpooling.ts';
import { VECTORIZERS } from './vectorizer.ts';

/** Every operator that can be executed, by domain. A new family is one line here. */
const TABLES: Readonly<Record<string, readonly OperatorTable[]>> = {
  '': [
    ACTIVATIONS,
    ARITHMETIC,
    ATTENTION,
    BATCH_NORMALIZATIONS,
    BIT_CASTS,
    EINSUMS,
    CENTRED_CROPS,
    CACHE_UPDATES,
    SEQUENCE_REVERSALS,
    DETERMINANTS,
    SELECTIONS,
    LOSSES,
    BOX_SELECTIONS,
    CASTS,
    COLUMNS_TO_IMAGE,
    COMPARISONS,
    CONTROL_FLOW,
    CONVOLUTIONS,
    DEFORMABLE_CONVOLUTIONS,
    GATHERS,
    GENERATORS,
    GRID_SAMPLING,
    INTEGER_CONVOLUTIONS,
    INTEGER_PRODUCTS,
    LINEAR,
    MEAN_VARIANCE_NORMALIZATIONS,
    MOVEMENT,
    NORMALIZATIONS,
    ORDERINGS,
    PADDINGS,
    POOLS,
    QUANTIZATIONS,
    DYNAMIC_QUANTIZATIONS,
    RECURRENT,
    REDUCTIONS,
    REGION_POOLS,
    RESIZES,
    SCANS,
    SCATTERS,
    SEQUENCES,
    SHAPES,
    SIGNALS,
    SIGNAL_WEIGHTS,
    SLICINGS,
    SOFTMAX,
    TRANSPOSED_CONVOLUTIONS,
    UNPOOLS,
    VECTORIZERS,
  ],
  'ai.onnx.preview': [FLEX_ATTENTION],
  'ai.onnx.ml': [MACHINE_LEARNING],
  qonnx: [QONNX],
  'com.microsoft': [
    BLOCK_PRODUCTS,
    CODED_GEMM,
    CODED_POINTWISE,
    CODED_POOLS,
    CODED_SOFTMAX,
    MICROSOFT_CONVOLUTIONS,
    MICROSOFT_QUANTIZATIONS,
    PRODUCTS_TO_FLOAT,
    TRANSFORMER_FUSIONS,
  ],
  bnnq: [FUSED_AFFINE, FUSED_CONVOLUTIONS, FUSED_LINEAR, FUSED_BINARY, FUSED_INTEGER],
};

/** Names of all operators of a domain that can be executed. */
export function operatorNames(domain: string): string[] {
  return (TABLES[canonicalDomain(domain)] ?? []).flatMap((table) => Object.keys(table)).sort();
}

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

/** `ai.onnx` is another name of the default domain; Brevitas, QONNX and FINN each have a name for the same operators. */
function canonicalDomain(domain: string): string {
  if (domain === 'ai.onnx') return '';
  return isQuantDomain(domain) ? 'qonnx' : domain;
}
