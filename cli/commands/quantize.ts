import { statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import {
  type CalibrationBatches,
  type CalibrationSource,
  CodeSpool,
  checkWritable,
  type Dataset,
  discretize,
  inspectModel,
  LayerStore,
  type Model,
  notConverted,
  openCalibration,
  openDataset,
  packedSize,
  planWeights,
  type QuantizedTensor,
  recordedOptions,
  SCHEME_NAMES,
  SCHEMES,
  score,
  writePacked,
} from '../../src/index.ts';
import { type CalibrationOptions, calibrationOf, withCalibrationOptions } from '../calibration-options.ts';
import { type DataOptions, evaluateOptions, withDataOptions } from '../data-options.ts';
import { EXIT, usageError } from '../exit.ts';
import { checkGates, gateText, hasGates } from '../gates.ts';
import { interruptible } from '../interrupt.ts';
import { type ModelOptions, modelSource, openModel, withModelOptions } from '../model-options.ts';
import {
  type CommonOptions,
  type GateOptions,
  parseBits,
  parseGranularities,
  parseList,
  withCommonOptions,
  withGateOptions,
} from '../options.ts';
import { type FitChoices, schemeHelp, withFitOptions } from '../quantize-options.ts';
import { planText, type QuantizeResult, quantizeText } from '../quantize-text.ts';
import { grouped } from '../terminal/format.ts';
import { printJson, printText } from '../terminal/output.ts';
import { startProgress } from '../terminal/progress.ts';

interface QuantizeCommandOptions
  extends CommonOptions,
    GateOptions,
    DataOptions,
    CalibrationOptions,
    FitChoices,
    ModelOptions {
  readonly schemes: string[];
  readonly bits?: number[];
  readonly granularity: string[];
  readonly output?: string;
  readonly data?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** One file to be written: its settings, as `quantize` takes them, and its name. */
export interface Target {
  readonly scheme: string;
  readonly bits: number;
  readonly granularity: 'tensor' | 'channel' | `group:${number}`;
  readonly file: string;
}

/** Finished layers of a calibration lie beside the output, under its name with this behind it. */
const STORE_SUFFIX = '.calibration.jsonl';

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
        'which levels, see below; several with commas write several files',
      )
        .argParser(parseList(SCHEME_NAMES))
        .default(['exp'], 'exp'),
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
      'file to write, a folder for several (default: <model>.<scheme><bits>.bnnq here)',
    )
    .option('--force', 'overwrite an existing file')
    .option('--dry-run', 'say what would be done and write nothing')
    .option('--data <dataset>', 'measure the accuracy before and after on this');
  withFitOptions(command);
  withCalibrationOptions(command);
  withCommonOptions(withGateOptions(withDataOptions(withModelOptions(command))));
  return command
    .addHelpText(
      'after',
      `
Schemes:
${schemeHelp()}

Examples:
  $ bnn-quantize model.onnx --scheme exp --bits 3
  $ bnn-quantize model.onnx --scheme linear --bits 4 --exclude 'fc*' -o small.bnnq
  $ bnn-quantize model.onnx --bits 4 --data cifar10:test_batch.bin --limit 1000 --max-drop 2
  $ bnn-quantize model.onnx --scheme auto --bits 2 --calib imagefolder:train --calib-samples 512`,
    )
    .action(async (path: string, options: QuantizeCommandOptions) => {
      process.exitCode = await runQuantize(path, options);
    });
}

async function runQuantize(path: string, options: QuantizeCommandOptions): Promise<number> {
  if (hasGates(options) && options.data === undefined)
    throw usageError('--max-drop and --min-top1 measure accuracy: name a dataset with --data');
  const way = calibrationOf(options);
  if (way.actBits.length > 1)
    throw usageError('--act-bits: several widths are for sweep, quantize takes one');
  const targets = targetsOf(path, options);
  for (const { file } of targets) checkWritable(file, { force: options.force === true });
  const model = await openModel(path, options);
  if (options.dryRun) return dryRun(path, model, targets, options);
  const data = options.data === undefined ? undefined : await openDataset(options.data);
  const images = await openImages(model, options, way.calibration);
  const results: QuantizeResult[] = [];
  for (const target of targets) {
    const spool = new CodeSpool(dirname(target.file));
    results.push(
      await quantizeOne(path, model, target, options, data, images, spool).finally(() => spool.dispose()),
    );
  }
  const { sha256 = null, byteLength = null, format } = model.source;
  if (options.json)
    printJson({
      schema: 'bnn-quantize/quantize@1',
      model: { file: path, sha256, byteLength, format },
      outputs: results,
    });
  else printText(results.map((result) => quantizeText(result, options.quiet === true)).join('\n\n'));
  for (const { file, gates } of results) process.stderr.write(gateText(gates, file));
  return results.every(({ gates }) => gates.every(({ met }) => met)) ? EXIT.done : EXIT.gate;
}

