import { Command, Option } from 'commander';
import {
  BnnqError,
  checkWritable,
  EXPORT_FORMATS,
  type ExportFormat,
  exportedSize,
  exportModel,
  ONNX_FLAVORS,
  type OnnxFlavor,
  writeFileAtomically,
} from '../../src/index.ts';
import { checkFolder, exportCFolder } from '../export-c.ts';
import { noteGrowth } from '../growth.ts';
import { onDiskText } from '../inspect-text.ts';
import { MODEL_KINDS, type ModelOptions, openModel, withModelOptions } from '../model-options.ts';
import { type CommonOptions, parseCount, withCommonOptions } from '../options.ts';
import { stemOf } from '../quantize-file.ts';
import { plural, printable } from '../terminal/format.ts';
import { printJson, printText } from '../terminal/output.ts';

interface ExportCommandOptions extends CommonOptions, ModelOptions {
  readonly to: ExportFormat | 'c';
  readonly name?: string;
  readonly output?: string;
  readonly flavor?: OnnxFlavor;
  readonly opset?: number;
  readonly force?: boolean;
}

export function exportCommand(): Command {
  const command = new Command('export')
    .summary('write a model for other programs')
    .description(
      'Writes a packed model as a file that other programs open. Weights of k bits stay k bits on disk: a node of the graph makes each of its bit-planes, which a runtime does once, when it loads the model.',
    )
    .argument('<model>', MODEL_KINDS)
    .addOption(
      new Option(
        '--to <format>',
        'onnx: operators of the standard; qonnx: floats and the nodes of QONNX that round to them; c: a folder of C99 for microcontrollers',
      )
        .choices([...EXPORT_FORMATS, 'c'])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--flavor <name>',
        'planes: weights as bit-planes, unpacked by operators of the standard (default); integer: as integers of 2, 4 and 8 bits for DequantizeLinear where they can be said so (default with --opset); msft: matrix products by groups of 16 to 256 weights of 2, 4 and 8 bits as MatMulNBits of onnxruntime; float: as the floats that they stand for, for any tool. With --to qonnx: integer calls its nodes IntQuant, float leaves weights that QONNX has no node for as floats',
      ).choices([...ONNX_FLAVORS]),
    )
    .addOption(
      new Option(
        '--opset <version>',
        'the set of standard operators that the reader knows: integers of 8 bits from 13 on, of 4 bits from 21, of 2 bits from 25',
      ).argParser(parseCount(1)),
    )
    .option(
      '-o, --output <path>',
      'what to write, for c a folder (default: the name of the model with the format behind it)',
    )
    .option(
      '--name <identifier>',
      'with --to c: prefix of files and functions (default: the name of the model)',
    )
    .option('--force', 'overwrite what is there');
  return withCommonOptions(withModelOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ bnn-quantize export model.exp3.bnnq --to onnx
  $ bnn-quantize export model.exp3.bnnq --to onnx --flavor float -o discretized.onnx
  $ bnn-quantize export model.linear4.bnnq --to onnx --opset 21
  $ bnn-quantize export model.linear4.bnnq --to qonnx
  $ bnn-quantize export model.exp3.bnnq --to c -o firmware`,
    )
    .action(async (path: string, options: ExportCommandOptions) => {
      if (options.to === 'c') {
        const folder = options.output ?? `${stemOf(path)}.c`;
        const { name, force = false, json = false, quiet } = options;
        if (options.flavor !== undefined || options.opset !== undefined)
          throw new BnnqError('usage', '--flavor and --opset are of ONNX files, --to c takes neither');
        checkFolder(folder, force);
        exportCFolder(path, await openModel(path, options), folder, { name, force, json, quiet });
        return;
      }
      const file = options.output ?? `${stemOf(path)}.${options.to === 'onnx' ? 'packed' : options.to}.onnx`;
      const force = options.force === true;
      checkWritable(file, { force });
      const model = await openModel(path, options);
      const bytes = exportModel(model, { to: options.to, flavor: options.flavor, opset: options.opset });
      noteGrowth(file, bytes.length, model, options.quiet);
      writeFileAtomically(file, [bytes], { force });
      const weights = [...model.graph.initializers.values()].flatMap(({ quantized }) => quantized ?? []);
      const elements = weights.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
      const disk = exportedSize(bytes);
      if (options.json)
        printJson({
          ...{ model: path, file, to: options.to, flavor: options.flavor ?? null },
          ...{ bytes: bytes.length, onDisk: disk, weights: weights.length },
        });
      else
        printText(
          `${printable(file)}  ${plural(weights.length, 'discretized weight')}\n${onDiskText(disk, elements)}`,
        );
    });
}
