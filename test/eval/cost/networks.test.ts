import { describe, expect, it } from 'vitest';
import { modelCost, pointCosts } from '../../../src/eval/cost/discretized-cost.ts';
import { readModel } from '../../../src/formats/read-model.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { buildModel, type ShortModel, type ShortNode } from '../../runtime/build-model.ts';
import { someTensor } from '../../runtime/oracle.ts';
import { sharedData } from '../../shared-data.ts';

const resnet20 = sharedData('models/cifar10_resnet20.onnx');
const cnv = sharedData('models/bnn_cnv_w1a1_cifar10.onnx');
const lfc = sharedData('models/bnn_lfc_w1a1_mnist.onnx');

describe('networks whose operations are known', () => {
  it.skipIf(resnet20 === undefined)(
    'ResNet-20 takes 40.6 million MACs, three stages of six convolutions',
    async () => {
      const cost = modelCost(await readModel(resnet20!));
      const stage = 6 * 16 * 16 * 9 * 32 * 32; // each stage: half the pixels, twice the channels squared
      const first = 3 * 16 * 9 * 32 * 32;
      // the first layer of the second and third stage has half the input channels
      expect(cost.macs).toBe(first + 3 * stage - 2 * (stage / 12) + 64 * 10);
      expect(cost.macs / 1e6).toBeCloseTo(40.55, 2);
      // 4.6 pJ each, and little besides
      expect(cost.energy.compute).toBeGreaterThan((cost.macs * 4.6) / 1e6);
      expect(cost.energy.compute).toBeLessThan((cost.macs * 4.7) / 1e6);
      expect(cost.uncounted).toBeUndefined();
      expect(cost.shares.float).toBe(100);
    },
  );

  it.skipIf(cnv === undefined)(
    'CNV of one bit: 2.6 % of the MACs, those of the first layer, take three quarters of the arithmetic',
    async () => {
      const cost = modelCost(await readModel(cnv!));
      const [first] = cost.nodes;
      expect(cost.macs).toBe(59_461_376);
      expect(first!.macs).toBe(30 * 30 * 64 * 27);
      const of = (kind: string): number =>
        cost.operations.filter((one) => one.kind === kind).reduce((sum, one) => sum + one.count, 0);
      expect(of('xnor')).toBe(cost.macs - first!.macs);
      expect(of('popcount')).toBe(cost.macs - first!.macs);
      expect(of('float-multiply')).toBe(0);
      expect(first!.energy.compute / cost.energy.compute).toBeGreaterThan(0.75);
      expect((100 * cost.parts.float.compute) / cost.energy.compute).toBeCloseTo(81, 0);
      // Weights from off-chip are the larger part, and these are binary.
      expect(cost.shares.binary).toBeGreaterThan(80);
      // 1,542,848 weights of one bit with a scale of 1 for each of 9 layers, and 1,920 biases
      expect(cost.traffic.weights).toBe(1_542_848 / 8 + 4 * (9 + 1920));
    },
  );

  it.skipIf(lfc === undefined)('LFC of one bit counts bits alone: 2.9 million of them', async () => {
    const cost = modelCost(await readModel(lfc!));
    expect(cost.macs).toBe(784 * 1024 + 2 * 1024 * 1024 + 1024 * 10);
    expect(cost.parts.binary.compute).toBeCloseTo((2 * cost.macs * 0.003125) / 1e6, 6);
  });

  for (const name of [
    'SqueezeNet_fp16.onnx',
    'TFC_1W2A.onnx',
    'TFC_2W2A.onnx',
    'tfc_w1a1_multithreshold.onnx',
    'mobilenet_v2_1.0_224_bn_float_hybrid.onnx',
    'ultraface_version-slim-320.onnx',
    'ic_resnet8_cifar10.h5',
    'mobilenet_v1_0.25_224.h5',
    'sww_streaming_wakeword.h5',
    'tfjs-nsfwjs-mobilenet_v2/model.json',
  ]) {
    const path = sharedData(`models/${name}`);
    it.skipIf(path === undefined)(`leaves nothing out of ${name}`, async () => {
      const cost = modelCost(await readModel(path!));
      expect(cost.uncounted).toBeUndefined();
      expect(cost.energy.total).toBeGreaterThan(0);
    });
  }
});

const CHANNELS = 64;
const SIZE = 14;

