import { CommanderError } from 'commander';
import { BnnqError } from '../src/index.ts';
import { printable } from './terminal/format.ts';

/** What the process ends with; DESIGN.md section 5. */
export const EXIT = { done: 0, failed: 1, usage: 2, gate: 3, interrupted: 130 } as const;

/** A mistake of the person at the keyboard that only the command line can see. */
export function usageError(message: string): BnnqError {
  return new BnnqError('usage', message);
}

/** The exit code that a thrown thing stands for. */
export function exitCodeOf(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (!(thrown instanceof BnnqError)) return EXIT.failed;
  if (thrown.code === 'usage' || thrown.code === 'option') return EXIT.usage;
  return thrown.code === 'interrupted' ? EXIT.interrupted : EXIT.failed;
}

/**
 * What stderr says about a failure: `bnn-quantize: ` and the sentence, several problems a line each, the stack and the
 * causes only with --debug. Something that is no BnnqError is a bug of ours, and says so.
 */
export function errorText(thrown: unknown, debug: boolean): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const known = thrown instanceof BnnqError && thrown.code !== 'internal';
  const sentence = known
    ? message
    : `internal error: ${message} (a bug: please report it with the output of --debug)`;
  const text = `bnn-quantize: ${sentence.split('\n').map(printable).join('\n')}\n`;
  return debug ? `${text}${stackOf(thrown)}` : text;
}

function stackOf(thrown: unknown): string {
  const lines: string[] = [];
  for (let error = thrown; error instanceof Error; error = error.cause)
    lines.push(`${lines.length === 0 ? '' : 'caused by: '}${error.stack ?? error.message}\n`);
  return lines.join('');
}
