import type { Node } from '../../ir/graph.ts';
import { subgraphsOf } from '../../ir/traverse.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { epilogueOperations } from './epilogue.ts';
import { layerOperations, type Products } from './layer-operations.ts';
import { productsOf, type WeightOf } from './layers.ts';
import { nodeOperations } from './node-operations.ts';
import { merged, type Operations, partOf } from './operations.ts';
import type { Structure } from './structure.ts';
import type { Moved } from './traffic.ts';

/** What one node does and reads, besides activations. */
export interface NodeWork {
  readonly products: readonly Products[];
  readonly operations: readonly Operations[];
  /** Bits of constants, by width. */
  readonly constants: readonly Pick<Moved, 'part' | 'bits'>[];
  readonly problem?: string;
}

export function workOf(structure: Structure, node: Node, weightOf: WeightOf): NodeWork {
  const products = productsOf(structure, node, weightOf);
  const constants = constantsOf(structure, node, weightOf);
  if (products.length > 0)
    return {
      products,
      operations: merged([
        ...products.flatMap(layerOperations),
        ...epilogueOperations(structure, node, products),
      ]),
      constants,
    };
  const operations = nodeOperations(structure, node);
  if (operations !== undefined) return { products, operations, constants };
  const name = node.domain === '' ? node.opType : `${node.domain}::${node.opType}`;
  const isOpen = node.outputs.some((output) => output !== '' && structure.countOf(output) === undefined);
  const known = isOpen ? 'its shapes are not known' : 'what it computes is not known';
  const why = subgraphsOf(node).length > 0 ? 'what branches and loops run is not known' : known;
  return { products, operations: [], constants, problem: `${name}: ${why}` };
}

/** The constants that a node reads: codes and levels of weights, and others at the width of their type. */
function constantsOf(structure: Structure, node: Node, weightOf: WeightOf): Pick<Moved, 'part' | 'bits'>[] {
  const isLayer = structure.macs.has(node);
  return [...new Set(node.inputs)].flatMap((name) => {
    if (name === '' || !structure.isConstant(name)) return [];
    const weight = isLayer ? weightOf(name) : undefined;
    if (weight !== undefined) {
      const { bits, levelBytes } = weight.form;
      return [
        { part: partOf(bits), bits: weight.count * bits },
        { part: 'float' as const, bits: 8 * levelBytes },
      ];
    }
    const initializer = structure.constant(name);
    const count = initializer === undefined ? structure.countOf(name) : sizeOf(initializer.shape);
    // Axes and shapes are part of the program.
    if (initializer?.dtype === 'INT64' || count === undefined) return [];
    const { bits } = structure.widthOf(name);
    return [{ part: partOf(bits), bits: count * bits }];
  });
}

/** `4 linear × 8`: what a layer multiplies with what. */
export function factorsText(products: readonly Products[]): string | null {
  const [first] = products;
  if (first === undefined) return null;
  const { form, input } = first;
  const weight = form.kind === 'float' ? `float${form.bits}` : `${form.bits} ${form.scheme}`;
  return `${weight} × ${input.integer ? input.bits : `float${input.bits}`}`;
}
