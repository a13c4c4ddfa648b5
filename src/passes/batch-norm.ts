import type { Initializer, Node } from '../ir/graph.ts';
import { floatValues, numberAttribute } from './constant-values.ts';

/** What an inference BatchNormalization computes with: (x − mean)·γ/√(variance + ε) + β, one value a channel. */
export interface BatchNorm {
  readonly gamma: Float64Array;
  readonly beta: Float64Array;
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly epsilon: number;
}

/** The statistics of a BatchNormalization; undefined where they are not constants, or it is one that trains. */
export function batchNormOf(
  node: Node,
  constant: (name: string) => Initializer | undefined,
): BatchNorm | undefined {
  if (node.domain !== '' || node.opType !== 'BatchNormalization') return undefined;
  const isTraining =
    numberAttribute(node, 'training_mode', 0) !== 0 || numberAttribute(node, 'spatial', 1) === 0;
  if (isTraining || node.outputs.filter((name) => name !== '').length !== 1) return undefined;
  const [gamma, beta, mean, variance] = node.inputs.slice(1).map((name) => floatValues(constant(name)));
  if (!gamma || !beta || !mean || !variance) return undefined;
  const epsilon = numberAttribute(node, 'epsilon', Math.fround(1e-5));
  return { gamma, beta, mean, variance, epsilon };
}

/**
 * The scale and shift that an inference BatchNormalization amounts to: (x − mean)·γ/√(var + ε) + β = x·scale + shift. In
 * float64, to be rounded once by whoever stores them.
 */
export function affineOfBatchNorm(
  gamma: ArrayLike<number>,
  beta: ArrayLike<number>,
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
  epsilon: number,
): { scale: Float64Array; shift: Float64Array } {
  const scale = new Float64Array(gamma.length);
  const shift = new Float64Array(gamma.length);
  for (let c = 0; c < scale.length; c++) {
    scale[c] = gamma[c]! / Math.sqrt(variance[c]! + epsilon);
    shift[c] = beta[c]! - mean[c]! * scale[c]!;
  }
  return { scale, shift };
}
