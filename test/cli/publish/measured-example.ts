import type { Measured, MeasuredPoint, MeasuredValues } from '../../../cli/publish/measured.ts';

const VALUES: MeasuredValues = {
  ...{ count: 100, top1: 90, top1Low: 82.5, top1High: 94.5, top5: 99, agreement: 95, klDivergence: 0.1 },
  ...{ logitSnrDb: null, correlation: 0.99, packedBytes: 1000, bitsPerWeight: 3.5, seconds: 1.5 },
};

/** A point of so many bits. */
export function pointOf(bits: number, change: Partial<MeasuredPoint> = {}): MeasuredPoint {
  return {
    name: `exp, channel, ${bits} bits`,
    series: 'exp channel',
    settings: { scheme: 'exp', bits, granularity: 'channel', zero: false },
    values: VALUES,
    gates: [{ gate: 'min-top1', limit: 80, value: 90, met: true }],
    files: [],
    ...change,
  };
}

/** A small sweep. */
export function measured(change: Partial<Measured> = {}): Measured {
  return {
    command: 'sweep',
    model: { file: 'model.onnx', sha256: 'ab'.repeat(32), bytes: 4000 },
    data: { spec: 'idx:images,labels', fingerprint: 'cd'.repeat(32) },
    float: { top1: 92, top5: 99.5 },
    points: [pointOf(2), pointOf(3)],
    ...change,
  };
}
