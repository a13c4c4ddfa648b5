import type { Scores } from '../src/index.ts';
import { usageError } from './exit.ts';
import type { GateOptions } from './options.ts';
import { percent } from './terminal/format.ts';

/** A gate that was asked for: what it says, and whether it holds. Goes into the JSON result as it is. */
export interface Gate {
  readonly gate: 'max-drop' | 'min-top1';
  readonly limit: number;
  readonly value: number;
  readonly met: boolean;
}

/** Whether any gate was asked for. */
export function hasGates(options: GateOptions): boolean {
  return options.maxDrop !== undefined || options.minTop1 !== undefined;
}

/**
 * The gates of a result. Points are rounded to millionths first, so that 90 − 89 is not more than 1.
 * @throws usage where the numbers that a gate needs are not there (no labels, no float model)
 */
export function checkGates(
  options: GateOptions,
  scores: Pick<Scores, 'top1'>,
  floatTop1: number | null,
): Gate[] {
  if (!hasGates(options)) return [];
  if (scores.top1 === null) throw usageError('--max-drop and --min-top1 need a dataset with labels');
  const gates: Gate[] = [];
  if (options.maxDrop !== undefined) {
    if (floatTop1 === null)
      throw usageError('--max-drop compares with a float model: name it with --against');
    const drop = Math.round((floatTop1 - scores.top1) * 1e6) / 1e6;
    gates.push({ gate: 'max-drop', limit: options.maxDrop, value: drop, met: drop <= options.maxDrop });
  }
  if (options.minTop1 !== undefined)
    gates.push({
      gate: 'min-top1',
      limit: options.minTop1,
      value: scores.top1,
      met: scores.top1 >= options.minTop1,
    });
  return gates;
}

/** What stderr says about the gates that are not met; empty when all are. */
export function gateText(gates: readonly Gate[], subject: string): string {
  const sentences = gates
    .filter(({ met }) => !met)
    .map(({ gate, limit, value }) =>
      gate === 'max-drop'
        ? `top-1 fell by ${value.toFixed(2)} points, --max-drop allows ${limit}`
        : `top-1 is ${percent(value)}, --min-top1 asks for ${limit} %`,
    );
  return sentences.map((sentence) => `bnn-quantize: gate not met by ${subject}: ${sentence}\n`).join('');
}
