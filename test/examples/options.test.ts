import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../cli/config/read-config.ts';
import { program } from '../../cli/program.ts';

describe('the files of options of the examples', () => {
  it.each([
    ['github-action', ['sweep']],
    ['dvc', ['sweep', 'quantize', 'score']],
  ])('%s has options that there are, and all that its commands need', (folder, commands) => {
    const file = fileURLToPath(new URL(`../../examples/${folder}/bnnq.yaml`, import.meta.url));
    const settings = readConfig(file, program());
    for (const name of commands) {
      const given = settings(name).map(({ key }) => key.name);
      const command = program().commands.find((one) => one.name() === name)!;
      const needed = command.options.filter(({ mandatory }) => mandatory).map((option) => option.name());
      expect(given).toEqual(expect.arrayContaining(['model', ...needed]));
    }
  });
});
