import type { Model, Node } from '../ir/graph.ts';
import { consumersOf } from '../ir/traverse.ts';
import { affineOfBatchNorm, batchNormOf } from './batch-norm.ts';
import { numberAttribute, scalarValue } from './constant-values.ts';

/**
 * The activation that alone reads what a layer gives: clamp(scale[c]·y + offset[c], low, high). How far y lies beyond a bound
 * makes no difference behind it.
 */
export interface OutputGate {
  readonly scale: Float64Array;
  readonly offset: Float64Array;
  readonly low: number;
  readonly high: number;
}

/** The gate of a layer's node, straight behind it or behind its BatchNormalization; undefined where there is none. */
export function outputGate(model: Model, layer: Node, channels: number): OutputGate | undefined {
  const { graph } = model;
  const consumers = consumersOf(graph.nodes);
  const next = (node: Node): Node | undefined => {
    const [output = ''] = node.outputs;
    const users = consumers.get(output) ?? [];
    return users.length === 1 && !graph.outputs.some(({ name }) => name === output) ? users[0] : undefined;
  };
  const constant = (name: string) => graph.initializers.get(name);
  let behind = next(layer);
  let scale = new Float64Array(channels).fill(1);
  let offset = new Float64Array(channels);
  if (behind?.opType === 'BatchNormalization') {
    const norm = batchNormOf(behind, constant);
    if (norm === undefined || norm.gamma.length !== channels) return undefined;
    const affine = affineOfBatchNorm(norm.gamma, norm.beta, norm.mean, norm.variance, norm.epsilon);
    scale = new Float64Array(affine.scale);
    offset = new Float64Array(affine.shift);
    behind = next(behind);
  }
  if (behind === undefined || behind.domain !== '') return undefined;
  if (behind.opType === 'Relu') return { scale, offset, low: 0, high: Number.POSITIVE_INFINITY };
  if (behind.opType !== 'Clip') return undefined;
  const bound = (input: number, attribute: string, fallback: number): number =>
    (behind.inputs[input] ?? '') === ''
      ? numberAttribute(behind, attribute, fallback)
      : (scalarValue(constant(behind.inputs[input]!)) ?? fallback);
  const low = bound(1, 'min', Number.NEGATIVE_INFINITY);
  const high = bound(2, 'max', Number.POSITIVE_INFINITY);
  return { scale, offset, low, high };
}
