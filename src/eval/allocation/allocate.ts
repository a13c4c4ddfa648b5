import { BnnqError } from '../../errors.ts';
import { type Choice, chooseWithin } from './knapsack.ts';
import type { AllocatedLayer, Allocation, LayerSensitivity, SensitivityTable } from './table.ts';

/** What the discretized weights of a network may take: so many bits a weight, or so many bytes, levels included. */
export type Budget = { readonly bitsPerWeight: number } | { readonly payloadBytes: number };

/**
 * Chooses a candidate for every layer so that the summed loss is least within the budget. No worse, by summed loss, than
 * any candidate taken for all layers that keeps the budget. Where nothing keeps it: the smallest choice of all, the best
 * of equally small ones, with `met` false.
 * @throws option for a budget that is no number of 0 or more
 */
export function allocate(table: SensitivityTable, budget: Budget): Allocation {
  const capacity = capacityOf(table, budget);
  const choices = table.layers.map(choicesOf);
  const losses = choices.map((layer) => layer.map(({ bytes, loss }) => ({ bytes, loss })));
  const chosen = chooseWithin(losses, capacity);
  if (chosen === undefined) return allocationOf(table, choices.map(smallestOf), false);
  const found = choices.map((layer, i) => layer[chosen[i]!]!);
  const others = table.candidates.map((_, candidate) => uniformly(choices, candidate));
  const best = [found, ...others.filter((all) => bytesOf(all) <= capacity)].reduce((a, b) =>
    lossOf(b) < lossOf(a) ? b : a,
  );
  return allocationOf(table, best, true);
}

/** The choices with the least loss of each layer, whatever their size; the smaller of equally good ones. */
export function allocateBest(table: SensitivityTable): Allocation {
  const better = (a: Option, b: Option): Option =>
    b.loss < a.loss || (b.loss === a.loss && b.bytes < a.bytes) ? b : a;
  return allocationOf(
    table,
    table.layers.map((layer) => choicesOf(layer).reduce(better)),
    true,
  );
}

/** One candidate for all layers; a layer that does not have it gets its smallest choice. */
export function allocateUniformly(table: SensitivityTable, candidate: number): Allocation {
  return allocationOf(table, uniformly(table.layers.map(choicesOf), candidate), true);
}

/** Number of weights of a table. */
export function weightsOf(table: Pick<SensitivityTable, 'layers'>): number {
  return table.layers.reduce((total, { count }) => total + count, 0);
}

/** A choice of a layer and the candidate that it stands for. */
interface Option extends Choice {
  readonly candidate: number;
}

function capacityOf(table: SensitivityTable, budget: Budget): number {
  const [what, value] =
    'bitsPerWeight' in budget ? ['bits a weight', budget.bitsPerWeight] : ['bytes', budget.payloadBytes];
  if (!(value >= 0))
    throw new BnnqError('option', `budget: expected a number of ${what} from 0 on, got ${value}`);
  // A billionth of a byte for what 2.7 · 25872 / 8 loses in float64.
  return 'bitsPerWeight' in budget ? (value * weightsOf(table)) / 8 + 1e-9 : value;
}

function choicesOf({ name, cells }: LayerSensitivity): Option[] {
  const choices = cells.flatMap((cell, candidate) =>
    cell === null ? [] : [{ bytes: cell.codeBytes + cell.levelBytes, loss: cell.loss, candidate }],
  );
  if (choices.length === 0) throw new BnnqError('internal', `weight "${name}" has no candidate`);
  return choices;
}

function smallestOf(choices: readonly Option[]): Option {
  return choices.reduce((a, b) => (b.bytes < a.bytes || (b.bytes === a.bytes && b.loss < a.loss) ? b : a));
}

function uniformly(layers: readonly (readonly Option[])[], candidate: number): Option[] {
  return layers.map((layer) => layer.find((choice) => choice.candidate === candidate) ?? smallestOf(layer));
}

function bytesOf(chosen: readonly Choice[]): number {
  return chosen.reduce((total, { bytes }) => total + bytes, 0);
}

function lossOf(chosen: readonly Choice[]): number {
  return chosen.reduce((total, { loss }) => total + loss, 0);
}

function allocationOf(table: SensitivityTable, chosen: readonly Option[], met: boolean): Allocation {
  const payloadBytes = bytesOf(chosen);
  const layers = table.layers.map(({ name, count }, i): AllocatedLayer => {
    const { candidate, loss, bytes } = chosen[i]!;
    return { name, count, candidate, loss, bytes };
  });
  return {
    perLayer: new Map(layers.map(({ name, candidate }) => [name, table.candidates[candidate]!])),
    common: table.candidates[mostFrequent(layers)]!,
    layers,
    loss: lossOf(chosen),
    payloadBytes,
    bitsPerWeight: (8 * payloadBytes) / Math.max(1, weightsOf(table)),
    met,
  };
}

/** The candidate of the most weights, the first of equals. */
function mostFrequent(layers: readonly AllocatedLayer[]): number {
  const weights = new Map<number, number>();
  for (const { candidate, count } of layers) weights.set(candidate, (weights.get(candidate) ?? 0) + count);
  return [...weights].toSorted((a, b) => b[1] - a[1] || a[0] - b[0])[0]?.[0] ?? 0;
}
