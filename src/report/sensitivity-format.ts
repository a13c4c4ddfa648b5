import type { Candidate, SensitivityTable } from '../eval/types.ts';

/** `exp3`, `linear4 tensor zero`: scheme and bits, and what is not the default. */
export function candidateName(candidate: Candidate): string {
  const { scheme, bits, granularity, fit, levels, zero, bases } = candidate;
  return [
    `${scheme}${bits}`,
    ...(granularity === 'channel' ? [] : [granularity]),
    ...(fit === 'correlation' ? [] : [fit]),
    ...(levels === 'geometric' ? [] : [levels]),
    ...(zero ? ['zero'] : []),
    ...(bases === 'joint' ? [] : [bases]),
  ].join(' ');
}

/** A loss with two digits: `4.1e-2`; `0`, and `∞` for outputs that are no numbers any more. */
export function lossText(loss: number | null): string {
  // JSON has no infinity and says null.
  if (loss === null || loss === Number.POSITIVE_INFINITY) return '∞';
  return loss === 0 ? '0' : loss.toExponential(1).replace('e+', 'e');
}

/** What a loss is, with its unit. */
export function measureName(measure: SensitivityTable['measure']): string {
  return measure === 'kl' ? 'KL divergence from float, nats' : 'squared error of the outputs, relative';
}

/** All losses of a table. */
export function lossesOf(table: Pick<SensitivityTable, 'layers'>): number[] {
  return table.layers.flatMap(({ cells }) => cells.flatMap((cell) => cell?.loss ?? []));
}
