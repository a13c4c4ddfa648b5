import { describe, expect, it } from 'vitest';
import { modelCost } from '../../../src/eval/cost/discretized-cost.ts';
import { addEnergy, DRAM_BIT, multiplyEnergy, sramBit } from '../../../src/eval/cost/energy-table.ts';
import type { ModelCost } from '../../../src/eval/cost/model-cost.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, int64, type ShortModel, type ShortNode } from '../../runtime/build-model.ts';
import { someTensor } from '../../runtime/oracle.ts';

/** Operations as `kind width: count`. */
function counts({ operations }: Pick<ModelCost, 'operations'>): Record<string, number> {
  return Object.fromEntries(operations.map(({ kind, width, count }) => [`${kind} ${width}`, count]));
}

function signs(shape: readonly number[], size = 1): Tensor {
  const values = (someTensor('FLOAT', shape, 5).data as Float32Array).map((value) =>
    value < 0 ? -size : size,
  );
  return floats(shape, values);
}

/** A network of one node on x. */
function one(
  shape: readonly number[],
  node: Omit<ShortNode, 'outputs'>,
  constants: ShortModel['constants'] = {},
): ShortModel {
  return { inputs: { x: ['FLOAT', shape] }, outputs: ['y'], constants, nodes: [{ ...node, outputs: ['y'] }] };
}

