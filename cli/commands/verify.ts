import { Command, Option } from 'commander';
import { verifyModel } from '../../src/index.ts';
import { EXIT } from '../exit.ts';
import { MODEL_KINDS, type ModelOptions, openModel, withModelOptions } from '../model-options.ts';
import { type CommonOptions, parseCount, parseCounts, withCommonOptions } from '../options.ts';
import { grouped, plural, printable } from '../terminal/format.ts';
import { printJson, printText } from '../terminal/output.ts';

interface VerifyCommandOptions extends CommonOptions, ModelOptions {
  readonly seed: number;
  readonly outputsOnly?: boolean;
  readonly threads?: number[];
}

export function verifyCommand(): Command {
  const command = new Command('verify')
    .summary('compare reference and fast kernels bit for bit')
    .description(
      'Runs a model on made-up input with the reference kernels, and with the WebAssembly SIMD kernels on one thread and on several, and compares every value that is left after fusing, bit for bit. Exit code 1 when any differs.',
    )
    .argument('<model>', MODEL_KINDS)
    .addOption(new Option('--seed <n>', 'which input is made up').argParser(parseCount(0)).default(1))
    .option('--outputs-only', 'compare the outputs of the model alone')
    .addOption(
      new Option('--threads <n,…>', 'numbers of threads to compare besides one (default: 2,3)').argParser(
        parseCounts(1),
      ),
    );
  return withCommonOptions(withModelOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ bnn-quantize verify model.exp3.bnnq
  $ bnn-quantize verify model.onnx --seed 7 --outputs-only
  $ bnn-quantize verify model.onnx --threads 2,4,8`,
    )
    .action(async (path: string, options: VerifyCommandOptions) => {
      const model = await openModel(path, options);
      const everyValue = options.outputsOnly !== true;
      const result = verifyModel(model, {
        seed: options.seed,
        everyValue,
        ...(options.threads !== undefined && { threads: options.threads }),
      });
      const { equal, threads, values, comparedElements, differentElements, firstDifference } = result;
      const sets = `simd kernels on ${threads.join(', ')} ${threads.length > 1 ? 'threads' : 'thread'}`;
      const compared = `${grouped(comparedElements)} numbers in ${plural(values.length, 'value')}${everyValue ? '' : ' (outputs only)'}, input of seed ${options.seed}`;
      if (options.json) printJson({ model: path, seed: options.seed, ...result });
      else if (equal)
        printText(`${printable(path)}: reference kernels and ${sets} agree bit for bit: ${compared}`);
      else
        printText(
          `${printable(path)}: reference kernels against ${sets}: ${plural(differentElements, 'difference')} in ${compared}; first with ${plural(firstDifference!.threads, 'thread')} in "${printable(firstDifference!.value)}" at ${firstDifference!.index}: reference ${firstDifference!.reference}, simd ${firstDifference!.simd}`,
        );
      process.exitCode = equal ? EXIT.done : EXIT.failed;
    });
}
