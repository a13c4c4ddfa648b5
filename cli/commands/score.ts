import { Command, Option } from 'commander';
import {
  type InspectedCodes,
  inspectModel,
  type ModelInspection,
  type ScoreResult,
  score,
} from '../../src/index.ts';
import { type DataOptions, evaluateOptions, withDataOptions } from '../data-options.ts';
import { EXIT, usageError } from '../exit.ts';
import { checkGates, gateText } from '../gates.ts';
import { interruptible } from '../interrupt.ts';
import { MODEL_KINDS, type ModelOptions, modelSource, withModelOptions } from '../model-options.ts';
import { type CommonOptions, type GateOptions, withCommonOptions, withGateOptions } from '../options.ts';
import { measuredScore } from '../publish/measured.ts';
import { checkPublishing, type PublishOptions, publish, withPublishOptions } from '../publish/publish.ts';
import { type CacheOptions, withCacheOptions } from '../records/records.ts';
import { recordedScore } from '../records/score-record.ts';
import { scoreText } from '../score-text.ts';
import { printable } from '../terminal/format.ts';
import { printJson, printText } from '../terminal/output.ts';
import { startProgress } from '../terminal/progress.ts';

interface ScoreCommandOptions
  extends CommonOptions,
    GateOptions,
    CacheOptions,
    PublishOptions,
    DataOptions,
    ModelOptions {
  readonly data: string;
  readonly against?: string;
}

export function scoreCommand(): Command {
  const command = new Command('score')
    .summary('accuracy of a model on a dataset')
    .description(
      'Accuracy of a float or discretized model on a dataset: top-1 and top-5 with Wilson 95 % intervals where there are labels, agreement, divergence and signal-to-noise where there is a float model to compare with.',
    )
    .argument('<model>', MODEL_KINDS)
    .addOption(
      new Option(
        '--data <dataset>',
        'what to score on; kinds: see bnn-quantize --help',
      ).makeOptionMandatory(),
    )
    .option('--against <model>', 'float model to compare with; without labels it is needed');
  withPublishOptions(withGateOptions(withDataOptions(withModelOptions(command))));
  withCommonOptions(
    withCacheOptions(
      command,
      'keep scores here, and take them from here when model, data and options are the same',
    ),
  );
  return command
    .addHelpText(
      'after',
      `
Examples:
  $ bnn-quantize score model.onnx --data cifar10:test_batch.bin
  $ bnn-quantize score model.exp3.bnnq --data imagefolder:val --limit 1000
  $ bnn-quantize score model.exp3.bnnq --data npz:val.npz \\
      --against model.onnx --max-drop 1 --json`,
    )
    .action(async (model: string, options: ScoreCommandOptions) => {
      process.exitCode = await runScore(model, options);
    });
}

async function runScore(model: string, options: ScoreCommandOptions): Promise<number> {
  if (options.maxDrop !== undefined && options.against === undefined)
    throw usageError('--max-drop compares with a float model: name it with --against');
  checkPublishing(options);
  const source = await modelSource(model, options);
  const inspection = await inspectModel(source);
  const about = settingsOf(inspection);
  const compute = (): Promise<ScoreResult> => {
    const progress = startProgress('scoring', options.quiet === true);
    return interruptible((signal) =>
      score(source, options.data, {
        ...evaluateOptions(options),
        ...(options.against !== undefined && { against: options.against }),
        signal,
        onProgress: (done, total) => progress.update(done / total, `${done}/${total} images`),
        onNote: (text) => progress.note(text),
      }),
    ).finally(() => progress.stop());
  };
  const result = await recordedScore(model, options, compute, () => {
    if (!options.quiet) process.stderr.write(`scored before, from ${printable(String(options.cache))}\n`);
  });
  const bytes = inspection.packed?.total ?? inspection.source.byteLength ?? 0;
  const gates = checkGates(options, { scores: result, floatTop1: result.float?.top1 ?? null, bytes });
  if (options.json) printJson({ model, ...about, ...result, ...(gates.length > 0 && { gates }) });
  else printText(scoreText(model, result));
  process.stderr.write(gateText(gates, model));
  const measuredModel = { file: model, sha256: inspection.source.sha256, bytes: inspection.fileBytes };
  const code = gates.every(({ met }) => met) ? EXIT.done : EXIT.gate;
  return publish(() => measuredScore(measuredModel, about, result, gates), options, [], code);
}

/** What a point of a report says of its settings, as far as the file tells; null for a float model and for mixed ones. */
function settingsOf({ discretized, packed }: ModelInspection): Record<string, string | number | null> {
  const shared = (of: (one: InspectedCodes) => string | number): string | number | null => {
    const values = new Set(discretized.map(of));
    return values.size === 1 ? [...values][0]! : null;
  };
  return {
    scheme: shared(({ scheme }) => scheme),
    bits: shared(({ bits }) => bits),
    granularity: shared(({ granularity }) => granularity),
    packedBytes: packed?.total ?? null,
  };
}
