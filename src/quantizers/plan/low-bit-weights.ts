import type { Model } from '../../ir/graph.ts';
import { isQuantDomain } from '../../ir/quant-domains.ts';
import { hasUnitScale } from '../../ir/quantized-tensor.ts';
import { DATA_TYPES } from '../../tensor/dtype.ts';
import { isOfManyValues, lowBitCodes } from '../low-bit.ts';
import type { WeightFit } from '../quantize-weight.ts';
import { inRowOrder, weightValues } from '../weight-values.ts';
import type { PlannedWeight } from './plan-weights.ts';
import { readWeight, type WeightElements } from './read-weight.ts';

/**
 * The weight as codes of its very values where these are few; undefined for a float weight.
 * @throws weight for NaN and infinities
 */
export function lowBitOf(planned: PlannedWeight, { tensor, grid }: WeightElements): WeightFit | undefined {
  const { layout, shape, name } = planned;
  const elements = weightValues(tensor, name);
  if (grid === undefined && isOfManyValues(elements, layout)) return undefined;
  const values = inRowOrder(elements, layout);
  const inRows = (list: Float32Array): Float32Array => (list.length === 1 ? list : inRowOrder(list, layout));
  const quantized = lowBitCodes({
    dtype: tensor.dtype,
    shape,
    layout,
    values,
    grid: grid && { ...grid, scale: inRows(grid.scale), zero: inRows(grid.zero) },
  });
  if (quantized === undefined) return undefined;
  let energy = 0;
  for (const value of values) energy += value * value;
  return { quantized, mse: 0, correlation: 1, snrDb: Number.POSITIVE_INFINITY, energy, power: energy };
}

/**
 * Whether a weight that is of `bits` bits keeps its values when `asked` bits are asked for: always where the network was
 * made with these few values (by Quant, IntQuant or BipolarQuant, or by its very values if it is binary or ternary), else
 * where no fewer are asked for.
 */
export function isKept(planned: PlannedWeight, bits: number, asked: number): boolean {
  return keepsAlways(planned, bits) || bits <= asked;
}

/** Bits of the widest weights that are always kept without a node that says so: binary and ternary ones. */
const ALWAYS_KEPT_BITS = 2;

function keepsAlways(planned: PlannedWeight, bits: number): boolean {
  return bits <= ALWAYS_KEPT_BITS || isTrainedLowBit(planned);
}

/** Whether a node of QONNX or Brevitas rounds the weight: then the network was trained with it. */
function isTrainedLowBit({ chain }: PlannedWeight): boolean {
  const last = chain.makers.at(-1);
  return last !== undefined && isQuantDomain(last.node.domain);
}

/** Why a weight whose values are no codes of few bits is left in the graph as it is; undefined where it is discretized. */
export function staysInSource(planned: PlannedWeight, asked: number): string | undefined {
  const { maker, chain } = planned;
  if (isTrainedLowBit(planned))
    return `${maker} rounds it with scales that do not follow its rows: it stays as it is`;
  const { bits } = DATA_TYPES[chain.initializer.dtype];
  if (maker === 'DequantizeLinear' && bits <= asked)
    return `it is made of ${bits}-bit integers with scales that do not follow its rows: it stays as it is`;
  return undefined;
}

/** A weight whose values take few bits. */
export interface FoundLowBit {
  readonly planned: PlannedWeight;
  /** What the values are: `binary`, `ternary`, `affine` (whole numbers times a scale), `codebook` (few values of any kind). */
  readonly kind: string;
  readonly bits: number;
  readonly granularity: string;
  /** Whether its values are whole numbers as they are: every scale is 1. */
  readonly unit: boolean;
  /** Whether it is kept whatever is asked for; else only from `bits` bits on. */
  readonly always: boolean;
}

/**
 * What of the planned weights is of few bits already. Reads the weights one after the other.
 * @param largest bytes of the largest initializer that is read, for a quick look at large models
 */
export function* findLowBit(
  model: Model,
  planned: Iterable<PlannedWeight>,
  largest: number = Number.POSITIVE_INFINITY,
): Generator<FoundLowBit> {
  for (const one of planned) {
    if (one.chain.initializer.byteLength > largest) continue;
    const found = tryLowBit(model, one);
    if (found === undefined) continue;
    const { scheme: kind, bits, granularity } = found.quantized;
    const unit = hasUnitScale(found.quantized);
    yield { planned: one, kind, bits, granularity, unit, always: keepsAlways(one, bits) };
  }
}

/** Damaged weights are for `quantize` to complain about. */
function tryLowBit(model: Model, planned: PlannedWeight): WeightFit | undefined {
  try {
    const elements = readWeight(model, planned);
    return typeof elements === 'string' ? undefined : lowBitOf(planned, elements);
  } catch {
    return undefined;
  }
}
