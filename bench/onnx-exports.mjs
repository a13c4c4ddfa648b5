/**
 * Reads, inspects, runs, discretizes, packs and writes back every ONNX file of a folder that onnx-exports.py made, beside onnxruntime:
 *
 *     node --import ./scripts/load-typescript.mjs bench/onnx-exports.mjs FOLDER [--write] [part of a name ...]
 *
 * With --write the table goes to docs/results/onnx-exports.md.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { onnxBytes } from '../src/formats/onnx/write.ts';
import {
  createSession,
  inspectModel,
  planWeights,
  quantize,
  readModel,
  readModelBytes,
  writePacked,
} from '../src/index.ts';
import { unsupportedOperators } from '../src/runtime/operator-support.ts';
import { float16ToNumber, numberToFloat16 } from '../src/tensor/float16.ts';
import { zeros } from '../src/tensor/tensor.ts';

const [folder, ...rest] = process.argv.slice(2);
const parts = rest.filter((argument) => !argument.startsWith('--'));
const TYPES = {
  FLOAT: 'float32',
  DOUBLE: 'float64',
  FLOAT16: 'float16',
  INT64: 'int64',
  INT32: 'int32',
  INT8: 'int8',
  UINT8: 'uint8',
  BOOL: 'bool',
};

/** A small generator (Lehmer), so that a run can be repeated. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** Values to feed: floats in [-1, 1), integers from 0 up to a limit. */
function feedsOf(described) {
  const feeds = {};
  Object.entries(described).forEach(([name, [dtype, shape, limit]], index) => {
    const next = random(index + 17);
    const tensor = zeros(dtype, shape);
    for (let i = 0; i < tensor.data.length; i++) {
      const value = next();
      if (dtype === 'INT64') tensor.data[i] = BigInt(Math.floor(value * limit));
      else if (dtype === 'FLOAT16') tensor.data[i] = numberToFloat16(2 * value - 1);
      else
        tensor.data[i] = dtype === 'FLOAT' || dtype === 'DOUBLE' ? 2 * value - 1 : Math.floor(value * limit);
    }
    feeds[name] = tensor;
  });
  return feeds;
}

/**
 * What onnxruntime gives. Where the processor has no VNNI it saturates products of 8 bits at 16 unless told otherwise; and its
 * optimizer computes a layer between QuantizeLinear and DequantizeLinear in integers, which the graph does not say.
 */
async function onnxruntime(model, feeds, isQuantized) {
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
    ...(isQuantized
      ? { graphOptimizationLevel: 'disabled', extra: { session: { x64quantprecision: '1' } } }
      : {}),
  });
  try {
    const named = Object.entries(feeds).map(([name, { dtype, shape, data }]) => [
      name,
      new OrtTensor(TYPES[dtype], data, shape),
    ]);
    const results = await session.run(Object.fromEntries(named));
    return new Map(
      Object.entries(results).map(([name, { type, dims, data }]) => [name, { type, shape: [...dims], data }]),
    );
  } finally {
    await session.release();
  }
}

function run(model, feeds) {
  const session = createSession(model);
  try {
    return session.run(feeds);
  } finally {
    session.dispose();
  }
}

function numbers(data, isHalf) {
  if (!isHalf) return Array.from(data, Number);
  const bits = new Uint16Array(data.buffer, data.byteOffset, data.length);
  return Array.from(bits, float16ToNumber);
}

