import type { Command } from 'commander';
import { type ConfigKey, keysOf } from './config-keys.ts';
import { COMMON } from './read-config.ts';

/** What a value may be besides its choices: `1.0`, 3 and `1-8` all stand for text. */
const TEXT = { type: ['string', 'number'] };

/**
 * JSON Schema (draft 2020-12) of files of options, from the options of the commands: for editors, which complete keys and show what they are.
 * It lets values pass that the parsers of options refuse (`bits: 9`); keys, choices and switches are exact.
 */
export function configSchema(root: Command): object {
  const sections = root.commands.map((command) => [
    command.name(),
    sectionOf(keysOf(command), command.summary()),
  ]);
  const common = new Map(root.commands.flatMap(keysOf).map((key) => [key.name, key]));
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Options of bnn-quantize',
    type: 'object',
    properties: {
      [COMMON]: sectionOf([...common.values()], 'what commands share, each taking the options that it has'),
      ...Object.fromEntries(sections),
    },
    additionalProperties: false,
  };
}

function sectionOf(keys: readonly ConfigKey[], description: string): object {
  const properties = keys.flatMap((key) => {
    const schema = { description: key.description, ...valuesOf(key) };
    const alias = key.alias === undefined ? [] : [[key.alias, schema]];
    return [...alias, [key.name, schema]];
  });
  return {
    description,
    type: ['object', 'null'],
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  };
}

function valuesOf({ kind, choices, several, canBeOff }: ConfigKey): object {
  if (kind === 'switch') return { type: 'boolean' };
  const one = choices === undefined ? TEXT : { enum: choices };
  const forms = [
    one,
    ...(several === undefined ? [] : [{ type: 'array', items: one, minItems: 1 }]),
    ...(kind === 'maybe' ? [{ const: true }] : []),
    ...(canBeOff ? [{ const: false }] : []),
  ];
  return forms.length === 1 ? one : { anyOf: forms };
}
