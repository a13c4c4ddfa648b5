import { type Command, InvalidArgumentError, Option } from 'commander';
import { BnnqError, parseSize } from '../src/index.ts';

const MAX_BITS = 8;

/** `3`, `1-8`, `2,4`, `1-3,8` as ascending widths without repetition. */
export function parseBits(text: string): number[] {
  const widths = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^\s*(\d+)(?:\s*-\s*(\d+))?\s*$/.exec(part);
    const [low, high] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (match === null || low < 1 || high > MAX_BITS || low > high)
      throw new InvalidArgumentError(
        `expected whole numbers from 1 to ${MAX_BITS} such as 3, 1-8 or 2,4, got "${text}"`,
      );
    for (let bits = low; bits <= high; bits++) widths.add(bits);
  }
  return [...widths].toSorted((a, b) => a - b);
}

/** `a,b,c` as a list without repetition; every item must be one of `known` where that is given. */
export function parseList(known?: readonly string[]): (text: string) => string[] {
  return (text) => {
    const items = [...new Set(text.split(',').map((item) => item.trim()))];
    for (const item of items)
      if (item === '' || (known !== undefined && !known.includes(item)))
        throw new InvalidArgumentError(
          known === undefined
            ? `expected names separated by commas, got "${text}"`
            : `expected ${known.join(', ')}, got "${item}"`,
        );
    return items;
  };
}

/** `tensor`, `channel` or `group:N`, or several of them with commas. */
export function parseGranularities(text: string): string[] {
  const items = parseList()(text);
  for (const item of items)
    if (!/^(tensor|channel|group:[1-9]\d*)$/.test(item))
      throw new InvalidArgumentError(`expected tensor, channel or group:N with N from 1 on, got "${item}"`);
  return items;
}

/** A whole number of at least `least`. */
export function parseCount(least: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < least)
      throw new InvalidArgumentError(`expected a whole number from ${least} on, got "${text}"`);
    return count;
  };
}

/** `2` or `2,4,8`: whole numbers of at least `least`. */
export function parseCounts(least: number): (text: string) => number[] {
  return (text) => text.split(',').map(parseCount(least));
}

/** Percentage points or a percentage, from 0 to 100. */
export function parsePercent(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 100))
    throw new InvalidArgumentError(`expected a number from 0 to 100, got "${text}"`);
  return value;
}

/** A size and how it was written. */
export interface AskedSize {
  readonly text: string;
  readonly bytes: number;
}

/** `1.2MB`, `800kB`, `1MiB` or a number of bytes. */
export function parseAskedSize(text: string): AskedSize {
  try {
    return { text: text.replaceAll(/\s/g, ''), bytes: parseSize(text) };
  } catch (thrown) {
    if (thrown instanceof BnnqError) throw new InvalidArgumentError(thrown.message.replace(/^size: /, ''));
    throw thrown;
  }
}

/** One more value of an option that may be given several times. */
export function collect(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text];
}

/** What every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
}

export function withCommonOptions(command: Command): Command {
  return command
    .optionsGroup('Messages:')
    .option('--json', 'print the result as one JSON object on stdout')
    .option('-q, --quiet', 'no progress and no remarks on stderr, errors only')
    .option('--debug', 'show the stack trace of an error');
}

/** The gates of quantize, score and sweep; export has the last. */
export interface GateOptions {
  readonly maxDrop?: number | undefined;
  readonly minTop1?: number | undefined;
  readonly maxSize?: AskedSize | undefined;
}

/** @param maxDrop what the first of them is, where it is more than a gate */
export function withGateOptions(
  command: Command,
  maxDrop = 'exit with 3 when top-1 falls by more than this against float',
): Command {
  command
    .optionsGroup('Gates:')
    .addOption(new Option('--max-drop <points>', maxDrop).argParser(parsePercent))
    .addOption(
      new Option('--min-top1 <percent>', 'exit with 3 when top-1 is below this').argParser(parsePercent),
    );
  return withSizeGate(command, 'exit with 3 when the packed file is larger than this');
}

/** @param description what is larger than the size when the gate is not met */
export function withSizeGate(command: Command, description: string): Command {
  return command
    .optionsGroup('Gates:')
    .addOption(
      new Option('--max-size <size>', `${description}: 1.2MB, 800kB, 1MiB`).argParser(parseAskedSize),
    );
}
