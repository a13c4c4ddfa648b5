import { BnnqError } from '../../../errors.ts';
import type { Attribute, Model } from '../../../ir/graph.ts';
import {
  codesOf,
  levelsOf,
  type QuantizedTensor,
  type RowLayout,
  tableCount,
} from '../../../ir/quantized-tensor.ts';
import { DATA_TYPES } from '../../../tensor/dtype.ts';
import { floats } from '../../../tensor/tensor.ts';
import { INDEX_KEY } from '../../packed/format.ts';
import { encodeParts } from '../encode.ts';
import { onnxBytes } from '../write.ts';
import { QONNX_DOMAIN, SMALLEST_SCALE } from './domains.ts';
import { nameMaker } from './name-maker.ts';
import { spliceOnnx } from './splice.ts';
import { alongTables, placeOf, reordered, saidBy } from './table-rows.ts';
import { undeclaredDomains } from './undeclared-domains.ts';
import { NOTES_KEY, type NotedWeight, writeNotes } from './unpack-notes.ts';
import { withWholeGroups } from './unpack-weights.ts';
import { type Step, WeightParts } from './weight-parts.ts';

/** Two names of one operator: QONNX 1.0 calls `IntQuant` what it called `Quant`, and reads both. */
export type IntegerOperator = 'Quant' | 'IntQuant';

/** What Quant (or, with a scale alone, BipolarQuant) rounds by, a number for each level table. */
interface Rounding {
  readonly scales: Float32Array;
  /** Absent for BipolarQuant. */
  readonly zeros?: Float32Array;
  readonly isSigned: boolean;
  /** Without the lowest integer: as many below 0 as above. */
  readonly isNarrow: boolean;
}

/**
 * A model as QONNX: a discretized weight is an initializer of its levels with a node behind it that rounds to them, `BipolarQuant` for
 * ±a, else `Quant` with the scale and zero point of each channel or group (−½ where levels lie between the multiples of Δ).
 * Rounding changes nothing, for levels are rounded to themselves. The rest stays as it was.
 * @param integers the name of the operator that rounds to equal steps
 * @param leavesFloats whether weights that QONNX cannot say are their levels and nothing more; else they are refused
 * @throws unsupported with the weights whose levels are not equally far apart
 */
export function exportQonnx(
  model: Model,
  { leavesFloats, integers }: { readonly leavesFloats: boolean; readonly integers: IntegerOperator },
): Uint8Array {
  const parts = new WeightParts(nameMaker(model));
  const noted = new Map<string, NotedWeight>();
  const unsaid: string[] = [];
  for (const [name, { quantized }] of model.graph.initializers) {
    if (quantized === undefined) continue;
    const said = quantWeight(parts, name, quantized, integers);
    if (said === undefined) unsaid.push(name);
    else noted.set(name, { quantized, said });
  }
  if (unsaid.length > 0 && !leavesFloats) {
    const names = unsaid.slice(0, 5).map((name) => {
      const { scheme, bits } = model.graph.initializers.get(name)!.quantized!;
      return `"${name}" (${scheme}, ${bits} bits)`;
    });
    const count = unsaid.length === 1 ? '1 weight has' : `${unsaid.length} weights have`;
    throw new BnnqError(
      'unsupported',
      `qonnx: ${count} levels that are not equally far apart, which no node of QONNX says: ${names.join(', ')}${unsaid.length > 5 ? ', …' : ''}; flavor "float" writes these as floats`,
      { tensor: unsaid[0]! },
    );
  }
  const bytes = onnxBytes(model, ({ name }) => (noted.has(name) ? 'rounded' : undefined));
  return spliceOnnx(bytes, {
    ...encodeParts(parts.nodes, parts.initializers, []),
    replaced: new Set(noted.keys()),
    substitutes: new Map(),
    opsets: noted.size > 0 ? undeclaredDomains(model).set(QONNX_DOMAIN, 1) : undeclaredDomains(model),
    irVersion: 0,
    metadata: new Set([INDEX_KEY, NOTES_KEY]),
    notes: noted.size === 0 ? undefined : { key: NOTES_KEY, value: writeNotes(noted) },
  });
}

