import { type Command, Option } from 'commander';
import { SCHEMES } from '../src/index.ts';
import { usageError } from './exit.ts';
import { collect } from './options.ts';

/** How weights are discretized, as quantize and sweep take it; scheme, bits and granularity are each command's own. */
export interface FitChoices {
  readonly fit: 'correlation' | 'max-range';
  readonly levels: 'geometric' | 'cells';
  readonly bases: 'joint' | 'greedy' | 'centred';
  readonly zero?: boolean;
  readonly include?: string[];
  readonly exclude?: string[];
}

export function withFitOptions(command: Command): Command {
  return command
    .optionsGroup('Levels:')
    .addOption(
      new Option('--fit <rule>', 'levels for the best correlation with the weights, or over ±max|w|')
        .choices(['correlation', 'max-range'])
        .default('correlation'),
    )
    .addOption(
      new Option('--levels <rule>', 'of exp: geometric a·q^j, or means of the cells max·q^j')
        .choices(['geometric', 'cells'])
        .default('geometric'),
    )
    .addOption(
      new Option('--bases <rule>', 'of binary: found together, one after the other, or one around the mean')
        .choices(['joint', 'greedy', 'centred'])
        .default('joint'),
    )
    .option('--zero', 'a level at zero, for linear, exp and pot (default: none; it helps from 4 bits on)')
    .option('--include <glob>', 'discretize only weights or nodes of matching names; repeatable', collect)
    .option('--exclude <glob>', 'keep weights or nodes of matching names in float; repeatable', collect);
}

/** The schemes and what they are, for the help: columns as commander sets them, 80 wide. */
export function schemeHelp(): string {
  return SCHEMES.map(({ name, bits, summary }) => {
    const widths = bits.from === bits.to ? `${bits.from} bits` : `${bits.from}-${bits.to} bits`;
    const head = `  ${name.padEnd(9)} ${widths.padEnd(9)} `;
    return head + wrap(summary, 80 - head.length).join(`\n${' '.repeat(head.length)}`);
  }).join('\n');
}

function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Why there is nothing to write. */
export function nothingToDo(skipped: readonly { readonly name: string; readonly reason: string }[]): Error {
  const reasons = skipped.slice(0, 5).map(({ name, reason }) => `"${name}": ${reason}`);
  return usageError(
    `the model has no weights to discretize${reasons.length > 0 ? ` (${reasons.join('; ')})` : ''}`,
  );
}
