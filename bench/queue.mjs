/**
 * What a queue brings and what it costs: a sweep of ResNet-20 by one process and by 1, 2 and 4 workers of one thread each; and what
 * keeping a point, writing a report, and a queue with its jobs take beside scoring. Costs are processor time of all processes
 * together, which other work on the machine disturbs little. Needs redis-server, /proc and ../shared/data. `--write` writes
 * docs/results/queue.md.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Journal } from '../dist/src/eval/journal.js';
import { reportFiles, writeFileAtomically } from '../dist/src/index.js';

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const MAIN = file('../dist/cli/main.js');
const MODEL = file('../../shared/data/models/cifar10_resnet20.onnx');
const DATA = `cifar10:${file('../../shared/data/cifar10/test_batch.bin')}`;
const PORT = 7390;
const QUEUE = ['--queue', `redis://127.0.0.1:${PORT}`, '--store', 'store'];
const BITS = ['--schemes', 'linear,exp', '--bits', '1-4'];
const [POINTS, IMAGES] = [8, 1000];
/** Sweeps whose networks hardly run: what they take is the cost of everything else, that of a point the difference of two. */
const TINY = {
  images: 8,
  few: ['--schemes', 'linear', '--bits', '2'],
  many: ['--schemes', 'linear,exp,binary', '--bits', '1-8'],
};
const [FEW, MANY] = [1, 24];
/** Ticks of /proc/<pid>/stat a second. */
const TICKS = 100;

if (!existsSync(MODEL) || spawnSync('redis-server', ['--version']).status !== 0) {
  console.error('needs ../shared/data and redis-server');
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'bnnq-queue-bench-'));
const children = [];
function start(command, args) {
  const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  children.push(child);
  return child;
}

