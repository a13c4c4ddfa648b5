import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
};

/** What each layer may import besides itself: the table of the design. A file may be named where a layer is too much. */
const LAW: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  version: [],
  'node-builtin': [],
  tensor: ['errors', 'node-builtin'],
  kernels: [],
  ir: ['tensor', 'errors'],
  passes: ['ir', 'tensor', 'errors'],
  quantizers: ['ir', 'tensor', 'passes', 'kernels', 'errors'],
  formats: ['ir', 'tensor', 'errors', 'node-builtin'],
  runtime: ['ir', 'tensor', 'kernels', 'passes', 'errors'],
  eval: ['errors', 'version', 'tensor', 'kernels', 'ir', 'passes', 'quantizers', 'formats', 'runtime'],
  report: ['eval/types', 'errors'],
  index: [
    'errors',
    'version',
    'tensor',
    'kernels',
    'ir',
    'passes',
    'quantizers',
    'formats',
    'runtime',
    'eval',
    'report',
  ],
  browser: ['errors', 'node-builtin', 'tensor', 'kernels', 'ir', 'passes', 'formats', 'runtime', 'eval'],
  cli: ['index'],
};

/** Packages that only one place may import. */
const PACKAGES: Readonly<Record<string, string>> = {
  'onnx-proto': 'src/formats/onnx/',
  protobufjs: 'src/formats/onnx/',
  commander: 'cli/',
  aws4fetch: 'src/eval/queue/',
  bullmq: 'src/eval/queue/',
  ioredis: 'src/eval/queue/',
};

/** `src/eval/score.ts` is of the layer eval, `src/index.ts` of index, `cli/main.ts` of cli. */
function layerOf(file: string): string {
  const parts = file.split('/');
  return parts[0] === 'src' ? parts[1]!.replace(/\.ts$/, '') : parts[0]!;
}

/** What is wrong with one import of a file, or undefined. Paths are from the root, with slashes. */
function violation(file: string, specifier: string): string | undefined {
  const layer = layerOf(file);
  if (specifier.startsWith('.')) {
    const target = normalize(join(dirname(file), specifier))
      .split(sep)
      .join('/');
    const reached = layerOf(target);
    const allowed = LAW[layer];
    if (allowed === undefined) return `${file}: "${layer}" is no layer of the design`;
    const path = target.replace(/^src\//, '').replace(/\.ts$/, '');
    if (reached === layer || allowed.includes(reached) || allowed.includes(path)) return undefined;
    return `${file} imports ${target}: ${layer} may import ${allowed.join(', ') || 'nothing'}`;
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  if (specifier.startsWith('node:') || builtinModules.includes(specifier))
    return layer === 'kernels' ? `${file} imports ${specifier}: kernels run everywhere` : undefined;
  const home = PACKAGES[name];
  if (home !== undefined && !file.startsWith(home)) return `${file} imports ${name}: only ${home} may`;
  if (layer === 'kernels') return `${file} imports ${name}: kernels import nothing`;
  return name in dependencies || name in peerDependencies
    ? undefined
    : `${file} imports ${name}, which is not among the dependencies`;
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) =>
      relative(ROOT, join(ROOT, folder, name))
        .split(sep)
        .join('/'),
    );
}

function importsOf(file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(ROOT, file), 'utf8'), true, true);
  return importedFiles.map(({ fileName }) => fileName);
}

describe('the dependency law', () => {
  it('is kept by every import of every source file', () => {
    const files = [...sources('src'), ...sources('cli')];
    expect(files.length).toBeGreaterThan(50);
    const imports = files.flatMap((file) => importsOf(file).map((specifier) => [file, specifier] as const));
    expect(imports.length).toBeGreaterThan(files.length);
    expect(imports.map(([file, specifier]) => violation(file, specifier)).filter(Boolean)).toEqual([]);
  });

  it.each([
    ['src/formats/onnx/read.ts', '../../quantizers/linear.ts', 'formats may import ir, tensor, errors'],
    ['src/tensor/bits.ts', '../ir/graph.ts', 'tensor may import errors'],
    ['src/kernels/heap.ts', '../errors.ts', 'kernels may import nothing'],
    ['src/kernels/heap.ts', 'node:fs', 'kernels run everywhere'],
    ['src/report/html/page.ts', '../../eval/score.ts', 'report may import eval/types, errors'],
    ['src/eval/score.ts', '../report/json.ts', 'eval may import'],
    ['cli/main.ts', '../src/errors.ts', 'cli may import index'],
    ['src/formats/packed/read.ts', 'protobufjs/minimal', 'only src/formats/onnx/ may'],
    ['src/eval/score.ts', 'commander', 'only cli/ may'],
    ['src/eval/sweep/sweep.ts', 'bullmq', 'only src/eval/queue/ may'],
    ['src/eval/score.ts', 'vitest', 'not among the dependencies'],
    ['src/helpers/all.ts', '../errors.ts', 'no layer of the design'],
  ])('would see %s import %s', (file, specifier, message) => {
    expect(violation(file, specifier)).toContain(message);
  });

  it.each([
    ['src/eval/score.ts', '../runtime/session.ts'],
    ['src/report/html/page.ts', '../../eval/types.ts'],
    ['cli/commands/score.ts', '../../src/index.ts'],
    ['src/formats/onnx/wire.ts', 'protobufjs/minimal.js'],
    ['src/formats/images/jpeg.ts', '@jsquash/jpeg/codec/dec/mozjpeg_dec.js'],
    ['src/formats/npy/npy.ts', 'node:zlib'],
  ])('lets %s import %s', (file, specifier) => {
    expect(violation(file, specifier)).toBeUndefined();
  });

  it('loads optional packages only when they are asked for', () => {
    const optional = Object.keys(peerDependencies);
    expect(optional.length).toBeGreaterThan(0);
    // No others may import them at all.
    const loading = sources('src/eval/queue').filter((file) => {
      const { outputText } = ts.transpileModule(readFileSync(join(ROOT, file), 'utf8'), {
        compilerOptions: { module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
      });
      return optional.some((name) => new RegExp(`from ['"]${name}`).test(outputText));
    });
    expect(loading).toEqual([]);
  });

  it('keeps Node out of everything that src/browser.ts leads to', async () => {
    const reached = await graphOf('src/browser.ts');
    for (const file of ['src/formats/packed/read.ts', 'src/formats/keras/import.ts', 'src/eval/classify.ts'])
      expect([...reached.keys()]).toContain(file);
    const builtins = [...reached].flatMap(([file, imports]) =>
      imports
        .filter((name) => name.startsWith('node:') || builtinModules.includes(name))
        .map((name) => `${file} imports ${name}`),
    );
    expect(builtins).toEqual([]);
    // And the same walk finds them where they are.
    expect([...(await graphOf('src/index.ts')).values()].flat()).toContain('node:fs');
  });
});

/** The sources that one leads to by imports that are left when types are erased, with what each imports. */
async function graphOf(entry: string): Promise<Map<string, string[]>> {
  const { metafile } = await build({
    entryPoints: [entry],
    absWorkingDir: ROOT,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    write: false,
    metafile: true,
  });
  return new Map(
    Object.entries(metafile.inputs).map(([file, { imports }]) => [file, imports.map(({ path }) => path)]),
  );
}
