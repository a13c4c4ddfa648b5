import type { Node } from '../ir/graph.ts';
import { numberAttribute, numbersAttribute } from './constant-values.ts';

/*
 * Which nodes can read a map, pixel by pixel, as they would read a tensor [N, C, H, W]; see `fused.ts`.
 */

/** A MaxPool of images that gives no indices. */
export function isMapPool(node: Node): boolean {
  return (
    node.opType === 'MaxPool' &&
    node.domain === '' &&
    (node.outputs[1] ?? '') === '' &&
    numbersAttribute(node, 'kernel_shape')?.length === 2 &&
    !crops(node)
  );
}

/** Whether pads are below 0, which takes pixels off. */
export function crops(node: Node): boolean {
  return (numbersAttribute(node, 'pads') ?? []).some((pad) => pad < 0);
}

export function isFlatten(node: Node): boolean {
  return node.opType === 'Flatten' && node.domain === '' && numberAttribute(node, 'axis', 1) === 1;
}