describe('operations, counted by hand', () => {
  it('of a convolution with stride and padding are kernel × outputs, and an addition for each bias', () => {
    const model = buildModel(
      one(
        ['N', 3, 9, 9] as never,
        { op: 'Conv', inputs: ['x', 'w', 'b'], attributes: { strides: [2, 2], pads: [1, 1, 1, 1] } },
        { w: someTensor('FLOAT', [8, 3, 3, 3], 1), b: someTensor('FLOAT', [8], 2) },
      ),
    );
    // [8, 5, 5] sums of 27 products
    const cost = modelCost(model);
    expect(cost.macs).toBe(8 * 25 * 27);
    expect(counts(cost)).toEqual({ 'float-multiply 32': 5400, 'float-add 32': 5400 + 200 });
    expect(cost.energy.compute).toBeCloseTo((5400 * 3.7 + 5600 * 0.9) / 1e6, 12);
  });

  it('of groups and of depthwise convolutions have a group of the channels in a sum', () => {
    const grouped = (group: number, channels: number): number =>
      modelCost(
        buildModel(
          one(
            [1, 8, 4, 4],
            { op: 'Conv', inputs: ['x', 'w'], attributes: { group } },
            { w: someTensor('FLOAT', [8, channels, 3, 3], 1) },
          ),
        ),
      ).macs;
    expect(grouped(2, 4)).toBe(8 * 4 * 9 * 4);
    expect(grouped(8, 1)).toBe(8 * 4 * 9);
  });

  it('of Gemm, BatchNormalization, Relu and pools are an element each', () => {
    const of = (node: Omit<ShortNode, 'outputs'>, constants = {}, shape: readonly number[] = [1, 4, 6, 6]) =>
      counts(modelCost(buildModel(one(shape, node, constants))));
    const channel = someTensor('FLOAT', [4], 3);
    const statistics = { s: channel, b: channel, m: channel, v: channel };
    expect(of({ op: 'BatchNormalization', inputs: ['x', 's', 'b', 'm', 'v'] }, statistics)).toEqual({
      'float-multiply 32': 144,
      'float-add 32': 144,
    });
    expect(of({ op: 'Relu', inputs: ['x'] })).toEqual({ 'compare 32': 144 });
    const window = { kernel_shape: [2, 2], strides: [2, 2] };
    expect(of({ op: 'MaxPool', inputs: ['x'], attributes: window })).toEqual({ 'compare 32': 36 * 3 });
    expect(of({ op: 'AveragePool', inputs: ['x'], attributes: window })).toEqual({
      'float-add 32': 36 * 3,
      'float-multiply 32': 36,
    });
    expect(of({ op: 'GlobalAveragePool', inputs: ['x'] })).toEqual({
      'float-add 32': 144,
      'float-multiply 32': 4,
    });
    expect(of({ op: 'Gemm', inputs: ['x', 'w'] }, { w: someTensor('FLOAT', [5, 7], 1) }, [1, 5])).toEqual({
      'float-multiply 32': 35,
      'float-add 32': 35,
    });
    expect(of({ op: 'Div', inputs: ['x', 's'] }, { s: floats([], [3]) })).toEqual({
      'float-multiply 32': 144,
    });
    expect(of({ op: 'Reshape', inputs: ['x', 's'] }, { s: int64([1, -1]) })).toEqual({});
  });

  it('of an LSTM are both matrices at every step, and five functions an element of the state', () => {
    // 5 steps, batch 2, 6 inputs, 3 states, 4 gates
    const model = buildModel(
      one(
        [5, 2, 6],
        { op: 'LSTM', inputs: ['x', 'w', 'r', 'b'], attributes: { hidden_size: 3 } },
        {
          w: someTensor('FLOAT', [1, 12, 6], 1),
          r: someTensor('FLOAT', [1, 12, 3], 2),
          b: someTensor('FLOAT', [1, 24], 3),
        },
      ),
    );
    const cost = modelCost(model);
    const states = 5 * 2 * 3;
    expect(cost.macs).toBe(states * 4 * (6 + 3));
    expect(counts(cost)).toEqual({
      'float-multiply 32': cost.macs + states * (5 * 15 + 3),
      'float-add 32': cost.macs + states * (5 * 12 + 1 + 2 * 4),
    });
    // Of one bit both matrices add and subtract, and each of their sums has a scale.
    const signs = counts(modelCost(model, { weights: { scheme: 'binary', bits: 1 } }));
    expect(signs['float-multiply 32']).toBe(states * (5 * 15 + 3) + 2 * states * 4);
  });

  it('of attention are two products and a softmax', () => {
    // 2 heads, 5 queries, 7 keys of 4 elements, values of 3
    const model = buildModel({
      inputs: { q: ['FLOAT', [1, 2, 5, 4]], k: ['FLOAT', [1, 2, 7, 4]], v: ['FLOAT', [1, 2, 7, 3]] },
      outputs: ['y'],
      nodes: [{ op: 'Attention', inputs: ['q', 'k', 'v'], outputs: ['y'] }],
      opset: 23,
    });
    const cost = modelCost(model);
    expect(cost.macs).toBe(2 * 5 * 7 * (4 + 3));
    expect(counts(cost)).toEqual({
      'float-multiply 32': cost.macs + 70 * 9,
      'float-add 32': cost.macs + 70 * 10,
      'compare 32': 70,
    });
  });

  it('names operators that it does not know, and counts the rest', () => {
    const short: ShortModel = {
      ...one([1, 4], { op: 'Relu', inputs: ['x'] }),
      nodes: [
        { op: 'Relu', inputs: ['x'], outputs: ['h'] },
        { op: 'Fancy', domain: 'some.where', inputs: ['h'], outputs: ['y'] },
      ],
    };
    const cost = modelCost(buildModel(short));
    expect(cost.uncounted).toEqual(['some.where::Fancy: its shapes are not known']);
    expect(counts(cost)).toEqual({ 'compare 32': 4 });
  });

  it('asks for the shape of an input that is not known, and takes it', () => {
    const model = buildModel(
      one(
        ['N', 3, 'h', 'w'] as never,
        { op: 'Conv', inputs: ['x', 'w'] },
        { w: someTensor('FLOAT', [2, 3, 1, 1], 1) },
      ),
    );
    expect(() => modelCost(model)).toThrow('the shape of input "x" is not known, and costs depend on it');
    expect(modelCost(model, { inputShapes: new Map([['x', [1, 3, 5, 7]]]) }).macs).toBe(2 * 3 * 35);
  });
});

