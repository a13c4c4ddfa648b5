import type { LevelRule } from '../../../ir/levels.ts';
import { isInRowOrder, type QuantizedTensor, type RowLayout } from '../../../ir/quantized-tensor.ts';

/** Key of the entry in a model's metadata that says what nodes which make weights do not. */
export const NOTES_KEY = 'bnnq.weights';

/** What the nodes do not say of a weight: which scheme made it, and what of it has one level table. */
export interface WeightNote {
  readonly scheme?: string;
  readonly granularity?: string;
  /** Absent where it is what the nodes say. */
  readonly layout?: RowLayout;
}

/** Notes for all weights, and those that differ for some of them by name. */
export interface UnpackNotes extends WeightNote {
  readonly weights?: Readonly<Record<string, WeightNote>>;
}

/** The scheme that a rule stands for where nothing else is said. */
export const SCHEME_OF_RULE: Readonly<Record<LevelRule, string>> = {
  linear: 'linear',
  'linear-zero': 'linear',
  geometric: 'exp',
  'geometric-zero': 'exp',
  magnitudes: 'exp',
  bases: 'binary',
  ternary: 'ternary',
  affine: 'linear',
  table: 'codebook',
};

/** Rows are what the first axis numbers once the axes are permuted. */
export function plainLayout(split: readonly number[], perm: readonly number[]): RowLayout {
  return { split, perm, rowAxes: 1 };
}

/** A weight that nodes make, and the layout that a reader takes it to have if nothing is noted. */
export interface NotedWeight {
  readonly quantized: QuantizedTensor;
  readonly said: RowLayout;
}

/** The layout that steps behind elements in row order say. */
export function saidBySteps({ layout, shape }: QuantizedTensor): RowLayout {
  return isInRowOrder(layout) ? inRowsOf(shape, 0) : plainLayout(layout.split, layout.perm);
}

/** The layout in which one axis numbers the rows. */
export function inRowsOf(shape: readonly number[], axis: number): RowLayout {
  const others = [...shape.keys()].filter((one) => one !== axis);
  return plainLayout(shape, shape.length === 0 ? [] : [axis, ...others]);
}

/** The notes of weights as JSON, as short as may be: the file is to be as small as the packed one. */
export function writeNotes(weights: ReadonlyMap<string, NotedWeight>): string {
  const common = (key: 'scheme' | 'granularity'): string => {
    const counts = new Map<string, number>();
    for (const { quantized } of weights.values())
      counts.set(quantized[key], (counts.get(quantized[key]) ?? 0) + 1);
    return [...counts].reduce((best, next) => (next[1] > best[1] ? next : best))[0];
  };
  const shared = { scheme: common('scheme'), granularity: common('granularity') };
  const own: Record<string, WeightNote> = {};
  for (const [name, { quantized, said }] of weights) {
    const { layout, scheme, granularity } = quantized;
    const isSaid = (['split', 'perm', 'rowAxes'] as const).every(
      (key) => `${layout[key]}` === `${said[key]}`,
    );
    const note: WeightNote = {
      ...(scheme === shared.scheme ? {} : { scheme }),
      ...(granularity === shared.granularity ? {} : { granularity }),
      ...(isSaid ? {} : { layout }),
    };
    if (Object.keys(note).length > 0) own[name] = note;
  }
  return JSON.stringify({ ...shared, ...(Object.keys(own).length === 0 ? {} : { weights: own }) });
}

/** What was noted of a weight; notes that cannot be read say nothing. */
export function readNotes(text: string | undefined): (name: string) => WeightNote {
  let notes: UnpackNotes | undefined;
  try {
    notes = text === undefined ? undefined : JSON.parse(text);
  } catch {
    // Another program may have written there what it likes: the nodes say what the weights are.
  }
  if (typeof notes !== 'object' || notes === null) return () => ({});
  const { weights, ...shared } = notes;
  return (name) => ({
    ...shared,
    ...(typeof weights === 'object' && weights !== null && Object.hasOwn(weights, name) ? weights[name] : {}),
  });
}
