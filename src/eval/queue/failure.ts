import { BnnqError, type ErrorCode, messageOf } from '../../errors.ts';
import { hideSecrets } from './secrets.ts';

/** Longest message of a failure that is passed on. */
const MAX_MESSAGE = 2000;

/** What comes out differently when a job is tried again, perhaps by another worker. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['io', 'not-found', 'internal', 'interrupted']);

/** Whether trying a job again could help. */
export function isPassing(thrown: unknown): boolean {
  return !(thrown instanceof BnnqError) || PASSING.has(thrown.code);
}

/** What a worker tells of a failure: its code and its message. */
export function failureText(thrown: unknown): string {
  const code = thrown instanceof BnnqError ? thrown.code : 'internal';
  return `${code}: ${hideSecrets(messageOf(thrown))}`.slice(0, MAX_MESSAGE);
}

/** The failure that a job ended in, of which only the message is known. Its point fails, nothing else. */
export function failureOf(reason: string | undefined): BnnqError {
  const [, message = reason] = /^[a-z-]+: (.*)$/s.exec(reason ?? '') ?? [];
  if (/(stalled|started) more than allowable limit/i.test(reason ?? ''))
    return new BnnqError('unsupported', `workers ended again and again while they were at it (${reason})`);
  return new BnnqError('unsupported', (message ?? 'a worker failed').slice(0, MAX_MESSAGE));
}
