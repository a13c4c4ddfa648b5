import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;
const FLOAT = 1;

/** A float32 constant of the tiny model. */
interface Weight {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: readonly number[];
}

/**
 * An ONNX model that tells which quadrant of an 8×8 grey picture is bright: Conv 1→4 (3×3) → Relu → Conv 4→4 (3×3) → Relu →
 * AveragePool 4×4 → Flatten → Gemm 16→4. Its weights are made by hand with a little noise on top, so that a few bits do and one bit
 * does not disturb it. `change` may spoil them.
 */
export function tinyModel(
  change: (weights: Weight[]) => Weight[] = (weights) => weights,
  opType = 'Relu',
): Uint8Array {
  const noise = generator(7);
  const conv1 = Array.from({ length: 36 }, (_, i) => (i % 9 === 4 ? 1 : 0) + 0.3 * noise());
  const conv2 = Array.from({ length: 144 }, (_, i) => {
    const [filter, channel, tap] = [Math.floor(i / 36), Math.floor(i / 9) % 4, i % 9];
    return (tap === 4 && filter === channel ? 1 : 0) + 0.15 * noise();
  });
  const gemm = Array.from(
    { length: 64 },
    (_, i) => (i % 4 === Math.floor(i / 16) ? 1 : -0.3) + 0.2 * noise(),
  );
  const weights = change([
    { name: 'conv1.weight', dims: [4, 1, 3, 3], values: conv1 },
    { name: 'conv2.weight', dims: [4, 4, 3, 3], values: conv2 },
    { name: 'fc.weight', dims: [4, 16], values: gemm },
    { name: 'fc.bias', dims: [4], values: [0, 0, 0, 0] },
  ]);
  const pads = { name: 'pads', type: 7, ints: [1, 1, 1, 1] };
  const shape = { name: 'kernel_shape', type: 7, ints: [4, 4] };
  const strides = { name: 'strides', type: 7, ints: [4, 4] };
  return encode({
    irVersion: 8,
    producerName: 'tiny-model',
    opsetImport: [{ domain: '', version: 13 }],
    graph: {
      name: 'tiny',
      node: [
        { name: 'conv1', opType: 'Conv', input: ['x', 'conv1.weight'], output: ['a'], attribute: [pads] },
        { name: 'act1', opType, input: ['a'], output: ['b'] },
        { name: 'conv2', opType: 'Conv', input: ['b', 'conv2.weight'], output: ['c'], attribute: [pads] },
        { name: 'act2', opType: 'Relu', input: ['c'], output: ['d'] },
        { name: 'pool', opType: 'AveragePool', input: ['d'], output: ['e'], attribute: [shape, strides] },
        { name: 'flat', opType: 'Flatten', input: ['e'], output: ['f'] },
        {
          name: 'fc',
          opType: 'Gemm',
          input: ['f', 'fc.weight', 'fc.bias'],
          output: ['y'],
          attribute: [{ name: 'transB', type: 2, i: 1 }],
        },
      ],
      initializer: weights.map(({ name, dims, values }) => ({
        name,
        dims,
        dataType: FLOAT,
        rawData: new Uint8Array(new Float32Array(values).buffer),
      })),
      input: [value('x', ['N', 1, 8, 8])],
      output: [value('y', ['N', 4])],
    },
  });
}

/**
 * Pictures with one bright quadrant and some noise, and which one it is, as the two files of an IDX dataset. One label in
 * sixteen is wrong, so that nothing reaches 100 %.
 */
export function tinyImages(count: number): { images: Uint8Array; labels: Uint8Array } {
  const noise = generator(11);
  const images = new Uint8Array(16 + 64 * count);
  const labels = new Uint8Array(8 + count);
  const [imageView, labelView] = [new DataView(images.buffer), new DataView(labels.buffer)];
  for (const [i, word] of [0x803, count, 8, 8].entries()) imageView.setUint32(4 * i, word);
  for (const [i, word] of [0x801, count].entries()) labelView.setUint32(4 * i, word);
  for (let n = 0; n < count; n++) {
    const label = n % 4;
    labels[8 + n] = n % 16 === 5 ? (label + 1) % 4 : label;
    for (let i = 0; i < 64; i++) {
      const quadrant = 2 * Math.floor(i / 32) + Math.floor((i % 8) / 4);
      images[16 + 64 * n + i] = Math.round(90 + (quadrant === label ? 45 : 0) + 75 * noise());
    }
  }
  return { images, labels };
}

/** A new folder holding `model.onnx`, `images.idx` and `labels.idx`. */
export function tinyFolder(count = 64): string {
  const folder = mkdtempSync(join(tmpdir(), 'bnnq-cli-'));
  const { images, labels } = tinyImages(count);
  writeFileSync(join(folder, 'model.onnx'), tinyModel());
  writeFileSync(join(folder, 'images.idx'), images);
  writeFileSync(join(folder, 'labels.idx'), labels);
  return folder;
}

function value(name: string, dims: readonly (string | number)[]): object {
  const dim = dims.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } };
}

function encode(model: object): Uint8Array {
  return onnx.ModelProto.encode(onnx.ModelProto.fromObject(model)).finish();
}

/** Numbers in [−1, 1) that are the same on every machine (Lehmer's generator, modulus 2^31 − 1). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return (2 * state) / 2_147_483_647 - 1;
  };
}
