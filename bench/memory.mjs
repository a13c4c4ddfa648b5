/** Peak memory of `quantize` on generated models of fully connected layers. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeExternalModel, writeWholeModel } from './large-model.mjs';

const CLI = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** 30 × 2048 × 2048 floats in one file, 503 MB. */
export async function memoryRows() {
  return inFolder((folder) => {
    const size = { width: 2048, layers: 30 };
    const model = join(folder, 'large.onnx');
    writeWholeModel(model, size);
    const bytes = weightBytes(size);
    return ['channel', 'tensor'].map((granularity) => {
      const out = join(folder, `${granularity}.bnnq`);
      const args = [
        'quantize',
        model,
        '--scheme',
        'exp',
        '--bits',
        '4',
        '--granularity',
        granularity,
        '-o',
        out,
      ];
      const { peak, seconds } = measure(args);
      return {
        granularity,
        'model MB': bytes / 1e6,
        'peak MB': peak / 1e6,
        'peak ÷ model': peak / bytes,
        seconds,
      };
    });
  });
}

/** 24 × 8192 × 8192 floats in a file beside the model, 6.4 GB; a layer has 268 MB. Needs 8 GB of disk. */
export async function largeRows() {
  return inFolder((folder) => {
    const size = { width: 8192, layers: 24 };
    const model = writeExternalModel(folder, size);
    const layer = weightBytes({ ...size, layers: 1 });
    const quantize = (bits) => [
      'quantize',
      model,
      '--scheme',
      'linear',
      '--bits',
      bits,
      '--force',
      '-o',
      join(folder, 'out.bnnq'),
    ];
    return [
      ['inspect', ['inspect', model]],
      ['quantize, 4 bits', quantize('4')],
      ['quantize, 8 bits', quantize('8')],
    ].map(([command, args]) => {
      const { peak, seconds } = measure(args);
      return {
        command,
        'model MB': weightBytes(size) / 1e6,
        'layer MB': layer / 1e6,
        'peak MB': peak / 1e6,
        'peak − layer, MB': (peak - layer) / 1e6,
        seconds,
      };
    });
  });
}

function weightBytes({ width, layers }) {
  return layers * width * width * 4;
}

async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'bnnq-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs the command line in a process of its own; its peak resident set in bytes. */
export function measure(args) {
  // Not as arguments of Node: to it, "inspect" means its debugger.
  const probe = `
    process.argv = [process.argv[0], ...${JSON.stringify([CLI, ...args, '--quiet'])}];
    process.on('exit', () => require('node:fs').writeSync(2, '\\nPEAK ' + process.resourceUsage().maxRSS + '\\n'));
    import(${JSON.stringify(CLI)});`;
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ['-e', probe], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`bench: ${args[0]} ended with ${status}: ${stderr}`);
  return { peak: Number(/PEAK (\d+)/.exec(stderr)?.[1]) * 1024, seconds: (performance.now() - start) / 1000 };
}
