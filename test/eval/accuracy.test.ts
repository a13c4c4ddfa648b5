import { describe, expect, it } from 'vitest';
import { score } from '../../src/eval/score.ts';
import { sharedData } from '../shared-data.ts';

const cifar = sharedData('cifar10/test_batch.bin');
const mnist = sharedData('mnist/t10k-images-idx3-ubyte.gz');
const labels = sharedData('imagenet/val800/labels.csv');

/**
 * Right answers among the first images, top-1 and top-5, as onnxruntime-node 1.30.0 gives them on the same pixels. On
 * all images (10,000 and 800) the scores are those of the data's own table: 91.73, 69.38/91.50, 72.00/91.63 and twice
 * 79.63/94.75.
 */
describe('the accuracy of published networks', () => {
  it.skipIf(cifar === undefined)('ResNet-20 on CIFAR-10 (needs ../shared/data)', async () => {
    const model = sharedData('models/cifar10_resnet20.onnx')!;
    const scores = await score(model, `cifar10:${cifar}`, { preprocess: 'torch', limit: 500 });
    expect([scores.top1, scores.top5]).toEqual([(100 * 451) / 500, (100 * 499) / 500]);
  });

  it.skipIf(labels === undefined).each([
    ['squeezenet1.1_imagenet.onnx', 'torch', 0, 27, 35],
    ['SqueezeNet_fp16.onnx', 'caffe', 0, 28, 38],
    ['mobilenet_v2_1.0_224_float_hybrid.onnx', 'tf', 1, 29, 37],
    ['mobilenet_v2_1.0_224_bn_float_hybrid.onnx', 'tf', 1, 29, 37],
  ])('%s on ImageNet (needs ../shared/data)', async (file, preprocess, labelOffset, top1, top5) => {
    const model = sharedData(`models/${file}`)!;
    const scores = await score(model, `csv:${labels}`, { preprocess, labelOffset, limit: 40 });
    expect([scores.top1, scores.top5]).toEqual([(100 * top1) / 40, (100 * top5) / 40]);
  });

  // On all images 87.19 and 64.25/87.25: the figures of the data's own table, where the graphs were rebuilt as ONNX.
  it.skipIf(cifar === undefined)('ic_resnet8 of Keras on CIFAR-10 (needs ../shared/data)', async () => {
    const model = sharedData('models/ic_resnet8_cifar10.h5')!;
    const scores = await score(model, `cifar10:${cifar}`, { preprocess: 'raw', limit: 500 });
    expect([scores.top1, scores.top5]).toEqual([(100 * 432) / 500, (100 * 495) / 500]);
  });

  it.skipIf(labels === undefined)('mobilenet_v1 of Keras on ImageNet (needs ../shared/data)', async () => {
    const model = sharedData('models/mobilenet_v1_0.25_224.h5')!;
    const scores = await score(model, `csv:${labels}`, { preprocess: 'tf', limit: 40 });
    expect([scores.top1, scores.top5]).toEqual([(100 * 26) / 40, (100 * 35) / 40]);
  });

  // All 10,000 digits: the counts of the data's own table. Several classes may share the largest score of a binary
  // network; see docs/numerics.md. The last network settles its ties itself, and says so by a class index.
  it.skipIf(mnist === undefined).each([
    ['TFC_1W1A.onnx', 'unit', 9306],
    ['TFC_1W2A.onnx', 'unit', 9489],
    ['TFC_2W2A.onnx', 'unit', 9664],
    ['bnn_lfc_w1a1_mnist.onnx', 'unit', 9834],
    ['tfc_w1a1_multithreshold.onnx', 'raw', 9296],
  ])('%s on MNIST (needs ../shared/data)', async (file, preprocess, right) => {
    const data = `idx:${mnist},${sharedData('mnist/t10k-labels-idx1-ubyte.gz')}`;
    const scores = await score(sharedData(`models/${file}`)!, data, { preprocess });
    expect([scores.count, scores.top1]).toEqual([10_000, right / 100]);
  });

  // On all 10,000 pictures 7,945 are right.
  it.skipIf(cifar === undefined)('a binary CNN on CIFAR-10 (needs ../shared/data)', async () => {
    const model = sharedData('models/bnn_cnv_w1a1_cifar10.onnx')!;
    const scores = await score(model, `cifar10:${cifar}`, { preprocess: 'tf', limit: 400 });
    expect(scores).toMatchObject({ count: 400, top1: (100 * 316) / 400 });
  });
});