/** y = W·sign(x) with W of ±size, [10, 64]. */
function signNetwork(size: number): ShortModel {
  return {
    inputs: { x: ['FLOAT', [1, 64]] },
    outputs: ['y'],
    constants: { w: signs([64, 10], size) },
    nodes: [
      { op: 'Sign', inputs: ['x'], outputs: ['s'] },
      { op: 'MatMul', inputs: ['s', 'w'], outputs: ['y'] },
    ],
  };
}

describe('products of few bits', () => {
  it('of two signs are an XNOR and a count, and are binary, in the graph as it is written', () => {
    const cost = modelCost(buildModel(signNetwork(1)));
    expect(counts(cost)).toEqual({ 'compare 32': 64, 'xnor 1': 640, 'popcount 1': 640 });
    expect(cost.parts.binary.compute).toBeCloseTo((2 * 640 * addEnergy(1)) / 1e6, 12);
    expect(cost.nodes[1]!.factors).toBe('1 binary × 1');
    // Levels that are not ±1 are a multiplication for every sum.
    expect(counts(modelCost(buildModel(signNetwork(0.5))))['float-multiply 32']).toBe(10);
  });

  const dense = buildModel(
    one([1, 64], { op: 'MatMul', inputs: ['x', 'w'] }, { w: someTensor('FLOAT', [64, 10], 4) }),
  );
  const layer = (scheme: string, bits: number, actBits?: number) =>
    counts({
      operations: modelCost(dense, { weights: { scheme, bits }, actBits }).nodes.find(({ macs }) => macs > 0)!
        .operations,
    });

  it('multiply whole numbers of their widths, and add in an accumulator that holds every sum', () => {
    // 4 + 8 bits, and 6 for 64 terms. The first layer keeps 8 bits of activations.
    expect(layer('linear', 4, 4)).toEqual({ 'multiply 4×8': 640, 'add 18': 640, 'float-multiply 32': 10 });
    expect(layer('exp', 4, 8)).toEqual({
      'look-up 4': 640,
      'multiply 12×8': 640,
      'add 26': 640,
      'float-multiply 32': 10,
    });
  });

  it('need no multiplication where one side is a sign, zero or a power of two', () => {
    expect(layer('binary', 1, 8)).toEqual({ 'add 15': 640, 'float-multiply 32': 10 });
    expect(layer('ternary', 2, 8)).toEqual({ 'add 16': 640, 'float-multiply 32': 10 });
    expect(layer('pot', 3, 8)).toEqual({ 'shift 11': 640, 'add 17': 640, 'float-multiply 32': 10 });
    expect(layer('binary', 1)).toEqual({ 'float-add 32': 640, 'float-multiply 32': 10 });
    expect(layer('pot', 3)).toEqual({ 'add 8': 640, 'float-add 32': 640, 'float-multiply 32': 10 });
  });

  it('by floats are float products of looked-up levels: fewer bits save memory alone', () => {
    const products = { 'float-multiply 32': 640, 'float-add 32': 640 };
    expect(layer('linear', 4)).toEqual({ 'look-up 4': 640, ...products });
    expect(layer('exp', 2)).toEqual({ 'look-up 2': 640, ...products });
  });

  it('are k layers of signs for k bases, or a table where that is cheaper', () => {
    expect(layer('binary', 2, 8)).toEqual({ 'add 15': 1280, 'float-multiply 32': 20, 'float-add 32': 10 });
    // Eight bases by floats are eight additions, or one multiplication and one addition of levels that are looked up once.
    const at = one(
      [1, 64, 8, 8],
      { op: 'Conv', inputs: ['x', 'w'] },
      { w: someTensor('FLOAT', [10, 64, 1, 1], 4) },
    );
    expect(counts(modelCost(buildModel(at), { weights: { scheme: 'binary', bits: 8 } }))).toEqual({
      'look-up 8': 640,
      'float-multiply 32': 64 * 640,
      'float-add 32': 64 * 640,
    });
  });

  it('take no dequantizing where only layers read the codes', () => {
    const quantized = (reader: ShortNode): Record<string, number> =>
      counts(
        modelCost(
          buildModel({
            inputs: { x: ['FLOAT', [1, 64]] },
            outputs: ['y'],
            constants: {
              s: floats([], [0.1]),
              w: signs([64, 10]),
              z: { dtype: 'UINT8', shape: [], data: new Uint8Array(1) },
            },
            nodes: [
              { op: 'QuantizeLinear', inputs: ['x', 's', 'z'], outputs: ['q'] },
              { op: 'DequantizeLinear', inputs: ['q', 's', 'z'], outputs: ['d'] },
              reader,
            ],
          }),
        ),
      );
    const rounding = { 'float-multiply 32': 64, 'float-add 32': 64, 'compare 32': 128 };
    const product = quantized({ op: 'MatMul', inputs: ['d', 'w'], outputs: ['y'] });
    expect(product).toEqual({ ...rounding, 'add 15': 640, 'float-multiply 32': 64 + 10 });
    const relu = quantized({ op: 'Sigmoid', inputs: ['d'], outputs: ['y'] });
    expect(relu['float-multiply 32']).toBe(64 + 64 + 64 * 15);
  });

  it('of a packed file are those that were foretold for its settings', () => {
    for (const [scheme, bits] of [
      ['binary', 2],
      ['linear', 4],
      ['exp', 3],
      ['pot', 4],
      ['ternary', 2],
      ['codebook', 3],
    ] as const) {
      const packed = modelCost(quantizeModel(dense, { scheme, bits }).model);
      const foretold = modelCost(dense, { weights: { scheme, bits } });
      expect(packed.operations, scheme).toEqual(foretold.operations);
      expect(packed.traffic, scheme).toEqual(foretold.traffic);
    }
  });

  it('refuses settings that say nothing', () => {
    expect(() => modelCost(dense, { weights: { scheme: 'auto', bits: 3 } })).toThrow(
      'a choice that depends on the weights',
    );
    expect(() => modelCost(dense, { actBits: 9 })).toThrow('expected a whole number from 1 to 8, got 9');
    expect(() => modelCost(dense, { weights: { scheme: 'linear', bits: 3 }, include: ['none'] })).toThrow(
      'none',
    );
  });
});

