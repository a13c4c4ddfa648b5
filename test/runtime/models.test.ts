import { describe, expect, it } from 'vitest';
import { readModel } from '../../src/formats/read-model.ts';
import { createSession } from '../../src/runtime/session.ts';
import { widen } from '../../src/runtime/widen.ts';
import { numberToFloat16 } from '../../src/tensor/float16.ts';
import { sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { sharedData } from '../shared-data.ts';
import { runOnnxRuntime } from './onnxruntime.ts';
import { generator, randomFloats } from './random.ts';

/** File, input shape, range of the input values. */
const MODELS: readonly [file: string, shape: readonly number[], low: number, high: number][] = [
  ['cifar10_resnet20.onnx', [3, 3, 32, 32], -2, 2],
  ['bnn_cnv_w1a1_cifar10.onnx', [3, 3, 32, 32], -1, 1],
  ['bnn_lfc_w1a1_mnist.onnx', [3, 1, 28, 28], 0, 1],
  ['squeezenet1.1_imagenet.onnx', [2, 3, 224, 224], -2, 2],
  ['SqueezeNet_fp16.onnx', [1, 3, 224, 224], -120, 130],
  ['mobilenet_v2_1.0_224_float_hybrid.onnx', [2, 224, 224, 3], -1, 1],
  ['mobilenet_v2_1.0_224_bn_float_hybrid.onnx', [2, 3, 224, 224], -1, 1],
  ['winml_mnist.onnx', [1, 1, 28, 28], 0, 255],
  ['ch_PP-OCRv4_det_infer.onnx', [1, 3, 320, 320], -2, 2],
  ['ultraface_version-slim-320.onnx', [1, 3, 240, 320], -1, 1],
];

/** Dark strokes in lines on white paper, normalized: something that a text detector sees text in. */
function writtenPage(shape: readonly number[]): Float32Array {
  const next = generator(3);
  const [, channels = 0, height = 0, width = 0] = shape;
  const page = new Float32Array(sizeOf(shape)).fill(2.2);
  for (let top = 20; top + 16 < height; top += 40)
    for (let left = 20; left + 10 < width - 20; left += 12)
      for (let stroke = 0; stroke < 3; stroke++) {
        const isUpright = next() < 0.5;
        const offset = Math.floor(next() * (isUpright ? 8 : 14));
        for (let i = 0; i < (isUpright ? 16 : 10); i++)
          for (let thick = 0; thick < 2; thick++) {
            const y = top + (isUpright ? i : offset + thick);
            const x = left + (isUpright ? offset + thick : i);
            for (let c = 0; c < channels; c++) page[(c * height + y) * width + x] = -2;
          }
      }
  return page;
}

/**
 * Largest difference as a part of the range of the expected values. What onnxruntime rounds to half precision at the end
 * (FLOAT is given back here) may be off by half a unit in the last place, 2^-12 of the value.
 */
function relativeDifference(expected: Tensor, actual: Tensor): number {
  const want = widen(expected).data as Float32Array;
  const got = actual.data as Float32Array;
  const rounding = expected.dtype === 'FLOAT16' ? 2 ** -12 : 0;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  let difference = 0;
  want.forEach((value, i) => {
    low = Math.min(low, value);
    high = Math.max(high, value);
    const gap = Math.abs(value - got[i]!);
    difference = Math.max(difference, Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap - rounding * value);
  });
  return difference / (high - low);
}

describe('the trained networks give the outputs of onnxruntime to within 1e-4 of their range', () => {
  for (const [file, shape, low, high] of MODELS) {
    const path = sharedData(`models/${file}`);
    it.skipIf(path === undefined)(`${file} (needs ../shared/data)`, async () => {
      const model = await readModel(path!);
      const session = createSession(model);
      const [input] = session.inputs;
      const values = file.includes('OCR') ? writtenPage(shape) : randomFloats(sizeOf(shape), 7, low, high);
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
      for (const [name, wanted] of expected) {
        expect(actual.get(name)!.shape).toEqual(wanted.shape);
        expect(relativeDifference(wanted, actual.get(name)!)).toBeLessThan(1e-4);
        // The second run uses the memory plan that the first one made.
        expect(again.get(name)).toEqual(actual.get(name));
      }
    });
  }
});

describe('networks with operators of other domains', () => {
  const path = sharedData('models/TFC_1W2A.onnx');
  it.skipIf(path === undefined)('are refused with all of them (needs ../shared/data)', async () => {
    const model = await readModel(path!);
    const foreign = model.graph.nodes.map((node) =>
      node.domain === '' ? node : { ...node, domain: 'nobody' },
    );
    expect(() => createSession({ ...model, graph: { ...model.graph, nodes: foreign } })).toThrow(
      /2 of its operators are not implemented: nobody::Quant \(4 nodes\), nobody::BipolarQuant \(4 nodes\)/,
    );
  });
});
