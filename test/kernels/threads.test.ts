import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Conv2dShape, Kernels } from '../../src/kernels/contract.ts';
import type { IntegerUse } from '../../src/kernels/integer/contract.ts';
import { createKernels } from '../../src/kernels/select.ts';
import { blocksOf } from '../../src/kernels/threads/blocks.ts';
import { rangesOf } from '../../src/kernels/threads/ranges.ts';
import { type KernelTask, ownScratch } from '../../src/kernels/threads/team.ts';
import { Workspace, type WorkspaceOptions } from '../../src/kernels/wasm/workspace.ts';
import { convolution } from './operations/integer.ts';
import { expectSameBits } from './support/bits.ts';
import { Random } from './support/random.ts';
import { codedRows, floatRows } from './support/weights.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const EMPTY = new Float32Array(0);
/** Codes of `binary` and `unaryVector`. */
const [ADD, NEG] = [0, 2];

const open: Workspace[] = [];
function workspaceOf(options: WorkspaceOptions): Workspace {
  const workspace = new Workspace(options);
  open.push(workspace);
  return workspace;
}
afterEach(() => {
  for (const one of open.splice(0)) one.dispose();
});

/** `count` floats in the heap, and 1 behind them. */
function counters(workspace: Workspace, count: number): { at: number; one: number; read(): Float32Array } {
  const at = workspace.heap.allocate(count * 64 + 64);
  const all = (): Float32Array => new Float32Array(workspace.heap.buffer, at, count * 16 + 1);
  all().fill(0);
  all()[count * 16] = 1;
  return { at, one: at + count * 64, read: () => all().filter((_, i) => i % 16 === 0 && i < count * 16) };
}

/** Adds 1 to a counter. */
function increment({ at, one }: { at: number; one: number }, i: number): KernelTask {
  return [['binary', ADD, at + i * 64, one, at + i * 64, 1, 1, 1, 0]];
}

