import type { Initializer, Model, Node } from '../ir/graph.ts';
import { producersOf } from '../ir/traverse.ts';
import { sizeOf } from '../tensor/tensor.ts';
import { isComputable } from './constant-elementwise.ts';
import { integerValues, numberAttribute, numbersAttribute } from './constant-values.ts';

/** A node that hands the elements of its first input on in another shape or order. */
export interface View {
  readonly node: Node;
  /** Shapes before and after. */
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** Of a Transpose; axis i afterwards is axis perm[i] before. */
  readonly perm?: readonly number[];
}

/** A node of a chain; `view` where it is one. */
export interface ChainStep {
  readonly node: Node;
  readonly view?: View;
}

/**
 * The way from an initializer to an operand: nodes that compute elements from it (Quant, DequantizeLinear, Cast …), which
 * may have views between them, and after the last of these only views.
 */
export interface WeightChain {
  readonly initializer: Initializer;
  /** From the initializer to the value, the last one no view; empty where the value is the initializer itself. */
  readonly makers: readonly ChainStep[];
  /** The value whose elements are those of the operand. */
  readonly value: string;
  /** From the value to the operand. */
  readonly views: readonly View[];
  /** Shape of the operand. */
  readonly shape: readonly number[];
}

/** Finds chains in the main graph of a model. */
export class WeightChains {
  readonly #initializers: ReadonlyMap<string, Initializer>;
  readonly #producers: ReadonlyMap<string, Node>;

  constructor(model: Model) {
    this.#initializers = model.graph.initializers;
    this.#producers = producersOf(model.graph.nodes);
  }

  /** The chain that ends in the value of that name; undefined where it begins with no initializer. */
  to(operand: string): WeightChain | undefined {
    const back: Node[] = [];
    let name = operand;
    while (!this.#initializers.has(name)) {
      const node = this.#producers.get(name);
      if (node === undefined || !(isView(node) || this.#isMaker(node))) return undefined;
      if (node.outputs[0] !== name) return undefined;
      back.push(node);
      name = node.inputs[0] ?? '';
    }
    const initializer = this.#initializers.get(name)!;
    const nodes = back.reverse();
    const last = nodes.findLastIndex((node) => !isView(node));
    let shape: readonly number[] = initializer.shape;
    const makers: ChainStep[] = [];
    const views: View[] = [];
    for (const [i, node] of nodes.entries()) {
      const view = isView(node) ? this.#viewOf(node, shape) : undefined;
      if (isView(node) && view === undefined) return undefined;
      shape = view?.to ?? shape;
      if (i <= last) makers.push(view === undefined ? { node } : { node, view });
      else views.push(view!);
    }
    return { initializer, makers, value: nodes[last]?.outputs[0] ?? name, views, shape };
  }

  /** What a view does to a tensor of that shape; undefined where it cannot be told without running the model. */
  #viewOf(node: Node, from: readonly number[]): View | undefined {
    if (node.opType === 'Transpose') {
      const perm = numbersAttribute(node, 'perm') ?? from.map((_, i) => from.length - 1 - i);
      if (perm.length !== from.length || from.some((_, i) => !perm.includes(i))) return undefined;
      return { node, from, to: perm.map((axis) => from[axis]!), perm };
    }
    const to = viewShape(node, from, (name) => this.#initializers.get(name));
    return to !== undefined && sizeOf(to) === sizeOf(from) ? { node, from, to } : undefined;
  }

  /** Whether a node computes elements from its first operand and constants that broadcast to it. */
  #isMaker(node: Node): boolean {
    return (
      isComputable(node) && node.inputs.slice(1).every((name) => name === '' || this.#initializers.has(name))
    );
  }
}

/** Operators that give the elements of their first operand in another shape or order. */
export const VIEWS: ReadonlySet<string> = new Set([
  'Identity',
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Transpose',
]);

function isView(node: Node): boolean {
  return node.domain === '' && VIEWS.has(node.opType);
}

/** The constant of that name, if it is one. */
type ConstantOf = (name: string) => Initializer | undefined;

/** The shape that a view other than Transpose gives a tensor; undefined where the shape is not constant. */
export function viewShape(
  node: Node,
  shape: readonly number[],
  constant: ConstantOf,
): readonly number[] | undefined {
  switch (node.opType) {
    case 'Identity':
      return shape;
    case 'Flatten': {
      const axis = numberAttribute(node, 'axis', 1);
      const at = axis < 0 ? axis + shape.length : axis;
      return [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))];
    }
    case 'Squeeze': {
      const axes = axesOf(node, constant)?.map((axis) => (axis < 0 ? axis + shape.length : axis));
      return shape.filter((dim, i) => (axes === undefined ? dim !== 1 : !axes.includes(i)));
    }
    case 'Unsqueeze': {
      const given = axesOf(node, constant);
      if (given === undefined) return undefined;
      const rank = shape.length + given.length;
      const axes = given.map((axis) => (axis < 0 ? axis + rank : axis));
      const rest = [...shape];
      return Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : (rest.shift() ?? 1)));
    }
    case 'Reshape':
      return reshapedShape(node, shape, constant);
  }
  return undefined;
}

/** A dimension of 0 is that of the input (unless `allowzero`), one of −1 is what is left. Opset 1 has the shape as an attribute. */
function reshapedShape(
  node: Node,
  from: readonly number[],
  constant: ConstantOf,
): readonly number[] | undefined {
  const wanted = integerValues(constant(node.inputs[1] ?? '')) ?? numbersAttribute(node, 'shape');
  if (wanted === undefined) return undefined;
  const keepsZero = numberAttribute(node, 'allowzero', 0) !== 0;
  const shape = wanted.map((dim, axis) => (dim === 0 && !keepsZero ? (from[axis] ?? 0) : dim));
  const open = shape.indexOf(-1);
  if (open >= 0) shape[open] = sizeOf(from) / -sizeOf(shape);
  return shape.every((dim) => Number.isInteger(dim) && dim >= 0) ? shape : undefined;
}

function axesOf(node: Node, constant: ConstantOf): readonly number[] | undefined {
  const name = node.inputs[1] ?? '';
  return name === '' ? numbersAttribute(node, 'axes') : integerValues(constant(name));
}
