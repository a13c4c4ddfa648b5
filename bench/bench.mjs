#!/usr/bin/env node
/**
 * `npm run bench [-- --only runtime,sweep,size,export,agreement,memory,large] [--json file] [--write]`: every speed and memory figure that the documents quote, in
 * one run. `--write` puts the tables under docs/results/bench.md. Of `runtime`: `--threads 1,2`, `--quick` for few repetitions
 * while something is being written, `--work <part of a name>` for some rows alone.
 */
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { agreementRows } from './export-agreement.mjs';
import { exportRows } from './exports.mjs';
import { largeRows, memoryRows } from './memory.mjs';
import { runtimeRows } from './runtime.mjs';
import { sizeRows } from './size.mjs';
import { sweepRows } from './sweep.mjs';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    threads: { type: 'string', default: '1,2' },
    quick: { type: 'boolean', default: false },
    work: { type: 'string' },
  },
});
const SECTIONS = {
  runtime: {
    title:
      'The runtime beside onnxruntime, one forward pass (median of interleaved repetitions, milliseconds)',
    rows: runtimeRows,
  },
  sweep: {
    title: 'A sweep: ResNet-20, 3 schemes × 8 bit widths × 1,000 CIFAR-10 images, two threads',
    note: 'Wall time of the whole command, reports included. Activations of 8 bits as `--act-bits 8` rounds them, their ranges found on 64 images; the images a second count the float network, which is scored once, too.',
    rows: sweepRows,
  },
  size: {
    title: 'Packed files on disk, `--scheme exp`, a table a channel (bytes)',
    note: 'Graph: operators, names, the index of the weights, and every tensor up to 64 KiB that is not discretized.',
    rows: sizeRows,
  },
  export: {
    title: 'Exported files on disk (bytes)',
    note: 'Other: constants that are no codes or levels, discretized weights as floats among them. Graph: nodes, functions, names, metadata.',
    rows: exportRows,
  },
  agreement: {
    title: 'Exported files in onnxruntime: the class of each of 1,000 CIFAR-10 test images, ResNet-20',
    note: 'Beside the runtime here on the discretized model. Outputs differ by the order of sums; margin: between the two largest outputs of an image, at its smallest.',
    rows: agreementRows,
  },
  memory: {
    title: 'Peak memory of importing, quantizing and writing a large model',
    note: 'Peak resident set of the whole process, Node included.',
    rows: memoryRows,
  },
  large: {
    title: 'Peak memory with a model of 6.4 GB, weights beside the model, a table a channel',
    note: 'Peak resident set of the whole process; what is being quantized is one layer at a time, codes beyond 64 MiB go to disk.',
    rows: largeRows,
  },
};

const wanted = values.only?.split(',') ?? Object.keys(SECTIONS);
const unknown = wanted.filter((name) => !(name in SECTIONS));
if (unknown.length > 0) {
  console.error(
    `bench: unknown section ${unknown.join(', ')}; there are ${Object.keys(SECTIONS).join(', ')}`,
  );
  process.exit(2);
}

const threads = values.threads.split(',').map(Number);
if (!threads.every((count) => Number.isInteger(count) && count > 0)) {
  console.error(`bench: --threads: expected numbers from 1 on with commas, got ${values.threads}`);
  process.exit(2);
}

if (values.write && (values.quick || values.work !== undefined)) {
  console.error(
    'bench: --write is for the figures of the documents, not for --quick ones or those of some --work',
  );
  process.exit(2);
}

const machine = {
  cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
  cores: os.cpus().length,
  memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  node: process.version,
  platform: `${os.platform()} ${os.arch()}`,
};
const report = { machine, sections: {} };
let text = `Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}, Node ${machine.node}\n`;
console.log(text);
for (const name of wanted) {
  const { title, note, rows } = SECTIONS[name];
  const found = await rows({ threads, quick: values.quick, only: values.work });
  // Most sections print what they measured; a table that has several figures in a row keeps them apart in the data.
  const { table, data, notes } = Array.isArray(found) ? { table: found, data: found, notes: [note] } : found;
  report.sections[name] = data;
  const section = `\n## ${title}\n\n${markdown(table)}\n\n${notes.join('\n')}\n`;
  console.log(section);
  text += section;
}
if (values.json) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
if (values.write)
  writeFileSync(
    new URL('../docs/results/bench.md', import.meta.url),
    `# Speed and memory\n\nMade by \`npm run bench -- --write\`. The machine is shared and noisy: read the ratios.\n\n${text}`,
  );
process.exit(0);

/** Rows of plain values as a Markdown table with aligned columns. */
function markdown(rows) {
  if (rows.length === 0) return '(nothing measured: the models of ../shared/data are not here)';
  const columns = Object.keys(rows[0]);
  const cells = [columns, ...rows.map((row) => columns.map((column) => format(row[column])))];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i].length)));
  const lines = cells.map((line) => `| ${line.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`);
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  return lines.join('\n');
}

function format(value) {
  if (typeof value !== 'number') return value ?? '–';
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 2 ? 3 : 2);
}
