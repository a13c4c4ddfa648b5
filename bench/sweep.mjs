/** Wall time of the sweep command on ResNet-20: 24 points × 1,000 images, activations in float and of 8 bits. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const CIFAR = file('../../shared/data/cifar10');

const THREADS = 2;
const POINTS = 24;
const IMAGES = 1000;
/** Seconds that the sweep with activations of 8 bits may take on two cores. */
const TARGET_SECONDS = 30;

/** Ranges alone come of the calibration images, weights get the nearest levels, so that both rows do the same for them. */
const ACTIVATIONS = {
  float32: { options: [] },
  '8 bits': {
    options: [
      ...['--act-bits', '8', '--calib', `cifar10:${CIFAR}/calib_1024.bin`, '--calib-samples', '64'],
      ...['--method', 'rtn', '--repair', 'none'],
    ],
    target: TARGET_SECONDS,
  },
};

export function sweepRows() {
  const model = file('../../shared/data/models/cifar10_resnet20.onnx');
  if (!existsSync(model)) return [];
  return Object.entries(ACTIVATIONS).map(([activations, { options, target }]) => {
    const seconds = secondsOf(model, options);
    return {
      points: POINTS,
      images: IMAGES,
      activations,
      threads: THREADS,
      seconds,
      target: target === undefined ? '–' : `${seconds < target ? '' : 'missed: '}under ${target} s`,
      'images a second': Math.round(((POINTS + 1) * IMAGES) / seconds),
    };
  });
}

function secondsOf(model, options) {
  const folder = mkdtempSync(join(tmpdir(), 'bnnq-bench-'));
  try {
    const start = performance.now();
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        ...[file('../dist/cli/main.js'), 'sweep', model, '--quiet', '-o', join(folder, 'sweep')],
        ...['--data', `cifar10:${CIFAR}/test_batch.bin`, '--preprocess', 'torch', '--limit', String(IMAGES)],
        ...['--schemes', 'binary,linear,exp', '--bits', '1-8', '--threads', String(THREADS)],
        ...options,
      ],
      { encoding: 'utf8' },
    );
    const seconds = (performance.now() - start) / 1000;
    if (status !== 0) throw new Error(`bench: the sweep ended with ${status}: ${stderr}`);
    const { points } = JSON.parse(readFileSync(join(folder, 'sweep/report.json'), 'utf8'));
    if (points.length !== POINTS)
      throw new Error(`bench: the sweep has ${points.length} points, not ${POINTS}`);
    return seconds;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
