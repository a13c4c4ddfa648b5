import { type Command, Option } from 'commander';
import { checkWritable, writeFileAtomically } from '../../src/index.ts';
import { EXIT, errorText } from '../exit.ts';
import { printable } from '../terminal/format.ts';
import type { Measured } from './measured.ts';
import { logToMlflow } from './mlflow.ts';
import { mlflowServer } from './mlflow-client.ts';
import { prometheusText } from './prometheus.ts';

/** Where other programs are told of a result. */
export interface PublishOptions {
  readonly mlflow?: string | true;
  readonly mlflowExperiment?: string;
  readonly metricsFile?: string;
  readonly quiet?: boolean;
  readonly debug?: boolean;
}

/** The experiment where none is named. */
const EXPERIMENT = 'bnn-quantize';

export function withPublishOptions(command: Command): Command {
  return command
    .optionsGroup('For other programs:')
    .addOption(
      new Option(
        '--mlflow [uri]',
        'log to a tracking server of MLflow such as http://localhost:5000 (default: $MLFLOW_TRACKING_URI)',
      ),
    )
    .option(
      '--mlflow-experiment <name>',
      `its experiment (default: $MLFLOW_EXPERIMENT_NAME, else ${EXPERIMENT})`,
    )
    .option('--metrics-file <file.prom>', 'write the measures for Prometheus, replacing the file');
}

/** Says at once what is wrong with the options. @throws usage, io */
export function checkPublishing({ mlflow, metricsFile }: PublishOptions): void {
  if (mlflow !== undefined) mlflowServer(mlflow);
  if (metricsFile !== undefined) checkWritable(metricsFile, { force: true });
}

/**
 * Tells other programs of a result that is written and printed already. What fails here is said on stderr and loses nothing: the same
 * command, which finds its work done, tries again.
 * @param files that belong to the result
 * @param code what the command would end with
 * @returns what it ends with: a gate that is not met counts more than a server that is not there
 */
export async function publish(
  measured: () => Measured,
  options: PublishOptions,
  files: readonly string[],
  code: number,
): Promise<number> {
  const { mlflow, mlflowExperiment, metricsFile, quiet = false, debug = false } = options;
  try {
    if (metricsFile !== undefined) {
      const text = prometheusText(measured(), Math.floor(Date.now() / 1000));
      writeFileAtomically(metricsFile, [text], { force: true });
    }
    if (mlflow !== undefined) {
      const experiment = mlflowExperiment ?? (process.env.MLFLOW_EXPERIMENT_NAME || EXPERIMENT);
      const said = await logToMlflow(mlflowServer(mlflow), experiment, measured(), files);
      if (!quiet) process.stderr.write(`${printable(said)}\n`);
    }
    return code;
  } catch (thrown) {
    process.stderr.write(errorText(thrown, debug));
    return code === EXIT.done ? EXIT.failed : code;
  }
}
