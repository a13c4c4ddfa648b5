import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const manifest = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'));

/** What `npm pack` would publish. Needs the build that `npm test` makes first. */
function packed(): { path: string; size: number }[] {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return Object.values(JSON.parse(output) as Record<string, { files: { path: string; size: number }[] }>)[0]!
    .files;
}

describe('the published package', () => {
  it('holds the code, the demo network and the file format, and no sources, tests or build state', () => {
    const paths = packed().map(({ path }) => path);
    for (const path of [
      'package.json',
      'README.md',
      'LICENSE',
      'dist/src/index.js',
      'dist/src/index.d.ts',
      'dist/src/eval/worker.js',
      'dist/src/kernels/wasm/module.js',
      'dist/src/browser.d.ts',
      'dist/browser/bnn-quantize.js',
      'dist/browser/licenses.txt',
      'dist/cli/main.js',
      'dist/config.schema.json',
      'docs/packed-format.md',
      'schema/report.schema.json',
      'examples/demo/digits.onnx',
      'examples/browser/index.html',
    ])
      expect(paths).toContain(path);
    const strangers = paths.filter(
      (path) =>
        !/^(dist\/(src|cli)\/.*\.(js|d\.ts)|dist\/browser\/(bnn-quantize\.js|licenses\.txt)|dist\/config\.schema\.json|docs\/packed-format\.md|schema\/report\.schema\.json|examples\/(demo|browser)\/.*|package\.json|README\.md|LICENSE)$/.test(
          path,
        ),
    );
    expect(strangers).toEqual([]);
  });

  it('stays small: under 5 MB unpacked, of which one is the module for browsers', () => {
    const bytes = packed().reduce((sum, { size }) => sum + size, 0);
    expect(bytes).toBeLessThan(5e6);
  });

  it('has entry points and a command that exist', () => {
    for (const entry of ['.', './browser'])
      for (const file of ['types', 'default'])
        expect(existsSync(`${ROOT}${manifest.exports[entry][file]}`), `${entry} ${file}`).toBe(true);
    const command = `${ROOT}${manifest.bin['bnn-quantize']}`;
    expect(readFileSync(command, 'utf8').startsWith('#!/usr/bin/env node\n')).toBe(true);
    expect(statSync(command).isFile()).toBe(true);
  });

  it('has a module for browsers that is one file, of less than 1.2 MB, and names the terms of what is in it', () => {
    const text = readFileSync(`${ROOT}dist/browser/bnn-quantize.js`, 'utf8');
    expect(text.length).toBeLessThan(1.2e6);
    expect(text).not.toMatch(/\b(from|import)\s*["']|\bimport\(/);
    expect(text).not.toMatch(/new URL\([^()]*import\.meta\.url/);
    const terms = readFileSync(`${ROOT}dist/browser/licenses.txt`, 'utf8');
    for (const name of [
      'protobufjs',
      'onnx-proto',
      'fflate',
      'fast-png',
      '@jsquash/jpeg',
      'Independent JPEG Group',
    ])
      expect(terms).toContain(name);
  });

  it('pins every dependency to one version', () => {
    const versions = Object.values({ ...manifest.dependencies, ...manifest.devDependencies }) as string[];
    for (const version of versions) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('installs nothing for queues unless the user does', () => {
    for (const name of Object.keys(manifest.peerDependencies)) {
      expect(manifest.peerDependenciesMeta[name]).toEqual({ optional: true });
      expect(manifest.dependencies[name]).toBeUndefined();
      expect(manifest.devDependencies[name]).toBeDefined();
    }
  });
});
