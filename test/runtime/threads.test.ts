import { describe, expect, it } from 'vitest';
import { readModel } from '../../src/formats/read-model.ts';
import type { Model } from '../../src/ir/graph.ts';
import { createKernels } from '../../src/kernels/select.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { createSession } from '../../src/runtime/session.ts';
import { randomFeeds } from '../../src/runtime/verify.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { sharedData } from '../shared-data.ts';

/** File, and whether its weights are discretized first. */
const MODELS = [
  ['cifar10_resnet20.onnx', false],
  ['cifar10_resnet20.onnx', true],
  ['mobilenet_v2_1.0_224_bn_float_hybrid.onnx', false],
  ['mobilenet_v2_1.0_224_bn_float_hybrid.onnx', true],
  ['bnn_cnv_w1a1_cifar10.onnx', false],
  ['bnn_lfc_w1a1_mnist.onnx', false],
  ['squeezenet1.1_imagenet.onnx', true],
  ['ultraface_version-slim-320.onnx', false],
  ['TFC_2W2A.onnx', false],
  ['tfc_w1a1_multithreshold.onnx', false],
  ['ic_resnet8_cifar10.h5', false],
] as const;

function outputs(model: Model, threads: number): Map<string, Tensor> {
  const session = createSession(model, { kernels: 'simd', threads });
  try {
    const feeds = randomFeeds(model.graph.inputs, 3);
    session.run(feeds);
    // The second run has the memory plan of the first.
    return session.run(feeds);
  } finally {
    session.dispose();
  }
}

describe('a session on several threads', () => {
  for (const [file, isDiscretized] of MODELS) {
    const path = sharedData(`models/${file}`);
    it.skipIf(path === undefined)(
      `gives the bits of one thread: ${file}${isDiscretized ? ', 3 bits' : ''} (needs ../shared/data)`,
      async () => {
        const source = await readModel(path!);
        const model = isDiscretized ? quantizeModel(source, { scheme: 'exp', bits: 3 }).model : source;
        const expected = outputs(model, 1);
        for (const threads of [2, 3]) expect(outputs(model, threads)).toEqual(expected);
      },
    );
  }

  const path = sharedData('models/bnn_lfc_w1a1_mnist.onnx');
  it.skipIf(path === undefined)(
    'hands out arrays that are no part of the shared memory (needs ../shared/data)',
    async () => {
      const model = await readModel(path!);
      const session = createSession(model, { threads: 2 });
      const results = session.run(randomFeeds(model.graph.inputs, 1), { fetch: 'all' });
      session.dispose();
      expect(results.size).toBeGreaterThan(3);
      for (const [name, { data }] of results)
        if (!Array.isArray(data)) expect(data.buffer, name).toBeInstanceOf(ArrayBuffer);
    },
  );

  it.skipIf(path === undefined)('checks the number of threads (needs ../shared/data)', async () => {
    const model = await readModel(path!);
    for (const threads of [0, 1.5, 257])
      expect(() => createSession(model, { threads })).toThrow(
        expect.objectContaining({
          code: 'option',
          message: expect.stringContaining(`expected a whole number from 1 to 256, got ${threads}`),
        }),
      );
    const kernels = createKernels('simd', { threads: 2 });
    expect(() => createSession(model, { kernels, threads: 3 })).toThrow(/expected 2, .* got 3/);
    createSession(model, { kernels, threads: 2 }).dispose();
    kernels.dispose();
  });
});
