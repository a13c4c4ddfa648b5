import { describe, expect, it } from 'vitest';
import {
  MOST_COLUMNS,
  MomentCollector,
  momentsOf,
  together,
} from '../../../src/eval/calibration/collect-moments.ts';
import { type LayerView, layerView } from '../../../src/eval/calibration/layer-view.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { createLinearAlgebra } from '../../../src/kernels/linear-algebra/select.ts';
import { createKernels } from '../../../src/kernels/select.ts';
import type { LayerMoments } from '../../../src/quantizers/calibrate/moments.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { expectSameDoubles } from '../../kernels/linear-algebra/support.ts';
import { Random } from '../../kernels/support/random.ts';
import { buildModel, type ShortAttribute } from '../../runtime/build-model.ts';

const kernels = createKernels('reference');
const algebra = createLinearAlgebra('auto');

function randomTensor(shape: number[], seed: number): Tensor {
  const random = new Random(seed);
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.unit() - 0.4);
  return floats(shape, data);
}

interface Layer {
  readonly op: string;
  readonly weight: number[];
  readonly input: number[];
  readonly attributes?: Record<string, ShortAttribute>;
}

const LAYERS: Record<string, Layer> = {
  'Conv with padding': {
    op: 'Conv',
    weight: [4, 3, 3, 3],
    input: [2, 3, 6, 5],
    attributes: { pads: [1, 1, 1, 1] },
  },
  'Conv with uneven padding and strides': {
    op: 'Conv',
    weight: [4, 2, 3, 2],
    input: [2, 2, 7, 6],
    attributes: { pads: [0, 1, 2, 0], strides: [2, 3] },
  },
  'Conv with auto_pad': {
    op: 'Conv',
    weight: [3, 2, 2, 2],
    input: [3, 2, 5, 5],
    attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] },
  },
  'Conv with dilation': {
    op: 'Conv',
    weight: [4, 2, 3, 3],
    input: [2, 2, 8, 9],
    attributes: { dilations: [2, 3], pads: [2, 1, 2, 1] },
  },
  'Conv of groups': {
    op: 'Conv',
    weight: [6, 2, 3, 3],
    input: [2, 4, 5, 5],
    attributes: { group: 2, pads: [1, 1, 1, 1] },
  },
  'depthwise Conv': {
    op: 'Conv',
    weight: [5, 1, 3, 3],
    input: [2, 5, 6, 6],
    attributes: { group: 5, strides: [2, 2], pads: [1, 1, 1, 1] },
  },
  'depthwise Conv with a multiplier': {
    op: 'Conv',
    weight: [6, 1, 3, 3],
    input: [2, 3, 5, 5],
    attributes: { group: 3 },
  },
  '1-D Conv': {
    op: 'Conv',
    weight: [4, 3, 5],
    input: [3, 3, 20],
    attributes: { pads: [2, 1], strides: [2], dilations: [2] },
  },
  'pointwise Conv': { op: 'Conv', weight: [7, 4, 1, 1], input: [2, 4, 12, 12] },
  'Gemm of B [K, N]': { op: 'Gemm', weight: [6, 4], input: [9, 6] },
  'Gemm of B [N, K]': { op: 'Gemm', weight: [4, 6], input: [9, 6], attributes: { transB: 1 } },
  'Gemm with alpha': { op: 'Gemm', weight: [6, 4], input: [9, 6], attributes: { alpha: { float: 0.5 } } },
  MatMul: { op: 'MatMul', weight: [6, 4], input: [9, 6] },
  'MatMul of rank 3': { op: 'MatMul', weight: [6, 4], input: [3, 5, 6] },
};

function modelOf({ op, input, attributes = {} }: Omit<Layer, 'weight'>, w: Tensor): Model {
  return buildModel({
    inputs: { x: ['FLOAT', input] },
    outputs: ['y'],
    constants: { w },
    nodes: [{ op, inputs: ['x', 'w'], outputs: ['y'], attributes }],
  });
}

/** The layer's view, its inputs and outputs, and its weights in row order. */
function layerOf(layer: Layer): { view: LayerView; x: Tensor; y: Tensor; rows: Float64Array } {
  const w = randomTensor(layer.weight, 1);
  const model = modelOf(layer, w);
  const x = randomTensor(layer.input, 2);
  const session = createSession(model, { kernels });
  const y = session.run({ x }).get('y')!;
  session.dispose();
  const view = layerView(model.graph.nodes[0]!, layer.weight, kernels)!;
  const transposed = layer.op !== 'Conv' && layer.attributes?.transB === undefined;
  const [k, n] = layer.weight as [number, number];
  const rows = Float64Array.from(w.data as Float32Array, (v, i, data = w.data as Float32Array) =>
    transposed ? data[(i % k) * n + Math.floor(i / k)]! : v,
  );
  return { view, x, y, rows };
}

