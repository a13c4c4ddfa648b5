import type { Model } from '../../ir/graph.ts';
import { usesOf } from '../../ir/traverse.ts';
import { countMacs } from '../../passes/count-macs.ts';
import { inferShapes, singleSampleShapes } from '../../passes/infer-shapes.ts';
import { type PlanOptions, planWeights } from '../../quantizers/plan/plan-weights.ts';

/** Images to measure with where nothing is said. More hardly change which layers come out as sensitive. */
const IMAGES = 64;

/** Where the network is too large for that many, or its size is not known. */
const FEWEST_IMAGES = 8;
const IMAGES_OF_UNKNOWN = 32;

/**
 * Multiplications that a table may take: seven minutes on one core for MobileNetV2, where 5 GMAC a second were measured
 * (7 on ResNet-20), besides a tenth of a second for every layer and candidate.
 */
const MOST_MACS = 2e12;

/**
 * Images that a table can be measured with in some minutes: 64, or fewer for large networks.
 * @param runs for each layer
 * @throws option, with every pattern that matches nothing
 */
export function imagesWithin(model: Model, runs: number, plan: PlanOptions = {}): number {
  const behind = macsBehind(model);
  const names = new Set(planWeights(model, plan).chosen.map(({ name }) => name));
  let macs = 0;
  for (const [i, node] of model.graph.nodes.entries())
    for (const use of usesOf(node)) if (names.delete(use)) macs += behind[i]! * runs;
  if (macs === 0) return IMAGES_OF_UNKNOWN;
  return Math.max(FEWEST_IMAGES, Math.min(IMAGES, Math.floor(MOST_MACS / macs)));
}

/** Multiplications of one image in each node and all nodes after it; zeros where shapes are not known. */
export function macsBehind(model: Model): Float64Array {
  const { nodes } = model.graph;
  const counts = countMacs(model, inferShapes(model, singleSampleShapes(model)));
  const behind = new Float64Array(nodes.length + 1);
  for (let i = nodes.length - 1; i >= 0; i--) behind[i] = behind[i + 1]! + (counts.get(nodes[i]!) ?? 0);
  return behind;
}
