import { type Command, Option } from 'commander';
import { parseCount } from './options.ts';

/** How a dataset is fed, as quantize, score and sweep take it. */
export interface DataOptions {
  readonly preprocess?: string;
  readonly labelOffset?: number;
  readonly limit?: number;
  readonly scoreOutput?: string;
  readonly threads?: number;
  readonly kernels?: 'reference' | 'simd' | 'auto';
}

export function withDataOptions(command: Command): Command {
  return command
    .optionsGroup('Data and scoring:')
    .option(
      '--preprocess <preset|file.json>',
      'torch, tf, caffe, unit, raw or a JSON file (default: torch for three channels, unit for one)',
    )
    .addOption(
      new Option('--label-offset <n>', 'added to a label: 1 where class 0 is background').argParser(
        parseCount(0),
      ),
    )
    .addOption(
      new Option('--limit <n>', 'the first so many samples only (default: all)').argParser(parseCount(1)),
    )
    .option('--score-output <name>', 'output of the model to score (default: the first)')
    .addOption(new Option('--threads <n>', 'worker threads (default: all cores)').argParser(parseCount(1)))
    .addOption(
      new Option(
        '--kernels <set>',
        'auto takes simd where there is WebAssembly SIMD; all give the same bits',
      ).choices(['reference', 'simd', 'auto']),
    );
}

/** The options as the API takes them; what was not given is left to its defaults. */
export function evaluateOptions(options: DataOptions): {
  preprocess?: string;
  labelOffset?: number;
  limit?: number;
  output?: string;
  threads?: number;
  kernels?: 'reference' | 'simd' | 'auto';
} {
  const { preprocess, labelOffset, limit, scoreOutput, threads, kernels } = options;
  return {
    ...(preprocess !== undefined && { preprocess }),
    ...(labelOffset !== undefined && { labelOffset }),
    ...(limit !== undefined && { limit }),
    ...(scoreOutput !== undefined && { output: scoreOutput }),
    ...(threads !== undefined && { threads }),
    ...(kernels !== undefined && { kernels }),
  };
}
