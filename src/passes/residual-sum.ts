import type { Model, Node } from '../ir/graph.ts';
import { consumersOf } from '../ir/traverse.ts';
import { affineOfBatchNorm, batchNormOf } from './batch-norm.ts';

/** The sum that alone reads what a layer gives: scale[c]·y + shift[c] + the value `other`. */
export interface ResidualSum {
  readonly other: string;
  /** Of the BatchNormalization between the layer and the sum, 1 where there is none; one value a channel. */
  readonly scale: Float64Array;
}

/** The residual connection that a layer's output is added to, straight or behind its BatchNormalization; undefined where there is none. */
export function residualSum(model: Model, layer: Node, channels: number): ResidualSum | undefined {
  const { graph } = model;
  const consumers = consumersOf(graph.nodes);
  const soleReader = ({ outputs: [output = ''] }: Node): Node | undefined => {
    const users = consumers.get(output) ?? [];
    return users.length === 1 && !graph.outputs.some(({ name }) => name === output) ? users[0] : undefined;
  };
  let before = layer;
  let behind = soleReader(layer);
  let scale = new Float64Array(channels).fill(1);
  if (behind?.opType === 'BatchNormalization') {
    const norm = batchNormOf(behind, (name) => graph.initializers.get(name));
    if (norm === undefined || norm.gamma.length !== channels) return undefined;
    scale = affineOfBatchNorm(norm.gamma, norm.beta, norm.mean, norm.variance, norm.epsilon).scale.slice();
    before = behind;
    behind = soleReader(behind);
  }
  if (behind?.opType !== 'Add' || behind.domain !== '') return undefined;
  const others = behind.inputs.filter((name) => name !== before.outputs[0]);
  const [other] = others;
  if (others.length !== 1 || other === undefined || graph.initializers.has(other)) return undefined;
  return { other, scale };
}
