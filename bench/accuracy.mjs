#!/usr/bin/env node
/**
 * `npm run accuracy [-- name …]`: docs/results/accuracy.md, made by `bnn-quantize sweep` with calibration on the models and images
 * of ../shared/data. Every sweep resumes where it stopped; names are those of the sweeps, or `table` to make the document of
 * what is there.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ABLATIONS, ACTIVATIONS, COSTS, LITERATURE, NETWORKS, SIZED_BITS } from './accuracy-plan.mjs';
import { measure } from './memory.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUT = 'results-output';
const wanted = process.argv.slice(2);
mkdirSync(`${ROOT}${OUT}`, { recursive: true });

/** The column of --target-size. */
const CHOSEN = 'chosen by layer, size of exp';

const COST_FILE = `${OUT}/accuracy-cost.json`;

/** All sweeps by name. */
const sweeps = new Map();
for (const { sweeps: own } of NETWORKS)
  for (const [name, line] of Object.entries(own)) sweeps.set(name, line);
for (const { rows, command, prefix } of ABLATIONS)
  Object.values(rows).forEach((line, i) => {
    sweeps.set(`ablation-${prefix}-${i}`, `${command} ${line}`.trim());
  });
sweeps.set(ACTIVATIONS.sweep, ACTIVATIONS.command);
const folderOf = (name) => `${OUT}/accuracy-${name}`;
const commandOf = (name) =>
  `sweep ${sweeps.get(name).replaceAll('@', '../shared/data')} -o ${folderOf(name)}`;

/** Networks with --target-size, by name: the network, and the width of `exp` whose file is that large. */
const sized = new Map(
  NETWORKS.filter((network) => network.sized !== undefined).flatMap((network) =>
    SIZED_BITS.map((bits) => [`${Object.keys(network.sweeps)[0]}-size${bits}`, { ...network, bits }]),
  ),
);
const sizedFile = (name) => `${OUT}/accuracy-${name}.json`;

function sizedCommand(name) {
  const { sized: line, sweeps: own, bits } = sized.get(name);
  const like = reportOf(Object.keys(own)[0])?.points.find((p) => p.scheme === 'exp' && p.bits === bits);
  if (like === undefined) throw new Error(`accuracy: ${name} needs the sweep ${Object.keys(own)[0]}`);
  const file = `${folderOf(name)}.bnnq`;
  return `quantize ${line.replaceAll('@', '../shared/data')} --target-size ${like.packedBytes} -o ${file} --force`;
}

for (const name of wanted)
  if (name !== 'table' && name !== 'cost' && !sweeps.has(name) && !sized.has(name))
    throw new Error(
      `accuracy: no sweep ${name}; there are ${[...sweeps.keys(), ...sized.keys()].join(', ')}`,
    );
for (const name of sweeps.keys()) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  bnnQuantize(commandOf(name).split(' '));
}
for (const name of sized.keys()) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  writeFileSync(`${ROOT}${sizedFile(name)}`, bnnQuantize([...sizedCommand(name).split(' '), '--json']));
}
if (wanted.length === 0 || wanted.includes('cost'))
  writeFileSync(
    `${ROOT}${COST_FILE}`,
    JSON.stringify({
      machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}`,
      rows: costs(),
    }),
  );
writeFileSync(`${ROOT}docs/results/accuracy.md`, documentOf());

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

function reportOf(name) {
  try {
    return JSON.parse(readFileSync(`${ROOT}${folderOf(name)}/report.json`, 'utf8'));
  } catch {
    return undefined;
  }
}

function sizedResult(name) {
  try {
    return JSON.parse(readFileSync(`${ROOT}${sizedFile(name)}`, 'utf8')).outputs[0];
  } catch {
    return undefined;
  }
}

function documentOf() {
  return [
    '# Accuracy with calibration',
    '',
    'Made by `npm run accuracy`; the commands stand at the end. Weights of every layer are discretized, the first and the last included, one level table a channel',
    'unless said otherwise; activations are float. *Chosen by layer*: `--target-size` with the bytes of the `exp` file of that row. Calibration images are training images without their labels (CIFAR-10: 1,024, ImageNet: 200, MNIST: 1,024), accuracy is taken on',
    'others. Top-1 in percent; in brackets points against float. On 800 images one image is 0.125 points, and the 95 % interval of a figure is about ±3 points; on 10,000',
    'about ±0.6. Compare losses within a column rather than with those of other images.',
    '',
    ...NETWORKS.flatMap(networkSection),
    "## The literature's best at the same bits",
    '',
    'Points of top-1 lost by the best calibrated methods published for weights alone, a channel, activations in float (AdaRound, OBQ, BRECQ). Other networks and the whole',
    'validation set, so a yardstick and not a comparison. Ours at the same bits: the losses above.',
    '',
    '| network | 4 bits | 3 bits | 2 bits |',
    '| --- | --: | --: | --: |',
    ...Object.entries(LITERATURE).map(([name, by]) => `| ${name} | ${by[4]} | ${by[3]} | ${by[2]} |`),
    '',
    ...ablations(),
    ...activationSection(),
    ...costSection(),
    '## The commands',
    '',
    '```sh',
    ...[...sweeps.keys()].filter(reportOf).map((name) => `bnn-quantize ${commandOf(name)}`),
    ...[...sized.keys()].filter(sizedResult).map((name) => `bnn-quantize ${sizedCommand(name)}`),
    '```',
    '',
  ].join('\n');
}

