import { BnnqError } from '../errors.ts';
import type { Model } from '../ir/graph.ts';
import { findLowBit } from '../quantizers/plan/low-bit-weights.ts';
import { type PlannedWeight, planWeights } from '../quantizers/plan/plan-weights.ts';
import { sizeOf } from '../tensor/tensor.ts';
import { contentHash } from './content-hash.ts';
import type { WeightOptions } from './point.ts';
import type { Report } from './types.ts';

/**
 * What a report says of the model that a sweep discretizes.
 * @throws option when there is nothing to discretize
 */
export function describeModel(model: Model, { include, exclude }: WeightOptions): Report['model'] {
  const { chosen, skipped } = planWeights(model, { include, exclude });
  if (chosen.length === 0) {
    const reasons = skipped.slice(0, 5).map(({ name, reason }) => `"${name}": ${reason}`);
    throw new BnnqError(
      'option',
      `the model has no weights to discretize${reasons.length > 0 ? ` (${reasons.join('; ')})` : ''}`,
    );
  }
  expectFloatWeights(model, chosen);
  const { format, file, sha256, byteLength } = model.source;
  return {
    file: file ?? '(memory)',
    sha256: sha256 ?? contentHash(model),
    byteLength: byteLength ?? initializerBytes(model),
    format,
    parameters: parameterCount(model),
    quantizedWeights: chosen.reduce((sum, { count }) => sum + count, 0),
    skipped,
  };
}

/** Throws where every weight keeps its values at any width: all points would be the model itself. */
function expectFloatWeights(model: Model, chosen: readonly PlannedWeight[]): void {
  const widths = new Set<number>();
  for (const weight of chosen) {
    const [found] = findLowBit(model, [weight]);
    if (found === undefined || !found.always) return;
    widths.add(found.bits);
  }
  const bits = [...widths].sort((a, b) => a - b).join(' and ');
  throw new BnnqError(
    'option',
    `nothing to try: all ${chosen.length} weights of the model are of ${bits === '1' ? '1 bit' : `${bits} bits`} already and are kept as they are; "score" gives its accuracy, "quantize" packs it`,
  );
}

/** Elements of all floating-point initializers. */
export function parameterCount(model: Model): number {
  let count = 0;
  for (const { dtype, shape } of model.graph.initializers.values())
    if (/FLOAT|DOUBLE/.test(dtype)) count += sizeOf(shape);
  return count;
}

function initializerBytes(model: Model): number {
  return [...model.graph.initializers.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
}
