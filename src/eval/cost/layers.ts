import type { Node } from '../../ir/graph.ts';
import { activationBits } from '../../passes/activation-bits.ts';
import { findLowBit } from '../../quantizers/plan/low-bit-weights.ts';
import { planWeights } from '../../quantizers/plan/plan-weights.ts';
import { DATA_TYPES } from '../../tensor/dtype.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import type { Products } from './layer-operations.ts';
import type { Structure } from './structure.ts';
import { type ValueWidth, widthOfType } from './value-widths.ts';
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

/** Which input is the weight, if not the second. */
const WEIGHTS: Readonly<Record<string, number>> = { QLinearConv: 3, QLinearMatMul: 3 };

const RECURRENT: ReadonlySet<string> = new Set(['RNN', 'GRU', 'LSTM']);

/** What a node multiplies; empty where it is no layer, or its shapes are not known. */
export function productsOf(structure: Structure, node: Node, weightOf: WeightOf): Products[] {
  const macs = structure.macs.get(node);
  if (macs === undefined) return [];
  if (RECURRENT.has(node.opType)) return recurrentProducts(structure, node, macs, weightOf);
  const sums = structure.countOf(node.outputs[0] ?? '');
  if (sums === undefined) return [];
  const [a = '', b = ''] = [node.inputs[0], node.inputs[WEIGHTS[node.opType] ?? 1]];
  const found = weightOf(b);
  // A matrix product may have its constant on the left.
  const left = found === undefined ? weightOf(a) : undefined;
  const [input, other] = left === undefined ? [a, b] : [b, a];
  const kernel = structure.shapeOf(node.inputs[1] ?? '')?.slice(2) ?? [];
  const taps = node.opType.startsWith('Conv') ? kernel.reduce<number>((all, dim) => all * Number(dim), 1) : 1;
  return [
    { ...factorsOf(found ?? left, structure.widthOf(other), structure.widthOf(input)), macs, sums, taps },
  ];
}

/** W [D, gates·H, I] with what comes in and R [D, gates·H, H] with the state, each once a step. */
function recurrentProducts(structure: Structure, node: Node, macs: number, weightOf: WeightOf): Products[] {
  const matrices = node.inputs.slice(1, 3);
  const columns = matrices.map((name) => Number(structure.shapeOf(name)?.at(-1)));
  const sums = macs / columns.reduce((a, b) => a + b, 0);
  const state = structure.widthOf(node.outputs.find((name) => name !== '') ?? '');
  return matrices.map((name, i) => ({
    ...factorsOf(
      weightOf(name),
      structure.widthOf(name),
      i === 0 ? structure.widthOf(node.inputs[0]!) : state,
    ),
    ...{ macs: sums * columns[i]!, sums, taps: 1 },
  }));
}

/** Two activations are multiplied as the second of them is held. */
function factorsOf(
  weight: LayerWeight | undefined,
  other: ValueWidth,
  input: ValueWidth,
): Pick<Products, 'form' | 'weights' | 'input'> {
  const held = other.integer
    ? { ...integerForm(other.bits), unit: other.scale === 'none' }
    : floatForm(other.bits);
  return { form: weight?.form ?? held, weights: weight?.count ?? 0, input };
}
