// Writes the JSON Schema of files of options (--config) beside the build, from the options that the commands have.
import { writeFileSync } from 'node:fs';
import { configSchema } from '../dist/cli/config/config-schema.js';
import { program } from '../dist/cli/program.js';

const file = new URL('../dist/config.schema.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(configSchema(program()))}\n`);
