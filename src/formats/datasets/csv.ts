import { dirname, resolve } from 'node:path';
import { BnnqError } from '../../errors.ts';
import { readFileBytes } from '../file.ts';
import type { Dataset } from './dataset.ts';
import { imageFiles } from './image-files.ts';

/** A million rows of a hundred bytes; ImageNet's validation set takes 2 MB. */
const MAX_CSV_BYTES = 256 * 2 ** 20;

/** Words that make a first row a header although nothing says so. */
const HEADER_WORDS = new Set(['file', 'filename', 'file_name', 'image', 'path', 'name']);

/**
 * `csv:<labels.csv>`: a row `file,label` an image, the file relative to the CSV, the label a class index from 0.
 * Further columns are left alone; without a second column there are no labels. A first row that is a header is skipped.
 * Quotes as in RFC 4180; UTF-8, LF or CRLF.
 */
export async function openCsv(path: string, spec: string): Promise<Dataset> {
  const rows = parseCsv(new TextDecoder().decode(readFileBytes(path, MAX_CSV_BYTES)), path);
  if (rows[0] !== undefined && isHeader(rows[0].fields)) rows.shift();
  const width = Math.min(2, rows[0]?.fields.length ?? 1);
  const files: string[] = [];
  const labels: number[] = [];
  for (const { fields, line } of rows) {
    const [file = '', text = ''] = fields;
    const label = /^\d{1,9}$/.test(text.trim()) ? Number(text) : -1;
    if (file === '' || Math.min(2, fields.length) !== width || (width === 2 && label < 0))
      throw new BnnqError(
        'dataset',
        `csv: "${path}" line ${line}: expected ${width === 2 ? 'file,label with a class index from 0' : 'a file'}, got "${fields.join(',')}"`,
        { file: path },
      );
    files.push(file);
    labels.push(label);
  }
  const folder = dirname(path);
  return imageFiles({
    spec,
    names: files,
    paths: files.map((file) => resolve(folder, file)),
    labels: width === 2 ? Int32Array.from(labels) : undefined,
    classNames: undefined,
  });
}

function isHeader(fields: readonly string[]): boolean {
  const [file = '', label] = fields;
  if (HEADER_WORDS.has(file.trim().toLowerCase())) return true;
  return label?.trim().toLowerCase() === 'label';
}

/** Rows of RFC 4180 with the line that each begins on; blank lines are left out. */
export function parseCsv(text: string, path: string): { fields: string[]; line: number }[] {
  const rows: { fields: string[]; line: number }[] = [];
  // One field: quoted, with doubled quotes inside, or bare; then what ends it.
  const field = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  let line = 1;
  let row: { fields: string[]; line: number } = { fields: [], line };
  while (field.lastIndex < text.length || row.fields.length > 0) {
    const match = field.exec(text);
    if (match === null)
      throw new BnnqError('malformed', `csv: "${path}" line ${line}: a quote in the wrong place`, {
        file: path,
      });
    const value = match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"');
    row.fields.push(value);
    line += match[0].split('\n').length - 1;
    if (match[3] === ',') continue;
    if (row.fields.length > 1 || value !== '') rows.push(row);
    row = { fields: [], line };
    if (match[3] === '') break;
  }
  return rows;
}
