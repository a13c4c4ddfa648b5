import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const FUZZ = fileURLToPath(new URL('fuzz.mjs', import.meta.url));

function fuzz(...args: string[]): { status: number | null; stdout: string } {
  return spawnSync(process.execPath, [FUZZ, ...args], { encoding: 'utf8' });
}

it('no reader crashes, hangs or runs away on 150 damaged files of its format (20,000 with "npm run fuzz")', () => {
  const { status, stdout } = fuzz('--count', '150', '--seed', '2026');
  expect(stdout).toMatch(/seed 2026/);
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('0 findings');
  expect(status).toBe(0);
});

it('names a format that does not exist, and runs nothing', () => {
  expect(fuzz('--format', 'nonsense').status).toBe(2);
});
