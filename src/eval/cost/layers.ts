import type { Node } from '../../ir/graph.ts';
import { activationBits } from '../../passes/activation-bits.ts';
import { findLowBit } from '../../quantizers/plan/low-bit-weights.ts';
import { planWeights } from '../../quantizers/plan/plan-weights.ts';
import { DATA_TYPES } from '../../tensor/dtype.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import type { Products } from './layer-operations.ts';
import type { Structure } from './structure.ts';
import { widthOfType } from './value-widths.ts';
import {
  type CodedWeight,
  floatForm,
  formOfCodes,
  formOfLowBit,
  formOfScheme,
  integerForm,
  type WeightForm,
} from './weight-form.ts';

/** A constant that a layer multiplies with. */
export interface LayerWeight {
  /** Name of the value that has the elements. */
  readonly name: string;
  readonly count: number;
  readonly form: WeightForm;
}

/** The weight in that place of a node, if a constant is there. */
export type WeightOf = (operand: string) => LayerWeight | undefined;

/** Larger weights are floats for all that a quick look can tell: reading them takes seconds. */
const LARGEST_LOOKED_AT = 2 ** 26;

/**
 * Tells the forms of weights: as they are in the file, or, where `coded` has one of that name, as it says there. Weights of few bits that
 * quantizing would keep have their own form all the same.
 */
export function weightForms(structure: Structure): (coded?: ReadonlyMap<string, CodedWeight>) => WeightOf {
  const { model, chains } = structure;
  const planned = planWeights(model).chosen;
  const rows = new Map(planned.map((one) => [one.name, one]));
  const lowBit = new Map(
    [...findLowBit(model, planned, LARGEST_LOOKED_AT)].map((one) => [one.planned.name, one]),
  );
  const rounded = activationBits(model);
  return (coded = new Map()) =>
    (operand) => {
      const chain = chains.to(operand);
      if (chain === undefined) return undefined;
      const { initializer, value: name, makers } = chain;
      const count = sizeOf(initializer.shape);
      const own = lowBit.get(name);
      const wanted = coded.get(name);
      const place = rows.get(name);
      const of = (form: WeightForm): LayerWeight => ({ name, count, form });
      const isKept = own !== undefined && (own.always || wanted === undefined || own.bits <= wanted.bits);
      if (isKept) return of(formOfLowBit(own));
      if (wanted !== undefined && place !== undefined)
        return of(formOfScheme(wanted, place.rows, place.columns));
      if (initializer.quantized !== undefined) return of(formOfCodes(initializer.quantized));
      const isDequantized = makers.at(-1)?.node.opType === 'DequantizeLinear';
      const bits = isDequantized ? DATA_TYPES[initializer.dtype].bits : rounded(name)?.bits;
      if (makers.length > 0 && bits !== undefined) return of({ ...integerForm(bits), unit: false });
      const type = widthOfType(initializer.dtype);
      return of(type.integer ? integerForm(type.bits) : floatForm(type.bits));
    };
}

/** Where the two factors of a layer are among its inputs, if not first and second. */
const OPERANDS: Readonly<Record<string, readonly (readonly [data: number, weight: number])[]>> = {
  QLinearConv: [[0, 3]],
  QLinearMatMul: [[0, 3]],
  RNN: [
    [0, 1],
    [0, 2],
  ],
  GRU: [
    [0, 1],
    [0, 2],
  ],
  LSTM: [
    [0, 1],
    [0, 2],
  ],
};

/** What a node multiplies; empty where it is no layer, or its shapes are not known. */
export function productsOf(structure: Structure, node: Node, weightOf: WeightOf): Products[] {
  const macs = structure.macs.get(node);
  const sums = structure.countOf(node.outputs[0] ?? '') ?? structure.countOf(node.outputs[1] ?? '');
  if (macs === undefined || sums === undefined) return [];
  const pairs = (OPERANDS[node.opType] ?? [[0, 1]]).map(([data, weight]) => {
    const [a = '', b = ''] = [node.inputs[data], node.inputs[weight]];
    const found = weightOf(b);
    // A matrix product may have its constant on the left.
    const left = found === undefined ? weightOf(a) : undefined;
    const [input, other] = left === undefined ? [a, b] : [b, a];
    return { input: structure.widthOf(input), weight: found ?? left, other: structure.widthOf(other) };
  });
  const all = pairs.reduce((total, { weight }) => total + (weight?.count ?? 0), 0);
  const kernel = structure.shapeOf(node.inputs[1] ?? '')?.slice(2) ?? [];
  const taps = node.opType.startsWith('Conv') ? kernel.reduce<number>((a, b) => a * Number(b), 1) : 1;
  return pairs.map(({ input, weight, other }) => ({
    form:
      weight?.form ??
      (other.integer ? { ...integerForm(other.bits), unit: other.scale === 'none' } : floatForm(other.bits)),
    weights: weight?.count ?? 0,
    input,
    // Of a recurrent layer every weight of both matrices is used once a step.
    macs: pairs.length === 1 ? macs : (macs * (weight?.count ?? 0)) / Math.max(1, all),
    sums,
    taps,
  }));
}
