/**
 * docs/results/accuracy.json: what the runs of `npm run accuracy` found, so that one of them can be made again without the
 * others. Only what the tables and their readers need; the reports themselves are not committed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FILE = fileURLToPath(new URL('../docs/results/accuracy.json', import.meta.url));

export function readResults() {
  try {
    return JSON.parse(readFileSync(FILE, 'utf8'));
  } catch (thrown) {
    if (thrown.code !== 'ENOENT') throw thrown;
    return { runs: {} };
  }
}

/** Adds to what is in the file now, for several runs may be under way. @returns all that is in the file then */
export function record(change) {
  const results = readResults();
  change(results);
  results.runs = Object.fromEntries(
    Object.entries(results.runs).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
  );
  writeFileSync(FILE, `${JSON.stringify(results, null, 1)}\n`);
  return results;
}

/** Of a report of `sweep`. */
export function ofReport({ float, points }) {
  return { float: scoresOf(float), points: points.map((point) => pointOf(point, point)) };
}

/** Of what `quantize --json` prints for a target. */
export function ofTarget({ outputs: [output] }) {
  const { scores, target, layers } = output;
  const { met, predictedLoss, networkLoss, uniform, measure } = target;
  const weights = {};
  for (const { scheme, bits, count } of layers)
    weights[`${scheme}${bits}`] = (weights[`${scheme}${bits}`] ?? 0) + count;
  return {
    float: scoresOf(scores.float),
    points: [
      {
        ...pointOf(output, scores),
        target: {
          met,
          predictedLoss,
          networkLoss,
          measure,
          uniform: uniform && `${uniform.scheme}${uniform.bits}`,
        },
        weights,
      },
    ],
  };
}

function pointOf({ scheme, bits, actBits, packedBytes }, scores) {
  const { agreement, klDivergence } = scores;
  return {
    scheme,
    bits,
    ...(actBits && { actBits }),
    packedBytes,
    ...scoresOf(scores),
    agreement,
    klDivergence,
  };
}

function scoresOf({ count, top1, top5 }) {
  return { count, top1, top5 };
}
