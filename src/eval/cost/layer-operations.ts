import { floatWidth } from './energy-table.ts';
import { energyOf, type Operations, partOf } from './operations.ts';
import type { OperationKind } from './types.ts';
import type { ValueWidth } from './value-widths.ts';
import type { WeightForm } from './weight-form.ts';

/** The products of a layer, or of one of its operands. */
export interface Products {
  readonly form: WeightForm;
  /** Elements of the weight. */
  readonly weights: number;
  /** What the weight is multiplied with. */
  readonly input: ValueWidth;
  readonly macs: number;
  /** Sums that the products go into: elements of the output. */
  readonly sums: number;
  /** Elements of the kernel of a convolution: products in which the input's channel is the same. */
  readonly taps: number;
}

/** Bits of the whole numbers that levels of a table become to be multiplied with integers: decision 16. */
const LEVEL_BITS = 12;

/** Bits of the exponent that multiplying a float by a power of two is added to. */
const EXPONENT_BITS: Readonly<Record<number, number>> = { 16: 5, 32: 8, 64: 11 };

/** A shift further than this leaves nothing of a value. */
const WIDEST_SHIFT = 32;

/** Whether a layer sums up whole numbers: both factors are some, and all inputs have one scale. */
export function isOnIntegers({ form, input }: Pick<Products, 'form' | 'input'>): boolean {
  return input.integer && input.bits <= 32 && form.kind !== 'float' && input.scale !== 'channel';
}

/** Bits of a sum of products: widths of the factors (a sign adds none), and one for every doubling of their number. */
export function accumulatorBits({ form, input, macs, sums }: Products): number {
  const terms = Math.ceil(Math.log2(Math.max(1, macs / sums)));
  const width = form.kind === 'table' ? LEVEL_BITS : form.kind === 'signs' ? 1 : form.bits;
  if (form.kind === 'shift') return Math.min(WIDEST_SHIFT, input.bits + shiftOf(form)) + terms;
  return (input.bits === 1 ? width : width + input.bits) + terms;
}

/** Products, their sums, and the scales on these. Several bases are summed up, or looked up as a table: whichever is cheaper. */
export function layerOperations(products: Products): Operations[] {
  const { form } = products;
  if (products.macs === 0) return [];
  const ways = [operationsOfForm(products)];
  if (form.kind === 'signs' && form.bits > 1)
    ways.push(operationsOfForm({ ...products, form: { ...form, kind: 'table' } }));
  return ways.reduce((a, b) => (totalEnergy(b) < totalEnergy(a) ? b : a));
}

function totalEnergy(operations: readonly Operations[]): number {
  return operations.reduce((sum, one) => sum + one.count * energyOf(one), 0);
}

function operationsOfForm(products: Products): Operations[] {
  const { input } = products;
  if (isOnIntegers(products)) return [...integerProducts(products), ...scales(products)];
  if (input.integer && input.scale === 'channel') return channelProducts(products);
  return [...floatProducts(products), ...scales(products)];
}

type Make = (kind: OperationKind, width: number, count: number, by?: number) => Operations;

function maker(bits: number): Make {
  const part = partOf(bits);
  return (kind, width, count, by) => ({ kind, width, ...(by !== undefined && { by }), part, count });
}

/** Whole numbers by whole numbers. */
function integerProducts(products: Products): Operations[] {
  const { form, input, macs, weights } = products;
  const make = maker(Math.max(form.bits, input.bits));
  const sum = make('add', accumulatorBits(products), macs);
  const isSign = input.bits === 1;
  switch (form.kind) {
    case 'signs': {
      // Every basis is a layer of signs. N bits are counted by about N full adders, each an addition of one bit.
      if (isSign) return [make('xnor', 1, form.bits * macs), make('popcount', 1, form.bits * macs)];
      return [{ ...sum, count: form.bits * macs }];
    }
    case 'ternary':
      return isSign ? [make('xnor', 1, macs), make('logic', 1, macs), make('popcount', 1, macs)] : [sum];
    case 'shift':
      return [make('shift', Math.min(WIDEST_SHIFT, input.bits + shiftOf(form)), macs), sum];
    case 'table': {
      const decoded = make('look-up', form.bits, weights);
      return isSign ? [decoded, sum] : [decoded, make('multiply', LEVEL_BITS, macs, input.bits), sum];
    }
    default:
      return isSign ? [sum] : [make('multiply', form.bits, macs, input.bits), sum];
  }
}

/** Floats: multiplied and added, unless one side is a sign, zero or a power of two. */
function floatProducts({ form, input, macs, weights }: Products): Operations[] {
  const own = form.kind === 'float' ? form.bits : 16;
  const width = floatWidth(Math.max(own, input.integer ? 0 : input.bits));
  const make = maker(width);
  const sum = make('float-add', width, macs);
  if (form.kind === 'signs') return [{ ...sum, count: form.bits * macs }];
  if (form.kind === 'ternary' || (input.integer && input.bits === 1)) return [sum];
  if (form.kind === 'shift') return [make('add', EXPONENT_BITS[width]!, macs), sum];
  // A level is looked up once for all positions at which its weight is used.
  const decoded = form.kind === 'float' ? [] : [make('look-up', form.bits, weights)];
  return [...decoded, make('float-multiply', width, macs), sum];
}

/** Whole numbers with a scale for each channel: integer sums over the taps of a channel, floats over the channels. */
function channelProducts(products: Products): Operations[] {
  const { input, taps, macs } = products;
  if (taps === 1 || products.form.kind === 'float')
    return floatProducts({ ...products, input: { bits: 32, integer: false, scale: 'none' } });
  const make = maker(32);
  const summed: Products = { ...products, input: { ...input, scale: 'one' } };
  const sums = macs / taps;
  return [
    ...integerProducts({ ...summed, sums }),
    make('float-multiply', 32, sums),
    make('float-add', 32, sums),
    ...scales(summed),
  ];
}

/** A multiplication for every sum, basis and group of levels that has a scale, and additions of what belongs together. */
function scales({ form, input, sums }: Products): Operations[] {
  const codedFloat = form.kind === 'float' || form.kind === 'integer' || form.kind === 'table';
  if (!input.integer && codedFloat) return [];
  if (input.integer && form.kind === 'float') return [];
  if (form.unit && (input.scale === 'none' || !input.integer)) return [];
  const make = maker(32);
  const terms = (form.kind === 'signs' ? form.bits : 1) * form.groups;
  return [make('float-multiply', 32, terms * sums), make('float-add', 32, (terms - 1) * sums)];
}

/** Places that a level ±2^−j may be shifted by, relative to the largest: 2^(bits−1) levels of each sign. */
function shiftOf({ bits }: WeightForm): number {
  return 2 ** (bits - 1) - 1;
}
