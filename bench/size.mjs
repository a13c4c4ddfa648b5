/** Bytes on disk of packed files, 1 to 8 bits: what is codes and levels, and what comes on top. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { packedSize, quantize, readModel } from '../dist/src/index.js';

const MODELS = {
  'ResNet-20': 'cifar10_resnet20.onnx',
  MobileNetV2: 'mobilenet_v2_1.0_224_bn_float_hybrid.onnx',
};

export async function sizeRows() {
  const rows = [];
  for (const [network, file] of Object.entries(MODELS)) {
    const path = fileURLToPath(new URL(`../../shared/data/models/${file}`, import.meta.url));
    if (!existsSync(path)) continue;
    const model = await readModel(path);
    for (let bits = 1; bits <= 8; bits++) {
      const size = packedSize(quantize(model, { scheme: 'exp', bits }).model);
      const { codes, levels, other, graph, header, total } = size;
      rows.push({
        network,
        bits,
        codes,
        levels,
        graph,
        header,
        'other tensors': other,
        total,
        '(total − graph) ÷ (codes + levels)': Math.ceil(((total - graph) / (codes + levels)) * 1e4) / 1e4,
        'smaller than float': model.source.byteLength / total,
      });
    }
  }
  return rows;
}
