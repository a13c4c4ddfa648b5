import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { type ChannelMove, mapBytes } from './contract.ts';

/** Bits of a word, and pixels that are turned into channels at once. */
const WORD = 64;
/** Runs for each word, of all maps, from which on words of pixels are faster. Measured: a run takes 3 ns a pixel, a word turned over 10. */
const MANY_RUNS = 4;

/** Channels of maps put together: run by run, or, where there are many runs, as in a shuffle, with pixels and channels turned over. */
export function moveChannelsSimd(
  workspace: Workspace,
  parts: readonly ChannelMove[],
  y: Uint8Array,
  pixels: number,
  outChannels: number,
): void {
  const words = [...parts.map(({ channels }) => channels), outChannels].reduce(
    (n, c) => n + mapBytes(c) / 8,
    0,
  );
  const runs = parts.reduce((n, part) => n + part.runs.length / 3, 0);
  const move = runs > MANY_RUNS * words ? moveTurned : moveRuns;
  move(workspace, parts, y, pixels, outChannels);
}

function moveRuns(
  workspace: Workspace,
  parts: readonly ChannelMove[],
  y: Uint8Array,
  pixels: number,
  outChannels: number,
): void {
  const runBytes = alignedBytes(Math.max(0, ...parts.map(({ runs }) => runs.length * 4)));
  const maps = parts.map(({ map }) => map);
  workspace.call(y, maps, runBytes, (to, at, sources) => {
    const { buffer } = workspace.heap;
    new Uint8Array(buffer, to, y.length).fill(0);
    parts.forEach(({ channels, runs }, i) => {
      new Int32Array(buffer, at, runs.length).set(runs);
      const [words, outWords] = [mapBytes(channels) / 8, mapBytes(outChannels) / 8];
      workspace.exports.moveChannels(sources[i]!, pixels, words, to, outWords, at, runs.length / 3);
    });
  });
}

/** 64 pixels at a time: a word of pixels for each channel, then the words in another order, then a word of channels for each pixel. */
function moveTurned(
  workspace: Workspace,
  parts: readonly ChannelMove[],
  y: Uint8Array,
  pixels: number,
  outChannels: number,
): void {
  const outWords = mapBytes(outChannels) / 8;
  const sources = new Int32Array(outWords * WORD).fill(-1);
  let words = 0;
  const starts = parts.map(({ channels, runs }) => {
    const start = words;
    for (let i = 0; i < runs.length; i += 3)
      for (let c = 0; c < runs[i + 2]; c++) sources[runs[i + 1] + c] = start * WORD + runs[i] + c;
    words += mapBytes(channels) / 8;
    return start;
  });
  const turnedBytes = words * WORD * 8;
  const maps = parts.map(({ map }) => map);
  const { exports } = workspace;
  workspace.call(y, maps, turnedBytes + sources.byteLength + WORD * 8, (to, turned, addresses) => {
    const sourcesAt = turned + turnedBytes;
    const block = sourcesAt + sources.byteLength;
    new Int32Array(workspace.heap.buffer, sourcesAt, sources.length).set(sources);
    for (let first = 0; first < pixels; first += WORD) {
      const count = Math.min(WORD, pixels - first);
      parts.forEach(({ channels }, i) => {
        const own = mapBytes(channels) / 8;
        const from = addresses[i]! + first * own * 8;
        exports.channelsOfPixels(from, count, own, turned + starts[i]! * WORD * 8);
      });
      exports.pixelsOfChannels(turned, sourcesAt, count, outWords, to + first * outWords * 8, block);
    }
  });
}
