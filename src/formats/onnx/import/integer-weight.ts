import type { Node } from '../../../ir/graph.ts';
import type { LevelRule } from '../../../ir/levels.ts';
import { planesOf, type RowLayout, rowOrder } from '../../../ir/quantized-tensor.ts';
import { DATA_TYPES, type DataType } from '../../../tensor/dtype.ts';
import type { ExportedGraph, MadeWeight } from './made-weight.ts';
import { intsOf, type Order, orderSteps, type StepWalker, stepWalker } from './step-walker.ts';

/** Bits of the integers that weights are written as. */
const BITS: Readonly<Partial<Record<DataType, number>>> = {
  ...{ INT2: 2, INT4: 4, INT8: 8 },
  ...{ UINT2: 2, UINT4: 4, UINT8: 8 },
};

/** The weight that a DequantizeLinear begins, as `dequantizeWeight` writes it; undefined for another node. */
export function integerWeightAt(node: Node, graph: ExportedGraph): MadeWeight | undefined {
  const [codes, scale, zeros] = node.inputs.map(graph.constant);
  if (node.opType !== 'DequantizeLinear' || node.domain !== '' || node.name !== '') return undefined;
  if (codes === undefined || scale?.dtype !== 'FLOAT' || !codes.name.startsWith('codes.')) return undefined;
  const bits = BITS[codes.dtype];
  if (bits === undefined) return undefined;
  const walker = stepWalker(node, graph);
  const half = walker.step('Add');
  const factor = half && graph.constant(walker.step('Mul')?.inputs[1]);
  if (half !== undefined && factor?.dtype !== 'FLOAT') return undefined;
  const isUnsigned = codes.dtype.startsWith('U');
  if (isUnsigned !== (zeros !== undefined) || (isUnsigned && half !== undefined)) return undefined;
  const rule: LevelRule = isUnsigned ? 'affine' : half === undefined ? 'linear-zero' : 'linear';
  const scales = (factor ?? scale).read().data as Float32Array;
  const offsets = zeros?.read().data as Uint8Array | undefined;
  if (offsets !== undefined && offsets.length !== scales.length) return undefined;
  const params = offsets === undefined ? scales : pairs(scales, (i) => offsets[i]!);
  const given = node.attributes.get('axis');
  const axis = factor?.shape.findIndex((dim) => dim > 1) ?? (given?.type === 'INT' ? given.value : 0);
  const place = placeOf(walker, codes.shape, Math.max(0, axis), graph);
  if (place === undefined) return undefined;
  const { dtype, ...where } = place;
  const read = (): Uint8Array | undefined =>
    codesFrom(codes.read().data as Int8Array | Uint8Array, rule, bits);
  return {
    ...{ name: walker.value, nodes: walker.nodes, rule, bits, dtype, params },
    ...where,
    planesIn: (layout, rows, columns) => planesFrom(read(), bits, place, layout, rows, columns),
  };
}

/** Scales with zero points behind each. */
export function pairs(scales: Float32Array, zeroOf: (i: number) => number): Float32Array {
  return Float32Array.from({ length: 2 * scales.length }, (_, i) =>
    i % 2 === 0 ? scales[i >> 1]! : zeroOf(i >> 1),
  );
}

/** Codes of integers; undefined where one stands for no level. */
export function codesFrom(
  values: Int8Array | Uint8Array,
  rule: LevelRule,
  bits: number,
): Uint8Array | undefined {
  const half = 2 ** (bits - 1);
  if (rule === 'affine') return Uint8Array.from(values);
  // q = −(j + 1), a level of −(j + ½)Δ, is index j with the sign bit; with a zero level −jΔ is.
  const codes = Uint8Array.from(values, (q) => (q >= 0 ? q : rule === 'linear' ? half - 1 - q : half - q));
  return rule === 'linear-zero' && values.some((q) => q === -half) ? undefined : codes;
}

/** Where elements lie, and their type, from the steps behind the node that makes them of a constant of that shape. */
export type MadePlace = Pick<MadeWeight, 'shape' | 'dtype' | 'transposed' | 'isInOwnOrder' | 'filled'> & {
  /** Columns of a row, where rows were filled up. */
  readonly columns?: number;
  /** Before elements were cut and put in order. */
  readonly first: readonly number[];
};

/** @param axis the one that numbers rows where the constant has the shape of the weight */
export function placeOf(
  walker: StepWalker,
  constant: readonly number[],
  axis: number,
  graph: ExportedGraph,
): MadePlace | undefined {
  const cast = walker.step('Cast')?.attributes.get('to')?.value;
  const type = Object.entries(DATA_TYPES).find(([, { number }]) => number === cast)?.[0];
  const dtype = (type ?? 'FLOAT') as DataType;
  const reshape = walker.step('Reshape');
  if (reshape === undefined) {
    const perm = [axis, ...constant.keys()].filter((one, i) => i === 0 || one !== axis);
    if (axis >= constant.length && constant.length > 0) return undefined;
    return {
      ...{ shape: constant, dtype, isInOwnOrder: true, first: constant },
      transposed: { split: constant, perm: constant.length === 0 ? [] : perm },
    };
  }
  const first = intsOf(graph, reshape.inputs[1]);
  const order = first && orderSteps(walker, first, graph);
  if (first === undefined || order === undefined) return undefined;
  return { ...order, ...filledOf(order, first), dtype, first };
}

/** What rows were filled up to, if they were. */
export function filledOf(order: Order, first: readonly number[]): { readonly filled?: number } {
  return order.columns === undefined || first[1] === undefined ? {} : { filled: first[1] };
}

/** Planes in row order of codes that lie as a file has them. */
export function planesFrom(
  codes: Uint8Array | undefined,
  bits: number,
  { isInOwnOrder, columns: kept, first }: MadePlace,
  layout: RowLayout,
  rows: number,
  columns: number,
): Uint8Array | undefined {
  if (codes === undefined) return undefined;
  if (kept !== undefined) {
    const filled = first[1];
    if (kept !== columns || first[0] !== rows || filled === undefined || codes.length !== rows * filled)
      return undefined;
    const own = new Uint8Array(rows * columns);
    for (let r = 0; r < rows; r++) own.set(codes.subarray(r * filled, r * filled + columns), r * columns);
    return planesOf(own, bits);
  }
  if (codes.length !== rows * columns) return undefined;
  const order = isInOwnOrder === true ? rowOrder(layout) : undefined;
  return planesOf(order === undefined ? codes : Uint8Array.from(order, (at) => codes[at]!), bits);
}
