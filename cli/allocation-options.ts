import { type Command, InvalidArgumentError, Option } from 'commander';
import { usageError } from './exit.ts';
import { type AskedSize, type GateOptions, parseAskedSize } from './options.ts';

/** Bit allocation as quantize takes it. */
export interface AllocationOptions {
  readonly targetBits?: number;
  /** The file is called after its text. */
  readonly targetSize?: AskedSize;
}

/** What scheme and bits of each layer are chosen for. */
export interface Goal {
  readonly option: 'target-bits' | 'target-size' | 'max-drop';
  /** Bits a weight, bytes of the file, or percentage points. */
  readonly limit: number;
  /** The part of the file's name that says it. */
  readonly name: string;
}

export function withAllocationOptions(command: Command): Command {
  return command
    .optionsGroup('Targets (with --calib):')
    .addOption(
      new Option(
        '--target-bits <bits>',
        'choose scheme and bits by layer: so many bits a weight at most, levels included, such as 3.0',
      ).argParser(parseTargetBits),
    )
    .addOption(
      new Option(
        '--target-size <size>',
        'the same for a file of that size at most, all of it: 1.2MB, 800kB, 1MiB',
      ).argParser(parseAskedSize),
    );
}

/** How --max-drop reads where it may be more than a gate. */
export const MAX_DROP_HELP =
  'exit with 3 when top-1 falls by more than this against float; with --calib and no --bits it is a target, see below';

/** How bits are chosen, for the help; lines of 80 columns. */
export const ALLOCATION_HELP = `Targets:
  Every layer is discretized alone in every way, and what that does to the
  outputs is measured on the images of --calib (six ways a layer; the others
  lie between these); then each gets the scheme and bits with which the target
  is met and the outputs move least. Chosen from:
  --schemes, or those of auto; --bits, or widths around the target.
  --max-drop 1 (without --bits) finds the smallest network that loses so many
  points: of top-1 where --data has labels, else of answers that are the float
  network's, on --data or the images of --calib. It makes up to 8 networks by
  --method, so gptq takes 8 times as long as for one.
  Where a target cannot be met, the nearest is written, with exit code 3.`;

/**
 * What is to be chosen for; nothing where the bits are given.
 * @throws usage for two goals at once, and without images to measure layers on
 */
export function goalOf(
  options: AllocationOptions & {
    readonly bits?: readonly number[];
    readonly maxDrop?: number | undefined;
    readonly calib?: string;
  },
): Goal | undefined {
  const { targetBits, targetSize, maxDrop, bits, calib } = options;
  const asked: Goal[] = [];
  if (targetBits !== undefined)
    asked.push({ option: 'target-bits', limit: targetBits, name: `auto${withPoint(targetBits)}` });
  if (targetSize !== undefined)
    asked.push({ option: 'target-size', limit: targetSize.bytes, name: `auto${targetSize.text}` });
  if (maxDrop !== undefined && (bits === undefined || asked.length > 0))
    asked.push({ option: 'max-drop', limit: maxDrop, name: `auto-drop${maxDrop}` });
  const names = asked.map(({ option }) => `--${option}`);
  if (asked.length > 1) throw usageError(`${names.join(' and ')} exclude each other: take one of them`);
  if (asked.length > 0 && calib === undefined)
    throw usageError(
      maxDrop === undefined
        ? `${names[0]} measures every layer on images: name some with --calib`
        : '--max-drop without --bits chooses the bits of every layer on images: name some with --calib; with --bits it is a gate',
    );
  return asked[0];
}

/** The gates that are left beside a goal: --max-drop may be one or the other. */
export function gatesBeside(goal: Goal | undefined, gates: GateOptions): GateOptions {
  return goal?.option === 'max-drop' ? { ...gates, maxDrop: undefined } : gates;
}

/** `3.0` for 3, so that it does not read as a width. */
function withPoint(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

function parseTargetBits(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !(value >= 1 && value <= 8))
    throw new InvalidArgumentError(`expected bits a weight from 1 to 8 such as 3.0, got "${text}"`);
  return value;
}
