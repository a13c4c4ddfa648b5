import type { Node } from '../../../ir/graph.ts';
import type { FunctionWriter } from './function-writer.ts';

const DOUBLE = 11;
const FLOAT = 1;

/**
 * MultiThreshold of FINN in operators of the standard: `out_scale` times the number of thresholds that x is not below, plus
 * `out_bias`. Thresholds are [channels, steps]; x gets an axis for the steps behind the one of its channels, which is the second of
 * four unless `data_layout` is NHWC, else the last one. The number is exact, the rest DOUBLE, rounded once, as in the runtime.
 * @param rank of x, where it is known
 * @returns undefined for another layout, and where the channel axis cannot be told
 */
export function multiThreshold(node: Node, rank: number | undefined): Writer | undefined {
  const number = (name: string, fallback: number): number => {
    const attribute = node.attributes.get(name);
    return attribute?.type === 'FLOAT' || attribute?.type === 'INT' ? attribute.value : fallback;
  };
  const layout = node.attributes.get('data_layout')?.value ?? 'NCHW';
  if (layout !== 'NHWC' && (layout !== 'NCHW' || rank === undefined)) return undefined;
  const isSecond = layout === 'NCHW' && rank === 4;
  const [scale, bias] = [number('out_scale', 1), number('out_bias', 0)];
  return (write) => {
    const moved = (x: string, perm: readonly number[]): string =>
      isSecond ? write.node('Transpose', [x], { perm: { type: 'INTS', value: perm } }) : x;
    const last = moved('x', [0, 2, 3, 1]);
    const shape = write.node('Concat', [write.node('Shape', [last]), write.ints([1])], {
      axis: write.int(0),
    });
    const steps = [write.node('Reshape', [last, shape]), 'thresholds'];
    // GreaterOrEqual came later, and "not less" is true for NaN.
    const reached = write.node('Or', [write.node('Greater', steps), write.node('Equal', steps)]);
    const ones = write.node('Cast', [reached], { to: write.int(FLOAT) });
    const row = write.node('Slice', [
      write.node('Shape', ['thresholds']),
      ...[1, 2, 0].map((i) => write.ints([i])),
    ]);
    const count = write.node('MatMul', [
      ones,
      write.node('Expand', [write.constant('FLOAT', [1], Float32Array.of(1)), row]),
    ]);
    const wide = write.node('Cast', [count], { to: write.int(DOUBLE) });
    const scaled = write.node('Mul', [wide, write.doubles([], [scale])]);
    const levels = write.node('Cast', [write.node('Add', [scaled, write.doubles([], [bias])])], {
      to: write.int(FLOAT),
    });
    if (isSecond) write.node('Transpose', [levels], { perm: { type: 'INTS', value: [0, 3, 1, 2] } }, 'y');
    else write.node('Identity', [levels], {}, 'y');
  };
}

/** Writes the nodes of a function. */
export type Writer = (write: FunctionWriter) => void;
