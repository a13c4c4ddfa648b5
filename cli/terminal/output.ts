/** A result for a person, on stdout. */
export function printText(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** A result for a program, on stdout: one object, two spaces deep. Numbers that JSON lacks (infinities) become null. */
export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Columns of the terminal that stdout is, 0 where it is none and lines may be of any length. */
export function outputWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : 0;
}
