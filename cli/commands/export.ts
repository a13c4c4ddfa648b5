import { join } from 'node:path';
import { Command, Option } from 'commander';
import {
  checkWritable,
  EXPORT_FORMATS,
  type ExportFormat,
  ONNX_FLAVORS,
  type OnnxFlavor,
} from '../../src/index.ts';
import { EXIT, usageError } from '../exit.ts';
import { type CExport, cExportText, checkFolder, exportCFolder, flashBytes } from '../export-c.ts';
import { exportOnnxFile, type OnnxExport, onnxExportText } from '../export-onnx.ts';
import { gateText, sizeGate } from '../gates.ts';
import { MODEL_KINDS, type ModelOptions, openModel, withModelOptions } from '../model-options.ts';
import {
  type CommonOptions,
  type GateOptions,
  parseCount,
  withCommonOptions,
  withSizeGate,
} from '../options.ts';
import { stemOf } from '../quantize-file.ts';
import {
  type CacheOptions,
  keyOf,
  modelIdentity,
  noteUpToDate,
  RECORDS_HELP,
  Records,
  withCacheOptions,
} from '../records/records.ts';
import { printJson, printText } from '../terminal/output.ts';

interface ExportCommandOptions
  extends CommonOptions,
    Pick<GateOptions, 'maxSize'>,
    CacheOptions,
    ModelOptions {
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
  withSizeGate(
    withModelOptions(command),
    'exit with 3 when the file, of C the flash that it takes, is larger than this',
  );
  return withCommonOptions(withCacheOptions(command, RECORDS_HELP))
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
      process.exitCode = await runExport(path, options);
    });
}

async function runExport(path: string, options: ExportCommandOptions): Promise<number> {
  const { to, flavor, opset, name, force = false, quiet = false } = options;
  if (to === 'c' && (flavor !== undefined || opset !== undefined))
    throw usageError('--flavor and --opset are of ONNX files, --to c takes neither');
  const ending = to === 'c' ? 'c' : to === 'onnx' ? 'packed.onnx' : 'qonnx.onnx';
  const place = options.output ?? `${stemOf(path)}.${ending}`;
  const check = (overwrite: boolean): void =>
    to === 'c' ? checkFolder(place, overwrite) : void checkWritable(place, { force: overwrite });
  check(force || options.cache !== false);
  const model = await openModel(path, options);
  const records = new Records(options.cache);
  const key = keyOf('export', { model: modelIdentity(model), path, place }, options);
  let written = force ? undefined : records.find<OnnxExport | CExport>(key);
  if (written !== undefined) noteUpToDate(place, quiet);
  else {
    check(force);
    written =
      to === 'c'
        ? exportCFolder(path, model, place, name, quiet)
        : exportOnnxFile(path, model, place, { to, flavor, opset, force, quiet });
    const files = written.to === 'c' ? written.files.map((file) => join(place, file)) : [place];
    records.keep(key, files, written);
  }
  const bytes = written.to === 'c' ? flashBytes(written) : written.bytes;
  const gates = sizeGate(options, bytes);
  if (options.json) printJson({ ...written, ...(gates.length > 0 && { gates }) });
  else printText(written.to === 'c' ? cExportText(written) : onnxExportText(written));
  process.stderr.write(gateText(gates, place));
  return gates.every(({ met }) => met) ? EXIT.done : EXIT.gate;
}
