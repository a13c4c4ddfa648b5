import { describe, expect, it } from 'vitest';
import { readModel } from '../../src/formats/read-model.ts';
import { createSession } from '../../src/runtime/session.ts';
import { widen } from '../../src/runtime/widen.ts';
import { numberToFloat16 } from '../../src/tensor/float16.ts';
import { sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { sharedData } from '../shared-data.ts';
import { runOnnxRuntime } from './onnxruntime.ts';
import { randomFloats } from './random.ts';

/** File, input shape, range of the input values. */
const MODELS: readonly [file: string, shape: readonly number[], low: number, high: number][] = [
  ['cifar10_resnet20.onnx', [3, 3, 32, 32], -2, 2],
  ['bnn_cnv_w1a1_cifar10.onnx', [3, 3, 32, 32], -1, 1],
  ['bnn_lfc_w1a1_mnist.onnx', [3, 1, 28, 28], 0, 1],
  ['squeezenet1.1_imagenet.onnx', [1, 3, 224, 224], -2, 2],
  ['SqueezeNet_fp16.onnx', [1, 3, 224, 224], -120, 130],
  ['mobilenet_v2_1.0_224_float_hybrid.onnx', [1, 224, 224, 3], -1, 1],
  ['mobilenet_v2_1.0_224_bn_float_hybrid.onnx', [1, 3, 224, 224], -1, 1],
  ['winml_mnist.onnx', [1, 1, 28, 28], 0, 255],
  ['ch_PP-OCRv4_det_infer.onnx', [1, 3, 320, 320], -2, 2],
  ['ultraface_version-slim-320.onnx', [1, 3, 240, 320], -1, 1],
];

/** Largest difference, as a part of the range of the expected values. */
function relativeDifference(expected: Tensor, actual: Tensor): number {
  const want = widen(expected).data as Float32Array;
  const got = actual.data as Float32Array;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  let difference = 0;
  want.forEach((value, i) => {
    low = Math.min(low, value);
    high = Math.max(high, value);
    difference = Math.max(difference, Math.abs(value - got[i]!));
    if (Number.isNaN(got[i]!)) difference = Number.POSITIVE_INFINITY;
  });
  return difference / (high - low);
}

describe('the trained networks give the outputs of onnxruntime to within 1e-4 of their range', () => {
  for (const [file, shape, low, high] of MODELS) {
    const path = sharedData(`models/${file}`);
    it.skipIf(path === undefined)(`${file} (needs ../shared/data)`, async () => {
      const model = await readModel(path!);
      const session = createSession(model, { kernels: 'auto' });
      const [input] = session.inputs;
      const values = randomFloats(sizeOf(shape), 7, low, high);
      const tensor: Tensor =
        input!.dtype === 'FLOAT16'
          ? { dtype: 'FLOAT16', shape, data: Uint16Array.from(values, numberToFloat16) }
          : { dtype: 'FLOAT', shape, data: values };
      const feeds = { [input!.name]: tensor };
      const expected = await runOnnxRuntime(path!, feeds);
      const actual = session.run(feeds);
      const again = session.run(feeds);
      session.dispose();
      expect([...actual.keys()]).toEqual(model.graph.outputs.map((output) => output.name));
      for (const [name, tensor] of expected) {
        expect(actual.get(name)!.shape).toEqual(tensor.shape);
        expect(relativeDifference(tensor, actual.get(name)!)).toBeLessThan(1e-4);
        expect(again.get(name)).toEqual(actual.get(name));
      }
    });
  }
});
