/**
 * The closed set of error codes. `usage` and `option` are the caller's mistakes (exit code 2), `interrupted` is a signal
 * (130); all the others are failures (1).
 */
export type ErrorCode =
  | 'usage'
  | 'option'
  | 'not-found'
  | 'exists'
  | 'io'
  | 'malformed'
  | 'limit'
  | 'unsupported'
  | 'weight'
  | 'dataset'
  | 'mismatch'
  | 'interrupted'
  | 'internal';

/** Where it went wrong; every coordinate that is known. */
export interface ErrorPlace {
  file?: string;
  node?: string;
  tensor?: string;
  /** Byte offset in the file. */
  offset?: number;
}

/**
 * The one error class. `message` is a sentence with the coordinates and both numbers, such as
 * `onnx: initializer "conv1.weight": raw_data has 35 bytes, shape [3,3] of FLOAT needs 36`.
 */
export class BnnqError extends Error {
  readonly code: ErrorCode;
  readonly at: ErrorPlace;

  constructor(code: ErrorCode, message: string, at: ErrorPlace = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'BnnqError';
    this.code = code;
    this.at = at;
  }
}

/** Throws one error for all the problems found, a line each; returns when there are none. */
export function throwIfAny(problems: readonly BnnqError[]): void {
  const first = problems[0];
  if (first === undefined) return;
  if (problems.length === 1) throw first;
  const lines = problems.map((problem) => `  ${problem.message}`);
  throw new BnnqError(first.code, `${problems.length} problems:\n${lines.join('\n')}`, first.at, first);
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
