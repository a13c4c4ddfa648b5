import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import type { CSources } from '../../../src/eval/export-c.ts';

function has(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

export const HAS_GCC: boolean = has('gcc');
export const HAS_CLANG: boolean = has('clang');
export const HAS_ARM_GCC: boolean = has('arm-none-eabi-gcc');
export const HAS_ARM: boolean = HAS_ARM_GCC && has('qemu-system-arm') && has('make');

export const STRICT: readonly string[] = ['-std=c99', '-Wall', '-Wextra', '-Werror', '-pedantic'];
/** What the results need, as in the Makefile that is written. */
export const EXACT: readonly string[] = ['-ffp-contract=off', '-fno-strict-aliasing'];

const FIRMWARE = fileURLToPath(new URL('../../../examples/c-firmware/', import.meta.url));

const folders: string[] = [];

/** A folder that is gone after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bnnq-c-'));
  folders.push(folder);
  return folder;
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** The sources in a folder of their own. */
export function writeSources({ files }: CSources): string {
  const folder = temporaryFolder();
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  return folder;
}

export function nameOf({ files }: CSources): string {
  return [...files.keys()][0]!.replace(/\.h$/, '');
}

/** The test program of the sources, compiled. */
export function compile(sources: CSources, flags: readonly string[] = ['-O2'], compiler = 'gcc'): string {
  const folder = writeSources(sources);
  const name = nameOf(sources);
  const program = join(folder, 'program');
  execFileSync(
    compiler,
    [...STRICT, ...EXACT, ...flags, `${name}.c`, `${name}_weights.c`, 'main.c', '-o', program],
    { cwd: folder, stdio: 'pipe' },
  );
  return program;
}

/** What the program gives for samples, one after the other. @param args of the program */
export function runProgram(
  program: string,
  samples: Uint8Array | Float32Array,
  args: readonly string[] = [],
): Float32Array {
  const input = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  return floatsOf(
    execFileSync(program, args, { input, maxBuffer: 1 << 28, stdio: ['pipe', 'pipe', 'pipe'] }),
  );
}

/** What the firmware of `examples/c-firmware` gives for samples on an emulated Cortex-M4. */
export function runOnCortexM4(sources: CSources, samples: Float32Array, floats: string): Float32Array {
  const folder = writeSources(sources);
  const build = join(folder, 'build');
  mkdirSync(build);
  writeFileSync(join(build, 'in.bin'), Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength));
  const make = (target: string): void => {
    const variables = [`NETWORK=${nameOf(sources)}`, `SOURCES=${folder}`, `FLOATS=${floats}`];
    execFileSync('make', ['-f', resolve(FIRMWARE, 'Makefile'), ...variables, target], {
      ...{ cwd: build, stdio: 'pipe', timeout: 100_000 },
    });
  };
  make('firmware.elf');
  make('run');
  return floatsOf(readFileSync(join(build, 'out.bin')));
}

interface Sizes {
  readonly text: number;
  readonly data: number;
  readonly bss: number;
}

/** What `size` says of the network and of its weights, compiled for a Cortex-M4. */
export function armSizes(sources: CSources): Sizes[] {
  const cwd = writeSources(sources);
  const name = nameOf(sources);
  const target = ['-Os', '-mcpu=cortex-m4', '-mthumb', '-mfloat-abi=soft'];
  const flags = [...STRICT, ...EXACT, ...target, '-c', `${name}.c`, `${name}_weights.c`];
  execFileSync('arm-none-eabi-gcc', flags, { cwd, stdio: 'pipe' });
  const table = execFileSync('arm-none-eabi-size', [`${name}.o`, `${name}_weights.o`], { cwd }).toString();
  const rows = table.trim().split('\n').slice(1);
  return rows.map((row) => {
    const [text = 0, data = 0, bss = 0] = row.trim().split(/\s+/).map(Number);
    return { text, data, bss };
  });
}

function floatsOf(bytes: Buffer): Float32Array {
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