async function quantizeOne(
  path: string,
  model: Model,
  target: Target,
  options: QuantizeCommandOptions,
  data: Dataset | undefined,
  images: CalibrationBatches | undefined,
  spool: CodeSpool,
): Promise<QuantizeResult> {
  const { scheme, bits, granularity, file } = target;
  const { fit, levels, bases, zero = false, include, exclude, actRange, seed, kernels } = options;
  const {
    method,
    repairs,
    actBits: [actBits],
  } = calibrationOf(options);
  const progress = startProgress(
    images === undefined ? 'discretizing' : 'calibrating',
    options.quiet === true,
  );
  const settings = { scheme, bits, granularity, fit, levels, bases, zero, method, repairs };
  const activations = typeof actBits === 'number' ? { actBits, actRange } : {};
  const keep = (weight: QuantizedTensor) => spool.keep(weight);
  const given = { ...settings, ...activations, include, exclude, seed };
  const store = images && new LayerStore(`${file}${STORE_SUFFIX}`, model, images, given);
  const done = await interruptible((signal) =>
    discretize(model, { ...given, kernels, keep }, images, {
      signal,
      store,
      onProgress: ({ fraction, layers, totalLayers, layer }) =>
        progress.update(fraction, totalLayers === 0 ? '' : `${layers}/${totalLayers} layers`, layer),
    }),
  ).finally(() => {
    progress.stop();
    store?.close();
  });
  if (done.layers.length === 0) throw nothingToDo(done.skipped);
  const scores = data && (await measure(path, done.model, data, options));
  const gates = scores === undefined ? [] : checkGates(options, scores, scores.float?.top1 ?? null);
  const { total, ...packed } = await writePacked(done.model, file, {
    force: options.force === true,
    options: recordedOptions({ ...settings, ...activations, seed, images }),
  });
  const weights = done.layers.reduce((sum, { count }) => sum + count, 0);
  return {
    file,
    ...settings,
    ...activations,
    calibration: images === undefined ? null : { spec: images.spec, count: images.count, seed },
    activations: done.activations,
    source: { file: path, byteLength: model.source.byteLength ?? null },
    weights,
    packedBytes: total,
    packed,
    bitsPerWeight: (8 * (packed.codes + packed.levels)) / weights,
    ratio: model.source.byteLength === undefined ? null : model.source.byteLength / total,
    layers: done.layers.map((layer) => ({
      ...layer,
      calibration: done.calibration.find(({ name }) => name === layer.name) ?? null,
      shape: done.model.graph.initializers.get(layer.name)!.shape,
    })),
    skipped: done.skipped,
    notConverted: notConverted(model),
    scores: scores ?? null,
    gates,
  };
}

async function openImages(
  model: Model,
  { preprocess, scoreOutput: output }: QuantizeCommandOptions,
  source: CalibrationSource | undefined,
): Promise<CalibrationBatches | undefined> {
  return source && openCalibration(model, source.data, { preprocess, output, samples: source.samples });
}

async function measure(path: string, packed: Model, data: Dataset, options: QuantizeCommandOptions) {
  const progress = startProgress('scoring', options.quiet === true);
  const against = await modelSource(path, options);
  return interruptible((signal) =>
    score(packed, data, {
      ...evaluateOptions(options),
      against,
      signal,
      onProgress: (images, total) => progress.update(images / total, `${images}/${total} images`),
      onNote: (text) => progress.note(text),
    }),
  ).finally(() => progress.stop());
}

/** What would be written. @throws usage where one name would have to do for several files */
function targetsOf(path: string, options: QuantizeCommandOptions): Target[] {
  const settings = options.schemes.flatMap((scheme) =>
    widthsOf(scheme, options.bits).flatMap((bits) =>
      options.granularity.map((granularity) => ({
        scheme,
        bits,
        granularity: granularity as Target['granularity'],
      })),
    ),
  );
  const several = settings.length > 1;
  const folder =
    options.output !== undefined && statSync(options.output, { throwIfNoEntry: false })?.isDirectory();
  if (several && options.output !== undefined && !folder)
    throw usageError(
      `${settings.length} files would be written: -o must name a folder that exists, got "${options.output}"`,
    );
  const stem = basename(path).replace(/(\.weights)?\.(onnx|bnnq|h5|hdf5|keras|json)$/i, '');
  return settings.map(({ scheme, bits, granularity }) => {
    const part = options.granularity.length > 1 ? `.${granularity.replace(':', '')}` : '';
    const name = `${stem}.${scheme}${bits}${part}.bnnq`;
    const file = folder ? join(options.output!, name) : (options.output ?? name);
    return { scheme, bits, granularity, file };
  });
}

/** The widths asked for; of a scheme that has only one, that one where nothing was asked for. */
function widthsOf(name: string, asked: readonly number[] | undefined): readonly number[] {
  const { from, to } = SCHEMES.find((scheme) => scheme.name === name)!.bits;
  return asked ?? [Math.min(Math.max(DEFAULT_BITS, from), to)];
}

async function dryRun(
  path: string,
  model: Model,
  targets: readonly Target[],
  options: QuantizeCommandOptions,
): Promise<number> {
  const { chosen, skipped } = planWeights(model, { include: options.include, exclude: options.exclude });
  if (chosen.length === 0) throw nothingToDo(skipped);
  const lowBit = new Map((await inspectModel(model)).lowBit.map((one) => [one.name, one]));
  const weights = chosen.map(({ name, count, shape }) => {
    const { bits = null, always = false } = lowBit.get(name) ?? {};
    return { name, count, shape, bits, always };
  });
  const files = targets.map((target) => ({
    ...target,
    codeBytes: weights.reduce((sum, { count, bits, always }) => {
      const isKept = bits !== null && (always || bits <= target.bits);
      return sum + Math.ceil((count * (isKept ? bits : target.bits)) / 8);
    }, 0),
  }));
  if (options.json)
    printJson({
      dryRun: true,
      model: path,
      floatBytes: packedSize(model).total,
      outputs: files,
      weights,
      skipped,
    });
  else printText(planText(path, files, weights, skipped));
  return EXIT.done;
}

function nothingToDo(skipped: readonly { readonly name: string; readonly reason: string }[]): Error {
  const reasons = skipped.slice(0, 5).map(({ name, reason }) => `"${name}": ${reason}`);
  return usageError(
    `the model has no weights to discretize${reasons.length > 0 ? ` (${reasons.join('; ')})` : ''}`,
  );
}
