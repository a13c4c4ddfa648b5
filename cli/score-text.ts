import type { ScoreResult } from '../src/index.ts';
import { duration, fixed, grouped, interval, percent, signed } from './terminal/format.ts';
import { pairs } from './terminal/table.ts';

type Scored = Omit<ScoreResult, 'dataset' | 'classes'>;

/** A score for a person, a line a measure. Accuracy only where there are labels, comparison only with a float model. */
export function scoreLines(result: Scored): [name: string, value: string][] {
  const { float } = result;
  const lines: [string, string][] = [];
  for (const [name, own, range, theirs] of [
    ['top-1', result.top1, result.top1Interval, float?.top1],
    ['top-5', result.top5, result.top5Interval, float?.top5],
  ] as const) {
    if (own === null) continue;
    const compared =
      theirs === null || theirs === undefined ? '' : `  float ${percent(theirs)}, ${signed(own - theirs)}`;
    lines.push([name, `${percent(own)}  ${interval(range)}${compared}`]);
  }
  if (result.tied !== undefined)
    lines.push(['ties', `${grouped(result.tied)} right answers share the largest value with another class`]);
  if (result.agreement !== null)
    lines.push(['agreement', `${percent(result.agreement)}  same answer as the float model`]);
  if (result.klDivergence !== null) lines.push(['KL divergence', `${fixed(result.klDivergence, 4)} nats`]);
  if (result.agreement !== null && result.top1 !== undefined)
    lines.push([
      'logit SNR',
      result.logitSnrDb === null ? '–  (outputs are the same)' : `${fixed(result.logitSnrDb, 1)} dB`,
    ]);
  if (result.notFinite !== undefined)
    lines.push(['not finite', `${grouped(result.notFinite)} outputs, left out of KL and SNR`]);
  return lines;
}

/** What `score` prints. */
export function scoreText(model: string, result: ScoreResult): string {
  const { dataset } = result;
  const on = `${grouped(result.count)} ${dataset.labelled ? 'labelled ' : ''}samples of ${dataset.spec}`;
  return pairs([
    ['model', model],
    ['data', on],
    ...scoreLines(result),
    ['time', `${duration(result.seconds)} of computing`],
  ]);
}
