import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import {
  contentFingerprint,
  type MeasuredSensitivity,
  openDataset,
  type PointRange,
  pointsOf,
  type Report,
  readPreprocess,
  readSensitivity,
  reportFiles,
  reportJson,
  SCHEME_NAMES,
  type SweepOptions,
  type SweepProgress,
  sweep,
  writeFileAtomically,
} from '../../src/index.ts';
import {
  type CalibrationOptions,
  calibrationOf,
  REPAIR_HELP,
  withCalibrationOptions,
} from '../calibration-options.ts';
import { commandLine } from '../command-line.ts';
import { type DataOptions, evaluateOptions, withDataOptions } from '../data-options.ts';
import { EXIT, usageError } from '../exit.ts';
import { finishable } from '../interrupt.ts';
import { type ModelOptions, openModel, withModelOptions } from '../model-options.ts';
import {
  type CommonOptions,
  type GateOptions,
  parseBits,
  parseGranularities,
  parseList,
  withCommonOptions,
  withGateOptions,
} from '../options.ts';
import { measuredSweep } from '../publish/measured.ts';
import { checkPublishing, type PublishOptions, publish, withPublishOptions } from '../publish/publish.ts';
import { type FitChoices, schemeHelp, withFitOptions } from '../quantize-options.ts';
import { type SubmitCommandOptions, submitOptions, withSubmitOptions } from '../queue-options.ts';
import { modelIdentity, noteUpToDate } from '../records/records.ts';
import { finishedReport, openSweepFolder } from '../sweep-folder.ts';
import { sweepGates } from '../sweep-gates.ts';
import { sweepSoFar } from '../sweep-live.ts';
import { pointName } from '../sweep-points.ts';
import { sweepText } from '../sweep-text.ts';
import { fixed, plural, printable } from '../terminal/format.ts';
import { printJson, printText } from '../terminal/output.ts';
import { startProgress } from '../terminal/progress.ts';

interface SweepCommandOptions
  extends CommonOptions,
    GateOptions,
    DataOptions,
    CalibrationOptions,
    FitChoices,
    PublishOptions,
    ModelOptions,
    SubmitCommandOptions {
  readonly schemes: string[];
  readonly bits: number[];
  readonly granularity: string[];
  readonly data: string;
  readonly output: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly sensitivity?: string;
}

export function sweepCommand(): Command {
  const command = new Command('sweep')
    .summary('accuracy of every scheme, width and granularity')
    .description(
      'Tries every combination of schemes, widths and granularities and scores each against the float model. Writes report.json, report.csv, report.md and report.html. What is finished is kept: after an interruption the same command goes on from there. Without labels it reports agreement with the float model.',
    )
    .argument('<model>', 'float model: .onnx, .h5, .keras or model.json (TensorFlow.js layers)')
    .addOption(
      new Option(
        '--data <dataset>',
        'what to score on; kinds: see bnn-quantize --help',
      ).makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '-o, --output <folder>',
        'folder of the report and of what is finished',
      ).makeOptionMandatory(),
    )
    .addOption(
      new Option('--scheme, --schemes <names>', 'schemes with commas, see below')
        .argParser(parseList(SCHEME_NAMES))
        .default(['binary', 'linear', 'exp'], 'binary,linear,exp'),
    )
    .addOption(
      new Option('-b, --bits <widths>', 'bits a weight, 1 to 8: 3, 1-8 or 2,4')
        .argParser(parseBits)
        .default([1, 2, 3, 4, 5, 6, 7, 8], '1-8'),
    )
    .addOption(
      new Option('-g, --granularity <what>', 'one level table a tensor, channel or group:N; with commas')
        .argParser(parseGranularities)
        .default(['channel'], 'channel'),
    )
    .option(
      '--sensitivity <file.json>',
      'show the losses of single layers that sensitivity -o measured (default: sensitivity.json in the folder)',
    )
    .option('--force', 'replace the report of another sweep in the folder')
    .option('--dry-run', 'say which points would be tried and write nothing');
  withFitOptions(command);
  withCalibrationOptions(command);
  withSubmitOptions(command);
  withGateOptions(withDataOptions(withModelOptions(command)));
  withCommonOptions(withPublishOptions(command));
  return command
    .addHelpText(
      'after',
      `
A gate holds for a sweep when at least one of its points meets it.

Schemes:
${schemeHelp()}

${REPAIR_HELP}

Examples:
  $ bnn-quantize sweep model.onnx --data cifar10:test_batch.bin -o report
  $ bnn-quantize sweep model.onnx --data imagefolder:val --preprocess torch \\
      --schemes linear,exp --bits 3-6 --granularity tensor,channel -o report
  $ bnn-quantize sweep model.onnx --data imagefolder:val \\
      --calib imagefolder:train --schemes exp,auto -o report
  $ bnn-quantize sweep model.onnx --data npz:val.npz --max-drop 1 -o report
  $ bnn-quantize sweep model.onnx --data npz:val.npz -o report \\
      --queue redis://queue.lan --store /mnt/shared/bnnq`,
    )
    .action(async (path: string, options: SweepCommandOptions) => {
      process.exitCode = await runSweep(path, options);
    });
}

