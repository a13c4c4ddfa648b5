import { Command } from 'commander';
import { inspectModel } from '../../src/index.ts';
import { inspectText } from '../inspect-text.ts';
import { MODEL_KINDS, type ModelOptions, withModelOptions } from '../model-options.ts';
import { type CommonOptions, withCommonOptions } from '../options.ts';
import { printJson, printText } from '../terminal/output.ts';

interface InspectCommandOptions extends CommonOptions, ModelOptions {
  readonly memory?: boolean;
  readonly sizes?: boolean;
}

export function inspectCommand(): Command {
  const command = new Command('inspect')
    .summary('what is in a model')
    .description(
      'Inputs, outputs, operators, parameters and the weights that would be discretized, with the reason for those that would not. Of a .bnnq file also its level tables and what each byte on disk is for.',
    )
    .argument('<model>', MODEL_KINDS)
    .option(
      '--sizes',
      'make every form that the model can leave in, and tell what each takes on disk; nothing is written',
    )
    .option(
      '--memory',
      'run one sample, and tell what that takes in memory; and what the network would take as C on a device',
    );
  return withCommonOptions(withModelOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ bnn-quantize inspect model.onnx
  $ bnn-quantize inspect model.exp3.bnnq --memory
  $ bnn-quantize inspect model.exp3.bnnq --sizes
  $ bnn-quantize inspect model.onnx --json`,
    )
    .action(async (path: string, options: InspectCommandOptions) => {
      const { architecture, memory = false, sizes = false } = options;
      const inspection = await inspectModel(path, {
        memory,
        sizes,
        ...(architecture !== undefined && { architecture }),
      });
      if (options.json) printJson(inspection);
      else printText(inspectText(inspection));
    });
}
