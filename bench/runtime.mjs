/**
 * The runtime beside onnxruntime, one row for each work, variant, batch and number of threads, all of one run: milliseconds, GMAC/s
 * and share of the machine's peak (peaks.as.ts), and speeds as ratios, ours ÷ theirs, with what was aimed at. Rows: runtime-work.mjs.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare } from './runtime-models.mjs';
import { WORK } from './runtime-work.mjs';
import { FULL, QUICK } from './timing.mjs';

const PEERS = {
  nodeFloat: 'onnxruntime-node float32',
  nodeInt8: 'onnxruntime-node int8',
  webFloat: 'onnxruntime-web float32',
  webInt8: 'onnxruntime-web int8',
};

/**
 * @param threads numbers of threads, `quick` for few repetitions, `only` a part of the names of the works to measure
 * @returns `{table, data, notes}`: rows to print; for each row and peer `{work, bits, batch, threads, ours, peer, peerMilliseconds,
 * ratio, target, …}`; peaks in words
 */
export async function runtimeRows({ threads, quick, only = '' }) {
  const folder = mkdtempSync(join(tmpdir(), 'bnnq-bench-'));
  try {
    const works = [];
    for (const [i, work] of WORK.entries()) {
      if (!work.name.includes(only)) continue;
      console.error(`bench: preparing ${work.name}`);
      works.push(await prepare(work, folder, i));
    }
    const runs = [];
    for (const count of threads)
      runs.push(await inProcess(works.filter(Boolean), count, quick ? QUICK : FULL));
    const results = runs.flatMap(({ peaks, results: rows }) =>
      rows.map((row) => {
        const speed = row.macs / row.milliseconds / 1e6;
        return { ...row, speed, share: speed / peaks[row.peak] };
      }),
    );
    const order = new Map(works.filter(Boolean).map(({ name }, i) => [name, i]));
    results.sort((a, b) => order.get(a.work) - order.get(b.work));
    return { table: results.map(tableRow), data: results.flatMap(dataRows), notes: notesOf(threads, runs) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function inProcess(works, threads, settings) {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('runtime-measure.mjs', import.meta.url));
    let answer;
    child.once('message', (message) => {
      answer = message;
    });
    child.once('error', reject);
    child.once('exit', (status) =>
      answer
        ? resolve(answer)
        : reject(new Error(`bench: measuring with ${threads} threads ended with ${status}`)),
    );
    child.send({ works, threads, settings });
  });
}

function tableRow({
  work,
  note,
  bits,
  batch,
  threads,
  milliseconds,
  speed,
  share,
  peak,
  peers,
  targets = {},
}) {
  const row = {
    work: `${work}, ${note}`,
    'bits W×A': bits,
    batch,
    threads,
    'ours, ms': milliseconds,
    'GMAC/s': speed,
    'share of peak': `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} % ${peak}`,
  };
  for (const [peer, name] of Object.entries(PEERS)) row[name] = peers[peer];
  for (const [peer, name] of Object.entries(PEERS))
    row[`÷ ${name.replace('onnxruntime-', '')}`] = ratioText(peers[peer] / milliseconds, targets[peer]);
  return row;
}

/** `4.12`, `4.12 ≥ 3` where that is the target, `**2.90** < 3` where it is missed. */
function ratioText(ratio, target) {
  const text = ratio.toFixed(ratio < 10 ? 2 : 1);
  if (target == null) return text;
  return ratio >= target ? `${text} ≥ ${target}` : `**${text}** < ${target}`;
}

function dataRows({ peers, targets = {}, ...row }) {
  const { work, note, bits, batch, threads, milliseconds, speed, share, peak } = row;
  return Object.entries(PEERS).map(([peer, name]) => ({
    ...{ work: `${work}, ${note}`, bits, batch, threads, ours: milliseconds },
    ...{
      peer: name,
      peerMilliseconds: peers[peer],
      ratio: peers[peer] / milliseconds,
      target: targets[peer] ?? null,
    },
    ...{ gmacPerSecond: speed, shareOfPeak: share, peak },
  }));
}

function notesOf(threads, runs) {
  const rates = runs.map(({ peaks }, i) => {
    const list = Object.entries(peaks).map(([peak, rate]) => `${peak} ${rate.toFixed(1)}`);
    return `${threads[i] === 1 ? 'one thread' : `${threads[i]} threads`}: ${list.join(', ')}`;
  });
  return [
    'Ratios are speeds, ours ÷ theirs: above 1 we are faster; ≥ names the target that is reached, < and bold type one that is missed.',
    'Bits are those of weights × activations; ours computes from packed weights at their nearest levels, × 8 with the inputs of layers rounded as `--act-bits 8` does it. Peers have a float32 and an int8 model of the same network,',
    'whatever the bits of ours: int8 weights by channel, uint8 activations, QDQ, for fully connected layers the faster of that and dynamic ranges.',
    'Binary rows equal onnxruntime in float32 to the bit; "as floats" computes them without bits.',
    'A share above 100 % is that of Winograd’s algorithm, or of sums that rows share in tables: fewer operations than the products that are counted.',
    `Peaks of this run, GMAC/s. ${rates.join('; ')}.`,
  ];
}