/** All positions: x [group][position][column], y [row][position], in double precision. */
function readAll(view: LayerView, x: Tensor, y: Tensor) {
  const { groups, columns, rows } = view;
  const count = view.positions(x);
  const xs = new Float32Array(groups * columns * count);
  const ys = new Float32Array(rows * count);
  for (let p = 0; p < count; p++) {
    view.readInput(x, p, xs, count, p);
    view.readOutput(y, p, ys, count, p);
  }
  return {
    count,
    x: (g: number, k: number, p: number): number => xs[(g * columns + k) * count + p]!,
    y: (r: number, p: number): number => ys[r * count + p]!,
  };
}

function collect(
  view: LayerView,
  tensors: [Tensor, Tensor][],
  centred: boolean,
  bias: Float64Array | undefined = new Float64Array(view.rows),
): LayerMoments {
  const collector = new MomentCollector(view, algebra);
  for (const [x, y] of tensors)
    collector.add(
      x,
      y,
      Array.from({ length: view.positions(x) }, (_, p) => p),
    );
  const moments = momentsOf(collector.sums(), centred, bias);
  collector.dispose();
  return moments;
}

describe.each(Object.entries(LAYERS))('%s', (_, layer) => {
  it('is seen as y = W·x at every position', () => {
    const { view, x, y, rows } = layerOf(layer);
    const seen = readAll(view, x, y);
    expect(seen.count * view.rows).toBe(y.data.length);
    for (let p = 0; p < seen.count; p++)
      for (let r = 0; r < view.rows; r++) {
        const g = Math.floor((r * view.groups) / view.rows);
        let sum = 0;
        for (let k = 0; k < view.columns; k++) sum += rows[r * view.columns + k]! * seen.x(g, k, p);
        expect(sum, `row ${r}, position ${p}`).toBeCloseTo(seen.y(r, p), 5);
      }
  });

  it.each([true, false])('has the moments of a direct computation, centred: %s', (centred) => {
    const { view, x, y } = layerOf(layer);
    const { groups, columns, rows } = view;
    const seen = readAll(view, x, y);
    const moments = collect(view, [[x, y]], centred);
    const mean = (of: (p: number) => number): number => {
      let sum = 0;
      for (let p = 0; p < seen.count; p++) sum += of(p);
      return sum / seen.count;
    };
    const near = (got: number | undefined, expected: number, what: string): void => {
      expect(Math.abs(got! - expected), `${what}: ${got}, expected ${expected}`).toBeLessThan(1e-6);
    };
    expect(moments).toMatchObject({
      rows,
      columns,
      groups,
      centred,
      samples: seen.count,
      blockEnds: [columns],
    });
    const perGroup = rows / groups;
    for (let g = 0; g < groups; g++) {
      const means = Array.from({ length: columns }, (__, k) => mean((p) => seen.x(g, k, p)));
      const deviation = (k: number, p: number): number => seen.x(g, k, p) - (centred ? means[k]! : 0);
      for (let k = 0; k < columns; k++) {
        near(moments.inputMean[g * columns + k], means[k]!, 'mean of x');
        for (let l = 0; l < columns; l++)
          near(
            moments.inputs[g]![k * columns + l],
            mean((p) => deviation(k, p) * deviation(l, p)),
            'x·x',
          );
      }
      for (let r = g * perGroup; r < (g + 1) * perGroup; r++) {
        const out = mean((p) => seen.y(r, p));
        const outDeviation = (p: number): number => seen.y(r, p) - (centred ? out : 0);
        near(moments.outputMean[r], out, 'mean of y');
        near(
          moments.outputVariance[r],
          mean((p) => outDeviation(p) ** 2),
          'y·y',
        );
        for (let k = 0; k < columns; k++)
          near(
            moments.cross[r * columns + k],
            mean((p) => outDeviation(p) * deviation(k, p)),
            'y·x',
          );
      }
    }
  });
});

