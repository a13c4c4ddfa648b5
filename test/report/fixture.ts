import type { LayerFit, Report, Scores, SweepPoint } from '../../src/eval/types.ts';

/** Top-1 of 10,000 images at 1..8 bits: a network of the size of ResNet-20 under three schemes and two granularities. */
const TOP1: Readonly<Record<string, readonly number[]>> = {
  'binary tensor': [10.0, 10.62, 58.31, 84.4, 89.52, 90.86, 91.41, 91.6],
  'binary channel': [10.0, 21.7, 78.26, 88.95, 90.74, 91.38, 91.58, 91.7],
  'linear tensor': [10.0, 9.22, 62.44, 86.26, 90.11, 91.2, 91.49, 91.66],
  'linear channel': [10.0, 14.74, 80.4, 89.63, 91.1, 91.46, 91.71, 91.69],
  'exp tensor': [10.0, 14.42, 71.07, 87.12, 90.55, 91.31, 91.6, 91.74],
  'exp channel': [10.0, 18.26, 83.19, 90.45, 91.22, 91.52, 91.66, 91.76],
};

const WEIGHTS = 270_896;

/** A report such as a sweep of 3 schemes × 8 bits × 2 granularities gives; every number follows from its place. */
export function sampleReport(changes: Partial<Report> = {}): Report {
  const points = Object.entries(TOP1).flatMap(([name, rates]) => {
    const [scheme, granularity] = name.split(' ') as [string, string];
    return rates.map((top1, i) => samplePoint(scheme, granularity, i + 1, top1));
  });
  return {
    schema: 'bnn-quantize/report@1',
    tool: { name: 'bnn-quantize', version: '0.1.0' },
    command: ['bnn-quantize', 'sweep', 'resnet20.onnx', '--data', 'cifar10:test batch.bin', '-o', 'report'],
    created: '2025-01-02T03:04:05.000Z',
    machine: { cpu: 'Some CPU @ 2.50GHz', cores: 2, platform: 'linux x64', node: '20.20.2' },
    model: {
      file: 'resnet20.onnx',
      sha256: '6af84e52190dd8b1462df47c5d7b895b90a77b0a1735e6b17c170aabcc9c60d5',
      byteLength: 1_102_336,
      format: 'onnx',
      parameters: 272_474,
      quantizedWeights: WEIGHTS,
      skipped: [
        { name: 'stem.gate', reason: 'the weight is an input of Mul, which is not a product of matrices' },
      ],
    },
    dataset: {
      spec: 'cifar10:test batch.bin',
      count: 10_000,
      fingerprint: 'e1d04cd0bdf20d91761b3d31780629e3af4209bbd4f948f693f161df47608eca',
      labelled: true,
      classes: 10,
      preprocess: {
        channelOrder: 'rgb',
        scale: 1 / 255,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
        labelOffset: 0,
      },
    },
    float: {
      count: 10_000,
      top1: 91.73,
      top5: 99.74,
      top1Interval: wilson(91.73),
      top5Interval: wilson(99.74),
      seconds: 41.2,
    },
    points,
    ...changes,
  };
}

/** The same sweep on data without labels: agreement, KL and signal-to-noise alone. */
export function unlabelledReport(): Report {
  const report = sampleReport();
  return {
    ...report,
    dataset: { ...report.dataset, labelled: false, classes: 10 },
    float: { ...report.float, ...NO_ACCURACY },
    points: report.points.map((point) => ({ ...point, ...NO_ACCURACY })),
  };
}

const NO_ACCURACY = { top1: null, top5: null, top1Interval: null, top5Interval: null } as const;

export function samplePoint(scheme: string, granularity: string, bits: number, top1: number): SweepPoint {
  const layers = ['conv1', 'layer1.0.conv1', 'layer2.0.conv1', 'linear'].map((name, i): LayerFit => {
    const mse = 0.36 * 4 ** (1 - bits) * (1 + i / 10);
    return {
      name: `${name}.weight`,
      scheme,
      bits,
      granularity,
      count: 1000,
      correlation: Math.sqrt(1 - Math.min(1, mse)),
      mse,
    };
  });
  const tables = granularity === 'tensor' ? 20 : 698;
  const packed = {
    codes: Math.ceil((WEIGHTS * bits) / 8),
    levels: tables * 4 * (scheme === 'binary' ? bits : scheme === 'exp' ? 2 : 1),
    other: 11_088,
    graph: 9_412,
    header: 7_640,
  };
  const packedBytes = Object.values(packed).reduce((sum, part) => sum + part, 0);
  const scores: Scores = {
    count: 10_000,
    top1,
    top5: Math.min(99.8, 50 + top1 / 1.84),
    top1Interval: wilson(top1),
    top5Interval: wilson(Math.min(99.8, 50 + top1 / 1.84)),
    agreement: Math.min(99.9, top1 * 1.08),
    klDivergence: 3 * 4 ** (1 - bits),
    logitSnrDb: 6.02 * bits - 4,
    seconds: 3.4 + bits / 10,
  };
  return {
    ...{ scheme, bits, granularity, method: 'rtn', fit: 'correlation', levels: 'geometric', zero: false },
    ...scores,
    correlation: layers[0]!.correlation,
    packedBytes,
    packed,
    bitsPerWeight: (8 * (packed.codes + packed.levels)) / WEIGHTS,
    entropyBits: bits * 0.94,
    compressedBytes: packedBytes - Math.ceil(packed.codes * 0.05),
    onnxBytes: packedBytes + 1700,
    layers,
  };
}

/** Wilson's 95 % interval of a rate in percent over 10,000 trials. */
function wilson(rate: number): readonly [number, number] {
  const [n, z, p] = [10_000, 1.959964, rate / 100];
  const centre = (p + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z / (1 + z ** 2 / n)) * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n * n));
  return [100 * (centre - half), 100 * (centre + half)];
}