async function runSweep(path: string, options: SweepCommandOptions): Promise<number> {
  const { output: out, quiet = false } = options;
  const { calibration, ...range } = rangeOf(options);
  const { points, left } = pointsOf(range);
  const queue = submitOptions(options);
  if (options.dryRun) return dryRun(path, points, left, options);
  checkPublishing(options);
  // The model and the data are opened here as well, so that a folder of another sweep is refused before any work.
  const [model, dataset] = [await openModel(path, options), await openDataset(options.data)];
  const images = calibration && { ...calibration, data: await openDataset(calibration.data as string) };
  const measured = sensitivityOf(options, model.source.sha256);
  const folder = openSweepFolder(out, options.force === true, {
    model: modelIdentity(model).join(' '),
    data: await contentFingerprint(dataset, { limit: options.limit }),
    settings: {
      ...evaluateOptions(options),
      preprocess: options.preprocess && readPreprocess(options.preprocess),
      threads: undefined,
      kernels: undefined,
      include: options.include,
      exclude: options.exclude,
      calibration: images && {
        ...calibration,
        data: await contentFingerprint(images.data, { evenly: images.samples }),
      },
      points: points.map((point) => Object.values(point).join('/')),
    },
  });
  const finished = options.force ? undefined : finishedReport(out, folder.isSame, points.length, measured);
  if (finished !== undefined) {
    noteUpToDate(join(out, 'report.json'), quiet);
    return finish(finished, options);
  }
  let soFar: Pick<SweepProgress, 'results' | 'float'> = { results: [] };
  const progress = startProgress('sweeping', quiet, (room) => sweepSoFar(points, soFar, room));
  let resumed = 0;
  const onFinish = (): void =>
    progress.note('interrupted: what is in work is finished and kept; once more stops at once');
  const report = await finishable(onFinish, (signal, finish) =>
    sweep(
      options.architecture === undefined ? path : model,
      dataset,
      {
        ...range,
        ...evaluateOptions(options),
        ...(images && { calibration: images }),
        ...(options.include && { include: options.include }),
        ...(options.exclude && { exclude: options.exclude }),
        ...(measured && { sensitivity: measured }),
        out,
        command: commandLine(),
        ...(queue && { queue }),
        signal,
        finish,
        onNote: (text) => progress.note(text),
      },
      (state) => {
        folder.claim();
        soFar = state;
        if (state.resumed > resumed)
          progress.note(
            `going on: ${state.resumed} of ${plural(state.totalPoints, 'point')} were finished before`,
          );
        resumed = state.resumed;
        progress.update(fractionOf(state), `${state.points}/${state.totalPoints} points`, detailOf(state));
      },
    ),
  ).finally(() => progress.stop());
  folder.claim();
  for (const [name, text] of reportFiles(report))
    writeFileAtomically(join(out, name), [text], { force: true });
  return finish(report, options);
}

/** What is done with a report that is written. */
function finish(report: Report, options: SweepCommandOptions): Promise<number> {
  if (options.json) process.stdout.write(reportJson(report));
  else printText(sweepText(report, options.output));
  const files = [...reportFiles(report).keys()].map((name) => join(options.output, name));
  return publish(() => measuredSweep(report, options), options, files, sweepGates(report, options));
}

/**
 * Measured losses of the layers of this model: those asked for, or those beside the report where they are of this model.
 * @throws usage where those asked for are of another model
 */
function sensitivityOf(
  { sensitivity: path, output }: SweepCommandOptions,
  sha256: string | undefined,
): MeasuredSensitivity | undefined {
  const beside = join(output, 'sensitivity.json');
  if (path === undefined && !existsSync(beside)) return undefined;
  const found = readSensitivity(path ?? beside);
  if (found.sha256 === sha256) return found.sensitivity;
  if (path === undefined) return undefined;
  throw usageError(
    `--sensitivity: "${path}" was measured on the model ${found.sha256.slice(0, 12)}…, this one is ${sha256?.slice(0, 12)}…`,
  );
}

function rangeOf(options: SweepCommandOptions): PointRange & Pick<SweepOptions, 'calibration'> {
  const { schemes, bits, granularity, fit, levels, zero = false, bases, actRange } = options;
  const { calibration, method, repairs, ridge, actBits } = calibrationOf(options);
  return {
    ...{ schemes, bits, granularities: granularity, fits: [fit], levels: [levels], zero: [zero], bases },
    ...{ methods: [method], repairs, ridge, actBits, actRange },
    ...(calibration && { calibration }),
  };
}

function fractionOf({ images, totalImages }: SweepProgress): number {
  return totalImages === 0 ? 1 : images / totalImages;
}

/** The point that has just been finished. */
function detailOf({ finished }: SweepProgress): string | undefined {
  return finished && `${pointName(finished)}: ${fixed(finished.top1 ?? finished.agreement, 2)} %`;
}

function dryRun(
  path: string,
  points: ReturnType<typeof pointsOf>['points'],
  left: readonly string[],
  options: SweepCommandOptions,
): number {
  if (options.json)
    printJson({ dryRun: true, model: path, data: options.data, output: options.output, points, left });
  else
    printText(
      [
        ...points.map((point) => `would try ${pointName(point)}`),
        ...left.map((reason) => `left out: ${reason}`),
        `${plural(points.length, 'point')} of ${printable(path)} on ${printable(options.data)}, report in ${printable(options.output)}`,
        'nothing was written (--dry-run)',
      ].join('\n'),
    );
  return EXIT.done;
}
