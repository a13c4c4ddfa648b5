import { printable } from './format.ts';

export interface Column {
  readonly head: string;
  /** Numbers stand on the right (the default), words on the left. */
  readonly align?: 'left' | 'right';
  /** This column gives way when the terminal is too narrow: the middle of long cells becomes an ellipsis. */
  readonly shrinks?: boolean;
}

const GAP = '  ';
const NARROWEST = 12;

/**
 * Columns of text under their heads. `style` is applied to the head line (bold, say) after everything is measured.
 * @param width the room there is; 0 for any (a file, a pipe)
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = 0,
  style: (line: string) => string = (line) => line,
): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = columns.map(({ head }, i) =>
    Math.max(head.length, ...cells.map((row) => [...(row[i] ?? '')].length)),
  );
  const total = widths.reduce((sum, one) => sum + one, GAP.length * (widths.length - 1));
  const giving = columns.findIndex(({ shrinks }) => shrinks);
  if (width > 0 && total > width && giving >= 0)
    widths[giving] = Math.max(NARROWEST, columns[giving]!.head.length, widths[giving]! - (total - width));
  const line = (row: readonly string[]): string =>
    columns
      .map(({ align }, i) => fit(row[i] ?? '', widths[i]!, align ?? 'right'))
      .join(GAP)
      .trimEnd();
  return [style(line(columns.map(({ head }) => head))), ...cells.map(line)].join('\n');
}

/** Names and values, a pair a line, the values in one column. */
export function pairs(entries: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  return entries
    .map(([name, value]) => `${name.padEnd(width)}${GAP}${printable(value)}`.trimEnd())
    .join('\n');
}

function fit(text: string, width: number, align: 'left' | 'right'): string {
  const characters = [...text];
  if (characters.length > width) {
    const head = Math.ceil((width - 1) / 2);
    return `${characters.slice(0, head).join('')}…${characters.slice(characters.length - (width - 1 - head)).join('')}`;
  }
  const pad = ' '.repeat(width - characters.length);
  return align === 'left' ? text + pad : pad + text;
}