describe('memory traffic', () => {
  /** x [1,2,8,8] → Conv 2→4 → Relu → Conv 4→4 + the same → y, float. */
  const residual: ShortModel = {
    inputs: { x: ['FLOAT', [1, 2, 8, 8]] },
    outputs: ['y'],
    constants: { w: someTensor('FLOAT', [4, 2, 1, 1], 1), v: someTensor('FLOAT', [4, 4, 1, 1], 2) },
    nodes: [
      { op: 'Conv', inputs: ['x', 'w'], outputs: ['a'] },
      { op: 'Relu', inputs: ['a'], outputs: ['b'] },
      { op: 'Conv', inputs: ['b', 'v'], outputs: ['c'] },
      { op: 'Add', inputs: ['c', 'b'], outputs: ['d'] },
      { op: 'Relu', inputs: ['d'], outputs: ['e'] },
      { op: 'GlobalAveragePool', inputs: ['e'], outputs: ['y'] },
    ],
  };
  const map = 4 * 64 * 4;

  it('has inputs, outputs and constants off-chip, and what is handed on element by element nowhere', () => {
    const cost = modelCost(buildModel(residual));
    // b is written once and read by Conv and Add, e is written and read; a, c and d are handed on.
    expect(cost.traffic).toEqual({ weights: 4 * (8 + 16), dram: 4 * (128 + 4), sram: 5 * map });
    expect(cost.peakBytes).toBe(2 * map);
    const bits = { sram: 8 * 5 * map * sramBit(8 * 2 * map), dram: 8 * (96 + 528) * DRAM_BIT };
    expect(cost.energy.sram).toBeCloseTo(bits.sram / 1e6, 10);
    expect(cost.energy.dram).toBeCloseTo(bits.dram / 1e6, 10);
  });

  it('goes off-chip at nodes for which on-chip memory has no room', () => {
    const cost = modelCost(buildModel(residual), { sramBytes: 2 * map - 1 });
    // The second Conv and Add read b while Relu behind them makes e.
    expect(cost.traffic.dram).toBe(4 * (128 + 4) + 5 * map);
    expect(cost.traffic.sram).toBe(0);
    expect(cost.peakBytes).toBe(2 * map);
    expect(modelCost(buildModel(residual), { sramBytes: 2 * map }).traffic).toEqual(
      modelCost(buildModel(residual)).traffic,
    );
  });

  it('has weights at their packed bits with their levels, off-chip or in a memory of their size', () => {
    const weights = { scheme: 'linear', bits: 3 };
    const off = modelCost(buildModel(residual), { weights });
    expect(off.traffic.weights).toBe((3 * (8 + 16)) / 8 + 4 * (4 + 4));
    const on = modelCost(buildModel(residual), { weights, weightsIn: 'sram' });
    expect(on.traffic).toEqual(off.traffic);
    expect(off.energy.dram - on.energy.dram).toBeCloseTo((8 * off.traffic.weights * DRAM_BIT) / 1e6, 10);
    expect(on.energy.total).toBeLessThan(off.energy.total);
  });

  it('has activations at the bits that they are rounded to', () => {
    const { sram } = modelCost(buildModel(residual), { actBits: 4 }).traffic;
    // b is kept as floats for Add, and as 4 bits for Conv, both made at once; x is kept as 8 bits, e as floats.
    expect(sram).toBe(2 * map + 2 * (map / 8) + 2 * 128 + 2 * map);
  });
});

