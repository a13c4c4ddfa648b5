import { BnnqError } from '../../errors.ts';
import type { Initializer, Model } from '../../ir/graph.ts';
import { payloadBytes } from '../../ir/quantized-tensor.ts';
import type { CellsOfTable, KnownCell, KnownLoss } from './cell-store.ts';
import { interpolated, toMeasure } from './interpolate.ts';
import type { Candidate, SensitivityCell } from './table.ts';

/** What one candidate does to one layer, or why the layer stays as it is. */
export type MeasuredCell = SensitivityCell | string;

/** One layer discretized in one way, all others in float. */
export interface DiscretizedLayer {
  /** Has the name of the weight, and codes. */
  readonly initializer: Initializer;
  /** How far the outputs of the layer move, in a measure that all candidates of the layer share; absent where it is not known. */
  readonly error?: number | undefined;
  /** Puts the layer into the float network, with what is done behind it; the weight alone when absent. */
  change?(model: Model): Model;
  /** The weight is of so few bits already that it keeps its values. */
  readonly kept?: boolean;
}

/** What can be done with one layer. */
export interface LayerWork {
  readonly candidates: readonly Candidate[];
  /** Or says why it stays as it is. */
  discretize(candidate: Candidate): Promise<DiscretizedLayer | string>;
  /** How far the outputs of the network move. */
  lossOf(layer: DiscretizedLayer): Promise<number>;
  readonly known: CellsOfTable | undefined;
  /** After each candidate. */
  onDone(): void;
}

/**
 * The cells of one layer. Where it is known how far each candidate moves the outputs of the layer, only some are run
 * through the network, see `toMeasure`; which ones depends on the candidates alone, not on what is known of earlier tables.
 */
export async function measureLayer(name: string, work: LayerWork): Promise<MeasuredCell[]> {
  const { candidates, known } = work;
  const made = new Map<number, DiscretizedLayer>();
  const discretize = async (i: number): Promise<KnownCell> => {
    const found = await work.discretize(candidates[i]!);
    if (typeof found === 'string') return found;
    const { initializer, error, kept = false } = found;
    made.set(i, found);
    return { ...sizeOf(initializer), error, ...(kept && { kept, loss: 0 }) };
  };
  const cells: KnownCell[] = [];
  for (const [i, candidate] of candidates.entries()) {
    let cell = known?.get(name, candidate);
    if (cell === undefined) {
      cell = await discretize(i);
      known?.put(name, candidate, cell);
    }
    cells.push(cell);
  }
  const present = cells.flatMap((cell, i) => (typeof cell === 'string' ? [] : [i]));
  const errors = present.map((i) => (cells[i] as KnownLoss).error);
  const wanted = new Set(toMeasure(errors).map((place) => present[place]!));
  const losses = new Map<number, number>();
  for (const [i, cell] of cells.entries()) {
    if (typeof cell !== 'string' && wanted.has(i)) {
      let { loss } = cell;
      if (loss === undefined) {
        if (!made.has(i)) await discretize(i);
        loss = await work.lossOf(made.get(i)!);
        known?.put(name, candidates[i]!, { ...cell, loss });
      }
      losses.set(present.indexOf(i), loss);
    }
    work.onDone();
  }
  const all = interpolated(errors, losses);
  return cells.map((cell, i) => {
    if (typeof cell === 'string') return cell;
    const { codeBytes, levelBytes, kept } = cell;
    const place = present.indexOf(i);
    const estimated = !losses.has(place);
    return {
      loss: all[place]!,
      codeBytes,
      levelBytes,
      ...(kept && { kept }),
      ...(estimated && { estimated }),
    };
  });
}

function sizeOf({ name, quantized }: Initializer): { codeBytes: number; levelBytes: number } {
  if (quantized === undefined)
    throw new BnnqError('internal', `weight "${name}" was discretized without codes`, { tensor: name });
  const { codes, levels } = payloadBytes(quantized);
  return { codeBytes: codes, levelBytes: levels };
}