/** Processor seconds that a process which still runs has taken; those of its main thread alone, which does all but score. */
function processorSeconds({ pid }, mainThread = false) {
  const path = mainThread ? `/proc/${pid}/task/${pid}/stat` : `/proc/${pid}/stat`;
  const fields = readFileSync(path, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Runs the program to its end. @returns the processor seconds that it took */
async function run(args) {
  const child = start('bash', [
    '-c',
    'TIMEFORMAT="%U %S"; time "$@"',
    'bash',
    process.execPath,
    MAIN,
    ...args,
  ]);
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(stderr);
  const [user, system] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return user + system;
}

/** Runs a sweep and says how long it took, how long networks ran in it, and what processor time it took, with that of `others`. */
async function sweep(out, images, range, more, others = [], mainThreads = false) {
  const used = () => others.reduce((sum, one) => sum + processorSeconds(one, mainThreads), 0);
  const before = used();
  const begun = performance.now();
  const own = await run([
    ...['sweep', MODEL, '--data', DATA, '--preprocess', 'torch', '--limit', String(images)],
    ...[...range, '--quiet', '-o', out, ...more],
  ]);
  const seconds = (performance.now() - begun) / 1000;
  const report = JSON.parse(readFileSync(join(folder, out, 'report.json'), 'utf8'));
  const scoring = [report.float, ...report.points].reduce((sum, point) => sum + point.seconds, 0);
  return { report, seconds, scoring, processor: own + used() - before };
}

/** Runs `work` while so many workers are there, which have seen the data. */
async function withWorkers(count, work) {
  const workers = Array.from({ length: count }, () =>
    start(process.execPath, [MAIN, 'worker', ...QUEUE, '--cache', 'cache', '--threads', '1']),
  );
  await Promise.all(workers.map((one) => once(one.stderr, 'data')));
  await sleep(3000);
  await sweep(`warm${count}-${made++}`, 16 * count, BITS, QUEUE);
  const result = await work([...workers, redis]);
  for (const one of workers) one.kill();
  await Promise.all(workers.map((one) => once(one, 'exit')));
  return result;
}
let made = 0;

function row(name, threads, { seconds, scoring, processor }) {
  const share = Math.round((100 * scoring) / (seconds * threads));
  const speed = Math.round(((POINTS + 1) * IMAGES) / seconds);
  return `| ${name} | ${seconds.toFixed(1)} | ${((60 * POINTS) / seconds).toFixed(1)} | ${speed} | ${share} % | ${processor.toFixed(1)} |`;
}

/** What a queue costs for a sweep and for a point, in milliseconds of processor time of everything but scoring threads. */
async function costs(all) {
  const few = await sweep('few', TINY.images, TINY.few, QUEUE, all, true);
  const many = await sweep('many', TINY.images, TINY.many, QUEUE, all, true);
  const point = (many.processor - few.processor) / (MANY - FEW);
  const starting = await run(['sweep', MODEL, '--data', DATA, '-o', 'none', '--dry-run']);
  return { point: 1000 * point, sweep: 1000 * (few.processor - FEW * point - starting) };
}

/** Median milliseconds of `turns` calls. */
function median(turns, work) {
  const times = Array.from({ length: turns }, (_, i) => {
    const begun = performance.now();
    work(i);
    return performance.now() - begun;
  });
  return times.sort((a, b) => a - b)[Math.floor(turns / 2)];
}

let redis;
try {
  redis = start('redis-server', [
    '--port',
    String(PORT),
    '--dir',
    folder,
    '--appendonly',
    'yes',
    '--save',
    '',
  ]);
  await sleep(500);
  const cores = availableParallelism();
  const one = await sweep('one', IMAGES, BITS, ['--threads', '1']);
  const rows = [row('one process, 1 thread', 1, one)];
  rows.push(row('one process, 2 threads', 2, await sweep('two', IMAGES, BITS, ['--threads', '2'])));
  for (const count of [1, 2, 4]) {
    const done = await withWorkers(count, (all) => sweep(`queue${count}`, IMAGES, BITS, QUEUE, all));
    rows.push(row(`queue, ${count} worker${count > 1 ? 's' : ''}`, count, done));
  }

  const pointMs = (1000 * one.processor) / (POINTS + 1);
  const journal = new Journal(join(folder, 'journal', 'points.jsonl'));
  const journalMs = median(101, (i) => journal.append(String(i), one.report.points[0]));
  journal.close();
  const reportMs = median(11, () => {
    for (const [name, text] of reportFiles(one.report))
      writeFileAtomically(join(folder, name), [text], { force: true });
  });
  const queue = await withWorkers(1, costs);
  const share = (ms) => `${((100 * ms) / pointMs).toFixed(2)} %`;
  const table = [
    ['keeping a point: a line in the journal, synced', journalMs, share(journalMs)],
    [
      'a point as a job on the queue: submitter, main thread of the worker, Redis',
      queue.point,
      share(queue.point),
    ],
    ['writing the report, four files, once', reportMs, share(reportMs / POINTS)],
    [
      'the submitter, once, beside starting: reads and hashes model and data, connects',
      queue.sweep,
      share(queue.sweep / POINTS),
    ],
  ].map(([what, ms, part]) => `| ${what} | ${ms.toFixed(1)} | ${part} |`);

  const text = `# Queues

Made by \`node bench/queue.mjs --write\` (after \`npm run build\`; needs redis-server). ResNet-20, ${POINTS} points × ${IMAGES} images of CIFAR-10, and the float network once. ${cpus()[0].model.trim()}, ${cores} cores,
load average ${loadavg()[0].toFixed(1)} by this and other work; workers of one thread each, submitter, Redis and store on this one machine.

| | seconds | points a minute | images a second | of the workers' time scoring | processor seconds |
| --- | --: | --: | --: | --: | --: |
${rows.join('\n')}

Seconds are those of the whole command, its start included; processor seconds those of submitter, workers and Redis together. Where the load average is above the number of cores, other work took its share, another one in each row:
then only processor seconds and shares can be compared. All rows have the same report, to the bit. More workers than cores win nothing.

What is not scoring, in milliseconds, beside the ${(pointMs / 1000).toFixed(2)} s of processor time that a point takes, and for a sweep of ${POINTS} points:

| | ms | of a point |
| --- | --: | --: |
${table.join('\n')}
`;
  console.log(text);
  if (process.argv.includes('--write')) writeFileSync(file('../docs/results/queue.md'), text);
} finally {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
