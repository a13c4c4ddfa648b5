import { describe, expect, it } from 'vitest';
import { readModel } from '../../src/formats/read-model.ts';
import { planWeights } from '../../src/quantizers/plan/plan-weights.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { sharedData } from '../shared-data.ts';

const available = sharedData('models/cifar10_resnet20.onnx') !== undefined;
const read = (name: string) => readModel(sharedData(`models/${name}`)!);

describe.skipIf(!available)('trained models (needs ../shared/data)', () => {
  it.each([
    ['cifar10_resnet20.onnx', 20, 268_336],
    ['squeezenet1.1_imagenet.onnx', 26, 1_231_552],
    ['SqueezeNet_fp16.onnx', 26, 1_231_552],
    ['mobilenet_v2_1.0_224_float_hybrid.onnx', 53, 3_471_040],
    ['mobilenet_v2_1.0_224_bn_float_hybrid.onnx', 53, 3_471_040],
    ['winml_mnist.onnx', 3, 5_960],
    ['ch_PP-OCRv4_det_infer.onnx', 64, 1_164_320],
    ['ultraface_version-slim-320.onnx', 42, 254_304],
    ['tfc_w1a1_multithreshold.onnx', 4, 59_008],
  ])('%s has %i weights of %i elements, none left out', async (name, weights, elements) => {
    const { chosen, skipped } = planWeights(await read(name));
    expect(chosen).toHaveLength(weights);
    expect(chosen.reduce((sum, { count }) => sum + count, 0)).toBe(elements);
    expect(skipped).toEqual([]);
  });

  it('the weights of TFC_2W2A.onnx are what its Quant nodes make, in rows of outputs in front of the Transpose', async () => {
    const { chosen, skipped } = planWeights(await read('TFC_2W2A.onnx'));
    expect(skipped).toEqual([]);
    expect(
      chosen.map(({ name, source, maker, rows, columns }) => [name, source, maker, rows, columns]),
    ).toEqual([
      ['44', '41', 'Quant', 64, 784],
      ['56', '53', 'Quant', 64, 64],
      ['68', '65', 'Quant', 64, 64],
      ['80', '77', 'Quant', 10, 64],
    ]);
    for (const { layout } of chosen) expect(layout).toMatchObject({ perm: [0, 1], rowAxes: 1 });
  });

  it('more bits are nearer, layer by layer, and so are finer tables as a whole', async () => {
    const model = await read('cifar10_resnet20.onnx');
    for (const scheme of ['binary', 'linear', 'exp', 'codebook']) {
      let before: readonly number[] | undefined;
      for (const bits of [1, 2, 3, 4]) {
        const mse = quantizeModel(model, { scheme, bits }).layers.map((layer) => layer.mse);
        mse.forEach((error, i) => {
          if (before !== undefined) expect(error).toBeLessThan(before[i]);
        });
        before = mse;
      }
    }
    const energyLost = (granularity: 'tensor' | 'channel' | 'group:16') =>
      quantizeModel(model, { scheme: 'exp', bits: 3, granularity }).layers.reduce(
        (sum, { mse, count }) => sum + mse * count,
        0,
      );
    expect(energyLost('tensor')).toBeGreaterThan(energyLost('channel'));
    expect(energyLost('channel')).toBeGreaterThan(energyLost('group:16'));
  });

  it('a network of ±1 weights is kept exactly at one bit', async () => {
    const { layers } = quantizeModel(await read('bnn_lfc_w1a1_mnist.onnx'), {
      scheme: 'binary',
      bits: 1,
      granularity: 'tensor',
    });
    expect(layers.map(({ correlation, mse }) => [correlation, mse])).toEqual(layers.map(() => [1, 0]));
  });
});
