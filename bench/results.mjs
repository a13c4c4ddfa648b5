#!/usr/bin/env node
/**
 * `npm run results [-- name …]`: the accuracy tables of docs/results, made by the command line on the models and images of
 * ../shared/data. Every sweep resumes where it stopped. Independent figures for the same images stand beside ours.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EXPECTED, SWEEPS } from './results-plan.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const wanted = process.argv.slice(2);
for (const name of wanted)
  if (!(name in SWEEPS))
    throw new Error(`results: no sweep ${name}; there are ${Object.keys(SWEEPS).join(', ')}`);

const commands = {};
for (const [name, { model, data, args }] of Object.entries(SWEEPS)) {
  const shared = '../shared/data';
  const words = [
    'sweep',
    `${shared}/models/${model}`,
    '--data',
    data.replaceAll('@', shared),
    ...args,
    '-o',
    `results-output/${name}`,
  ];
  commands[name] = `bnn-quantize ${words.join(' ')}`;
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`\n${commands[name]}`);
  const { status } = spawnSync(process.execPath, ['dist/cli/main.js', ...words], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) process.exit(status ?? 1);
  mkdirSync(`${ROOT}docs/results`, { recursive: true });
  copyFileSync(`${ROOT}results-output/${name}/report.md`, `${ROOT}docs/results/${name}.md`);
}
writeFileSync(`${ROOT}docs/results/plain-rounding.md`, comparison());

/** Ours beside the independent figures, a table a group of EXPECTED. */
function comparison() {
  const lines = [
    '# Plain rounding: ours beside independent figures',
    '',
    'Made by `npm run results`. "Independent" are figures of another implementation (float64 fits, run by onnxruntime), "published" those of the',
    'literature. Accuracy in percent. A dash: not measured by them.',
  ];
  for (const { title, note, rows } of EXPECTED) {
    const cells = rows.map((row) => cellsOf(row)).filter((row) => row !== undefined);
    if (cells.length === 0) continue;
    const header = ['what', 'bits', 'ours', 'theirs', 'difference'];
    lines.push(
      '',
      `## ${title}`,
      '',
      note,
      '',
      `| ${header.join(' | ')} |`,
      '| --- | --: | --: | --: | --: |',
      ...cells.flat(),
    );
  }
  lines.push('', '## The commands', '', '```sh', ...Object.values(commands), '```', '');
  return lines.join('\n');
}

function cellsOf({ what, sweep, select, metric = 'top1', values }) {
  let report;
  try {
    report = JSON.parse(readFileSync(`${ROOT}results-output/${sweep}/report.json`, 'utf8'));
  } catch {
    return undefined;
  }
  return Object.entries(values).map(([bits, theirs]) => {
    const scores =
      select === null
        ? report.float
        : report.points.find(
            (point) =>
              point.bits === Number(bits) &&
              Object.entries(select).every(([key, value]) => point[key] === value),
          );
    const ours = metric.split('/').map((key) => scores?.[key]);
    const expected = String(theirs).split('/').map(Number);
    const text = (list) => list.map((value) => value?.toFixed(2) ?? '?').join(' / ');
    const difference = ours.map((value, i) => {
      const off = Math.round((value - expected[i]) * 100) / 100 || 0; // no negative zero
      return `${off > 0 ? '+' : ''}${off.toFixed(2)}`;
    });
    return `| ${what} | ${select === null ? 'float' : bits} | ${text(ours)} | ${text(expected)} | ${difference.join(' / ')} |`;
  });
}
