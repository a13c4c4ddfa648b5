import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bnnq } from './run-cli.ts';

const fixture = (name: string) =>
  readFileSync(new URL(`../fixtures/keras/containers/${name}`, import.meta.url));

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'bnnq-architecture-'));
  writeFileSync(join(cwd, 'net.weights.h5'), gunzipSync(fixture('v3.weights.h5.gz')));
  writeFileSync(join(cwd, 'elsewhere.json'), fixture('v3.json'));
});
afterAll(() => rmSync(cwd, { recursive: true }));

it('a file of Keras weights is opened with the architecture that is named, by every command', async () => {
  const named = ['--architecture', 'elsewhere.json'];
  const inspected = await bnnq(['inspect', 'net.weights.h5', ...named, '--json'], { cwd });
  expect(inspected.stderr).toBe('');
  expect(JSON.parse(inspected.stdout)).toMatchObject({ format: 'keras', producer: 'keras 3' });
  const quantized = await bnnq(['net.weights.h5', '--bits', '2', ...named], { cwd });
  expect(quantized.code).toBe(0);
  expect(JSON.parse((await bnnq(['inspect', 'net.exp2.bnnq', '--json'], { cwd })).stdout)).toMatchObject({
    format: 'packed',
  });
});

it('without it the sentence says what was looked for', async () => {
  const { code, stderr } = await bnnq(['inspect', 'net.weights.h5'], { cwd });
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^bnn-quantize: keras: "net\.weights\.h5" holds weights and no architecture; expected/,
  );
  expect(stderr.trim()).not.toContain('\n');
});

it('an architecture for a model that has one is wrong usage', async () => {
  const { code, stderr } = await bnnq(['inspect', 'elsewhere.json', '--architecture', 'elsewhere.json'], {
    cwd,
  });
  expect(code).toBe(2);
  expect(stderr).toContain('"elsewhere.json" is no file of Keras weights');
});
