import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyFolder, tinyImages } from '../cli/tiny-model.ts';
import { tool } from '../tool.ts';
import { commandFolder } from './command-on-path.ts';

const FOLDER = fileURLToPath(new URL('../../examples/dvc/', import.meta.url));
const dvc = tool('dvc');

describe.skipIf(!dvc.isThere)('the stages of DVC (skipped where dvc is missing)', () => {
  let cwd: string;
  let env: NodeJS.ProcessEnv;

  beforeAll(() => {
    cwd = tinyFolder();
    env = {
      ...process.env,
      ...{ PATH: `${commandFolder(cwd)}:${process.env.PATH}`, BNNQ_CACHE: join(cwd, 'records'), CI: 'true' },
      ...{
        DVC_NO_ANALYTICS: '1',
        DVC_SITE_CACHE_DIR: join(cwd, 'site'),
        DVC_GLOBAL_CONFIG_DIR: join(cwd, 'home'),
      },
    };
    for (const file of ['dvc.yaml', 'bnnq.yaml']) cpSync(FOLDER + file, join(cwd, file));
    for (const folder of ['train', 'val']) writePictures(folder);
    // The network takes grey pictures of 8 × 8.
    change('preprocess: torch', 'preprocess: unit');
    change('calib-samples: 256', 'calib-samples: 16');
    change('max-drop: 1', 'max-drop: 50');
    expect(run('init', '--no-scm').status).toBe(0);
  });
  afterAll(() => rmSync(cwd, { recursive: true, force: true }));

  function run(...args: string[]): { status: number | null; text: string } {
    const { status, stdout, stderr } = spawnSync(dvc.path, args, { cwd, env, encoding: 'utf8' });
    return { status, text: stdout + stderr };
  }

  /** Thirty-two pictures, a folder for each class. */
  function writePictures(folder: string): void {
    const { images, labels } = tinyImages(32);
    for (let i = 0; i < 32; i++) {
      const place = join(cwd, folder, `class${labels[8 + i]}`);
      mkdirSync(place, { recursive: true });
      const data = images.subarray(16 + 64 * i, 16 + 64 * (i + 1));
      writeFileSync(join(place, `${i}.png`), encode({ width: 8, height: 8, channels: 1, data }));
    }
  }

  function change(from: string, to: string): void {
    const text = readFileSync(join(cwd, 'bnnq.yaml'), 'utf8');
    expect(text).toContain(from);
    writeFileSync(join(cwd, 'bnnq.yaml'), text.replace(from, to));
  }

  it('run, do nothing twice, and run again where their own options change', () => {
    const first = run('repro');
    expect([first.status, first.text]).toEqual([0, expect.stringContaining("Running stage 'score'")]);
    const { points } = JSON.parse(readFileSync(join(cwd, 'report/report.json'), 'utf8'));
    const score = JSON.parse(readFileSync(join(cwd, 'score.json'), 'utf8'));
    expect([points.length, score.count, score.gates[0].met]).toEqual([6, 32, true]);
    const second = run('repro');
    expect(second.status).toBe(0);
    expect(second.text).not.toContain('Running stage');
    expect(second.text).toContain("Stage 'sweep' didn't change, skipping");
    change('  bits: 2-4', '  bits: 2-3');
    const third = run('repro', 'sweep');
    expect([third.status, third.text]).toEqual([
      0,
      expect.stringContaining('going on: 4 of 4 points were finished before'),
    ]);
    change('  bits: 2-3', '  bits: 2-4');
    change('max-drop: 50', 'max-drop: 0');
    change('bits: 3\n', 'bits: 1\n');
    const gated = run('repro', 'score');
    expect([gated.status === 0, gated.text]).toEqual([
      false,
      expect.stringContaining('gate not met by model.bnnq'),
    ]);
  }, 300_000);

  it('show the score as metrics', () => {
    expect(run('metrics', 'show').text).toContain('top1');
  });
});