/** Blocks in the manner of Bi-Real net: x + BatchNormalization(Conv(sign x)), weights ±1 with or without BatchNormalization and shortcut. */
function blocks(count: number, withFloatParts: boolean): ShortModel {
  const signs = (seed: number): Tensor => {
    const weights = someTensor('FLOAT', [CHANNELS, CHANNELS, 3, 3], seed);
    return floats(
      weights.shape,
      (weights.data as Float32Array).map((value) => (value < 0 ? -1 : 1)),
    );
  };
  const constants: Record<string, Tensor> = { c: someTensor('FLOAT', [CHANNELS], 1) };
  const nodes: ShortNode[] = [];
  for (let i = 0; i < count; i++) {
    constants[`w${i}`] = signs(i);
    const conv = withFloatParts || i === count - 1 ? `c${i}` : `x${i + 1}`;
    nodes.push(
      { op: 'Sign', inputs: [`x${i}`], outputs: [`s${i}`] },
      { op: 'Conv', inputs: [`s${i}`, `w${i}`], outputs: [conv], attributes: { pads: [1, 1, 1, 1] } },
    );
    if (withFloatParts)
      nodes.push(
        { op: 'BatchNormalization', inputs: [`c${i}`, 'c', 'c', 'c', 'c'], outputs: [`b${i}`] },
        { op: 'Add', inputs: [`b${i}`, `x${i}`], outputs: [`x${i + 1}`] },
      );
  }
  const last = withFloatParts ? `x${count}` : `c${count - 1}`;
  nodes.push({ op: 'GlobalAveragePool', inputs: [last], outputs: ['y'] });
  return { inputs: { x0: ['FLOAT', [1, CHANNELS, SIZE, SIZE]] }, outputs: ['y'], constants, nodes };
}

describe('what the 32-bit parts of a binary network cost', () => {
  it('is more than its XNORs in blocks with BatchNormalization and shortcuts of floats, though 99.5 % of the operations are bits', () => {
    const cost = modelCost(buildModel(blocks(8, true)), { weightsIn: 'sram' });
    const { binary, float } = cost.parts;
    const bitwise = cost.operations.filter(({ part }) => part === 'binary');
    const count = (list: typeof cost.operations): number => list.reduce((sum, one) => sum + one.count, 0);
    expect(count(bitwise) / count(cost.operations)).toBeGreaterThan(0.995);
    // 1,152 bitwise operations of .003125 pJ a pixel and channel; BatchNormalization, Add and Sign take 5.6 pJ
    expect(binary.compute).toBeCloseTo((8 * CHANNELS * SIZE ** 2 * 1152 * 0.003125) / 1e6, 6);
    expect(float.compute).toBeGreaterThan(1.5 * binary.compute);
    // shortcuts of 32 bits are what on-chip memory moves, besides signs and weights of one bit
    expect(float.sram).toBeGreaterThan(10 * binary.sram);
    const onChip = (part: typeof float): number => part.compute + part.sram;
    expect(onChip(float) / (onChip(float) + onChip(binary))).toBeCloseTo(0.88, 2);
  });

  it('is gone without them', () => {
    const [withParts, without] = [true, false].map((parts) =>
      modelCost(buildModel(blocks(8, parts)), { weightsIn: 'sram' }),
    );
    expect(without!.macs).toBe(withParts!.macs);
    expect(without!.parts.binary.compute).toBeCloseTo(withParts!.parts.binary.compute, 9);
    expect(without!.parts.float.compute).toBeLessThan(0.1 * withParts!.parts.float.compute);
    expect(without!.energy.sram).toBeLessThan(withParts!.energy.sram);
  });
});

describe('points of a sweep', () => {
  it('cost what their settings cost, whatever the order in which they are asked for', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', ['N', 8, 8, 8]] },
      outputs: ['y'],
      constants: { w: someTensor('FLOAT', [8, 8, 3, 3], 1), v: someTensor('FLOAT', [4, 8, 3, 3], 2) },
      nodes: [
        { op: 'Conv', inputs: ['x', 'w'], outputs: ['a'] },
        { op: 'Relu', inputs: ['a'], outputs: ['b'] },
        { op: 'Conv', inputs: ['b', 'v'], outputs: ['y'] },
      ],
    });
    const costOf = pointCosts(model, {});
    const settings = [
      { scheme: 'linear', bits: 4, granularity: 'channel' },
      { scheme: 'binary', bits: 1, granularity: 'tensor' },
      { scheme: 'exp', bits: 3, granularity: 'group:4' },
    ] as const;
    for (const actBits of [8, undefined, 1, 8])
      for (const weights of settings) {
        const layers = ['w', 'v'].map((name) => ({ name, ...weights }));
        const cost = costOf({ layers, ...(actBits !== undefined && { actBits }) })!;
        const { operations, energy } = modelCost(model, { weights, actBits });
        expect(cost.energy.total).toBeCloseTo(energy.total, 5);
        expect(cost.operations.map(({ count }) => count)).toEqual(operations.map(({ count }) => count));
        expect(cost).not.toHaveProperty('nodes');
      }
    // Layers that stay in float cost what floats cost.
    expect(costOf({ layers: [] })!.energy.total).toBeCloseTo(modelCost(model).energy.total, 5);
    expect(costOf({ layers: [], actBits: 8, actRange: 'dynamic' })!.shares.lowBit).toBeGreaterThan(0);
  });

  it('have no cost where shapes are not known, which is no error', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', ['N', 8, 'h', 'w']] },
      outputs: ['y'],
      constants: { w: someTensor('FLOAT', [8, 8, 3, 3], 1) },
      nodes: [{ op: 'Conv', inputs: ['x', 'w'], outputs: ['y'] }],
    });
    expect(pointCosts(model, {})({ layers: [] })).toBeUndefined();
  });
});
