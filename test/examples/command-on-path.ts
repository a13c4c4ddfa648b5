import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAIN } from '../cli/run-cli.ts';

/** A folder to put on the path, with the command as the package installs it. */
export function commandFolder(within: string): string {
  const folder = join(within, 'bin');
  mkdirSync(folder);
  const file = join(folder, 'bnn-quantize');
  writeFileSync(file, `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
  chmodSync(file, 0o755);
  return folder;
}
