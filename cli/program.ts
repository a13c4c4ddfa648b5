import { Command, CommanderError } from 'commander';
import { VERSION } from '../src/index.ts';
import { compareCommand } from './commands/compare.ts';
import { costCommand } from './commands/cost.ts';
import { exportCommand } from './commands/export.ts';
import { inspectCommand } from './commands/inspect.ts';
import { quantizeCommand } from './commands/quantize.ts';
import { runCommand } from './commands/run.ts';
import { scoreCommand } from './commands/score.ts';
import { sensitivityCommand } from './commands/sensitivity.ts';
import { sweepCommand } from './commands/sweep.ts';
import { verifyCommand } from './commands/verify.ts';
import { workerCommand } from './commands/worker.ts';
import { applyConfig, withConfigOptions } from './config/apply-config.ts';
import { EXIT, errorText, exitCodeOf } from './exit.ts';
import { checkCommand } from './suggest.ts';
import { printable } from './terminal/format.ts';

const DESCRIPTION =
  'Discretize the weights of a trained network to 1-8 bits without retraining, and see what each width costs.';

const EXAMPLES = `
  <model>    an .onnx file, a Keras model (.h5, .keras, model.json of
             TensorFlow.js), or a .bnnq file written by this program; told by
             content
  <dataset>  imagefolder:<dir>, csv:<labels.csv>, cifar10:<file.bin>,
             idx:<images>,<labels> or npz:<file>

Examples:
  $ bnn-quantize model.onnx --scheme exp --bits 3     (writes model.exp3.bnnq)
  $ bnn-quantize model.onnx --target-size 1.2MB --calib imagefolder:train
  $ bnn-quantize score model.exp3.bnnq --data cifar10:test.bin
  $ bnn-quantize sweep model.onnx --data cifar10:test.bin --bits 1-8 -o report

Without a command, quantize runs. Help on a command: bnn-quantize sweep --help
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a gate or a target (--max-drop,
--target-size …) not met, 130 interrupted.`;

/** The whole command line. */
export function program(): Command {
  const root = new Command('bnn-quantize')
    .description(DESCRIPTION)
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', EXAMPLES)
    .showSuggestionAfterError()
    .enablePositionalOptions();
  for (const command of [
    quantizeCommand(),
    inspectCommand(),
    scoreCommand(),
    sweepCommand(),
    compareCommand(),
    sensitivityCommand(),
    costCommand(),
    workerCommand(),
    exportCommand(),
    runCommand(),
    verifyCommand(),
  ])
    root.addCommand(withConfigOptions(command), { isDefault: command.name() === 'quantize' });
  for (const command of [root, ...root.commands])
    command.exitOverride().configureOutput({ outputError: (text, write) => write(usageText(text, command)) });
  return root;
}

/** Runs the command line and sets the exit code of the process; never throws. */
export async function run(argv: readonly string[]): Promise<void> {
  endQuietlyOnClosedPipe();
  const root = program();
  try {
    if (argv.length <= 2) root.help({ error: true });
    const names = root.commands.map((command) => command.name());
    checkCommand(argv[2]!, [...names, 'help']);
    await root.parseAsync(applyConfig(root, argv));
  } catch (thrown) {
    // commander has said its own piece
    if (!(thrown instanceof CommanderError))
      process.stderr.write(errorText(thrown, argv.includes('--debug')));
    process.exitCode = exitCodeOf(thrown);
  }
}

/**
 * What commander says as one sentence that leads to the help: `error: unknown option '--bit'\n(Did you mean --bits?)`, or
 * `error: option '-b, --bits <widths>' argument '9' is invalid. expected …, got "9"`, which becomes `--bits: expected …`.
 */
function usageText(text: string, command: Command): string {
  const sentence = text
    .replace(/^error: /, '')
    .trim()
    .replace(/\s*\n\(Did you mean (.*)\?\)/, ', did you mean $1?')
    .replace(/^option '(?:.*, )?(--[\w-]+)[^']*' argument '.*' is invalid\. (?=expected )/s, '$1: ')
    .replace(
      /^option '(?:.*, )?(--[\w-]+)[^']*' argument '(.*)' is invalid\. Allowed choices are (.*)\.$/s,
      '$1: expected $3, got "$2"',
    );
  const help = command.parent === null ? 'bnn-quantize --help' : `bnn-quantize ${command.name()} --help`;
  return `bnn-quantize: ${sentence.split('\n').map(printable).join('\n')}\nSee "${help}".\n`;
}

/** `bnn-quantize inspect … | head`: when the reader has gone, there is nobody to complain to. */
function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(process.exitCode ?? EXIT.done);
      throw error;
    });
}
