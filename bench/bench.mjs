#!/usr/bin/env node
/**
 * `npm run bench [-- --only forward,binary,threads,sweep,size,memory,large] [--json file] [--write]`: every speed and memory figure that the documents quote, in
 * one run. `--write` puts the tables under docs/results/bench.md.
 */
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { binaryRows } from './binary.mjs';
import { forwardRows } from './forward.mjs';
import { largeRows, memoryRows } from './memory.mjs';
import { sizeRows } from './size.mjs';
import { sweepRows } from './sweep.mjs';
import { threadRows } from './threads.mjs';

const { values } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'string' }, write: { type: 'boolean', default: false } },
});
const SECTIONS = {
  forward: {
    title: 'One forward pass, one thread (median of interleaved repetitions, milliseconds)',
    note: 'Ratios are speeds, ours ÷ theirs: above 1 we are faster.',
    rows: forwardRows,
  },
  binary: {
    title: 'Binary networks, one forward pass, one thread (median of interleaved repetitions, milliseconds)',
    note: 'Weights and activations of one bit; onnxruntime computes in float32, the results are the same to the bit. Ratios are speeds, ours ÷ theirs.',
    rows: binaryRows,
  },
  threads: {
    title: 'One image, one thread and two (median of interleaved repetitions, milliseconds)',
    note: 'The same bits on either number of threads. Speeds: on this number of threads ÷ on one, and ours ÷ theirs.',
    rows: threadRows,
  },
  sweep: {
    title: 'A sweep: ResNet-20, 3 schemes × 8 bit widths × 1,000 CIFAR-10 images, two threads',
    note: 'Wall time of the whole command, reports included.',
    rows: sweepRows,
  },
  size: {
    title: 'Packed files on disk, `--scheme exp`, a table a channel (bytes)',
    note: 'Graph: operators, names, the index of the weights, and every tensor up to 64 KiB that is not discretized.',
    rows: sizeRows,
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
  const data = await rows();
  report.sections[name] = data;
  const section = `\n## ${title}\n\n${markdown(data)}\n\n${note}\n`;
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