describe('totals', () => {
  it('are the sums of nodes, parts and operations', () => {
    const cost = modelCost(buildModel(signNetwork(0.5)));
    const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    expect(sum(cost.nodes.map(({ energy }) => energy.total))).toBeCloseTo(cost.energy.total, 12);
    expect(sum(Object.values(cost.parts).map(({ total }) => total))).toBeCloseTo(cost.energy.total, 12);
    expect(sum(cost.operations.map(({ energy }) => energy))).toBeCloseTo(cost.energy.compute, 12);
    expect(sum(Object.values(cost.shares))).toBeCloseTo(100, 10);
    expect(cost.energy.total).toBeCloseTo(cost.energy.compute + cost.energy.sram + cost.energy.dram, 12);
  });

  it('never fall with the bits of weights, or, from two bits on, of activations', () => {
    const model = buildModel(
      one(
        [1, 32, 8, 8],
        { op: 'Conv', inputs: ['h', 'w'] },
        { w: someTensor('FLOAT', [16, 32, 3, 3], 1), v: someTensor('FLOAT', [32, 32, 1, 1], 2) },
      ),
    );
    const two = {
      ...model,
      graph: {
        ...model.graph,
        nodes: [
          { ...model.graph.nodes[0]!, name: 'first', inputs: ['x', 'v'], outputs: ['h'] },
          ...model.graph.nodes,
        ],
      },
    };
    for (const scheme of ['binary', 'linear', 'exp', 'pot', 'codebook'])
      for (const actBits of [undefined, 1, 2, 4, 8]) {
        const energies = [1, 2, 3, 4, 5, 6, 7, 8].map(
          (bits) => modelCost(two, { weights: { scheme, bits }, actBits }).energy.total,
        );
        expect(energies, `${scheme} by ${actBits}`).toEqual(energies.toSorted((a, b) => a - b));
      }
    const byActivations = [2, 3, 4, 5, 6, 7, 8].map(
      (actBits) => modelCost(two, { weights: { scheme: 'linear', bits: 4 }, actBits }).energy.total,
    );
    expect(byActivations).toEqual(byActivations.toSorted((a, b) => a - b));
    expect(multiplyEnergy(4, 8)).toBeLessThan(multiplyEnergy(8, 8));
  });
});
