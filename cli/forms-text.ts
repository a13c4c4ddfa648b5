import type { ModelInspection } from '../src/index.ts';
import { coloursFor } from './terminal/colour.ts';
import { grouped, printable } from './terminal/format.ts';
import { outputWidth } from './terminal/output.ts';
import { table } from './terminal/table.ts';

/** How a form is asked for. */
const NAMES: Readonly<Record<string, string>> = {
  packed: '.bnnq',
  compressed: '.bnnq, quantize --compress',
  'onnx planes': '--to onnx',
  'onnx integer': '--to onnx --opset 25',
  'onnx msft': '--to onnx --flavor msft',
  'onnx float': '--to onnx --flavor float',
  qonnx: '--to qonnx',
  c: '--to c, flash',
};

/** What a model takes in every form; below it why it cannot leave in some. */
export function formsText(
  sizes: NonNullable<ModelInspection['sizes']>,
  { source, fileBytes }: Pick<ModelInspection, 'source' | 'fileBytes'>,
): string {
  const before = source.byteLength ?? fileBytes;
  const rows: string[][] = [];
  const refused: string[] = [];
  for (const size of sizes)
    if ('reason' in size)
      refused.push(`  ${NAMES[size.form]}: ${size.reason.split('\n').map(printable).join('\n  ')}`);
    else {
      const { form, codes, levels, other, graph, total } = size;
      rows.push([
        NAMES[form] ?? form,
        ...[codes, levels, other, graph, total].map(grouped),
        smaller(before, total),
      ]);
    }
  const columns = [
    { head: 'bytes of each form', align: 'left', shrinks: true },
    ...['codes', 'levels', 'other', 'graph', 'total', 'smaller'].map((head) => ({ head })),
  ] as const;
  const text = table(columns, rows, outputWidth(), coloursFor(process.stdout).bold);
  return refused.length === 0 ? text : `${text}\n\ncannot be written as\n${refused.join('\n')}`;
}

/** How many times smaller than what the model was made from. */
function smaller(before: number | null, total: number): string {
  if (before === null) return '–';
  return before >= total ? `${(before / total).toFixed(2)}×` : `LARGER ${(total / before).toFixed(2)}×`;
}
