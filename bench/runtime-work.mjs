/**
 * What the table of `npm run bench -- --only runtime` has rows for. A work is a network or a layer; it has one row for each of
 * its variants, batch and number of threads, and its peers run the float model and int8 models of it.
 *
 * A variant: `bits` as W×A, the `peak` that its share is of, what is done to the model (`weights` of a scheme, `actBits`,
 * `signsAsFloats`: Sign gives floats, so all behind it computes in float), whether it `equals` onnxruntime to the bit, and
 * `targets`, the least speed ÷ that of a peer.
 */
const POPCOUNT = 'popcount';
const DOT = 'int16 dot';
const MULTIPLY_ADD = 'float32 multiply-add';

const targets = (nodeFloat, webFloat, webInt8) => ({ nodeFloat, webFloat, webInt8 });

/** Weights of a scheme × activations of 8 bits, or of float32. */
const byInt8 = (scheme, bits, goals) => ({
  bits: `${bits}×8`,
  note: scheme,
  peak: DOT,
  weights: { scheme, bits },
  actBits: 8,
  targets: goals,
});
const byFloat = (scheme, bits, goals) => ({
  bits: `${bits}×32`,
  note: scheme,
  peak: MULTIPLY_ADD,
  weights: { scheme, bits },
  targets: goals,
});
const FLOAT = { bits: '32×32', note: 'float32', peak: MULTIPLY_ADD };
const binary = (goals) => [
  { bits: '1×1', note: 'sign maps', peak: POPCOUNT, equals: true, targets: goals },
  { bits: '1×1', note: 'as floats', peak: MULTIPLY_ADD, signsAsFloats: true },
];

const CONV = { inChannels: 256, outChannels: 256, size: 28, kernel: 3 };
const layer = (name, shape) => ({
  name,
  conv: shape,
  batches: [1],
  variants: [byInt8('exp', 4), byFloat('exp', 4), FLOAT],
});
const depthwise = (channels, size, stride = 1) =>
  layer(`depthwise 3×3${stride === 1 ? '' : `, stride ${stride}`}, ${channels} at ${size}×${size}`, {
    inChannels: channels,
    outChannels: channels,
    groups: channels,
    size,
    stride,
    kernel: 3,
  });
const square = (kernel, inChannels, outChannels, size) =>
  layer(`conv ${kernel}×${kernel}, ${inChannels}→${outChannels} at ${size}×${size}`, {
    inChannels,
    outChannels,
    size,
    kernel,
  });

/** Networks with real pictures: `data` as for --data, `@` being the folder of the test data. */
const RESNET20 = {
  file: 'cifar10_resnet20.onnx',
  data: 'cifar10:@/cifar10/calib_1024.bin',
  preprocess: 'torch',
};

export const WORK = [
  {
    name: 'binary conv 3×3, 256→256 at 28×28',
    conv: CONV,
    isBinary: true,
    batches: [1],
    variants: binary(targets(3, 14, 4.5)),
  },
  {
    name: 'CNV W1A1',
    file: 'bnn_cnv_w1a1_cifar10.onnx',
    data: 'cifar10:@/cifar10/calib_1024.bin',
    preprocess: 'tf',
    batches: [1, 16],
    variants: binary(targets(3, 12)),
  },
  {
    name: 'LFC W1A1',
    file: 'bnn_lfc_w1a1_mnist.onnx',
    data: 'idx:@/mnist/t10k-images-idx3-ubyte.gz,@/mnist/t10k-labels-idx1-ubyte.gz',
    preprocess: 'unit',
    batches: [1, 16],
    variants: binary(targets(3, 12)),
  },
  {
    name: 'conv 3×3, 256→256 at 28×28',
    conv: CONV,
    batches: [1],
    variants: [
      byInt8('exp', 4, targets(0.7, 3.3, 1.1)),
      byInt8('exp', 3, targets(0.7, 3.3, 1.1)),
      byInt8('linear', 8),
      byFloat('exp', 4),
      FLOAT,
    ],
  },
  {
    name: 'MobileNetV2',
    file: 'mobilenet_v2_1.0_224_bn_float_hybrid.onnx',
    data: 'csv:@/imagenet/calib200/labels.csv',
    preprocess: 'tf',
    batches: [1],
    variants: [byInt8('exp', 4, targets(0.5, 2, 1.1)), byFloat('exp', 4, targets(0.4, 1.6)), FLOAT],
  },
  {
    name: 'ResNet-20',
    ...RESNET20,
    batches: [1, 8],
    variants: [byInt8('exp', 4), byFloat('exp', 4, targets(0.4, 1.6)), FLOAT],
  },
  {
    name: 'SqueezeNet 1.1',
    file: 'squeezenet1.1_imagenet.onnx',
    data: 'csv:@/imagenet/calib200/labels.csv',
    preprocess: 'torch',
    batches: [1],
    variants: [byInt8('exp', 4), byFloat('exp', 4), FLOAT],
  },
  {
    name: 'fully connected 4096×4096',
    linear: [4096, 4096],
    batches: [1],
    variants: [
      byInt8('binary', 1, targets(8, 8, 2)),
      byInt8('linear', 2, targets(undefined, undefined, 2)),
      byInt8('exp', 2, targets(undefined, undefined, 2)),
      byInt8('linear', 4, targets(4, 4, 2)),
      byInt8('exp', 4, targets(4, 4, 2)),
      byFloat('binary', 1),
      byFloat('linear', 2),
      byFloat('exp', 2),
      byFloat('linear', 4),
      byFloat('exp', 4),
      FLOAT,
    ],
  },
  // Shapes of MobileNetV2 and ResNet-20 on their own.
  depthwise(96, 112, 2),
  depthwise(144, 56),
  depthwise(576, 14),
  square(1, 24, 144, 56),
  square(1, 96, 576, 14),
  square(1, 320, 1280, 7),
  square(3, 16, 16, 32),
  square(3, 64, 64, 8),
];
