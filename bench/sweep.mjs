/** Wall time of the sweep command on ResNet-20: 24 points × 1,000 images. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const file = (name) => fileURLToPath(new URL(name, import.meta.url));

export async function sweepRows() {
  const model = file('../../shared/data/models/cifar10_resnet20.onnx');
  if (!existsSync(model)) return [];
  const rows = [];
  for (const threads of [2]) {
    const folder = mkdtempSync(join(tmpdir(), 'bnnq-bench-'));
    const start = performance.now();
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        ...[file('../dist/cli/main.js'), 'sweep', model, '--quiet'],
        ...[
          '--data',
          `cifar10:${file('../../shared/data/cifar10/test_batch.bin')}`,
          '--preprocess',
          'torch',
          '--limit',
          '1000',
        ],
        ...[
          '--schemes',
          'binary,linear,exp',
          '--bits',
          '1-8',
          '--threads',
          String(threads),
          '-o',
          join(folder, 'sweep'),
        ],
      ],
      { encoding: 'utf8' },
    );
    const seconds = (performance.now() - start) / 1000;
    rmSync(folder, { recursive: true });
    if (status !== 0) throw new Error(`bench: the sweep ended with ${status}: ${stderr}`);
    rows.push({
      points: 24,
      images: 1000,
      threads,
      seconds,
      'images a second': Math.round(25_000 / seconds),
    });
  }
  return rows;
}
