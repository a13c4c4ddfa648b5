/**
 * Reads damaged files, many thousands of them: none may crash the reader, take over 2 s of computing or 1 GB, or write anything.
 *
 *   npm run fuzz -- [--format onnx,packed] [--count 20000] [--seed 1] [--only <number>] [--write]
 *
 * `--write` puts the table under docs/results/fuzz.md. Prints a row a format and every finding with the command that repeats it. Ends with 1 where there were any.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FORMATS } from './formats.mjs';

const MAX_SECONDS = 2;
const MAX_BYTES = 1e9;
/** A process that says nothing for this long hangs, however busy the machine is. */
const MAX_SILENCE_MS = 30_000;

const { values } = parseArgs({
  options: {
    format: { type: 'string', default: Object.keys(FORMATS).join() },
    count: { type: 'string', default: '20000' },
    seed: { type: 'string', default: `${Date.now() % 1e9}` },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const [from, to] =
  values.only === undefined ? [0, Number(values.count)] : [Number(values.only), Number(values.only) + 1];
const formats = values.format.split(',');
const unknown = formats.filter((format) => !Object.hasOwn(FORMATS, format));
if (unknown.length > 0 || ![seed, from, to].every(Number.isSafeInteger)) {
  console.error(
    `fuzz: expected --format ${Object.keys(FORMATS).join('|')}, whole numbers for --count, --seed and --only`,
  );
  process.exit(2);
}

console.log(`seed ${seed}, mutants ${from} to ${to - 1} a format: made from, outcomes, slowest, most memory`);
const findings = [];
const rows = [];
const queue = [...formats];
await Promise.all(
  Array.from({ length: Math.min(availableParallelism(), queue.length) }, async () => {
    for (let format = queue.shift(); format !== undefined; format = queue.shift()) await fuzz(format);
  }),
);
for (const { format, index, file, what } of findings)
  console.log(
    `\n${format}: ${what}\n  of ${file}\n  again: npm run fuzz -- --format ${format} --seed ${seed} --only ${index}`,
  );
console.log(`${findings.length} findings`);
if (values.write) writeFileSync(new URL('../../docs/results/fuzz.md', import.meta.url), markdown());
process.exit(findings.length > 0 ? 1 : 0);

/** All mutants of a format; a process that is lost is followed by another one. */
async function fuzz(format) {
  const guard = mkdtempSync(join(tmpdir(), 'bnnq-fuzz-cwd-'));
  const tally = { format, results: new Map(), slowest: 0, peakBytes: 0, corpus: 0 };
  for (let next = from; next < to; ) next = await stretch(format, next, guard, tally);
  const written = readdirSync(guard);
  if (written.length > 0)
    findings.push({ format, index: from, file: guard, what: `wrote ${written.join(', ')}` });
  rmSync(guard, { recursive: true });
  const results = [...tally.results]
    .sort(([, a], [, b]) => b - a)
    .map(([result, count]) => `${result} ${count}`);
  const row = [
    format,
    `${tally.corpus} ${tally.corpus === 1 ? 'file' : 'files'}`,
    results.join(', '),
    `${tally.slowest.toFixed(2)} s`,
    `${Math.round(tally.peakBytes / 1e6)} MB`,
  ];
  rows.push(row);
  console.log(row.join(' · '));
}

/** Runs one process from mutant `start` on; gives the mutant with which to go on. */
function stretch(format, start, cwd, tally) {
  const folder = mkdtempSync(join(tmpdir(), 'bnnq-fuzz-'));
  const child = fork(fileURLToPath(new URL('child.mjs', import.meta.url)), {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr = `${stderr}${text}`.slice(-2000);
  });
  return new Promise((resolve) => {
    let current = start;
    let file = '';
    let next = to;
    let timer;
    const find = (what) => findings.push({ format, index: current, file, what });
    const stop = (what) => {
      find(what);
      next = current + 1;
      child.kill('SIGKILL');
    };
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => stop('hangs'), MAX_SILENCE_MS);
    };
    let ended = false;
    child.on('message', (message) => {
      watch();
      if (message.corpus !== undefined) tally.corpus = message.corpus;
      if (message.begin !== undefined) {
        current = message.begin;
        file = message.file;
      }
      if (message.done) ended = true;
      if (message.end === undefined) return;
      const { result, seconds, peakBytes, detail } = message;
      tally.results.set(result, (tally.results.get(result) ?? 0) + 1);
      tally.slowest = Math.max(tally.slowest, seconds);
      tally.peakBytes = Math.max(tally.peakBytes, peakBytes);
      if (result === 'crash') find(detail);
      if (seconds > MAX_SECONDS) find(`took ${seconds.toFixed(1)} s of computing`);
      if (peakBytes > MAX_BYTES) stop(`took ${Math.round(peakBytes / 1e6)} MB`);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (!ended && next === to && signal !== 'SIGKILL') {
        find(`the process ended with ${signal ?? code}: ${stderr}`);
        next = current + 1;
      }
      rmSync(folder, { recursive: true, force: true });
      resolve(next);
    });
    watch();
    child.send({ format, seed, from: start, to, folder });
  });
}

function markdown() {
  const sorted = rows.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `# Damaged files

Made by \`npm run fuzz -- --count ${to} --seed ${seed} --write\`: ${to} damaged files of each format, each read to its end by the public API in a process that is watched. A
finding is a crash, anything but one sentence, more than ${MAX_SECONDS} s of computing, more than ${MAX_BYTES / 1e9} GB for the whole process (Node itself takes 80 MB), or a written file.

**${findings.length} findings.** Numbers are damaged files by what reading them gave: \`accepted\` (the damage is in values, or in what nobody reads), else the code of the error.

| format | made from | outcomes | slowest, computing | most memory |
| --- | --- | --- | --- | --- |
${sorted.map((row) => `| ${row.join(' | ')} |`).join('\n')}
`;
}
