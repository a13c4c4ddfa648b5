import { hideSecrets } from '../src/index.ts';

/** The command line for a report. */
export function commandLine(): string[] {
  return ['bnn-quantize', ...process.argv.slice(2).map(hideSecrets)];
}
