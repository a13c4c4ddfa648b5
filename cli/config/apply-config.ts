import type { Command } from 'commander';
import { type ConfigKey, keysOf } from './config-keys.ts';
import { readConfig, type Setting } from './read-config.ts';
import { saveConfig } from './save-config.ts';

/** What options were given as, by key: where they stand in a file of options, and what the command line says instead. */
export type GivenValues = Map<string, readonly string[] | boolean>;

export function withConfigOptions(command: Command): Command {
  return command
    .optionsGroup('Files of options:')
    .option(
      '--config <file>',
      'options from the section of this command in a YAML file; the command line comes first',
    )
    .option('--save-config <file>', 'write the options of this run to such a file');
}

/**
 * Puts the options of `--config` into the command that is about to run, and sees to `--save-config`. Call it before the command line is parsed.
 * @param names of the commands; without one `quantize` runs
 * @returns the command line that is left to parse
 * @throws usage with every mistake of the file
 */
export function applyConfig(root: Command, argv: readonly string[]): string[] {
  const args = argv.slice(2);
  const name = root.commands.find((one) => one.name() === args[0])?.name() ?? 'quantize';
  const command = root.commands.find((one) => one.name() === name)!;
  const keys = keysOf(command);
  const given: GivenValues = new Map();
  let left = args;
  const path = lastValue(args, '--config');
  if (path !== undefined) {
    const settings = readConfig(path, root)(name);
    // A switch that the file turns on has no option that turns it off: what is said against it is only for the file.
    const off = settings.filter(({ key, value }) => value === true && args.includes(`--no-${key.name}`));
    left = args.filter((arg) => !off.some(({ key }) => arg === `--no-${key.name}` && !key.canBeOff));
    for (const setting of settings)
      if (!off.includes(setting) && !isOnCommandLine(setting.key, args)) {
        given.set(setting.key.name, setting.value);
        apply(command, setting);
      }
  }
  for (const key of keys) listen(command, key, given);
  command.hook('preAction', () => {
    for (const [i, argument] of command.registeredArguments.entries())
      if (command.args[i] !== undefined) given.set(argument.name(), [command.args[i]]);
    const file = command.getOptionValue('saveConfig') as string | undefined;
    if (file !== undefined) saveConfig(file, name, keys, given);
  });
  return [...argv.slice(0, 2), ...left];
}

/** Sets an option as if it had been given, or an argument for when it is not. */
function apply(command: Command, { key, value }: Setting): void {
  const { option, argument } = key;
  if (argument !== undefined && Array.isArray(value)) {
    argument.required = false;
    argument.default(value[0]);
  }
  if (option === undefined) return;
  let parsed: unknown = value;
  if (Array.isArray(value)) {
    parsed = undefined;
    for (const text of value as readonly string[])
      parsed = option.parseArg === undefined ? text : option.parseArg(text, parsed);
  }
  command.setOptionValueWithSource(option.attributeName(), parsed, 'config');
}

/** Remembers what the command line says, as it says it. */
function listen(command: Command, { name, option, several, canBeOff }: ConfigKey, given: GivenValues): void {
  if (option === undefined) return;
  let isFirst = true;
  command.on(`option:${name}`, (text: string | null | undefined) => {
    const before = isFirst || several !== 'repeated' ? [] : (given.get(name) as readonly string[]);
    given.set(name, typeof text === 'string' ? [...before, text] : true);
    isFirst = false;
  });
  if (canBeOff) command.on(`option:no-${name}`, () => given.set(name, false));
}

function isOnCommandLine({ name, alias, option, canBeOff }: ConfigKey, args: readonly string[]): boolean {
  const short = option?.short?.startsWith('--') ? undefined : option?.short;
  const long = [name, ...(alias === undefined ? [] : [alias])].map((one) => `--${one}`);
  return args.some(
    (arg) =>
      long.some((flag) => arg === flag || arg.startsWith(`${flag}=`)) ||
      (short !== undefined && /^-[^-]/.test(arg) && arg.startsWith(short)) ||
      (canBeOff && arg === `--no-${name}`),
  );
}

/** The value of an option on the command line, the last one where there are several. */
function lastValue(args: readonly string[], flag: string): string | undefined {
  let value: string | undefined;
  for (const [i, arg] of args.entries()) {
    if (arg === '--') break;
    if (arg === flag) value = args[i + 1];
    else if (arg.startsWith(`${flag}=`)) value = arg.slice(flag.length + 1);
  }
  return value;
}