describe('a team of threads', () => {
  it.each([
    [2, true],
    [4, true],
    [2, false],
    [5, false],
  ])('runs every task of every round once: %d threads, the caller among them: %s', (threads, callerWorks) => {
    const workspace = workspaceOf({ threads, callerWorks });
    const tally = counters(workspace, 40);
    let rounds = 0;
    for (let length = 2; length <= 40; length++)
      for (let again = 0; again < 50; again++) {
        workspace.run(Array.from({ length }, (_, i) => increment(tally, i)));
        rounds++;
      }
    // Counter i is in the rounds of more than i tasks.
    const expected = Array.from({ length: 40 }, (_, i) => 50 * (40 - Math.max(i, 1)));
    expect(rounds).toBe(39 * 50);
    expect([...tally.read()]).toEqual(expected);
  });

  it('gives each thread scratch of its own that no other writes to', () => {
    const workspace = workspaceOf({ threads: 3, callerWorks: false });
    const [source, target] = [0, 0].map(() => workspace.heap.allocate(64 * 4096));
    const values = Float32Array.from({ length: 64 * 1024 }, (_, i) => i);
    const view = (at: number): Float32Array => new Float32Array(workspace.heap.buffer, at, values.length);
    for (let again = 0; again < 20; again++) {
      view(source!).set(values);
      view(target!).fill(0);
      const run = (): void => {
        workspace.run(
          Array.from({ length: 64 }, (_, i) => [
            ['unaryVector', NEG, source! + i * 4096, ownScratch(0), 1024, 0, 0],
            ['unaryVector', NEG, ownScratch(0), ownScratch(4096), 1024, 0, 0],
            ['unaryVector', NEG, ownScratch(4096), target! + i * 4096, 1024, 0, 0],
          ]),
        );
      };
      workspace.call(EMPTY, [], 0, run, 8192);
      expect(view(target!).every((value, i) => value === -i)).toBe(true);
    }
  });

  it('takes clamps and other floats for what they are, also as large as addresses of scratch are told by', () => {
    const workspace = workspaceOf({ threads: 2, callerWorks: false });
    const at = workspace.heap.allocate(64);
    for (const value of [Number.POSITIVE_INFINITY, 2 ** 52, 2 ** 52 + 2 ** 29, 2 ** 53, 3e38, -(2 ** 60)]) {
      const high = Math.fround(value);
      new Float32Array(workspace.heap.buffer, at, 16).fill(high);
      const task: KernelTask = [['unaryVector', 0, at, at, 8, high, high]];
      workspace.run([task, [['unaryVector', 0, at + 32, at + 32, 8, high, high]]]);
      expect(new Float32Array(workspace.heap.buffer, at, 16).every((one) => one === high)).toBe(true);
    }
  });

  it('computes in memory that the caller has added since the threads began', () => {
    const workspace = workspaceOf({ threads: 3, callerWorks: false });
    for (let megabytes = 1; megabytes <= 64; megabytes *= 4) {
      const bytes = megabytes << 20;
      const window = workspace.heap.allocate(64);
      const map = workspace.heap.allocate(bytes);
      // A pool without windows fills its output with 255, by memory.fill, which is checked against the size of the memory.
      new Int32Array(workspace.heap.buffer, window, 13).set([0, 0, 1, 1, 64, 1, 1, 1, 1, 1, 1, 0, 0]);
      new Uint8Array(workspace.heap.buffer, map, bytes).fill(0);
      const step = bytes / 8;
      workspace.run(
        Array.from({ length: 8 }, (_, i) => [['poolSigns', 0, window, map + (i + 1) * step - 512]]),
      );
      const bytesOf = new Uint8Array(workspace.heap.buffer, map, bytes);
      expect(
        bytesOf.reduce((sum, byte) => sum + byte, 0),
        `${megabytes} MiB`,
      ).toBe(8 * 512 * 255);
    }
  });

  it('runs lists that are too long to be told in one round', () => {
    const workspace = workspaceOf({ threads: 2 });
    const tally = counters(workspace, 3);
    const long = Array.from({ length: 9000 }, () => increment(tally, 2)[0]!);
    const tasks = [long, increment(tally, 0), long, increment(tally, 1)];
    workspace.run([...tasks, ...Array.from({ length: 20_000 }, () => increment(tally, 0))].slice(0, 5));
    expect([...tally.read()]).toEqual([2, 1, 18_000]);
    workspace.run(
      Array.from({ length: 2 }, (_, i) => Array.from({ length: 6000 }, () => increment(tally, i)[0]!)),
    );
    expect([...tally.read()]).toEqual([6002, 6001, 18_000]);
  });

  it('says whether a call of any thread returned something', () => {
    const workspace = workspaceOf({ threads: 3, callerWorks: false });
    const values = workspace.heap.allocate(4 * 64);
    const map = workspace.heap.allocate(64);
    const view = new Float32Array(workspace.heap.buffer, values, 64).fill(1);
    const signs = (): boolean =>
      workspace.run([0, 1, 2, 3].map((i) => [['packSigns', values + i * 64, 1, 16, 16, 0, 1, map, 1]]));
    for (const zero of [0, 17, 40, 63]) {
      expect(signs()).toBe(false);
      view[zero] = 0;
      expect(signs(), `${zero}`).toBe(true);
      view[zero] = 1;
    }
  });

  it.each([true, false])(
    'throws what a thread has thrown and goes on to work: the caller takes part: %s',
    (callerWorks) => {
      const workspace = workspaceOf({ threads: 2, callerWorks });
      const tally = counters(workspace, 8);
      const outside: KernelTask = [['unaryVector', NEG, 2 ** 31, tally.at, 64, 0, 0]];
      for (let again = 0; again < 10; again++) {
        expect(() => workspace.run([outside, outside, outside])).toThrow(/memory access out of bounds/);
        expect(() => workspace.run([0, 1, 2, 3].map((i) => increment(tally, i)))).not.toThrow();
      }
      expect([...tally.read()]).toEqual([10, 10, 10, 10, 0, 0, 0, 0]);
    },
  );

  const status = '/proc/self/status';
  const threads = (): number => Number(/Threads:\s*(\d+)/.exec(readFileSync(status, 'utf8'))![1]);
  it.skipIf(process.platform !== 'linux')('ends with its workspace (needs Linux)', async () => {
    // The threads of other tests may still be ending.
    let before = threads();
    for (let wait = 0; wait < 20; wait++) {
      await pause(50);
      before = Math.min(before, threads());
    }
    const workspaces = Array.from({ length: 3 }, () => new Workspace({ threads: 4 }));
    expect(threads()).toBeGreaterThanOrEqual(before + 9);
    for (const one of workspaces) one.dispose();
    for (let wait = 0; wait < 200 && threads() > before; wait++) await pause(50);
    expect(threads()).toBeLessThanOrEqual(before);
  });

  it('does not keep a process from ending, nor from ending at once', () => {
    const url = new URL('../../dist/src/kernels/select.js', import.meta.url);
    for (const end of ['', 'process.exit(0);', 'throw new Error("on purpose");']) {
      const script = `const { createKernels } = await import('${url}');
        const kernels = createKernels('simd', { threads: 4 });
        const y = new Float32Array(1e6);
        kernels.unary('exp', y, y);
        console.log(y[999999]);
        ${end}`;
      const args = ['--input-type=module', '-e', script];
      const child = spawnSync(process.execPath, args, { timeout: 60_000, encoding: 'utf8', cwd: ROOT });
      expect([child.signal, child.status, child.stdout], child.stderr).toEqual([
        null,
        end.startsWith('throw') ? 1 : 0,
        '1\n',
      ]);
    }
  });
});

