/** Peak memory of `quantize` on a generated 500 MB model of fully connected layers. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const WIDTH = 2048;
const LAYERS = 30; // 30 × 2048 × 2048 × 4 bytes = 503 MB

export async function memoryRows() {
  const folder = mkdtempSync(join(tmpdir(), 'bnnq-bench-'));
  try {
    const model = join(folder, 'large.onnx');
    writeLargeModel(model);
    const bytes = statSync(model).size;
    const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
    return ['channel', 'tensor'].map((granularity) => {
      const start = performance.now();
      const probe = `
        process.argv = [process.argv[0], ${JSON.stringify(cli)}, ...process.argv.slice(1)];
        process.on('exit', () => require('node:fs').writeSync(2, '\\nPEAK ' + process.resourceUsage().maxRSS + '\\n'));
        import(${JSON.stringify(cli)});`;
      const { status, stderr } = spawnSync(
        process.execPath,
        [
          '-e',
          probe,
          '--',
          model,
          '--scheme',
          'exp',
          '--bits',
          '4',
          '--granularity',
          granularity,
          '-o',
          join(folder, `${granularity}.bnnq`),
          '--quiet',
        ],
        { encoding: 'utf8' },
      );
      if (status !== 0) throw new Error(`bench: quantize ended with ${status}: ${stderr}`);
      const peak = Number(/PEAK (\d+)/.exec(stderr)?.[1]) * 1024;
      return {
        granularity,
        'model MB': bytes / 1e6,
        'peak MB': peak / 1e6,
        'peak ÷ model': peak / bytes,
        seconds: (performance.now() - start) / 1000,
      };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** ONNX by hand, since the file is larger than an encoder should hold: MatMul layers, weights in raw_data. */
function writeLargeModel(path) {
  const out = openSync(path, 'w');
  const shape = message(field(1, int(1, 1)), field(1, int(1, WIDTH)));
  const floatTensor = message(int(1, 1), field(2, shape));
  const value = (name) => message(field(1, text(name)), field(2, field(1, floatTensor)));
  const nodes = [];
  for (let i = 0; i < LAYERS; i++)
    nodes.push(
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
  const head = Buffer.concat([...nodes, field(2, text('large'))]);
  const tail = Buffer.concat([field(11, value('x0')), field(12, value(`x${LAYERS}`))]);
  const tensorHead = (i) => Buffer.concat([int(1, WIDTH), int(1, WIDTH), int(2, 1), field(8, text(`w${i}`))]);
  const raw = WIDTH * WIDTH * 4;
  const rawHead = Buffer.concat([varint((9 << 3) | 2), varint(raw)]);
  const tensorLength = (i) => tensorHead(i).length + rawHead.length + raw;
  let graphLength = head.length + tail.length;
  for (let i = 0; i < LAYERS; i++) graphLength += 1 + varint(tensorLength(i)).length + tensorLength(i);
  const opset = field(8, message(int(2, 13)));
  writeSync(out, Buffer.concat([int(1, 8), opset, varint((7 << 3) | 2), varint(graphLength), head]));
  const weights = new Float32Array(WIDTH * WIDTH);
  let state = 1;
  for (let i = 0; i < LAYERS; i++) {
    for (let j = 0; j < weights.length; j++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const u = state / 2 ** 32 - 0.5;
      weights[j] = u * u * u; // heavier tails than uniform
    }
    writeSync(out, Buffer.concat([varint((5 << 3) | 2), varint(tensorLength(i)), tensorHead(i), rawHead]));
    writeSync(out, new Uint8Array(weights.buffer));
  }
  writeSync(out, tail);
  closeSync(out);
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
