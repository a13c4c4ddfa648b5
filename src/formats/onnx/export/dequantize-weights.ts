import type { Attribute } from '../../../ir/graph.ts';
import { codesOf, type QuantizedTensor, type RowLayout, tableCount } from '../../../ir/quantized-tensor.ts';
import { DATA_TYPES, type DataType } from '../../../tensor/dtype.ts';
import { floats, type Tensor } from '../../../tensor/tensor.ts';
import { alongTables, placeOf, reordered, saidBy } from './table-rows.ts';
import { withWholeGroups } from './unpack-weights.ts';
import type { Step, WeightParts } from './weight-parts.ts';

/** The operator set from which on DequantizeLinear takes integers of so many bits (and scales along an axis, from 13 on). */
const OPSETS: Readonly<Record<number, number>> = { 8: 13, 4: 21, 2: 25 };

/** Whole numbers that stand for a weight. */
interface Integers {
  readonly dtype: DataType;
  /** In row order. */
  readonly values: Int8Array | Uint8Array;
  /** Δ of each table. */
  readonly scales: Float32Array;
  /** What is subtracted from the integers of each table; absent for 0. */
  readonly zeros?: Uint8Array;
  /** Whether levels lie half a step above the integers. */
  readonly isHalfUp: boolean;
}

/**
 * Adds what makes a weight of integers of its own width by DequantizeLinear, where that can be said: equal steps at 2, 4 and 8
 * bits. Levels at whole multiples of Δ are q·Δ; levels between them (rule `linear`) are (q + ½)·Δ, with q from DequantizeLinear
 * at scale 1. Either way there is one rounding, the one of `levelTable`: the weight is the same bits.
 * @returns the layout that a reader takes it to have; undefined where nothing was added
 */
export function dequantizeWeight(
  parts: WeightParts,
  name: string,
  weight: QuantizedTensor,
  opset: number,
): RowLayout | undefined {
  if (opset < (OPSETS[weight.bits] ?? Number.POSITIVE_INFINITY)) return undefined;
  const q = withWholeGroups(weight);
  const integers = integersOf(q);
  if (integers === undefined) return undefined;
  const { dtype, scales, zeros, isHalfUp } = integers;
  const place = placeOf(q, weight);
  const values = place.order === undefined ? integers.values : reordered(integers.values, place.order);
  const codes = parts.constant('codes', { dtype, shape: place.shape, data: values } as Tensor);
  const isOne = scales.length === 1;
  const steps: Step[] = [];
  const inputs = [codes];
  if (isHalfUp) {
    const factor = parts.constant('levels', alongTables(place, scales));
    inputs.push(parts.scalar(1));
    steps.push({ opType: 'Add', inputs: [parts.scalar(0.5)], attributes: {} });
    steps.push({ opType: 'Mul', inputs: [factor], attributes: {} });
  } else {
    const shape = isOne ? [] : [scales.length];
    inputs.push(parts.constant('levels', floats(shape, scales)));
    if (zeros !== undefined) inputs.push(parts.constant('zeros', { dtype, shape, data: zeros } as Tensor));
  }
  if (weight.dtype !== 'FLOAT')
    steps.push({ opType: 'Cast', inputs: [], attributes: { to: int(DATA_TYPES[weight.dtype].number) } });
  const axis = isOne || isHalfUp ? new Map() : new Map([['axis', int(place.axis)]]);
  parts.make(name, { opType: 'DequantizeLinear', domain: '', inputs, attributes: axis }, [
    ...steps,
    ...place.rest,
  ]);
  return saidBy(place, weight, !isOne);
}

function int(value: number): Attribute {
  return { type: 'INT', value };
}

/** The integers of a weight of equal steps; undefined for other rules, and for zero points that are not whole. */
function integersOf(q: QuantizedTensor): Integers | undefined {
  const codes = codesOf(q);
  const half = 2 ** (q.bits - 1);
  if (q.rule === 'linear' || q.rule === 'linear-zero') {
    const isHalfUp = q.rule === 'linear';
    // −(j + ½) is ½ above −j − 1.
    const values = Int8Array.from(codes, (code) =>
      code < half ? code : isHalfUp ? half - 1 - code : half - code,
    );
    return { dtype: `INT${q.bits}` as DataType, values, scales: q.params, isHalfUp };
  }
  if (q.rule !== 'affine') return undefined;
  const tables = tableCount(q);
  const scales = Float32Array.from({ length: tables }, (_, t) => q.params[2 * t]!);
  const zeros = Array.from({ length: tables }, (_, t) => q.params[2 * t + 1]!);
  if (!zeros.every((zero) => Number.isInteger(zero) && zero >= 0 && zero < 2 * half)) return undefined;
  return {
    ...{ dtype: `UINT${q.bits}` as DataType, values: codes, scales },
    ...{ zeros: Uint8Array.from(zeros), isHalfUp: false },
  };
}