describe('moments', () => {
  it('are the same bits however positions come in batches', () => {
    const layer = LAYERS['pointwise Conv']!;
    const { view, x, y } = layerOf(layer);
    const half = (tensor: Tensor, from: number): Tensor => {
      const size = tensor.data.length / 2;
      const data = (tensor.data as Float32Array).slice(from * size, (from + 1) * size);
      return floats([1, ...tensor.shape.slice(1)], data);
    };
    const [whole, parts] = [
      collect(view, [[x, y]], true),
      collect(
        view,
        [0, 1].map((i) => [half(x, i), half(y, i)]),
        true,
      ),
    ];
    expect(whole).toEqual(parts);
  });

  it('about 0 leave out the bias of the layer, and what is not known of it', () => {
    const { view, x, y } = layerOf(LAYERS['Conv of groups']!);
    const bias = Float64Array.of(1, -2, 3, -4, 5, -6);
    const size = y.data.length / 2 / 6;
    const shifted = floats(
      y.shape,
      (y.data as Float32Array).map((v, i) => v + bias[Math.floor(i / size) % 6]!),
    );
    const plain = collect(view, [[x, y]], false);
    const own = collect(view, [[x, shifted]], false, bias);
    own.cross.forEach((v, i) => {
      expect(v).toBeCloseTo(plain.cross[i]!, 5);
    });
    own.outputMean.forEach((v, r) => {
      expect(v).toBeCloseTo(plain.outputMean[r]! + bias[r]!, 5);
    });
    const collector = new MomentCollector(view, algebra);
    collector.add(x, y, [0, 1, 2]);
    expect(momentsOf(collector.sums(), false, undefined).cross.length).toBe(0);
    expect(momentsOf(collector.sums(), true, undefined).cross.length).toBe(plain.cross.length);
    collector.dispose();
  });

  it('of two halves together are those of the whole', () => {
    const { view, x, y } = layerOf(LAYERS['Conv of groups']!);
    const all = Array.from({ length: view.positions(x) }, (_, p) => p);
    const sums = [0, 1].map((rest) => {
      const collector = new MomentCollector(view, algebra);
      collector.add(
        x,
        y,
        all.filter((p) => p % 2 === rest),
      );
      const own = collector.sums();
      collector.dispose();
      return own;
    });
    const whole = collect(view, [[x, y]], true);
    const found = momentsOf(together(sums[0]!, sums[1]!), true, undefined);
    expect(found.samples).toBe(whole.samples);
    const parts = ({ inputMean, inputs, cross, outputMean, outputVariance }: LayerMoments) =>
      [inputMean, ...inputs, cross, outputMean, outputVariance].flatMap((part) => [...part]);
    parts(found).forEach((v, i) => {
      expect(v).toBeCloseTo(parts(whole)[i]!, 5);
    });
  });

  it('of no positions at all are zero', () => {
    const { view } = layerOf(LAYERS.MatMul!);
    const moments = collect(view, [], true);
    expect(moments.samples).toBe(0);
    for (const part of [moments.inputMean, moments.inputs[0]!, moments.cross, moments.outputVariance])
      expect(part.every((v) => v === 0)).toBe(true);
  });

  it('of inputs far from 0 beside their spread are as good as float32 lets them be', () => {
    const layer: Layer = { op: 'MatMul', weight: [3, 2], input: [4000, 3] };
    const { view, x, y } = layerOf(layer);
    const far = floats(
      x.shape,
      (x.data as Float32Array).map((v) => v + 30),
    );
    const near = collect(view, [[x, y]], true).inputs[0]!;
    const moved = collect(view, [[far, y]], true).inputs[0]!;
    near.forEach((v, i) => {
      expect(Math.abs(moved[i]! - v)).toBeLessThan(0.001 * near[0]!);
    });
  });

  it('of more columns than a matrix may have come in blocks, each as if it stood alone', () => {
    const columns = 2 * MOST_COLUMNS + 2;
    const x = randomTensor([5, columns], 3);
    const y = randomTensor([5, 2], 4);
    const model = modelOf({ op: 'MatMul', input: [5, columns] }, floats([1, 1], [0]));
    const view = layerView(model.graph.nodes[0]!, [columns, 2], kernels)!;
    const { blockEnds, inputs, cross, inputMean } = collect(view, [[x, y]], true);
    expect(blockEnds).toEqual([1366, 2732, columns]);
    expect(cross.length).toBe(0);
    expect(inputMean.length).toBe(columns);
    blockEnds.forEach((end, b) => {
      const from = blockEnds[b - 1] ?? 0;
      const data = x.data as Float32Array;
      const part = Float32Array.from(
        { length: 5 * (end - from) },
        (_, i) => data[Math.floor(i / (end - from)) * columns + from + (i % (end - from))]!,
      );
      const alone = layerView(model.graph.nodes[0]!, [end - from, 2], kernels)!;
      const own = collect(alone, [[floats([5, end - from], part), y]], true).inputs[0]!;
      expectSameDoubles(inputs[b]!, own, `block ${b}`);
    });
  });
});

describe('operators that are not looked into', () => {
  it.each<[string, number[], Record<string, ShortAttribute>]>([
    ['Conv', [2, 2, 3, 3, 3], {}],
    ['ConvTranspose', [2, 2, 3, 3], {}],
    ['Gemm', [4, 3], { transA: 1 }],
    ['MatMul', [2, 4, 3], {}],
    ['MatMul', [4], {}],
    ['LSTM', [1, 8, 3], {}],
  ])('%s with a weight of %j %j', (op, weight, attributes) => {
    const model = modelOf({ op, input: [1], attributes }, floats([1], [0]));
    expect(layerView(model.graph.nodes[0]!, weight, kernels)).toBeUndefined();
  });
});
