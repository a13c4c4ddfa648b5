import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePacked } from '../../src/formats/packed/write.ts';
import { readModel, readModelBytes } from '../../src/formats/read-model.ts';
import { type Initializer, type Model, withInitializers } from '../../src/ir/graph.ts';
import { LEVEL_RULES, type LevelRule, paramCount } from '../../src/ir/levels.ts';
import { quantizedInitializer } from '../../src/ir/quantized-initializer.ts';
import {
  type Granularity,
  planesOf,
  type QuantizedTensor,
  tableCount,
} from '../../src/ir/quantized-tensor.ts';
import { sharedData } from '../shared-data.ts';
import { quantizeNaively } from './naive-quantize.ts';
import { bytesOf, modelBytes } from './onnx-bytes.ts';

/** A reader of packed files by docs/packed-format.md, with nothing of this project: what a stranger would write. */
function weightsOf(path: string): Map<string, Float32Array> {
  const file = readFileSync(path);
  const data = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, data));
  const meta = header.__metadata__;
  const tensor = (name: string) => file.subarray(...header[name].data_offsets.map((at: number) => data + at));
  const [codes, levels, graph] = ['__codes__', '__levels__', '__graph__'].map(tensor);
  const weights = new Map<string, Float32Array>();
  let [codeAt, levelAt] = [0, 0];
  for (const entry of JSON.parse(graph.toString('utf8', ...(JSON.parse(meta.index) as [number, number])))
    .weights) {
    const { name, shape, rule, granularity, bits, layout, deflated } = { ...meta, ...entry };
    const { split, perm, rowAxes } = layout ?? {
      split: shape,
      perm: shape.map((_: number, i: number) => i),
      rowAxes: 1,
    };
    const [k, half, dims] = [Number(bits), 2 ** (bits - 1), perm.map((axis: number) => split[axis])];
    const product = (list: number[]) => list.reduce((a, b) => a * b, 1);
    const [rows, size, plane] = [
      product(dims.slice(0, rowAxes)),
      product(dims),
      Math.ceil(product(dims) / 8),
    ];
    const columns = size / rows;
    const group = granularity.startsWith('group') ? Number(granularity.slice(6)) : columns;
    const tables = granularity === 'tensor' ? 1 : rows * Math.ceil(columns / group);
    const counts: Record<string, number> = {
      geometric: 2,
      'geometric-zero': 2,
      affine: 2,
      magnitudes: half,
      bases: k,
      table: 2 * half,
    };
    const count = counts[rule] ?? 1;
    const level = (table: number, code: number) => {
      const p = (i: number) => levels.readFloatLE(levelAt + 4 * (table * count + i));
      if (rule === 'table') return p(code);
      if (rule === 'affine') return (code - p(1)) * p(0);
      let [sum, j] = [0, code % half];
      if (rule === 'bases') for (let i = 0; i < k; i++) sum += (code >> i) % 2 ? -p(i) : p(i);
      else if (rule === 'linear') sum = (j + 0.5) * p(0);
      else if (rule === 'linear-zero' || rule === 'ternary') sum = j * p(0);
      else if (rule === 'magnitudes') sum = p(j);
      else if (j > 0 || rule === 'geometric') for (sum = p(0), j++; j < half; j++) sum *= p(1);
      return rule === 'bases' || code < half ? sum : 0 - sum;
    };
    const values = new Float32Array(size);
    const several = deflated && inflateRawSync(codes.subarray(codeAt, codeAt + deflated));
    const each = Math.floor(8 / k);
    for (let i = 0; i < size; i++) {
      let code = 0;
      if (several) code = (several[Math.floor(i / each)] >> (k * (i % each))) % 2 ** k;
      else for (let b = 0; b < k; b++) code += ((codes[codeAt + b * plane + (i >> 3)] >> (i % 8)) % 2) << b;
      const index: number[] = [];
      for (let axis = perm.length - 1, rest = i; axis >= 0; rest = Math.floor(rest / dims[axis--]))
        index[perm[axis]] = rest % dims[axis];
      const at = split.reduce((sum: number, dim: number, axis: number) => sum * dim + index[axis], 0);
      const column = Math.floor((i % columns) / group);
      values[at] = level(
        tables === 1 ? 0 : Math.floor(i / columns) * Math.ceil(columns / group) + column,
        code,
      );
    }
    weights.set(name, values);
    codeAt += deflated ?? k * plane;
    levelAt += 4 * tables * count;
  }
  return weights;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bnnq-independent-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/**
 * A weight of every rule, of several bits, granularities and layouts, with codes and parameters out of a hat.
 * @param times rows; with more of them low codes are more frequent than high ones, so that compressing them is worth it
 */