/** Layers that are worth dividing; `columns` so long that patches come in several blocks where rows are divided. */
const LAYERS: readonly (readonly [what: string, run: (kernels: Kernels, random: Random) => Float32Array])[] =
  [
    ...([undefined, 3, 7] as const).map((bits) => {
      const layer = (kernels: Kernels, random: Random): Float32Array => {
        const [batch, rows, columns] = [100, 64, 1024];
        const given =
          bits === undefined
            ? floatRows(random, rows, columns)
            : codedRows(random, rows, columns, bits, 'channel');
        const y = new Float32Array(batch * rows);
        const x = random.floats(batch * columns);
        kernels.linear(x, kernels.prepareLinear(given, rows, columns), y, batch, { low: 0 });
        return y;
      };
      return [`100 vectors, ${bits ?? 32} bits`, layer] as const;
    }),
    [
      'a vector',
      (kernels, random) => {
        const y = new Float32Array(1001);
        const weights = kernels.prepareLinear(codedRows(random, 1001, 700, 4, 'tensor'), 1001, 700);
        kernels.linear(random.floats(700), weights, y, 1, { bias: random.floats(1001) });
        return y;
      },
    ],
    [
      'a sum of large arrays',
      (kernels, random) => {
        const y = new Float32Array(300_001);
        kernels.binary('add', random.floats(y.length), random.floats(y.length), y, 1, y.length, 1);
        return y;
      },
    ],
    ...([1, 24] as const).map((groups) => {
      const layer = (kernels: Kernels, random: Random): Float32Array => {
        const sizes = { inHeight: 60, inWidth: 60, outHeight: 60, outWidth: 60, padTop: 1, padLeft: 1 };
        const kernel = { kernelHeight: 3, kernelWidth: 3, strideHeight: 1, strideWidth: 1 };
        const plain = { dilationHeight: 1, dilationWidth: 1, inChannels: 24, outChannels: 24, batch: 1 };
        const shape = { ...sizes, ...kernel, ...plain, groups };
        const y = new Float32Array(24 * 3600);
        const rows = codedRows(random, 24, (24 / groups) * 9, 3, 'channel');
        kernels.conv2d(random.floats(y.length), kernels.prepareConv2d(rows, shape), y, shape, {});
        return y;
      };
      return [`a convolution of ${groups} groups`, layer] as const;
    }),
  ];

const SAME = { strideHeight: 1, strideWidth: 1, dilationHeight: 1, dilationWidth: 1, batch: 1 } as const;
const square = (channels: number, outChannels: number, size: number, kernel: number, groups = 1) => ({
  ...SAME,
  ...{ inChannels: channels, outChannels, groups, kernelHeight: kernel, kernelWidth: kernel },
  ...{ inHeight: size, inWidth: size, outHeight: size, outWidth: size },
  ...{ padTop: kernel >> 1, padLeft: kernel >> 1 },
});
/** The same for integers: Winograd's algorithm, pixels, rows of pixels, panels that are decoded one by one, and single vectors. */
const INTEGER_LAYERS: readonly (readonly [what: string, shape: Conv2dShape, use: IntegerUse])[] = [
  ['3 × 3', square(32, 48, 29, 3), 'images'],
  ['5 × 5', square(16, 20, 30, 5), 'images'],
  ['depthwise 3 × 3', square(90, 90, 40, 3, 90), 'images'],
  ['1 × 1 with long rows', square(1400, 500, 7, 1), 'images'],
  ['a vector of long rows', square(1400, 2003, 1, 1), 'vector'],
];

