/**
 * The peaks that shares are taken of: what `threads` threads do together in the loops of peaks.as.ts, in GMAC/s. Compiled
 * anew in every run, so that peak and kernels go through the same engine.
 */
import { readFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** Multiply-adds of a turn of each loop. */
const MACS = { popcounts: 8 * 64, dots: 12 * 8, floats: 24 * 4 };
/** Peaks by what a network's layers multiply with: signs, integers, floats. */
const LOOP_OF = { popcount: 'popcounts', 'int16 dot': 'dots', 'float32 multiply-add': 'floats' };

/** So many bursts of each loop in turn: V8 compiles a loop well only after a while, in the background. */
const BURSTS = 24;
const BURST_MS = 20;

/** @returns GMAC/s by name of the peak; the threads run at the same time, each gives the best of its bursts */
export async function measurePeaks(threads) {
  const binary = await compile();
  const all = await Promise.all(Array.from({ length: threads }, () => inWorker(binary)));
  return Object.fromEntries(
    Object.entries(LOOP_OF).map(([peak, loop]) => [peak, all.reduce((sum, rates) => sum + rates[loop], 0)]),
  );
}

function inWorker(binary) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { binary } });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

async function compile() {
  const { default: asc } = await import('assemblyscript/asc');
  let binary;
  const { error } = await asc.main(
    ['peaks.as.ts', '--outFile=peaks.wasm', '--enable=simd', '-O3', '--noAssert', '--runtime=stub'],
    {
      readFile: (name) =>
        name === 'peaks.as.ts' ? readFileSync(new URL('peaks.as.ts', import.meta.url), 'utf8') : null,
      writeFile: (_, content) => {
        binary = content;
      },
      listFiles: () => [],
      stderr: process.stderr,
    },
  );
  if (error) throw error;
  return binary;
}

/** Best GMAC/s of each loop on this thread. */
function ratesOf(binary) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary), {
    env: { abort: () => {} },
  });
  const loops = Object.entries(MACS).map(([loop, macs]) => ({ loop, macs, turns: 1000, best: 0 }));
  for (let i = 0; i < BURSTS; i++)
    for (const one of loops) {
      const start = performance.now();
      exports[one.loop](one.turns);
      const milliseconds = performance.now() - start;
      one.best = Math.max(one.best, (one.macs * one.turns) / milliseconds / 1e6);
      one.turns = Math.ceil((one.turns * BURST_MS) / Math.max(milliseconds, BURST_MS / 8));
    }
  return Object.fromEntries(loops.map(({ loop, best }) => [loop, best]));
}

if (!isMainThread) parentPort.postMessage(ratesOf(workerData.binary));
