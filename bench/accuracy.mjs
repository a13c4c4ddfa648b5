#!/usr/bin/env node
/**
 * `npm run accuracy [-- name …]`: docs/results/accuracy.json and accuracy.md, made by `bnn-quantize` with calibration on the models and
 * images of ../shared/data. Without names all runs, `cost` last; `table` makes the document of what is known. A run that was
 * interrupted goes on where it stopped; several at a time may write to the same results.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { COSTS } from './accuracy-plan.mjs';
import { ofReport, ofTarget, readResults, record } from './accuracy-results.mjs';
import { OUT, RUNS, wordsOf } from './accuracy-runs.mjs';
import { documentOf } from './accuracy-table.mjs';
import { measure } from './memory.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OTHERS = ['table', 'cost'];
const wanted = process.argv.slice(2);
for (const name of wanted)
  if (!OTHERS.includes(name) && !RUNS.has(name))
    throw new Error(`accuracy: no run ${name}; there are ${[...RUNS.keys(), ...OTHERS].join(', ')}`);

mkdirSync(`${ROOT}${OUT}`, { recursive: true });
for (const [name, { kind }] of RUNS) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const words = wordsOf(name, readResults());
  const printed = bnnQuantize(kind === 'sweep' ? words : [...words, '--json']);
  const found =
    kind === 'sweep'
      ? ofReport(JSON.parse(readFileSync(`${ROOT}${OUT}/accuracy-${name}/report.json`, 'utf8')))
      : ofTarget(JSON.parse(printed));
  record(({ runs }) => {
    runs[name] = { command: `bnn-quantize ${words.join(' ')}`, ...found };
  });
}
if (wanted.length === 0 || wanted.includes('cost')) {
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}`;
  const rows = costs();
  record((results) => {
    results.cost = { machine, rows };
  });
}
writeFileSync(`${ROOT}docs/results/accuracy.md`, documentOf(readResults()));

/** Runs a command, and ends with its exit code where it fails; a target that is not met is no failure. @returns its stdout */
function bnnQuantize(words) {
  console.error(`\nbnn-quantize ${words.join(' ')}`);
  const run = spawnSync(process.execPath, ['dist/cli/main.js', ...words], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0 && run.status !== 3) process.exit(run.status ?? 1);
  return run.stdout;
}

/** Seconds and peak memory of one calibration each. */
function costs() {
  return Object.entries(COSTS).map(([name, line]) => {
    const words =
      `quantize ${line.replaceAll('@', `${ROOT}../shared/data`)} --scheme exp --bits 3 --force`.split(' ');
    const { peak, seconds } = measure([...words, '-o', `${ROOT}${OUT}/cost-${Date.now()}.bnnq`]);
    return { name, seconds, megabytes: peak / 1e6 };
  });
}
