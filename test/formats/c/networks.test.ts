import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { quantizeActivations } from '../../../src/eval/activations/quantize-activations.ts';
import { exportC } from '../../../src/eval/export-c.ts';
import { inspectModel } from '../../../src/eval/inspect.ts';
import { preprocessImage } from '../../../src/eval/preprocess-image.ts';
import { openDataset } from '../../../src/formats/datasets/open-dataset.ts';
import { readModel } from '../../../src/formats/read-model.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import { sharedData } from '../../shared-data.ts';
import { expectSame, expectSameBits, inputCount, randomSamples, runtimeOutputs } from './same-bits.ts';
import {
  armSizes,
  compile,
  HAS_ARM,
  HAS_ARM_GCC,
  HAS_CLANG,
  HAS_GCC,
  runOnCortexM4,
  runProgram,
} from './toolchain.ts';

const DIGITS = fileURLToPath(new URL('../../../examples/demo/digits.onnx', import.meta.url));
const SANITIZED = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

const digits = async (): Promise<Model> =>
  quantizeModel(await readModel(DIGITS), { scheme: 'exp', bits: 3 }).model;

describe('the demo network at 3 bits, exponential, in C', () => {
  it.skipIf(!HAS_GCC)('gives the bits of the runtime (needs gcc)', async () => {
    const model = await digits();
    expectSame(model, randomSamples(model, 20, 0, 1));
  });

  it.skipIf(!HAS_CLANG)('gives them compiled by clang, too (needs clang)', async () => {
    const model = await digits();
    const samples = randomSamples(model, 3, 0, 1);
    const program = compile(exportC(model), ['-O2'], 'clang');
    expectSameBits(runProgram(program, samples), runtimeOutputs(model, samples));
  });

  it.skipIf(!HAS_GCC)('does nothing that the sanitizers of gcc find fault with (needs gcc)', async () => {
    const model = await digits();
    expectSame(model, randomSamples(model, 2, 0, 1), SANITIZED);
  });

  for (const floats of ['-mfloat-abi=soft', '-mfloat-abi=hard -mfpu=fpv4-sp-d16'])
    it.skipIf(!HAS_ARM)(
      `gives the same bits on an emulated Cortex-M4, ${floats} (needs arm-none-eabi-gcc, qemu-system-arm, make)`,
      async () => {
        const model = await digits();
        const samples = randomSamples(model, 2, 0, 1);
        expectSameBits(runOnCortexM4(exportC(model), samples, floats), runtimeOutputs(model, samples));
      },
    );

  it('takes what inspect says beforehand, and the same text every time', async () => {
    const model = await digits();
    const { c } = await inspectModel(model, { memory: true });
    const { size, files } = exportC(model);
    expect(c).toEqual(size);
    expect(files.get('digits.h')).toContain(`#define DIGITS_ARENA_BYTES ${size.arenaBytes}\n`);
    expect([...exportC(model).files]).toEqual([...files]);
  });

  it('includes string.h and stdint.h alone, and has no functions that it does not call', async () => {
    const { files } = exportC(await digits());
    const sources = ['digits.c', 'digits.h', 'digits_weights.c', 'digits_weights.h'];
    const text = sources.map((name) => files.get(name)!).join('');
    const included = [...text.matchAll(/#include <(.*)>/g)].map(([, name]) => name);
    expect(new Set(included)).toEqual(new Set(['stdint.h', 'string.h']));
    // Unused ones would be errors of -Wunused-function, too.
    expect(/\b(signs_f32|codes_f32|softmax_f32)\b/.test(text)).toBe(false);
  });
});

describe.skipIf(!HAS_ARM_GCC)('what the sources take on a Cortex-M4 (needs arm-none-eabi-gcc)', () => {
  it('is what the export says: RAM and constants to the byte, code about', async () => {
    const sources = exportC(await digits());
    const { size } = sources;
    const [code, constants] = armSizes(sources);
    expect(constants!.data + constants!.bss + code!.data).toBe(0);
    expect(code!.bss).toBe(size.arenaBytes + size.bufferBytes);
    // Arrays begin at whole words.
    expect(constants!.text - size.arrayBytes).toBeLessThan(4 * 40);
    expect(constants!.text).toBeGreaterThanOrEqual(size.arrayBytes);
    const own = code!.text - size.structBytes;
    expect(size.codeBytes / own).toBeGreaterThan(0.7);
    expect(size.codeBytes / own).toBeLessThan(2);
  });
});

/** A network of the shared data, discretized, with the images that it is scored on. */
interface Shown {
  readonly title: string;
  readonly file: string;
  readonly data: string;
  readonly preprocess: string;
  readonly count: number;
  /** Images on the emulated Cortex-M4. */
  readonly emulated: number;
  make(model: Model): Promise<Model>;
}

const MNIST = 'idx:mnist/t10k-images-idx3-ubyte.gz,mnist/t10k-labels-idx1-ubyte.gz';
const CIFAR = 'cifar10:cifar10/test_batch.bin';
const raw = { dataset: '', preprocess: 'raw', count: 32 };

const weights =
  (scheme: string, bits: number) =>
  async (model: Model): Promise<Model> =>
    quantizeModel(model, { scheme, bits }).model;

const NETWORKS: readonly Shown[] = [
  {
    ...{ title: 'LFC, binary', file: 'bnn_lfc_w1a1_mnist.onnx', data: MNIST, preprocess: 'unit' },
    ...{ count: 1000, emulated: 20, make: weights('binary', 1) },
  },
  {
    ...{ title: 'CNV, binary', file: 'bnn_cnv_w1a1_cifar10.onnx', data: CIFAR, preprocess: 'tf' },
    ...{ count: 1000, emulated: 2, make: weights('binary', 1) },
  },
  {
    ...{ title: 'ResNet-8, 4 bits on 8-bit integers', file: 'ic_resnet8_cifar10.h5', data: CIFAR },
    ...{ preprocess: 'raw', count: 1000, emulated: 2 },
    async make(model) {
      const data = { ...raw, dataset: `cifar10:${sharedData('cifar10/calib_1024.bin')!}` };
      const { model: rounded } = await quantizeActivations(model, data, { bits: 8 });
      return quantizeModel(rounded, { scheme: 'linear', bits: 4 }).model;
    },
  },
  {
    ...{ title: 'ResNet-8, 3 bits exponential', file: 'ic_resnet8_cifar10.h5', data: CIFAR },
    ...{ preprocess: 'raw', count: 100, emulated: 1, make: weights('exp', 3) },
  },
  {
    ...{ title: 'ResNet-20, 3 bits exponential', file: 'cifar10_resnet20.onnx', data: CIFAR },
    ...{ preprocess: 'unit', count: 20, emulated: 0, make: weights('exp', 3) },
  },
];

/** The first images of a dataset as the network takes them. */
async function imagesOf({ data, preprocess, count }: Shown, model: Model): Promise<Float32Array> {
  const spec = data.replace(/(cifar10|mnist)\/[^,]+/g, (name) => sharedData(name)!);
  const dataset = await openDataset(spec);
  const size = inputCount(model);
  const samples = new Float32Array(count * size);
  for (let i = 0; i < count; i++) {
    const sample = await dataset.sample(i);
    if (sample.kind !== 'pixels') throw new Error('expected pictures');
    const { data: values } = preprocessImage(sample, model.graph.inputs[0]!, { preprocess });
    samples.set(values as Float32Array, i * size);
  }
  return samples;
}

const hasData = sharedData('models') !== undefined;

describe.skipIf(!HAS_GCC || !hasData)('networks in C on real images (needs gcc and ../shared/data)', () => {
  for (const shown of NETWORKS)
    it(`${shown.title}: the bits of the runtime on ${shown.count} images`, async () => {
      const model = await shown.make(await readModel(sharedData(`models/${shown.file}`)!));
      const images = await imagesOf(shown, model);
      const sources = exportC(model, { name: 'net' });
      const expected = runtimeOutputs(model, images);
      expectSameBits(runProgram(compile(sources, ['-O3']), images), expected);
      const size = inputCount(model);
      const few = images.slice(0, 2 * size);
      const outputs = expected.length / shown.count;
      expectSameBits(runProgram(compile(sources, SANITIZED), few), expected.slice(0, 2 * outputs));
      if (!HAS_ARM || shown.emulated === 0) return;
      const emulated = runOnCortexM4(sources, images.slice(0, shown.emulated * size), '-mfloat-abi=soft');
      expectSameBits(emulated, expected.slice(0, shown.emulated * outputs));
    });
});
