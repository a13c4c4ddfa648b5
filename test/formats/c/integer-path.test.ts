import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { quantizeActivations } from '../../../src/eval/activations/quantize-activations.ts';
import { exportC } from '../../../src/eval/export-c.ts';
import { readModel } from '../../../src/formats/read-model.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import { image } from '../../passes/integer-networks.ts';
import { dynamicNetwork, residualNetwork, roundedNetwork } from '../../passes/trunk-networks.ts';
import { sharedData } from '../../shared-data.ts';
import { expectSame, randomSamples } from './same-bits.ts';
import { HAS_ARM_GCC, HAS_GCC, nameOf, writeSources } from './toolchain.ts';

/** A network of `test/passes/fuse-fixed` with known sizes. */
function sized(model: Model): Model {
  const inputs = model.graph.inputs.map((input) => ({ ...input, shape: [1, 5, 9, 8] }));
  return { ...model, graph: { ...model.graph, inputs } };
}

const NETWORKS = {
  'a shortcut of other channels, pools, parts side by side': residualNetwork,
  'operands of sums that are rounded': roundedNetwork,
};

describe.each(Object.entries(NETWORKS))('a residual network on integers, in C: %s', (_, make) => {
  it.skipIf(!HAS_GCC)('gives the bits of the runtime, and nothing for sanitizers to find (needs gcc)', () => {
    const model = sized(make());
    expectSame(model, randomSamples(model, 5));
    const flags = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
    expectSame(model, Float32Array.from(image(1).data as Float32Array), flags);
  });
});

describe('layers on codes of the range of the run, in C', () => {
  it.skipIf(!HAS_GCC)(
    'give the bits of the runtime, for infinite values, zeros and NaN as well (needs gcc)',
    () => {
      const model = sized(dynamicNetwork());
      const samples = randomSamples(model, 6);
      const count = samples.length / 6;
      samples[count + 7] = Number.POSITIVE_INFINITY;
      samples.fill(0, 2 * count, 3 * count);
      samples[3 * count + 1] = Number.NaN;
      samples.set(
        samples.subarray(4 * count, 5 * count).map((value) => Math.abs(value) * 1e-43),
        4 * count,
      );
      const { files } = expectSame(model, samples);
      expect(files.get('net.c')).toContain('linear_codes_run_f32(');
      expectSame(model, samples.slice(0, count), [
        '-O1',
        '-fsanitize=address,undefined',
        '-fno-sanitize-recover=all',
      ]);
    },
  );
});

/** The body of each function of a C source, by name. */
function bodiesOf(source: string): Map<string, string> {
  const found = source.matchAll(/^(?:static )?[\w ]+?\*?(\w+)\([^;{]*\)\n\{\n([\s\S]*?)^\}/gm);
  return new Map([...found].map(([whole, name]) => [name!, whole]));
}

/** The named functions and all that they call. */
function reachedFrom(names: readonly string[], bodies: ReadonlyMap<string, string>): Set<string> {
  const reached = new Set<string>();
  const visit = (name: string): void => {
    if (reached.has(name)) return;
    reached.add(name);
    for (const [, called] of bodies
      .get(name)!
      .slice(name.length)
      .matchAll(/\b(\w+)\(/g))
      if (bodies.has(called!) && called !== name) visit(called!);
  };
  names.forEach(visit);
  return reached;
}

async function resnet8(): Promise<Model> {
  const model = await readModel(sharedData('models/ic_resnet8_cifar10.h5')!);
  const data = { dataset: `cifar10:${sharedData('cifar10/calib_1024.bin')!}`, preprocess: 'raw', count: 16 };
  const { model: rounded } = await quantizeActivations(model, data, { bits: 8 });
  return quantizeModel(rounded, { scheme: 'linear', bits: 4 }).model;
}

/** Functions that may compute with floats: the codes of the input, the last layer, and the softmax behind it. */
const AT_THE_ENDS = ['copy_f32', 'codes_f32', 'linear_codes_f32', 'softmax_f32'];

describe.skipIf(sharedData('models') === undefined)('ResNet-8, W4A8, in C (needs ../shared/data)', () => {
  it('has no float between the codes of the input and the last layer', async () => {
    const { files } = exportC(await resnet8(), { name: 'net' });
    const bodies = bodiesOf(files.get('net.c')!);
    const calls = [...bodies.get('run')!.matchAll(/^ {4}(\w+)\(/gm)].map(([, name]) => name!);
    expect(calls.slice(-2)).toEqual(['linear_codes_f32', 'softmax_f32']);
    const path = reachedFrom(calls.slice(0, -2), bodies);
    expect([...path]).toContain('conv_codes_fixed');
    expect([...path]).toContain('average_pool_fixed');
    const withFloats = [...path].filter((name) =>
      /\b(float|double)\b|_f32|FLOATS|\d\.\d/.test(bodies.get(name)!),
    );
    expect(withFloats).toEqual([]);
  });

  it.skipIf(!HAS_ARM_GCC)(
    'calls the float functions of the compiler at its two ends alone, on a processor without floats (needs arm-none-eabi-gcc)',
    async () => {
      const sources = exportC(await resnet8(), { name: 'net' });
      const cwd = writeSources(sources);
      const target = ['-mcpu=cortex-m4', '-mthumb', '-mfloat-abi=soft'];
      const flags = [
        '-std=c99',
        '-Os',
        '-fno-inline',
        '-fno-ipa-icf',
        '-fno-strict-aliasing',
        '-ffp-contract=off',
      ];
      execFileSync('arm-none-eabi-gcc', [...flags, ...target, '-c', `${nameOf(sources)}.c`], {
        cwd,
        stdio: 'pipe',
      });
      const listing = execFileSync('arm-none-eabi-objdump', ['-dr', 'net.o'], { cwd }).toString();
      const callers = new Set<string>();
      let current = '';
      for (const line of listing.split('\n')) {
        const [, name] = /^[0-9a-f]+ <([\w.]+)>:$/.exec(line) ?? [];
        if (name !== undefined) current = name.replace(/\..*/, '');
        // Run-time ABI for the Arm architecture, 4.1.2: f and d in the names are floats and doubles.
        if (/__aeabi_(f|d|cf|cd|i2f|i2d|ui2f|ui2d|l2f|l2d)\w*$/.test(line.trim())) callers.add(current);
      }
      const bodies = bodiesOf(sources.files.get('net.c')!);
      const allowed = reachedFrom(
        AT_THE_ENDS.filter((name) => bodies.has(name)),
        bodies,
      );
      expect(callers.size).toBeGreaterThan(0);
      expect([...callers].filter((name) => !allowed.has(name))).toEqual([]);
    },
  );
});
