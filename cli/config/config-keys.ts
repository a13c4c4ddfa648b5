import type { Argument, Command, Option } from 'commander';
import { collect } from '../options.ts';
import type { PlaceKind } from './places.ts';

/** What the text between the brackets of an option says of its values: that there may be several, or which place they name. */
const PLACEHOLDERS: Readonly<Record<string, 'list' | PlaceKind>> = {
  ...{ names: 'list', widths: 'list', what: 'list', 'n,…': 'list', settings: 'list' },
  ...{ file: 'path', folder: 'path', path: 'path', model: 'path', place: 'path' },
  ...{ 'file.json': 'path', 'file.prom': 'path', 'file.pem': 'path' },
  ...{ dataset: 'dataset', 'preset|file.json': 'preset' },
  ...{ '[name=]file': 'named', '[name=]file.npy': 'named' },
};

/** Placeholders of one value that names no place. */
const PLAIN: readonly string[] = [
  ...['bits', 'bytes', 'format', 'glob', 'identifier', 'images', 'n', 'name', 'name=dims', 'part', 'percent'],
  ...['points', 'rule', 'seconds', 'set', 'size', 'uri', 'url', 'version', 'where', 'width'],
];

/** Options that are about one run, not about what it gives: they have no place in a file. */
const OF_ONE_RUN: readonly string[] = ['config', 'save-config', 'help', 'force', 'dry-run', 'debug'];

/** One key of a section: an option by its long name, or an argument by its name. */
export interface ConfigKey {
  readonly name: string;
  /** The other long name that an option may have, such as `scheme` of `schemes`. */
  readonly alias: string | undefined;
  readonly option: Option | undefined;
  readonly argument: Argument | undefined;
  /** `switch`: true or false; `maybe`: a value, or true for none; `value`: a value. */
  readonly kind: 'switch' | 'maybe' | 'value';
  /** Whether false is a value, too: there is a `--no-` option. */
  readonly canBeOff: boolean;
  /** Several values: `commas` are joined, `repeated` are options of their own. */
  readonly several: 'commas' | 'repeated' | undefined;
  readonly place: PlaceKind | undefined;
  readonly choices: readonly string[] | undefined;
  readonly description: string;
}

/** What stands between the brackets of an option, or undefined. */
export function placeholderOf(option: Option): string | undefined {
  return /[<[](.*)[>\]]$/.exec(option.flags)?.[1];
}

/** Whether the type of a placeholder is written down; for the test that walks over all options. */
export function isKnownPlaceholder(placeholder: string): boolean {
  return Object.hasOwn(PLACEHOLDERS, placeholder) || PLAIN.includes(placeholder);
}

/** The keys of a command's section. */
export function keysOf(command: Command): ConfigKey[] {
  const negated = command.options.filter(({ negate }) => negate).map((option) => option.attributeName());
  const keyOfArgument = (argument: Argument): ConfigKey => ({
    ...{ name: argument.name(), alias: undefined, option: undefined, argument },
    ...{ kind: 'value', canBeOff: false, several: undefined, place: 'path', choices: undefined },
    description: argument.description,
  });
  const keyOfOption = (option: Option): ConfigKey => {
    const placeholder = placeholderOf(option);
    const type = placeholder === undefined ? undefined : PLACEHOLDERS[placeholder];
    const { short } = option;
    return {
      name: option.name(),
      alias: short?.startsWith('--') ? short.slice(2) : undefined,
      option,
      argument: undefined,
      kind: placeholder === undefined ? 'switch' : option.optional ? 'maybe' : 'value',
      canBeOff: negated.includes(option.attributeName()),
      several: option.parseArg === collect ? 'repeated' : type === 'list' ? 'commas' : undefined,
      place: type === 'list' ? undefined : type,
      choices: option.argChoices,
      description: option.description,
    };
  };
  return [
    ...command.registeredArguments.map(keyOfArgument),
    ...command.options
      .filter((option) => !option.negate && !OF_ONE_RUN.includes(option.name()))
      .map(keyOfOption),
  ];
}
