import { Command, InvalidArgumentError, Option } from 'commander';
import { BnnqError, compareReports, type PointSettings, readReport, SETTING_NAMES } from '../../src/index.ts';
import { compareText } from '../compare-text.ts';
import { EXIT } from '../exit.ts';
import { type CommonOptions, parseList, withCommonOptions } from '../options.ts';
import { pointName } from '../sweep-points.ts';
import { fixed } from '../terminal/format.ts';
import { printJson, printText } from '../terminal/output.ts';

interface CompareCommandOptions extends CommonOptions {
  readonly ignore?: string[];
  /** True where no alpha is given. */
  readonly failOnWorse?: number | true;
}

/** Chance of any false alarm where none is given. */
const ALPHA = 0.05;

export function compareCommand(): Command {
  const command = new Command('compare')
    .summary('what got better and worse between two sweeps')
    .description(
      'Compares two reports of sweep, point by point where the settings are the same: accuracy, size and time. Where both are of the same images, each point is tested on the images that it lost and gained (McNemar’s exact test, corrected for the number of points after Holm), so that a difference by chance is not taken for one.',
    )
    .argument('<before>', 'report.json of a sweep, or its folder')
    .argument('<after>', 'the same of the other one');
  command.addOption(
    new Option(
      '--ignore <settings>',
      'match points that differ in these, with commas: method, fit, repairs …',
    ).argParser(parseList(SETTING_NAMES)),
  );
  command
    .optionsGroup('Gates:')
    .addOption(
      new Option(
        '--fail-on-worse [alpha]',
        'exit with 3 when any point got worse, with this chance of a false alarm (default 0.05)',
      ).argParser(parseAlpha),
    );
  withCommonOptions(command);
  return command
    .addHelpText(
      'after',
      `
Examples:
  $ bnn-quantize compare report-main report-branch
  $ bnn-quantize compare rounded calibrated --ignore method,repairs
  $ bnn-quantize compare main/report.json branch/report.json --fail-on-worse 0.01`,
    )
    .action((before: string, after: string, options: CompareCommandOptions) => {
      process.exitCode = runCompare(before, after, options);
    });
}

function runCompare(
  before: string,
  after: string,
  { failOnWorse, ignore, json }: CompareCommandOptions,
): number {
  const alpha = typeof failOnWorse === 'number' ? failOnWorse : ALPHA;
  const comparison = compareReports(readReport(before), readReport(after), {
    alpha,
    ...(ignore && { ignore: ignore as (keyof PointSettings)[] }),
  });
  if (json) printJson(comparison);
  else printText(compareText(comparison));
  if (failOnWorse === undefined) return EXIT.done;
  const tests = comparison.points.map(({ test }) => test);
  if (tests.length === 0 || tests.includes(null)) {
    const reason = tests.length === 0 ? 'no point is in both reports' : comparison.unpaired;
    throw new BnnqError(
      'mismatch',
      `--fail-on-worse cannot be decided: ${reason ?? 'some points keep no outcomes by image'}`,
    );
  }
  const worse = comparison.points.filter(({ test }) => test?.verdict === 'worse');
  for (const { settings, difference } of worse)
    process.stderr.write(
      `bnn-quantize: gate not met: ${pointName(settings)} got worse by ${fixed(-difference!, 2)} points, --fail-on-worse ${alpha} allows none\n`,
    );
  return worse.length === 0 ? EXIT.done : EXIT.gate;
}

function parseAlpha(text: string): number {
  const alpha = Number(text);
  if (text.trim() === '' || !(alpha > 0 && alpha < 1))
    throw new InvalidArgumentError(`expected a number above 0 and below 1, got "${text}"`);
  return alpha;
}
