/** Bytes on disk of packed files, 1 to 8 bits: what is codes and levels, and what comes on top. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { meanCodeEntropy, packedSize, quantize, readModel } from '../dist/src/index.js';

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
      const { model: packed } = quantize(model, { scheme: 'exp', bits });
      const { codes, levels, other, graph, header, total } = packedSize(packed);
      const compressed = packedSize(packed, { compress: true });
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
        'codes compressed': compressed.codes,
        'their entropy': Math.round((codes * meanCodeEntropy(packed)) / bits),
        'total compressed': compressed.total,
      });
    }
  }
  return rows;
}