describe('layers that are worth dividing', () => {
  const sets = [1, 2, 3, 8].map((threads) => createKernels('simd', { threads }));
  afterAll(() => {
    for (const set of sets) set.dispose();
  });
  it.each(LAYERS)('have the same bits on 1, 2, 3 and 8 threads: %s', (what, run) => {
    const [one, ...others] = sets.map((set) => run(set, new Random(4)));
    for (const other of others) expectSameBits(other, one!, what);
  });
  it.each(INTEGER_LAYERS)('have the same integers on 1, 2, 3 and 8 threads: %s', (what, shape, use) => {
    for (const seed of [1, 2, 3, 4]) {
      const [one, ...others] = sets.map((set) => convolution(new Random(seed), shape, use).run(set));
      for (const other of others) expectSameBits(other, one!, `${what}, seed ${seed}`);
    }
  });
});

describe('dividing work', () => {
  it('cuts into ranges that follow each other and begin at whole steps', () => {
    for (const count of [1, 2, 3, 7, 8, 9, 63, 64, 65, 1000])
      for (const threads of [1, 2, 3, 8])
        for (const step of [1, 4, 16])
          for (const nanoseconds of [0, 19_999, 20_000, 50_000, 1e9]) {
            const ranges = rangesOf(count, threads, { nanoseconds, step });
            expect(ranges[0]!.from).toBe(0);
            expect(ranges.at(-1)!.to).toBe(count);
            ranges.slice(1).forEach(({ from, to }, i) => {
              expect(from).toBe(ranges[i]!.to);
              expect(from % step).toBe(0);
              expect(to).toBeGreaterThan(from);
            });
            if (threads === 1 || nanoseconds < 20_000) expect(ranges.length).toBe(1);
            else if (count >= step * threads) expect(ranges.length).toBeGreaterThanOrEqual(2);
          }
    expect(rangesOf(0, 4, { nanoseconds: 1e9 })).toEqual([]);
  });

  it('covers rows of [outer, channels] by blocks, each once', () => {
    for (const channels of [1, 2, 5, 8])
      for (let from = 0; from < 20; from++)
        for (let to = from; to < 30; to++) {
          const rows = blocksOf(from, to, channels).flatMap((block) =>
            Array.from({ length: block.count }, (_, o) =>
              Array.from(
                { length: block.channels },
                (_, c) => (block.outer + o) * channels + block.channel + c,
              ),
            ).flat(),
          );
          expect(rows).toEqual(Array.from({ length: to - from }, (_, i) => from + i));
        }
  });
});

describe('the number of threads', () => {
  it('is a whole number from 1 on', () => {
    for (const threads of [0, -1, 1.5, Number.NaN, 1000])
      expect(() => createKernels('simd', { threads })).toThrow(/expected 1 to 256 threads/);
  });

  it('is that of the set, and one for the reference', () => {
    const kernels = createKernels('simd', { threads: 2 });
    expect([kernels.threads, kernels.heap.buffer instanceof SharedArrayBuffer]).toEqual([2, true]);
    kernels.dispose();
    const alone = createKernels('simd');
    expect([alone.threads, alone.heap.buffer instanceof ArrayBuffer]).toEqual([1, true]);
    expect(createKernels('reference', { threads: 2 }).threads).toBe(1);
  });
});

describe('the sources of the binary', () => {
  it('have mutable static memory in one place only, which each thread has to itself', () => {
    const folder = join(ROOT, 'src/kernels');
    const users = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.as.ts'))
      .filter((name) =>
        /memory\.data\(|new StaticArray|^(export )?let /m.test(readFileSync(join(folder, name), 'utf8')),
      );
    expect(users).toEqual([join('wasm', 'thread-memory.as.ts')]);
  });
});
