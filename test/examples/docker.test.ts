import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { tool } from '../tool.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FILE = `${ROOT}examples/docker/Dockerfile`;

/** Instructions with their arguments; lines that go on are joined. */
const instructions = readFileSync(FILE, 'utf8')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => /^([A-Z]+) (.*)$/.exec(line)!.slice(1) as [string, string]);
const all = (name: string): string[] => instructions.filter(([one]) => one === name).map(([, rest]) => rest);

describe('the Dockerfile', () => {
  it('ends in a stage of its own that holds the installed package and runs as a user who is not root', () => {
    const last = instructions.slice(instructions.findLastIndex(([name]) => name === 'FROM'));
    expect(last.filter(([name]) => name === 'COPY')).toEqual([
      ['COPY', '--from=install /opt/bnn-quantize /opt/bnn-quantize'],
    ]);
    expect(last.find(([name]) => name === 'USER')?.[1]).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(JSON.parse(all('ENTRYPOINT')[0]!)).toEqual(['bnn-quantize']);
  });

  it('uses a version of Node that the package takes, and stages that there are', () => {
    const { engines } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'));
    const least = Number(/\d+/.exec(engines.node)![0]);
    const stages: string[] = [];
    for (const from of all('FROM')) {
      expect(Number(/^node:(\d+)-/.exec(from)![1])).toBeGreaterThanOrEqual(least);
      stages.push(/ AS (\w+)$/.exec(from)?.[1] ?? '');
    }
    for (const copy of all('COPY')) {
      const stage = /--from=(\w+)/.exec(copy)?.[1];
      if (stage !== undefined) expect(stages).toContain(stage);
    }
  });

  const hadolint = tool('hadolint');
  it.skipIf(!hadolint.isThere)('passes hadolint (skipped where that is missing)', () => {
    const { status, stdout } = spawnSync(hadolint.path, [FILE], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, '']);
  });

  const hasDocker = spawnSync('docker', ['info'], { timeout: 30_000 }).status === 0;
  it.skipIf(!hasDocker)(
    'builds, and runs without root (skipped where no Docker is running)',
    () => {
      const built = spawnSync('docker', ['build', '-q', '-f', FILE, ROOT], { encoding: 'utf8' });
      expect(built.stderr).toBe('');
      const image = built.stdout.trim();
      try {
        const run = (...args: string[]): string =>
          spawnSync('docker', ['run', '--rm', ...args], { encoding: 'utf8' }).stdout.trim();
        expect(run(image, '--version')).toMatch(/^\d+\.\d+\.\d+$/);
        expect(run('--entrypoint', 'id', image, '-u')).toBe('1000');
      } finally {
        spawnSync('docker', ['rmi', image]);
      }
    },
    900_000,
  );
});
