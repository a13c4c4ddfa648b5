/** A text without the user and password of the addresses in it: `http://***@host`. */
export function withoutSecrets(text: string): string {
  return text.replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/]+@/gi, '$1***@');
}

/** The command line for a report. */
export function commandLine(): string[] {
  return ['bnn-quantize', ...process.argv.slice(2).map(withoutSecrets)];
}
