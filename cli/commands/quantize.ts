import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { checkWritable, openDataset, SCHEME_NAMES, SCHEMES } from '../../src/index.ts';
import {
  ALLOCATION_HELP,
  type Goal,
  gatesBeside,
  goalOf,
  MAX_DROP_HELP,
  withAllocationOptions,
} from '../allocation-options.ts';
import { calibrationOf, REPAIR_HELP, withCalibrationOptions } from '../calibration-options.ts';
import { withDataOptions } from '../data-options.ts';
import { dryRun } from '../dry-run.ts';
import { EXIT, usageError } from '../exit.ts';
import { gateText, needsScores } from '../gates.ts';
import { openModel, withModelOptions } from '../model-options.ts';
import { parseBits, parseGranularities, parseList, withCommonOptions, withGateOptions } from '../options.ts';
import { measuredQuantize } from '../publish/measured.ts';
import { checkPublishing, publish, withPublishOptions } from '../publish/publish.ts';
import {
  openImages,
  type QuantizeCommandOptions,
  quantizeFile,
  stemOf,
  type Target,
} from '../quantize-file.ts';
import { schemeHelp, withFitOptions } from '../quantize-options.ts';
import { missedText, type QuantizeResult, quantizeText } from '../quantize-text.ts';
import { QuantizeRecords } from '../records/quantize-records.ts';
import { noteUpToDate, RECORDS_HELP, withCacheOptions } from '../records/records.ts';
import { printJson, printText } from '../terminal/output.ts';

/** Width where nothing is said: the smallest at which most networks stay within some points of float (docs/results). */
const DEFAULT_BITS = 4;

export function quantizeCommand(): Command {
  const command = new Command('quantize')
    .summary('write a k-bit packed model (the default command)')
    .description(
      'Discretizes the weights of convolutions, Gemm and MatMul, first and last layer included, and writes a packed file. Biases and BatchNormalization stay in float. With --data the accuracy before and after is measured, too.',
    )
    .argument('<model>', 'float model: .onnx, .h5, .keras or model.json (TensorFlow.js layers)')
    .addOption(
      new Option(
        '--scheme, --schemes <names>',
        'which levels, see below; several with commas write several files, or are what is chosen from (default: exp; auto with a target)',
      ).argParser(parseList(SCHEME_NAMES)),
    )
    .addOption(
      new Option(
        '-b, --bits <widths>',
        `bits a weight, 1 to 8: 3, 1-8 or 2,4 (default: ${DEFAULT_BITS}, ternary 2)`,
      ).argParser(parseBits),
    )
    .addOption(
      new Option('-g, --granularity <what>', 'one level table a tensor, channel or group:N of N weights')
        .argParser(parseGranularities)
        .default(['channel'], 'channel'),
    )
    .option(
      '-o, --output <file>',
      'file to write, a folder for several (default: <model>.<scheme><bits>.bnnq here, or <model>.auto<target>.bnnq)',
    )
    .option(
      '--compress',
      'store codes as Huffman codes, weight by weight where that is smaller: the same bits when read, by programs that know format 2 of the file. Targets count them uncompressed',
    )
    .option('--force', 'overwrite an existing file, also one that is up to date')
    .option('--dry-run', 'say what would be done and write nothing')
    .option('--data <dataset>', 'measure the accuracy before and after on this');
  withFitOptions(command);
  withAllocationOptions(withCalibrationOptions(command));
  withGateOptions(withDataOptions(withModelOptions(command)), MAX_DROP_HELP);
  withCommonOptions(withPublishOptions(withCacheOptions(command, RECORDS_HELP)));
  return command
    .addHelpText(
      'after',
      `
Schemes:
${schemeHelp()}

${REPAIR_HELP}

${ALLOCATION_HELP}

Examples:
  $ bnn-quantize model.onnx --scheme exp --bits 3
  $ bnn-quantize model.onnx --scheme linear --exclude 'fc*' -o small.bnnq
  $ bnn-quantize model.onnx --bits 4 --data cifar10:test_batch.bin --max-drop 2
  $ bnn-quantize model.onnx --scheme auto --bits 2 --calib imagefolder:train
  $ bnn-quantize model.onnx --target-size 1.2MB --calib imagefolder:train`,
    )
    .action(async (path: string, options: QuantizeCommandOptions) => {
      process.exitCode = await runQuantize(path, options);
    });
}