function lossText(point, float) {
  const loss = Math.round((point.top1 - float) * 100) / 100;
  return `${point.top1.toFixed(2)} (${loss > 0 ? '+' : ''}${loss.toFixed(2).replace('-', '−')})`;
}

function networkSection({ name, targets, sweeps: own }) {
  const reports = Object.keys(own).map(reportOf).filter(Boolean);
  if (reports.length === 0) return [];
  const float = reports[0].float;
  const chosen = SIZED_BITS.flatMap((bits) => {
    const result = sizedResult(`${Object.keys(own)[0]}-size${bits}`);
    if (result === undefined) return [];
    const { packedBytes, scores } = result;
    return [{ scheme: CHOSEN, bits, packedBytes, top1: scores.top1, top5: scores.top5 }];
  });
  const points = [...reports.flatMap((report) => report.points), ...chosen];
  const schemes = [...new Set(points.map(({ scheme }) => scheme))];
  const widths = [...new Set(points.map(({ bits }) => bits))].toSorted((a, b) => b - a);
  const rows = widths.map((bits) => {
    const here = points.filter((point) => point.bits === bits);
    const best = here.toSorted((a, b) => b.top1 - a.top1 || a.packedBytes - b.packedBytes)[0];
    const target = targets[bits];
    const met = (point) =>
      target === undefined || point === undefined
        ? ''
        : float.top1 - point.top1 <= target + 1e-9
          ? ' ✓'
          : ' ✗';
    return [
      bits,
      target === undefined ? '–' : `${target}`,
      ...schemes.map((scheme) => {
        const point = here.find((one) => one.scheme === scheme);
        return point === undefined
          ? '–'
          : `${lossText(point, float.top1)}${met(point)}<br>${(point.packedBytes / 1000).toFixed(0)} kB, top-5 ${point.top5.toFixed(2)}`;
      }),
      best.scheme,
    ];
  });
  return [
    `## ${name}`,
    '',
    `Float: top-1 ${float.top1.toFixed(2)}, top-5 ${float.top5.toFixed(2)}. ✓ and ✗: within the loss that was aimed at, or not.`,
    '',
    `| bits | aim: at most | ${schemes.map((scheme) => (scheme === CHOSEN ? scheme.replace('exp', '`exp`') : `\`${scheme}\``)).join(' | ')} | best |`,
    `| --: | --: | ${schemes.map(() => '---').join(' | ')} | --- |`,
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    '',
  ];
}

function ablations() {
  const sections = ABLATIONS.flatMap(ablationSection);
  if (sections.length === 0) return [];
  return ['## What each part is worth', '', 'Top-1, percent. Every row is one sweep.', '', ...sections];
}

function ablationSection({ name, bits, rows, prefix }) {
  const lines = Object.entries(rows).flatMap(([label, options], i) => {
    const report = reportOf(`ablation-${prefix}-${i}`);
    if (report === undefined) return [];
    const cells = bits.map(
      (width) => report.points.find((point) => point.bits === width)?.top1.toFixed(2) ?? '–',
    );
    const shown = options.replaceAll(/--calib \S+/g, '--calib …').trim();
    return [`| ${label} | ${shown === '' ? '' : `\`${shown}\``} | ${cells.join(' | ')} |`];
  });
  if (lines.length === 0) return [];
  return [
    `### ${name}`,
    '',
    `| what | options | ${bits.map((width) => `${width} bits`).join(' | ')} |`,
    `| --- | --- | ${bits.map(() => '--:').join(' | ')} |`,
    ...lines,
    '',
  ];
}

function activationSection() {
  const report = reportOf(ACTIVATIONS.sweep);
  if (report === undefined) return [];
  const { widths, activations } = ACTIVATIONS;
  const cellOf = (bits, acts) =>
    report.points.find((point) => point.bits === bits && (point.actBits ?? null) === acts)?.top1.toFixed(2) ??
    '–';
  return [
    '## Activations of few bits',
    '',
    `${ACTIVATIONS.name}. Top-1, percent; float ${report.float.top1.toFixed(2)}.`,
    '',
    `| weights | ${activations.map((bits) => (bits === null ? 'float activations' : `A${bits}`)).join(' | ')} |`,
    `| --- | ${activations.map(() => '--:').join(' | ')} |`,
    ...widths.map((bits) => `| W${bits} | ${activations.map((acts) => cellOf(bits, acts)).join(' | ')} |`),
    '',
  ];
}

function costSection() {
  let cost;
  try {
    cost = JSON.parse(readFileSync(`${ROOT}${COST_FILE}`, 'utf8'));
  } catch {
    return [];
  }
  return [
    '## Time and memory',
    '',
    `One \`quantize --scheme exp --bits 3 --calib …\` alone on the machine (${cost.machine}), one run each; the command reads, calibrates and writes. Calibration works in one thread.`,
    '',
    '| network | seconds | peak memory, MB |',
    '| --- | --: | --: |',
    ...cost.rows.map(
      ({ name, seconds, megabytes }) => `| ${name} | ${seconds.toFixed(0)} | ${megabytes.toFixed(0)} |`,
    ),
    '',
  ];
}
