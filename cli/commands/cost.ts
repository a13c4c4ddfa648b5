import { Command, Option } from 'commander';
import {
  type Granularity,
  type ModelCostOptions,
  modelCost,
  parseSize,
  SCHEME_NAMES,
} from '../../src/index.ts';
import { costText } from '../cost-text.ts';
import { usageError } from '../exit.ts';
import { MODEL_KINDS, type ModelOptions, openModel, withModelOptions } from '../model-options.ts';
import { type CommonOptions, collect, parseBits, parseGranularities, withCommonOptions } from '../options.ts';
import { printJson, printText } from '../terminal/output.ts';

interface CostCommandOptions extends CommonOptions, ModelOptions {
  readonly scheme?: string;
  readonly bits?: number[];
  readonly granularity?: string[];
  readonly actBits?: number[];
  readonly include?: string[];
  readonly exclude?: string[];
  readonly sram?: string;
  readonly weightsIn: 'dram' | 'sram';
  readonly shape?: readonly string[];
}

export function costCommand(): Command {
  const command = new Command('cost')
    .summary('operations, memory traffic and energy of one sample')
    .description(
      'Counts what one sample takes: operations by kind and width, bytes moved, and the energy of both in a 45 nm process, with the shares of binary, low-bit and float parts. Nothing is run. An estimate to compare settings with, not the measurement of a device.',
    )
    .argument('<model>', MODEL_KINDS)
    .optionsGroup('As if discretized (default: the model as it is):')
    .addOption(new Option('--scheme <name>', 'how weights would be discretized').choices(SCHEME_NAMES))
    .addOption(new Option('-b, --bits <width>', 'bits a weight, 1 to 8').argParser(parseBits))
    .addOption(
      new Option(
        '-g, --granularity <what>',
        'one level table a tensor, channel or group:N (default: channel)',
      ).argParser(parseGranularities),
    )
    .addOption(
      new Option(
        '--act-bits <width>',
        'bits of the inputs of layers, 1 to 8 (default: as they are)',
      ).argParser(parseBits),
    )
    .option('--include <glob>', 'discretize only weights or nodes of matching names; repeatable', collect)
    .option('--exclude <glob>', 'keep weights or nodes of matching names in float; repeatable', collect)
    .optionsGroup('Memory:')
    .option(
      '--sram <size>',
      'on-chip memory for activations, such as 64KB or 1MiB; what does not fit goes off-chip (default: as much as is needed)',
    )
    .addOption(
      new Option(
        '--weights-in <where>',
        'weights are read once a sample from off-chip memory, or stay on-chip',
      )
        .choices(['dram', 'sram'])
        .default('dram'),
    )
    .option(
      '--shape <name=dims>',
      'shape of an input that the model leaves open, such as x=1,3,224,224; repeatable',
      collect,
    );
  return withCommonOptions(withModelOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ bnn-quantize cost model.onnx
  $ bnn-quantize cost model.exp3.bnnq --sram 64KB
  $ bnn-quantize cost model.onnx --scheme linear --bits 4 --act-bits 8
  $ bnn-quantize cost detector.onnx --shape x=1,3,640,640 --json`,
    )
    .action(async (path: string, options: CostCommandOptions) => {
      const { sram, weightsIn, include, exclude, actBits } = options;
      const weights = weightsOf(options);
      const inputShapes = new Map((options.shape ?? []).map(parseShape));
      const model = await openModel(path, options);
      const cost = modelCost(model, {
        ...{ weights, include, exclude, weightsIn, inputShapes },
        ...{
          actBits: oneWidth('--act-bits', actBits),
          sramBytes: sram === undefined ? undefined : parseSize(sram),
        },
      });
      if (options.json) printJson({ model: path, ...cost });
      else printText(costText(cost));
    });
}

function weightsOf({ scheme, bits, granularity }: CostCommandOptions): ModelCostOptions['weights'] {
  if (scheme === undefined && bits === undefined) {
    if (granularity !== undefined) throw usageError('--granularity needs --scheme and --bits');
    return undefined;
  }
  const width = oneWidth('--bits', bits);
  if (scheme === undefined || width === undefined)
    throw usageError('--scheme and --bits go together: expected both, got one');
  if (granularity !== undefined && granularity.length > 1)
    throw usageError(`--granularity: expected one, got ${granularity.join(', ')}`);
  return { scheme, bits: width, granularity: granularity?.[0] as Granularity | undefined };
}

function oneWidth(option: string, widths: readonly number[] | undefined): number | undefined {
  if (widths !== undefined && widths.length > 1)
    throw usageError(`${option}: expected one width, got ${widths.join(', ')}`);
  return widths?.[0];
}

/** `x=1,3,224,224`. */
function parseShape(text: string): [string, number[]] {
  const match = /^(.+)=(\d+(?:,\d+)*)$/.exec(text);
  if (match === null)
    throw usageError(`--shape: expected a name and whole numbers such as x=1,3,224,224, got "${text}"`);
  return [match[1]!, match[2]!.split(',').map(Number)];
}
