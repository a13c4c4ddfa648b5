import { extname } from 'node:path';
import { Command, Option } from 'commander';
import {
  checkWritable,
  SCHEME_NAMES,
  SENSITIVITY_FILES,
  type SensitivityReport,
  sensitivity,
  writeFileAtomically,
} from '../../src/index.ts';
import { commandLine } from '../command-line.ts';
import { EXIT, usageError } from '../exit.ts';
import { interruptible } from '../interrupt.ts';
import { type ModelOptions, openModel, withModelOptions } from '../model-options.ts';
import {
  type CommonOptions,
  parseBits,
  parseCount,
  parseGranularities,
  parseList,
  withCommonOptions,
} from '../options.ts';
import { type FitChoices, schemeHelp, withFitOptions } from '../quantize-options.ts';
import { sensitivityText } from '../sensitivity-text.ts';
import { printText } from '../terminal/output.ts';
import { startProgress } from '../terminal/progress.ts';

interface SensitivityCommandOptions extends CommonOptions, FitChoices, ModelOptions {
  readonly calib: string;
  readonly calibSamples?: number;
  readonly preprocess?: string;
  readonly scoreOutput?: string;
  readonly measure?: 'kl' | 'mse';
  readonly kernels?: 'reference' | 'simd' | 'auto';
  readonly schemes: string[];
  readonly bits: number[];
  readonly granularity: string[];
  readonly output?: string;
  readonly force?: boolean;
}

export function sensitivityCommand(): Command {
  const command = new Command('sensitivity')
    .summary('what discretizing each layer alone costs')
    .description(
      'Discretizes one layer at a time, all others in float, with every scheme and width, and measures how far the outputs move: the divergence of the probabilities, or the squared difference where the network does not classify or is sure of all answers. Labels are not needed, and not looked at.',
    )
    .argument('<model>', 'float model: .onnx, .h5, .keras or model.json (TensorFlow.js layers)')
    .addOption(
      new Option(
        '--calib <dataset>',
        'images to measure on; kinds: see bnn-quantize --help',
      ).makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--calib-samples <n>',
        'images, from all over the dataset (default: 64, fewer for large networks)',
      ).argParser(parseCount(1)),
    )
    .addOption(
      new Option('--scheme, --schemes <names>', 'schemes with commas, see below')
        .argParser(parseList(SCHEME_NAMES))
        .default(['linear', 'exp'], 'linear,exp'),
    )
    .addOption(
      new Option('-b, --bits <widths>', 'bits a weight, 1 to 8: 3, 1-8 or 2,4')
        .argParser(parseBits)
        .default([2, 3, 4], '2-4'),
    )
    .addOption(
      new Option('-g, --granularity <what>', 'one level table a tensor, channel or group:N; with commas')
        .argParser(parseGranularities)
        .default(['channel'], 'channel'),
    )
    .option('-o, --output <file>', 'write the table: .html (drawn), .json, .csv or .md')
    .option('--force', 'overwrite an existing file')
    .option(
      '--preprocess <preset|file.json>',
      'torch, tf, caffe, unit, raw or a JSON file (default: torch for three channels, unit for one)',
    )
    .option('--score-output <name>', 'output of the model to compare (default: the first)')
    .addOption(
      new Option(
        '--measure <name>',
        'kl: divergence of the probabilities, mse: squared difference of the outputs (default: kl for a vector of classes in doubt, else mse)',
      ).choices(['kl', 'mse']),
    )
    .addOption(
      new Option(
        '--kernels <set>',
        'auto takes simd where there is WebAssembly SIMD; all give the same bits',
      ).choices(['reference', 'simd', 'auto']),
    );
  withFitOptions(command);
  withCommonOptions(withModelOptions(command));
  return command
    .addHelpText(
      'after',
      `
Schemes:
${schemeHelp()}

Examples:
  $ bnn-quantize sensitivity model.onnx --calib imagefolder:train
  $ bnn-quantize sensitivity model.onnx --calib npz:calib.npz \\
      --schemes linear,exp,ternary --bits 1-6 -o sensitivity.html`,
    )
    .action(async (path: string, options: SensitivityCommandOptions) => {
      process.exitCode = await runSensitivity(path, options);
    });
}

async function runSensitivity(path: string, options: SensitivityCommandOptions): Promise<number> {
  const { output, quiet = false } = options;
  const write = output === undefined ? undefined : writerOf(output);
  if (output !== undefined) checkWritable(output, { force: options.force === true });
  const model = await openModel(path, options);
  const progress = startProgress('measuring', quiet);
  const { schemes, bits, granularity, fit, levels, zero = false, bases } = options;
  const report = await interruptible((signal) =>
    sensitivity(
      model,
      options.calib,
      {
        ...{ schemes, bits, granularities: granularity, fits: [fit], levels: [levels], zero: [zero], bases },
        include: options.include,
        exclude: options.exclude,
        preprocess: options.preprocess,
        images: options.calibSamples,
        output: options.scoreOutput,
        measure: options.measure,
        kernels: options.kernels,
        command: commandLine(),
      },
      {
        signal,
        onProgress: ({ share, done, total, layer }) =>
          progress.update(share, `${done}/${total} candidates of layers`, layer),
        onNote: (text) => progress.note(text),
      },
    ),
  ).finally(() => progress.stop());
  if (output !== undefined) writeFileAtomically(output, [write!(report)], { force: options.force === true });
  if (options.json) process.stdout.write(SENSITIVITY_FILES.json!(report));
  else printText(sensitivityText(report, output));
  return EXIT.done;
}

/** What a file is written as, by its ending. @throws usage */
function writerOf(file: string): (report: SensitivityReport) => string {
  const ending = extname(file).slice(1).toLowerCase();
  const write = Object.hasOwn(SENSITIVITY_FILES, ending) ? SENSITIVITY_FILES[ending] : undefined;
  if (write === undefined)
    throw usageError(
      `-o: expected a file that ends in .${Object.keys(SENSITIVITY_FILES).join(', .')}, got "${file}"`,
    );
  return write;
}
