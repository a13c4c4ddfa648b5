import type { Scores } from '../src/index.ts';
import { usageError } from './exit.ts';
import type { GateOptions } from './options.ts';
import { grouped, percent } from './terminal/format.ts';

/** A gate that was asked for: what it says, and whether it holds. Goes into the JSON result as it is. */
export interface Gate {
  readonly gate: 'max-drop' | 'min-top1' | 'max-size';
  /** Percentage points, percent, or bytes. */
  readonly limit: number;
  readonly value: number;
  readonly met: boolean;
}

/** What gates look at; without scores only the size is. */
interface Gated {
  readonly scores?: Pick<Scores, 'top1'> | undefined;
  readonly floatTop1?: number | null;
  readonly bytes: number;
}

/** Whether any gate was asked for. */
export function hasGates(options: GateOptions): boolean {
  return needsScores(options) || options.maxSize !== undefined;
}

/** Whether a gate was asked for that looks at accuracy. */
export function needsScores({ maxDrop, minTop1 }: GateOptions): boolean {
  return maxDrop !== undefined || minTop1 !== undefined;
}

/**
 * The gates of a result. Points are rounded to millionths first, so that 90 − 89 is not more than 1.
 * @throws usage where the numbers that a gate needs are not there (no labels, no float model)
 */
export function checkGates(options: GateOptions, { scores, floatTop1 = null, bytes }: Gated): Gate[] {
  const { maxDrop, minTop1 } = options;
  const gates: Gate[] = [];
  if (needsScores(options)) {
    const top1 = scores?.top1 ?? null;
    if (top1 === null) throw usageError('--max-drop and --min-top1 need a dataset with labels');
    if (maxDrop !== undefined) {
      if (floatTop1 === null)
        throw usageError('--max-drop compares with a float model: name it with --against');
      const drop = Math.round((floatTop1 - top1) * 1e6) / 1e6;
      gates.push({ gate: 'max-drop', limit: maxDrop, value: drop, met: drop <= maxDrop });
    }
    if (minTop1 !== undefined)
      gates.push({ gate: 'min-top1', limit: minTop1, value: top1, met: top1 >= minTop1 });
  }
  return [...gates, ...sizeGate(options, bytes)];
}

/** The gate of the size alone, where it was asked for. */
export function sizeGate({ maxSize }: GateOptions, bytes: number): Gate[] {
  if (maxSize === undefined) return [];
  return [{ gate: 'max-size', limit: maxSize.bytes, value: bytes, met: bytes <= maxSize.bytes }];
}

/** What a gate that is not met says. */
const SENTENCES: Readonly<Record<Gate['gate'], (gate: Gate) => string>> = {
  'max-drop': ({ value, limit }) => `top-1 fell by ${value.toFixed(2)} points, --max-drop allows ${limit}`,
  'min-top1': ({ value, limit }) => `top-1 is ${percent(value)}, --min-top1 asks for ${limit} %`,
  'max-size': ({ value, limit }) => `${grouped(value)} bytes, --max-size allows ${grouped(limit)}`,
};

/** What stderr says about the gates that are not met; empty when all are. */
export function gateText(gates: readonly Gate[], subject: string): string {
  return gates
    .filter(({ met }) => !met)
    .map((gate) => `bnn-quantize: gate not met by ${subject}: ${SENTENCES[gate.gate](gate)}\n`)
    .join('');
}
