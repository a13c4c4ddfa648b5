import type { Report } from '../eval/types.ts';

/** Of a point. */
const SETTINGS: readonly string[] = [
  ...['scheme', 'bits', 'granularity', 'method', 'repairs', 'ridge', 'actBits', 'actRange'],
  ...['fit', 'levels', 'zero', 'bases'],
];

/** Keys in the order in which they are written, by the name of the object that they belong to. */
const ORDER: Readonly<Record<string, readonly string[]>> = {
  report: [
    'schema',
    'tool',
    'command',
    'created',
    'machine',
    'model',
    'dataset',
    'calibration',
    'float',
    'points',
    'failures',
  ],
  tool: ['name', 'version'],
  machine: ['cpu', 'cores', 'platform', 'node'],
  model: ['file', 'sha256', 'byteLength', 'format', 'parameters', 'quantizedWeights', 'skipped'],
  skipped: ['name', 'reason'],
  dataset: ['spec', 'count', 'fingerprint', 'labelled', 'classes', 'preprocess'],
  calibration: ['spec', 'count', 'fingerprint', 'seed'],
  preprocess: ['preset', 'resize', 'crop', 'size', 'channelOrder', 'scale', 'mean', 'std', 'labelOffset'],
  float: ['count', 'top1', 'top5', 'top1Interval', 'top5Interval', 'seconds'],
  points: [
    ...SETTINGS,
    ...[
      'count',
      'top1',
      'top5',
      'top1Interval',
      'top5Interval',
      'agreement',
      'klDivergence',
      'logitSnrDb',
      'notFinite',
    ],
    ...['correlation', 'packedBytes', 'packed', 'bitsPerWeight'],
    ...['entropyBits', 'compressedBytes', 'onnxBytes', 'seconds', 'layers'],
  ],
  failures: [...SETTINGS, 'message'],
  packed: ['codes', 'levels', 'other', 'graph', 'header'],
  layers: ['name', 'scheme', 'bits', 'granularity', 'count', 'correlation', 'mse', 'lossRatio', 'notes'],
};

/**
 * `report.json`, schema `bnn-quantize/report@1`: the report itself, two spaces deep, its keys in one order whoever built
 * it; keys that this version does not know follow the others. Numbers that JSON lacks (infinities) become null.
 */
export function reportJson(report: Report): string {
  return `${JSON.stringify(inOrder(report, 'report'), null, 2)}\n`;
}

function inOrder(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.map((item) => inOrder(item, name));
  if (value === null || typeof value !== 'object') return value;
  const known = ORDER[name] ?? [];
  const rank = (key: string): number => (known.includes(key) ? known.indexOf(key) : known.length);
  const entries = Object.entries(value).toSorted(([a], [b]) => rank(a) - rank(b));
  return Object.fromEntries(entries.map(([key, item]) => [key, inOrder(item, key)]));
}
