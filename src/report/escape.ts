/** Text for HTML and SVG, as content or inside a quoted attribute. Characters that XML forbids become U+FFFD. */
export function html(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * Text as a Markdown code span, in which neither HTML, nor links, nor @mentions work (CommonMark 6.1): the fence is longer
 * than any run of backticks within. The bar is escaped for tables, which GitHub splits before it looks at code spans.
 */
export function markdownCode(text: string): string {
  const line = printable(text).replace(/[\r\n\t]+/g, ' ');
  const runs = line.match(/`+/g) ?? [];
  const fence = '`'.repeat(1 + Math.max(0, ...runs.map((run) => run.length)));
  const pad = line.startsWith('`') || line.endsWith('`') || line.trim() === '' ? ' ' : '';
  return `${fence}${pad}${line.replaceAll('|', '\\|')}${pad}${fence}`;
}

/** Text for Markdown prose: what has a meaning there is escaped, line ends become spaces. */
export function markdownText(text: string): string {
  return printable(text)
    .replace(/[\r\n\t]+/g, ' ')
    .replace(/[\\`*_{}[\]<>#|~@!&]/g, '\\$&');
}

/** A text cut to a length, its end replaced by an ellipsis. A character that is cut in two is replaced by those who print it. */
export function clipped(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** Text in a fenced Markdown block whose fence is longer than any run of backticks within. */
export function markdownBlock(text: string): string {
  const block = printable(text);
  const runs = block.match(/`+/g) ?? [];
  const fence = '`'.repeat(Math.max(3, ...runs.map((run) => run.length + 1)));
  return `${fence}\n${block}\n${fence}`;
}

/**
 * One field of RFC 4180. Text that a spreadsheet would take for a formula (it starts with = + - @, a tab or a carriage
 * return; OWASP "CSV injection") gets an apostrophe in front; numbers stay numbers, nothing is an empty field.
 */
export function csvField(value: string | number | boolean | null): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Control characters and lone surrogates, which XML 1.0 section 2.2 forbids, replaced; tab and line ends stay. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd');
}