async function runQuantize(path: string, options: QuantizeCommandOptions): Promise<number> {
  const goal = goalOf(options);
  if (needsScores(gatesBeside(goal, options)) && options.data === undefined)
    throw usageError('--max-drop and --min-top1 measure accuracy: name a dataset with --data');
  if (calibrationOf(options).actBits.length > 1)
    throw usageError('--act-bits: several widths are for sweep, quantize takes one');
  const targets = goal === undefined ? targetsOf(path, options) : [targetFor(goal, path, options)];
  checkPublishing(options);
  const { force = false, quiet = false } = options;
  // Whether files that are there are what would be written is known later; without records they are in the way at once.
  for (const { file } of targets) checkWritable(file, { force: force || options.cache !== false });
  const model = await openModel(path, options);
  if (options.dryRun) return dryRun(path, model, targets, options);
  const data = options.data === undefined ? undefined : await openDataset(options.data);
  const images = await openImages(model, options);
  const material = { path, model, data, images, options };
  const outputs = await QuantizeRecords.open(material);
  const known: (QuantizeResult | undefined)[] = [];
  for (const target of targets) {
    const made = force ? undefined : await outputs.find(target);
    if (made === undefined) checkWritable(target.file, { force });
    else noteUpToDate(target.file, quiet);
    known.push(made);
  }
  const results: QuantizeResult[] = [];
  for (const [i, target] of targets.entries())
    results.push(known[i] ?? outputs.keep(target, await quantizeFile(material, target)));
  const { sha256 = null, byteLength = null, format } = model.source;
  if (options.json)
    printJson({
      schema: 'bnn-quantize/quantize@1',
      model: { file: path, sha256, byteLength, format },
      outputs: results,
    });
  else printText(results.map((result) => quantizeText(result, options.quiet === true)).join('\n\n'));
  for (const { file, gates, target: reached } of results)
    process.stderr.write(missedText(reached, file) + gateText(gates, file));
  const met = results.every(
    (result) => result.target?.met !== false && result.gates.every((gate) => gate.met),
  );
  const source = { file: path, sha256, bytes: byteLength };
  return publish(() => measuredQuantize(source, results), options, [], met ? EXIT.done : EXIT.gate);
}

/** What would be written. @throws usage where one name would have to do for several files */
function targetsOf(path: string, options: QuantizeCommandOptions): Target[] {
  const { schemes = ['exp'], bits: asked, granularity: granularities, output } = options;
  const settings = schemes.flatMap((scheme) =>
    widthsOf(scheme, asked).flatMap((bits) =>
      granularities.map((granularity) => ({ scheme, bits, granularity })),
    ),
  );
  if (settings.length > 1 && output !== undefined && !isFolder(output))
    throw usageError(
      `${settings.length} files would be written: -o must name a folder that exists, got "${output}"`,
    );
  return settings.map(({ scheme, bits, granularity }) => {
    const part = granularities.length > 1 ? `.${granularity.replace(':', '')}` : '';
    return { scheme, bits, granularity, file: fileOf(path, `${scheme}${bits}${part}`, output) };
  });
}

/** The one file that is written for a goal. */
function targetFor(goal: Goal, path: string, { output, granularity }: QuantizeCommandOptions): Target {
  const file = fileOf(path, goal.name, output);
  return { scheme: 'auto', bits: null, granularity: granularity.join(','), file, goal };
}

function fileOf(path: string, how: string, output: string | undefined): string {
  const name = `${stemOf(path)}.${how}.bnnq`;
  if (output === undefined) return name;
  return isFolder(output) ? join(output, name) : output;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The widths asked for; of a scheme that has only one, that one where nothing was asked for. */
function widthsOf(name: string, asked: readonly number[] | undefined): readonly number[] {
  const { from, to } = SCHEMES.find((scheme) => scheme.name === name)!.bits;
  return asked ?? [Math.min(Math.max(DEFAULT_BITS, from), to)];
}
