import { type LevelRule, paramCount } from '../../ir/levels.ts';
import { hasUnitScale, type QuantizedTensor, tableCount } from '../../ir/quantized-tensor.ts';
import type { FoundLowBit } from '../../quantizers/plan/low-bit-weights.ts';

/**
 * What multiplying by a weight takes. `signs`: sums of k bases ±α; `ternary`: −a, 0, +a; `integer`: equal steps; `shift`: powers of two;
 * `table`: any other levels; `float`: none of these.
 */
export type FormKind = 'signs' | 'ternary' | 'integer' | 'shift' | 'table' | 'float';

/** A weight, as far as its cost goes. */
export interface WeightForm {
  readonly kind: FormKind;
  /** Bits of a code, or of a float. */
  readonly bits: number;
  /** What it is called: the scheme, or `float`. */
  readonly scheme: string;
  /** Level tables of one output channel that follow one another: sums are scaled one by one. */
  readonly groups: number;
  /** Whether levels are whole numbers as they are, so that sums need no scale. */
  readonly unit: boolean;
  /** Bytes of the level tables. */
  readonly levelBytes: number;
}

/** A weight that is, or would be, discretized in that way. */
export interface CodedWeight {
  readonly scheme: string;
  readonly bits: number;
  readonly granularity: string;
}

export function floatForm(bits: number): WeightForm {
  return { kind: 'float', bits, scheme: 'float', groups: 1, unit: true, levelBytes: 0 };
}

/** Whole numbers of that many bits that no level table goes with. */
export function integerForm(bits: number): WeightForm {
  return { kind: 'integer', bits, scheme: 'integer', groups: 1, unit: true, levelBytes: 0 };
}

export function formOfCodes(q: QuantizedTensor): WeightForm {
  return {
    kind: kindOf(q.rule, q.bits, isPowersOfTwo(q)),
    bits: q.bits,
    scheme: q.scheme,
    groups: q.granularity.startsWith('group:') ? Math.ceil(q.columns / q.groupSize) : 1,
    unit: hasUnitScale(q),
    levelBytes: 4 * paramCount(q.rule, q.bits) * tableCount(q),
  };
}

/** The form of a weight [rows, columns] that a scheme discretizes; what its parameters are is not known. */
export function formOfScheme(
  { scheme, bits, granularity }: CodedWeight,
  rows: number,
  columns: number,
): WeightForm {
  const rule = RULES[scheme] ?? 'table';
  const size = granularity.startsWith('group:') ? Number(granularity.slice('group:'.length)) : columns;
  const groups = Math.max(1, Math.ceil(columns / size));
  const tables = granularity === 'tensor' ? 1 : rows * groups;
  return {
    kind: kindOf(rule, bits, scheme === 'pot'),
    bits,
    scheme,
    groups: granularity === 'tensor' ? 1 : groups,
    unit: false,
    levelBytes: 4 * paramCount(rule, bits) * tables,
  };
}

/** The form of a weight whose values are of few bits in the file itself. */
export function formOfLowBit({ kind, bits, granularity, unit, planned }: FoundLowBit): WeightForm {
  return { ...formOfScheme({ scheme: kind, bits, granularity }, planned.rows, planned.columns), unit };
}

/** Level rules of the schemes where nothing else is chosen; the choices there are change neither kind nor order of size. */
const RULES: Readonly<Record<string, LevelRule>> = {
  binary: 'bases',
  linear: 'linear',
  exp: 'geometric',
  pot: 'geometric',
  ternary: 'ternary',
  affine: 'affine',
  codebook: 'table',
};

/** Two levels of any kind are a centre and a sign times half their distance. */
function kindOf(rule: LevelRule, bits: number, isShift: boolean): FormKind {
  if (rule === 'bases' || bits === 1) return 'signs';
  if (rule === 'ternary') return 'ternary';
  if (rule === 'linear' || rule === 'linear-zero' || rule === 'affine') return 'integer';
  return isShift ? 'shift' : 'table';
}

/** Whether levels are ±a·2^−j: pairs (a, q) with q = ½. */
function isPowersOfTwo({ rule, params }: QuantizedTensor): boolean {
  return rule.startsWith('geometric') && params.every((value, i) => i % 2 === 0 || value === 0.5);
}