/** Adds a weight and the node that rounds it. @returns the layout that a reader takes it to have; undefined where QONNX has no such node */
function quantWeight(
  parts: WeightParts,
  name: string,
  weight: QuantizedTensor,
  integers: IntegerOperator,
): RowLayout | undefined {
  const q = withWholeGroups(weight);
  const rounding = roundingOf(q);
  if (rounding === undefined) return undefined;
  const place = placeOf(q, weight);
  const values = valuesOf(q);
  const input = parts.free(`${name}.values`);
  const data = place.order === undefined ? values : reordered(values, place.order);
  parts.named(input, floats(place.shape, data));
  const scale = parts.constant('scale', alongTables(place, rounding.scales));
  const said = saidBy(place, weight, rounding.scales.length > 1);
  const steps: Step[] = [];
  if (weight.dtype !== 'FLOAT') {
    const to: Attribute = { type: 'INT', value: DATA_TYPES[weight.dtype].number };
    steps.push({ opType: 'Cast', inputs: [], attributes: { to } });
  }
  steps.push(...place.rest);
  if (rounding.zeros === undefined) {
    parts.make(name, { opType: 'BipolarQuant', domain: QONNX_DOMAIN, inputs: [input, scale] }, steps);
    return said;
  }
  const isOneZero = rounding.zeros.every((zero) => zero === rounding.zeros![0]);
  const zero = isOneZero
    ? parts.scalar(rounding.zeros[0]!)
    : parts.constant('zero', alongTables(place, rounding.zeros));
  const attributes = new Map<string, Attribute>([
    ['signed', { type: 'INT', value: rounding.isSigned ? 1 : 0 }],
    ['narrow', { type: 'INT', value: rounding.isNarrow ? 1 : 0 }],
    ['rounding_mode', { type: 'STRING', value: 'ROUND' }],
  ]);
  const inputs = [input, scale, zero, parts.scalar(q.bits)];
  parts.make(name, { opType: integers, domain: QONNX_DOMAIN, inputs, attributes }, steps);
  return said;
}

/** How a weight is rounded to its levels; undefined where they are not equally far apart. */
function roundingOf(q: QuantizedTensor): Rounding | undefined {
  const { rule, bits, params } = q;
  const tables = tableCount(q);
  const same = (zero: number): Float32Array => new Float32Array(tables).fill(zero);
  const steps = (values: Float32Array): Float32Array => values.map((step) => step || SMALLEST_SCALE);
  if (bits === 1 && rule !== 'linear-zero') {
    // One bit is ±a whatever the rule; a table or an affine grid need not be.
    const levels = levelsOf(q);
    const isPair = levels.every((level, i) => (i % 2 === 0 ? level >= 0 : level === -levels[i - 1]!));
    if (isPair) return { scales: levels.filter((_, i) => i % 2 === 0), isSigned: true, isNarrow: false };
  }
  if (bits === 1 && rule !== 'affine') return undefined;
  switch (rule) {
    case 'linear':
      // Where Δ is 0, half of the scale in its place would not be.
      return {
        ...{ scales: steps(params), isSigned: true, isNarrow: false },
        zeros: params.map((step) => (step === 0 ? 0 : -0.5)),
      };
    case 'linear-zero':
    case 'ternary':
      return { scales: steps(params), zeros: same(0), isSigned: true, isNarrow: true };
    case 'affine':
      return {
        scales: steps(params.filter((_, i) => i % 2 === 0)),
        zeros: params.filter((_, i) => i % 2 === 1),
        isSigned: false,
        isNarrow: false,
      };
    default:
      return undefined;
  }
}

/** Levels in row order. */
function valuesOf(q: QuantizedTensor): Float32Array {
  const levels = levelsOf(q);
  const perTable = (q.rows * q.columns) / tableCount(q);
  return Float32Array.from(codesOf(q), (code, i) => levels[Math.floor(i / perTable) * 2 ** q.bits + code]!);
}
