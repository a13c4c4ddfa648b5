/** Models that are too large to be held, written by hand: no encoder should have to hold them either. */
import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * `layers` MatMul of [width, width] floats one after the other, the weights in a file of their own, as ONNX wants it for more than 2 GB.
 * @param fill false leaves the weights all zero, in a sparse file that takes no disk
 * @returns path of the model
 */
export function writeExternalModel(folder, { width, layers, fill = true }) {
  const bytes = width * width * 4;
  const data = openSync(join(folder, 'weights.bin'), 'w');
  if (fill) {
    const weights = new Float32Array(width * width);
    for (let i = 0; i < layers; i++) {
      fillWithWeights(weights, i + 1);
      writeSync(data, new Uint8Array(weights.buffer));
    }
  } else ftruncateSync(data, bytes * layers);
  closeSync(data);
  const external = (key, value) => field(13, message(field(1, text(key)), field(2, text(value))));
  const tensor = (i) =>
    message(
      ...[int(1, width), int(1, width), int(2, 1), field(8, text(`w${i}`))],
      ...[
        external('location', 'weights.bin'),
        external('offset', `${i * bytes}`),
        external('length', `${bytes}`),
      ],
      int(14, 1),
    );
  const tensors = Array.from({ length: layers }, (_, i) => field(5, tensor(i)));
  const graph = message(...matMuls(layers), field(2, text('large')), ...tensors, ...ends(layers, width));
  const path = join(folder, 'large.onnx');
  writeFileSync(path, message(int(1, 8), field(8, message(int(2, 13))), field(7, graph)));
  return path;
}

/** The same network in one file: weights in raw_data. */
export function writeWholeModel(path, { width, layers }) {
  const out = openSync(path, 'w');
  const head = message(...matMuls(layers), field(2, text('large')));
  const tail = message(...ends(layers, width));
  const raw = width * width * 4;
  const rawHead = message(varint((9 << 3) | 2), varint(raw));
  const tensorHead = (i) => message(int(1, width), int(1, width), int(2, 1), field(8, text(`w${i}`)));
  const tensorLength = (i) => tensorHead(i).length + rawHead.length + raw;
  let graphLength = head.length + tail.length;
  for (let i = 0; i < layers; i++) graphLength += 1 + varint(tensorLength(i)).length + tensorLength(i);
  const opset = field(8, message(int(2, 13)));
  writeSync(out, message(int(1, 8), opset, varint((7 << 3) | 2), varint(graphLength), head));
  const weights = new Float32Array(width * width);
  for (let i = 0; i < layers; i++) {
    fillWithWeights(weights, i + 1);
    writeSync(out, message(varint((5 << 3) | 2), varint(tensorLength(i)), tensorHead(i), rawHead));
    writeSync(out, new Uint8Array(weights.buffer));
  }
  writeSync(out, tail);
  closeSync(out);
}

/** Cubes of uniform numbers: heavier tails than uniform, as weights have them. */
function fillWithWeights(weights, seed) {
  let state = seed;
  for (let j = 0; j < weights.length; j++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const u = state / 2 ** 32 - 0.5;
    weights[j] = u * u * u;
  }
}

function matMuls(layers) {
  return Array.from({ length: layers }, (_, i) =>
    field(
      1,
      message(
        field(1, text(`x${i}`)),
        field(1, text(`w${i}`)),
        field(2, text(`x${i + 1}`)),
        field(4, text('MatMul')),
      ),
    ),
  );
}

/** Input and output of the graph. */
function ends(layers, width) {
  const shape = message(field(1, int(1, 1)), field(1, int(1, width)));
  const floatTensor = message(int(1, 1), field(2, shape));
  const value = (name) => message(field(1, text(name)), field(2, field(1, floatTensor)));
  return [field(11, value('x0')), field(12, value(`x${layers}`))];
}

// Just enough of the protobuf wire format: varints and length-delimited fields.
function varint(n) {
  const bytes = [];
  for (let rest = n; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}
function field(number, payload) {
  return Buffer.concat([varint((number << 3) | 2), varint(payload.length), payload]);
}
function int(number, value) {
  return Buffer.concat([varint(number << 3), varint(value)]);
}
function text(string) {
  return Buffer.from(string);
}
function message(...fields) {
  return Buffer.concat(fields);
}
