import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  ACTIVATION_RANGES,
  type ActivationRange,
  type CalibrationSource,
  METHODS,
  type Method,
  REPAIRS,
  REPAIRS_WITH_IMAGES,
  type Repair,
  rangeConflict,
  repairConflict,
} from '../src/index.ts';
import { usageError } from './exit.ts';
import { parseCount, parseList } from './options.ts';

/** Calibration as quantize and sweep take it. */
export interface CalibrationOptions {
  readonly calib?: string;
  readonly calibSamples?: number;
  readonly method?: Method;
  readonly repair?: readonly Repair[];
  readonly ridge?: number;
  readonly actBits?: readonly (number | null)[];
  readonly actRange: ActivationRange;
  readonly seed: number;
}

/** The repairs, for the help. */
export const REPAIR_HELP = `Repairs:
  equalize    before anything, scales weights of layers that follow each other
              alike; helps where a layer has one level table
  bias        gives outputs of layers the means that they have in float; without
              --calib as the statistics of BatchNormalization tell
  batch-norm  gives them means and variances of float (needs --calib)
  scale       gives them the least squared difference from float (needs --calib)
  auto        batch-norm for layers of one and two bits, bias for others`;

export function withCalibrationOptions(command: Command): Command {
  return command
    .optionsGroup('Calibration:')
    .option('--calib <dataset>', 'images to fit the weights with; labels are not looked at')
    .addOption(
      new Option(
        '--calib-samples <n>',
        'so many of them, from all over the dataset (default: all)',
      ).argParser(parseCount(1)),
    )
    .addOption(
      new Option(
        '--method <name>',
        'rtn: every weight to its nearest level; weighted: levels fitted for what layers are fed; gptq: the errors of a layer make up for each other, which is the default with --calib',
      ).choices([...METHODS]),
    )
    .addOption(
      new Option(
        '--repair <names>',
        'what is done around layers, see below; several with commas, or none (default: auto with --calib)',
      ).argParser(parseRepairs),
    )
    .addOption(
      new Option(
        '--ridge <part>',
        'of gptq: part of the second moment of each input that is added to it, from 0 on; the more, the less inputs count together (default: what is best on images that a layer was not fitted to)',
      ).argParser(parseRidge),
    )
    .addOption(
      new Option(
        '--act-bits <widths>',
        'bits of what layers are fed, 1 to 8 or float; the first layer keeps 8; needs --calib, or --act-range dynamic (default: float)',
      ).argParser(parseActBits),
    )
    .addOption(
      new Option(
        '--act-range <rule>',
        'how the range of those values is found; dynamic: in every run, for 8 bits, which needs no --calib',
      )
        .choices([...ACTIVATION_RANGES])
        .default('mse'),
    )
    .addOption(
      new Option('--seed <n>', 'chooses the positions of images that are looked at')
        .argParser(parseCount(0))
        .default(0),
    );
}

/** What the options mean, the defaults filled in. @throws usage for what needs images where there are none */
export function calibrationOf(options: CalibrationOptions): {
  readonly calibration: CalibrationSource | undefined;
  readonly method: Method;
  readonly repairs: readonly Repair[];
  readonly ridge: number | undefined;
  readonly actBits: readonly (number | null)[];
} {
  const { calib, calibSamples, seed, ridge, actBits = [null], actRange } = options;
  const misfits = actBits.flatMap((bits) => (bits !== null && rangeConflict(actRange, bits)) || []);
  if (misfits.length > 0) throw usageError(`--act-bits, --act-range: ${misfits.join('; ')}`);
  const hasImages = calib !== undefined;
  const { method = hasImages ? 'gptq' : 'rtn', repair = hasImages ? ['auto'] : [] } = options;
  if (!hasImages) {
    const needs: string[] = [];
    if (method !== 'rtn') needs.push(`--method ${method}`);
    for (const name of REPAIRS_WITH_IMAGES) if (repair.includes(name)) needs.push(`--repair ${name}`);
    const isFitted = actRange !== 'dynamic' && actBits.some((bits) => bits !== null);
    if (isFitted) needs.push('--act-bits');
    if (ridge !== undefined) needs.push('--ridge');
    if (calibSamples !== undefined) needs.push('--calib-samples');
    const wayOut = isFitted ? ' (--act-bits 8 --act-range dynamic needs none)' : '';
    if (needs.length > 0)
      throw usageError(`${needs.join(', ')}: name calibration images with --calib${wayOut}`);
  }
  if (ridge !== undefined && method !== 'gptq')
    throw usageError(`--ridge is of --method gptq, not of ${method}`);
  const calibration = hasImages
    ? {
        data: calib,
        seed,
        ...(calibSamples !== undefined && { samples: calibSamples }),
      }
    : undefined;
  return { calibration, method, repairs: repair, ridge, actBits };
}

function parseRepairs(text: string): readonly Repair[] {
  if (text === 'none') return [];
  const repairs = parseList([...REPAIRS, 'none'])(text) as Repair[];
  if ((repairs as string[]).includes('none'))
    throw new InvalidArgumentError(`expected none or names of repairs, got "${text}"`);
  const conflict = repairConflict(repairs);
  if (conflict !== undefined) throw new InvalidArgumentError(conflict);
  return repairs;
}

/** A number from 0 on, or what stands for none. */
function parseRidge(text: string): number {
  const value = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || !Number.isFinite(value))
    throw new InvalidArgumentError(`expected a number from 0 on such as 0.1, got "${text}"`);
  return value;
}

/** `float`, `8`, `4,8`, `1-8` or a mixture; null stands for float. */
function parseActBits(text: string): readonly (number | null)[] {
  const widths = new Set<number | null>();
  for (const part of text.split(',').map((one) => one.trim())) {
    if (part === 'float') {
      widths.add(null);
      continue;
    }
    const match = /^([1-8])(?:-([1-8]))?$/.exec(part);
    const [low, high] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (match === null || low > high)
      throw new InvalidArgumentError(
        `expected widths from 1 to 8 or float, such as 8 or 4,8,float, got "${text}"`,
      );
    for (let bits = low; bits <= high; bits++) widths.add(bits);
  }
  return [...widths];
}
