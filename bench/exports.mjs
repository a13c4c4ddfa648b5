/** Bytes of the files that models leave in, beside the packed file: every flavor, and how far each is from it. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { encodePacked, exportedSize, exportModel, quantize, readModel } from '../dist/src/index.js';

const shared = (file) => fileURLToPath(new URL(`../../shared/data/models/${file}`, import.meta.url));

const MODELS = {
  'demo network': fileURLToPath(new URL('../examples/demo/digits.onnx', import.meta.url)),
  'ResNet-20': shared('cifar10_resnet20.onnx'),
  'ResNet-8 (Keras)': shared('ic_resnet8_cifar10.h5'),
  'SqueezeNet 1.1': shared('squeezenet1.1_imagenet.onnx'),
  'SqueezeNet FLOAT16': shared('SqueezeNet_fp16.onnx'),
  MobileNetV2: shared('mobilenet_v2_1.0_224_float_hybrid.onnx'),
};

/** Scheme and bits, with the files that are made of it. */
const FORMS = [
  ['binary', 1, { to: 'onnx' }],
  ['exp', 3, { to: 'onnx' }],
  ['linear', 4, { to: 'onnx' }],
  ['linear', 4, { to: 'onnx', opset: 21 }],
  ['linear', 8, { to: 'onnx', opset: 13 }],
  ['codebook', 5, { to: 'onnx' }],
  ['linear', 4, { to: 'onnx', flavor: 'float' }],
  ['linear', 4, { to: 'qonnx' }],
];

export async function exportRows() {
  const rows = [];
  for (const [network, path] of Object.entries(MODELS)) {
    if (!existsSync(path)) continue;
    const model = await readModel(path);
    for (const [scheme, bits, options] of FORMS) {
      const { model: quantized } = quantize(model, { scheme, bits });
      const packed = encodePacked(quantized).length;
      const said = Object.entries(options).map(([key, value]) => `--${key} ${value}`);
      let size;
      try {
        size = exportedSize(exportModel(quantized, options));
      } catch (thrown) {
        rows.push({
          network,
          weights: `${scheme} ${bits}`,
          export: `${said.join(' ')} (refused: ${thrown.message.slice(0, 60)}…)`,
        });
        continue;
      }
      const { codes, levels, other, graph, total } = size;
      rows.push({
        network,
        weights: `${scheme} ${bits}`,
        export: said.join(' '),
        codes,
        levels,
        other,
        graph,
        total,
        packed,
        'total ÷ packed': total / packed,
      });
    }
  }
  return rows;
}