/** The largest difference of an output as a part of its largest value; Infinity for another shape or type. */
function distance(expected, actual) {
  let worst = 0;
  for (const [name, wanted] of expected) {
    const given = actual.get(name);
    if (given === undefined || String(given.shape) !== String(wanted.shape)) return Number.POSITIVE_INFINITY;
    const isHalf = wanted.type === 'float16';
    if (TYPES[given.dtype] !== (isHalf ? 'float32' : wanted.type)) return Number.POSITIVE_INFINITY;
    const left = numbers(wanted.data, isHalf);
    const right = numbers(given.data, false);
    const largest = left.reduce(
      (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
      1e-12,
    );
    left.forEach((value, i) => {
      if (Object.is(value, right[i]) || value === right[i]) return;
      const error = Math.abs(value - right[i]) / largest;
      worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
    });
  }
  return worst;
}

function sameBits(left, right) {
  for (const [name, { data }] of left) {
    const other = right.get(name)?.data;
    if (other === undefined || other.length !== data.length) return false;
    for (let i = 0; i < data.length; i++) if (!Object.is(data[i], other[i])) return false;
  }
  return true;
}

async function examine(file) {
  const path = join(folder, file);
  const [name, exporter] = [file.slice(0, file.indexOf('.')), file.slice(file.indexOf('.') + 1, -5)];
  const described = JSON.parse(readFileSync(path.replace(/onnx$/, 'json'), 'utf8'));
  const feeds = feedsOf(described.feeds);
  const row = { name, exporter, notes: [] };
  const step = async (what, action) => {
    try {
      return await action();
    } catch (error) {
      row.notes.push(`${what}: ${String(error.message).slice(0, 400)}`);
      if (process.env.TRACE) console.error(error);
      return undefined;
    }
  };
  const model = await step('read', () => readModel(path));
  if (model === undefined) return row;
  row.opset = model.opsets.get('') ?? 0;
  row.functions = model.functions.length;
  await step('inspect', async () => {
    const { macs, uncounted, parameters, weights, lowBit, skipped } = await inspectModel(path);
    Object.assign(row, { macs, parameters, uncounted, weights: weights.length, lowBit: lowBit.length });
    row.skipped = skipped.map(({ reason }) => reason);
  });
  row.missing = unsupportedOperators(model).map(({ domain, opType }) =>
    domain === '' ? opType : `${domain}.${opType}`,
  );
  const isQuantized = described.quantized === true;
  const expected = described.expected
    ? new Map(
        Object.entries(described.expected).map(([key, [shape, data]]) => [
          key,
          { type: 'float32', shape, data },
        ]),
      )
    : await step('onnxruntime', () => onnxruntime(path, feeds, isQuantized));
  if (row.missing.length === 0) {
    const results = await step('run', () => run(model, feeds));
    if (results && expected) row.error = distance(expected, results);
  } else await step('refused', async () => run(model, feeds));
  if (planWeights(model).chosen.length === 0) return row;
  await step('quantize', async () => {
    const { model: coarse, layers } = quantize(model, { scheme: 'linear', bits: 4 });
    const folderOfPacked = mkdtempSync(join(tmpdir(), 'onnx-exports-'));
    try {
      const packedPath = join(folderOfPacked, 'model.bnnq');
      await writePacked(coarse, packedPath);
      const count = layers.reduce((sum, layer) => sum + layer.count, 0);
      const payload = layers.reduce((sum, layer) => sum + layer.codeBytes + layer.levelBytes, 0);
      const data = `${path}.data`;
      row.sourceBytes = statSync(path).size + (existsSync(data) ? statSync(data).size : 0);
      row.packedBytes = statSync(packedPath).size;
      row.coded = count;
      row.rest = row.packedBytes - payload;
      const packed = await readModel(packedPath);
      const bytes = onnxBytes(coarse);
      const written = await readModelBytes(bytes);
      if (row.missing.length === 0) {
        const fromPacked = run(packed, feeds);
        row.packedIsSame = sameBits(run(written, feeds), fromPacked);
        if (!row.packedIsSame) row.notes.push('the packed file gives other bits');
        const coarseExpected = described.expected
          ? undefined
          : await step('onnxruntime, written back', () => onnxruntime(bytes, feeds, isQuantized));
        if (coarseExpected) row.coarseError = distance(coarseExpected, fromPacked);
      } else if (!described.expected)
        await step('onnxruntime, written back', () => onnxruntime(bytes, feeds, isQuantized));
    } finally {
      rmSync(folderOfPacked, { recursive: true });
    }
  });
  return row;
}

function scientific(value) {
  if (value === undefined) return '';
  return value === 0 ? '0' : value.toExponential(0);
}

function reasons(skipped = []) {
  const counts = new Map();
  for (const reason of skipped) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => `${count} ${reason}`).join('; ');
}

function table(rows) {
  const cells = rows.map((row) => [
    row.name,
    row.exporter,
    row.opset,
    scientific(row.error),
    scientific(row.coarseError),
    (row.missing ?? []).join(', '),
    row.lowBit > 0 ? `${row.weights} + ${row.lowBit} of few bits` : row.weights,
    row.skipped?.length ?? '',
    row.packedBytes === undefined ? '' : `${((100 * row.packedBytes) / row.sourceBytes).toFixed(0)} %`,
    row.notes.join(' · ').replaceAll('|', '/').replaceAll('\n', ' '),
  ]);
  const head = [
    'model',
    'exporter',
    'opset',
    'error',
    'error, 4 bits',
    'not implemented',
    'weights',
    'skipped',
    'packed',
    'notes',
  ];
  return [head, head.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

const files = readdirSync(folder)
  .filter((file) => file.endsWith('.onnx') && existsSync(join(folder, file.replace(/onnx$/, 'json'))))
  .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
  .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
const rows = [];
for (const file of files) {
  const row = await examine(file);
  rows.push(row);
  const {
    name,
    exporter,
    error,
    coarseError,
    missing,
    weights,
    lowBit,
    skipped,
    packedIsSame,
    rest: overhead,
    notes,
  } = row;
  const sizes =
    row.packedBytes === undefined ? '' : `packed ${row.packedBytes}/${row.sourceBytes} rest ${overhead}`;
  console.log(
    `${name}.${exporter} err ${scientific(error)} ${scientific(coarseError)} ${packedIsSame === false ? 'PACKED DIFFERS' : ''} w ${weights}+${lowBit} skip [${reasons(skipped)}] ${sizes} ${missing?.length ? `MISSING ${missing}` : ''} ${notes.length ? `NOTES ${notes.join(' | ')}` : ''}`,
  );
}
if (rest.includes('--json')) writeFileSync(join(folder, 'rows.json'), JSON.stringify(rows));
if (rest.includes('--write')) {
  const page = new URL('../docs/results/onnx-exports.md', import.meta.url);
  const text = readFileSync(page, 'utf8');
  const start = text.indexOf('| model |');
  writeFileSync(page, `${text.slice(0, start)}${table(rows)}\n`);
}
