/**
 * Compiles the WebAssembly kernels (src/kernels/**\/*.as.ts and the elementary functions that they share with
 * TypeScript) to src/kernels/wasm/module.ts, the binary as base64, so that it loads in Node and in browsers without
 * reading a file. Does nothing when the sources, this script and the compiler are those of the last build; `--force`
 * builds anyway, `--text <file>` also prints the binary's size and writes its text form for reading.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const kernels = join(root, 'src/kernels');
const output = join(kernels, 'wasm/module.ts');

const options = [
  '--enable=simd',
  '--enable=bulk-memory',
  '-O3',
  '--noAssert',
  '--runtime=stub',
  '--importMemory',
  '--initialMemory=1',
  '--maximumMemory=65536',
  '--use=abort=',
];

const sources = readdirSync(kernels, { recursive: true })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.as.ts') || /^math\/[^/]+\.ts$/.test(name))
  .sort();
const compilerVersion = JSON.parse(
  readFileSync(join(root, 'node_modules/assemblyscript/package.json'), 'utf8'),
).version;
const hash = createHash('sha256').update(`${compilerVersion} ${options.join(' ')}\n`);
hash.update(readFileSync(fileURLToPath(import.meta.url)));
for (const name of sources) hash.update(`${name}\n`).update(readFileSync(join(kernels, name)));
const digest = hash.digest('hex');
const stamp = `// sources ${digest}`;

const textFile = process.argv[process.argv.indexOf('--text') + 1];
const wantsText = process.argv.includes('--text') && textFile !== undefined;
const upToDate = existsSync(output) && readFileSync(output, 'utf8').startsWith(stamp);
if (!upToDate || wantsText || process.argv.includes('--force')) await build();

async function build() {
  const { default: asc } = await import('assemblyscript/asc');
  const files = new Map();
  const result = await asc.main(
    [
      'wasm/entry.as.ts',
      '--outFile=module.wasm',
      ...(wantsText ? ['--textFile=module.wat'] : []),
      ...options,
    ],
    {
      readFile: (name) => {
        const path = join(kernels, name);
        return existsSync(path) ? withImports(readFileSync(path, 'utf8'), dirname(path)) : null;
      },
      writeFile: (name, content) => files.set(name, content),
      listFiles: () => [],
      stdout: { write: () => true },
      stderr: process.stderr,
    },
  );
  if (result.error) {
    console.error(`build-wasm: ${result.error.message}`);
    process.exit(1);
  }
  const bytes = files.get('module.wasm');
  const base64 = Buffer.from(bytes).toString('base64');
  const text = `${stamp}\n// Made by scripts/build-wasm.mjs; not to be edited.\nexport const MODULE_BASE64: string =\n  '${base64}';\n`;
  // Written aside and renamed, so that a build beside this one never sees half a file.
  const temporary = `${output}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, output);
  if (wantsText) {
    writeFileSync(textFile, files.get('module.wat'));
    console.log(`${relative(root, output)}: ${bytes.length} bytes of WebAssembly`);
  }
}

/**
 * AssemblyScript appends ".ts" to imports by itself, TypeScript wants it written. And where a file shared with TypeScript
 * imports one that has a twin in AssemblyScript, the twin is meant.
 */
function withImports(source, folder) {
  return source.replace(/from '([^']*)\.ts'/g, (_, name) => {
    return existsSync(join(folder, `${name}.as.ts`)) ? `from '${name}.as'` : `from '${name}'`;
  });
}