async function everyRule(times = 1): Promise<Model> {
  const cases: { name: string; rule: LevelRule; bits: number; granularity: Granularity; kind: number }[] = [];
  const granularities: Granularity[] = ['tensor', 'channel', 'group:5'];
  for (const rule of LEVEL_RULES)
    for (const bits of rule === 'ternary' ? [2] : [1, 2, 3, 5, 8])
      granularities.forEach((granularity, kind) => {
        cases.push({ name: `${rule} ${bits} ${granularity}`, rule, bits, granularity, kind });
      });
  const shapes = [
    [5 * times, 3, 3, 3],
    [6 * times, 7],
    [4 * times, 3, 2, 2],
  ];
  const layouts = [
    { split: [5 * times, 3, 3, 3], perm: [0, 1, 2, 3], rowAxes: 1 },
    { split: [6 * times, 7], perm: [1, 0], rowAxes: 1 },
    { split: [2, 2 * times, 3, 2, 2], perm: [0, 2, 1, 3, 4], rowAxes: 2 }, // a transposed convolution of two groups
  ];
  const sizes = shapes.map((shape) => shape.reduce((a, b) => a * b));
  const initializer = cases.map(({ name, kind }) => ({
    name,
    dims: shapes[kind],
    dataType: 1,
    rawData: bytesOf(new Float32Array(sizes[kind])),
  }));
  const model = await readModelBytes(modelBytes({ initializer }));
  let state = 12345;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const replaced = new Map<string, Initializer>();
  for (const { name, rule, bits, granularity, kind } of cases) {
    const layout = layouts[kind];
    const dims = layout.perm.map((axis) => layout.split[axis]);
    const rows = dims.slice(0, layout.rowAxes).reduce((a, b) => a * b);
    const columns = sizes[kind] / rows;
    const groupSize = { tensor: rows * columns, channel: columns, 'group:5': 5 }[granularity as 'tensor'];
    const tables = tableCount({ rows, columns, granularity, groupSize });
    const q: QuantizedTensor = {
      scheme: 'test',
      bits,
      granularity,
      shape: shapes[kind],
      dtype: 'FLOAT',
      layout,
      rows,
      columns,
      groupSize,
      rule,
      params: Float32Array.from({ length: tables * paramCount(rule, bits) }, random),
      planes: planesOf(
        Uint8Array.from({ length: sizes[kind] }, () =>
          Math.floor(random() ** (times > 1 ? 4 : 1) * 2 ** bits),
        ),
        bits,
      ),
    };
    replaced.set(name, quantizedInitializer(name, q));
  }
  return withInitializers(model, replaced);
}

function writeTo(name: string, model: Model, compress = false): string {
  const path = join(folder, name);
  writeFileSync(path, encodePacked(model, { toolVersion: '1.0.0', compress }));
  return path;
}

function expectSameWeights(model: Model, weights: ReadonlyMap<string, Float32Array>): void {
  const expected = [...model.graph.initializers.values()].filter(({ quantized }) => quantized !== undefined);
  expect([...weights.keys()]).toEqual(expected.map(({ name }) => name));
  for (const { name, read } of expected)
    expect(Buffer.compare(bytesOf(weights.get(name)!), bytesOf(read().data as Float32Array)), name).toBe(0);
}

describe('a reader written from the specification alone', () => {
  it('gets the same weights, bit for bit, for every rule, granularity and layout', async () => {
    const model = await everyRule();
    expectSameWeights(model, weightsOf(writeTo('rules.bnnq', model)));
  });

  it('gets the same weights of a compressed file', async () => {
    const model = await everyRule(16);
    const path = writeTo('compressed.bnnq', model, true);
    expect(readFileSync(path, 'latin1').split('"deflated":').length).toBeGreaterThan(50);
    expectSameWeights(model, weightsOf(path));
  });

  it.skipIf(!sharedData('models/cifar10_resnet20.onnx'))(
    'gets the same weights of a real network (needs ../shared/data)',
    async () => {
      const model = quantizeNaively(await readModel(sharedData('models/cifar10_resnet20.onnx')!), 3);
      expectSameWeights(model, weightsOf(writeTo('resnet20.bnnq', model)));
    },
  );
});

// BNNQ_PYTHON names another interpreter, such as that of a virtual environment.
const python = process.env.BNNQ_PYTHON ?? 'python3';
const hasPython = spawnSync(python, ['-c', 'import safetensors, numpy']).status === 0;

describe.skipIf(!hasPython)(
  'the Python package safetensors (needs python3 with safetensors and numpy)',
  () => {
    const specification = readFileSync(
      fileURLToPath(new URL('../../docs/packed-format.md', import.meta.url)),
      'utf8',
    );
    const reader = /```python\n(.*?)```/s.exec(specification)![1];

    const example = readFileSync(
      fileURLToPath(new URL('../../examples/python/read_bnnq.py', import.meta.url)),
      'utf8',
    );

    it.each([
      ['the file', 'in the specification', reader, false],
      ['the file', 'among the examples', example, false],
      ['a compressed file', 'in the specification', reader, true],
      ['a compressed file', 'among the examples', example, true],
    ])(
      'opens %s, and the reader %s gets the same weights, bit for bit',
      async (_, _where, reader, compress) => {
        const model = await everyRule(compress ? 16 : 1);
        const path = writeTo('python.bnnq', model, compress);
        const script = join(folder, 'reader.py');
        writeFileSync(
          script,
          `${reader.slice(0, reader.indexOf('if __name__'))}
import hashlib
for name, values in weights(sys.argv[1]): print(name, hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest(), sep="\\t")
`,
        );
        const output = execFileSync(python, [script, path], { encoding: 'utf8' });
        const hashes = new Map(
          output
            .trim()
            .split('\n')
            .map((line) => line.split('\t') as [string, string]),
        );
        for (const { name, read } of model.graph.initializers.values())
          expect(hashes.get(name), name).toBe(
            createHash('sha256')
              .update(bytesOf(read().data as Float32Array))
              .digest('hex'),
          );
      },
    );
  },
);
