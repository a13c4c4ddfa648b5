import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { MAIN } from './run-cli.ts';

const GENERATOR = fileURLToPath(new URL('../../bench/large-model.mjs', import.meta.url));

/** Far below one of its layers, and some times what Node takes for itself. */
const MAX_MEGABYTES = 250;

it(`a model of 6.4 GB, its weights in a sparse file beside it, is inspected with less than ${MAX_MEGABYTES} MB`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'bnnq-large-'));
  try {
    const script = `
      const { writeExternalModel } = await import(${JSON.stringify(GENERATOR)});
      const model = writeExternalModel(${JSON.stringify(folder)}, { width: 8192, layers: 24, fill: false });
      process.argv = [process.argv[0], ${JSON.stringify(MAIN)}, 'inspect', model, '--json'];
      process.on('exit', () => console.error('PEAK', process.resourceUsage().maxRSS));
      await import(${JSON.stringify(MAIN)});`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ parameters: 24 * 8192 * 8192, macs: 24 * 8192 * 8192 });
    expect(Number(/PEAK (\d+)/.exec(stderr)?.[1]) / 1024).toBeLessThan(MAX_MEGABYTES);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
