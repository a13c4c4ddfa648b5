import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type BatchOptions, openBatches } from '../../../src/eval/calibration/batches.ts';
import {
  type CalibratedModel,
  type CalibrateHooks,
  type CalibrateSettings,
  calibrateModel,
} from '../../../src/eval/calibration/calibrate.ts';
import type { Dataset } from '../../../src/formats/datasets/dataset.ts';
import { packModel } from '../../../src/formats/packed/pack.ts';
import { constantInitializer } from '../../../src/ir/constant-initializer.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { codesOf, dequantize } from '../../../src/ir/quantized-tensor.ts';
import { REPAIRS } from '../../../src/quantizers/calibrate/repair.ts';
import type { ModelSettings } from '../../../src/quantizers/quantize-model.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { ALL_SETTINGS } from '../../quantizers/calibrate/random-moments.ts';
import { buildModel, type ShortModel } from '../../runtime/build-model.ts';
import { inHalf, randomValues, randomWeight, residualNetwork, valuesOf } from './networks.ts';

const EXP2 = { scheme: 'exp', bits: 2 } as const;

async function calibrated(
  model: Model,
  data: Dataset,
  settings: CalibrateSettings,
  hooks: CalibrateHooks = {},
  options: BatchOptions = { batch: 4 },
): Promise<CalibratedModel> {
  return calibrateModel(model, await openBatches(model, data, options), settings, hooks);
}

/** SHA-256 of the packed file. */
const digestOf = (model: Model): string =>
  createHash('sha256')
    .update(Buffer.concat([...packModel(model, { toolVersion: 'test' }).chunks()]))
    .digest('hex');
const quantizedOf = (model: Model, name: string) => model.graph.initializers.get(name)!.quantized!;

/** A network of matrices, [N, inputs] to whatever the last node gives. */
function matrices(short: Omit<ShortModel, 'inputs' | 'outputs'>, inputs: number): Model {
  return buildModel({
    ...short,
    inputs: { x: ['FLOAT', ['N', inputs]] },
    outputs: [short.nodes.at(-1)!.outputs[0]!],
  });
}

/** Outputs of a model for all samples of a dataset, one after the other. */
async function outputsOf(model: Model, data: Dataset): Promise<Float32Array[]> {
  const batches = await openBatches(model, data, { batch: 4 });
  const session = createSession(model);
  const output = model.graph.outputs[0]!.name;
  const values: Float32Array[] = [];
  for (let i = 0; i < batches.batches; i++)
    values.push(
      session
        .run({ x: await batches.feed(i) })
        .get(output)!
        .data.slice() as Float32Array,
    );
  session.dispose();
  return values;
}

/** Mean squared difference of the outputs from those of the float network. */
async function errorOf(model: Model, float: Model, data: Dataset): Promise<number> {
  const [own, other] = [await outputsOf(model, data), await outputsOf(float, data)];
  let sum = 0;
  let count = 0;
  own.forEach((part, b) => {
    part.forEach((v, i) => {
      sum += (v - other[b]![i]!) ** 2;
      count++;
    });
  });
  return sum / count;
}

/** ± the rows of a Hadamard matrix: samples of mean 0 whose values are exactly independent. */
function hadamard(size: number, scale = 1): Dataset {
  const sign = (i: number, j: number): number => {
    let parity = 1;
    for (let both = i & j; both > 0; both >>= 1) if (both & 1) parity = -parity;
    return parity;
  };
  return valuesOf(
    Array.from({ length: 2 * size }, (_, s) =>
      Float32Array.from({ length: size }, (__, j) => scale * sign(s >> 1, j) * (s & 1 ? -1 : 1)),
    ),
  );
}

describe('white inputs', () => {
  const layer = matrices(
    {
      constants: { w: randomWeight([6, 8], 1), b: floats([6], [1, 2, 3, -1, -2, -3]) },
      nodes: [{ op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['y'], attributes: { transB: 1 } }],
    },
    8,
  );

  it.each(['channel', 'tensor', 'group:3'] as const)(
    'give plain rounding exactly, in every scheme, %s',
    async (granularity) => {
      const batches = await openBatches(layer, hadamard(8, 0.3), { batch: 4 });
      const settings = [...ALL_SETTINGS, ...[1, 2, 3, 4].map((bits) => ({ scheme: 'auto', bits }))];
      for (const setting of settings.filter(({ bits }) => bits <= 4)) {
        const all: ModelSettings = { ...setting, granularity };
        const { model, calibration } = await calibrateModel(layer, batches, all);
        expect(digestOf(model), JSON.stringify(all)).toEqual(digestOf(quantizeModel(layer, all).model));
        expect(calibration).toEqual([
          { name: 'w', samples: 16, lossRatio: null, damping: null, ridge: null, repairs: [], notes: [] },
        ]);
      }
    },
  );

  it('give the codes of plain rounding beside repairs, which leave the bias as it is', async () => {
    const plain = quantizedOf(quantizeModel(layer, EXP2).model, 'w');
    for (const repairs of [['bias'], ['batch-norm'], ['scale']] as const) {
      const { model } = await calibrated(layer, hadamard(8), { ...EXP2, repairs });
      const { planes, params } = quantizedOf(model, 'w');
      expect(planes).toEqual(plain.planes);
      // The fit has the least squares already; what it takes from the variance of outputs batch-norm gives back.
      if (repairs[0] === 'bias') expect(params).toEqual(plain.params);
      else
        params.forEach((value, i) => {
          if (i % 2 === 1) expect(value).toBe(plain.params[i]);
          else if (repairs[0] === 'scale') expect(value).toBeCloseTo(plain.params[i]!, 5);
          else expect(value).toBeGreaterThan(plain.params[i]!);
        });
      expect(model.graph.initializers.get('b')!.read()).toEqual(layer.graph.initializers.get('b')!.read());
    }
  });

  it('of a convolution give plain rounding as well', async () => {
    // Every position of an image is one sample; images 3 × 4 of 8 channels take 12 rows each.
    const rows = Array.from({ length: 16 }, (_, i) => hadamard(8).sample(i));
    const values = await Promise.all(rows);
    const image = (at: number): Float32Array =>
      Float32Array.from({ length: 8 * 16 }, (_, i) => {
        const row = values[((i % 16) + at) % 16]!;
        return row.kind === 'values' ? row.values[Math.floor(i / 16)]! : 0;
      });
    const model = buildModel({
      inputs: { x: ['FLOAT', ['N', 8, 4, 4]] },
      outputs: ['y'],
      constants: { w: randomWeight([6, 8, 1, 1], 3) },
      nodes: [{ op: 'Conv', inputs: ['x', 'w'], outputs: ['y'] }],
    });
    for (const setting of [EXP2, { scheme: 'codebook', bits: 3 }, { scheme: 'linear', bits: 4 }]) {
      const found = await calibrated(model, valuesOf([0, 1, 2].map(image)), setting);
      expect(digestOf(found.model)).toEqual(digestOf(quantizeModel(model, setting).model));
    }
  });
});

describe('a calibrated network', () => {
  const network = residualNetwork();
  const data = randomValues(24, 108);

  it('comes nearer to the float network than a rounded one, and repairs bring it nearer still', async () => {
    for (const setting of [EXP2, { scheme: 'linear', bits: 3 }]) {
      const rounded = await errorOf(quantizeModel(network, setting).model, network, data);
      const solved = await calibrated(network, data, setting);
      const error = await errorOf(solved.model, network, data);
      expect(error).toBeLessThan(rounded);
      for (const repair of ['bias', 'batch-norm', 'scale'] as const) {
        const { model, calibration } = await calibrated(network, data, { ...setting, repairs: [repair] });
        expect(await errorOf(model, network, data), repair).toBeLessThan(error);
        expect(calibration.map(({ repairs }) => repairs)).toEqual(new Array(4).fill([repair]));
      }
      expect(solved.layers.map(({ name }) => name)).toEqual(['w1', 'w2', 'w3', 'w4']);
      for (const { lossRatio, damping, samples, notes } of solved.calibration) {
        expect(lossRatio).toBeLessThan(1);
        expect(damping).toBe(0.01);
        expect(samples).toBeGreaterThanOrEqual(24);
        expect(notes).toEqual([]);
      }
    }
  });

  it('gets repairs with nearest levels, too', async () => {
    const rounded = quantizeModel(network, EXP2);
    const plain = await calibrated(network, data, { ...EXP2, method: 'rtn' });
    expect(digestOf(plain.model)).toEqual(digestOf(rounded.model));
    const error = await errorOf(rounded.model, network, data);
    for (const repair of ['bias', 'batch-norm'] as const) {
      const repaired = await calibrated(network, data, { ...EXP2, method: 'rtn', repairs: [repair] });
      for (const name of ['w1', 'w2', 'w3', 'w4'])
        expect(quantizedOf(repaired.model, name).planes).toEqual(quantizedOf(rounded.model, name).planes);
      expect(await errorOf(repaired.model, network, data)).toBeLessThan(error);
    }
  });

  it('has the means of the float network behind every layer after bias correction', async () => {
    const { model } = await calibrated(network, data, { ...EXP2, repairs: ['bias'] });
    const means = async (of: Model): Promise<number[]> => {
      const batches = await openBatches(of, data, { batch: 24 });
      const session = createSession(of, { keep: ['n1', 'n2', 's'] });
      const values = session.run({ x: await batches.feed(0) }, { fetch: ['n1', 'n2', 's', 'logits'] });
      session.dispose();
      return ['n1', 'n2', 's', 'logits'].flatMap((name) => {
        const { shape, data: all } = values.get(name)! as Tensor & { data: Float32Array };
        const [images, channels] = shape as [number, number];
        const size = all.length / images / channels;
        return Array.from({ length: channels }, (_, c) => {
          let sum = 0;
          all.forEach((v, i) => {
            if (Math.floor(i / size) % channels === c) sum += v;
          });
          return sum / images / size;
        });
      });
    };
    const [own, float] = [await means(model), await means(network)];
    own.forEach((mean, i) => {
      expect(mean).toBeCloseTo(float[i]!, 4);
    });
  });

  it('is the same bytes again, with other kernels, and however little memory there is', async () => {
    const settings: CalibrateSettings = { ...EXP2, repairs: ['batch-norm', 'bias'] };
    const first = await calibrated(network, data, settings);
    for (const change of [
      {},
      { kernels: 'reference' },
      { memoryBytes: 0 },
      { memoryBytes: 30_000 },
    ] as const) {
      const again = await calibrated(network, data, { ...settings, ...change });
      expect(digestOf(again.model), JSON.stringify(change)).toEqual(digestOf(first.model));
      expect(again.calibration).toEqual(first.calibration);
      expect(again.layers).toEqual(first.layers);
    }
  });

  it('begins with another network, of rounded activations, say, however little memory there is', async () => {
    const clip = {
      name: 'clip',
      opType: 'Clip',
      domain: '',
      inputs: ['r1', '', 'one'],
      outputs: ['clipped'],
      attributes: new Map(),
    };
    const one = constantInitializer('one', floats([], [1]));
    const { graph } = network;
    const nodes = graph.nodes.flatMap((node) =>
      node.outputs[0] === 'c2' ? [clip, { ...node, inputs: ['clipped', 'w2'] }] : [node],
    );
    const initializers = new Map([...graph.initializers, ['one', one]]);
    const start = { ...network, graph: { ...graph, nodes, initializers } };
    const settings: CalibrateSettings = { ...EXP2, repairs: ['batch-norm'], start };
    const { model } = await calibrated(network, data, settings);
    expect(model.graph.nodes.map(({ opType }) => opType)).toContain('Clip');
    expect(await errorOf(model, network, data)).toBeLessThan(
      await errorOf(quantizeModel(start, EXP2).model, network, data),
    );
    for (let bytes = 30_000; bytes < 300_000; bytes += 30_000) {
      const again = await calibrated(network, data, { ...settings, memoryBytes: bytes });
      expect(digestOf(again.model), `${bytes} bytes`).toBe(digestOf(model));
    }
  });

  it('leaves the float network as it was', async () => {
    const before = digestOf(network);
    await calibrated(network, data, { ...EXP2, repairs: ['batch-norm'] });
    expect(digestOf(network)).toEqual(before);
  });

  it('takes settings a layer, and leaves out what is not wanted', async () => {
    const { model, layers, skipped, calibration } = await calibrated(network, data, {
      ...EXP2,
      perLayer: new Map([['w3', { scheme: 'linear', bits: 4 }]]),
      exclude: ['w1'],
    });
    expect(layers.map(({ name, scheme, bits }) => `${name} ${scheme} ${bits}`)).toEqual([
      'w2 exp 2',
      'w3 linear 4',
      'w4 exp 2',
    ]);
    expect(calibration.map(({ name }) => name)).toEqual(['w2', 'w3', 'w4']);
    expect(skipped.map(({ name }) => name)).toEqual(['w1']);
    expect(quantizedOf(model, 'w3').bits).toBe(4);
    expect(model.graph.initializers.get('w1')).toBe(network.graph.initializers.get('w1'));
    const only = await calibrated(network, data, { ...EXP2, include: ['w4'] });
    expect(only.layers.map(({ name }) => name)).toEqual(['w4']);
    await expect(calibrated(network, data, { ...EXP2, include: ['nothing'] })).rejects.toThrow('nothing');
    await expect(
      calibrated(network, data, { ...EXP2, perLayer: new Map([['x', { bits: 3 }]]) }),
    ).rejects.toThrow('"x"');
    await expect(calibrated(network, data, { scheme: 'none', bits: 9 })).rejects.toThrow('none');
  });

  it('hands every weight to those who keep its codes elsewhere', async () => {
    const kept: string[] = [];
    const { model } = await calibrated(network, data, {
      ...EXP2,
      keep: (quantized) => {
        kept.push(quantized.shape.join('x'));
        return { ...quantized, scheme: 'kept' };
      },
    });
    expect(kept).toEqual(['8x3x3x3', '8x1x3x3', '8x8x1x1', '5x8']);
    expect(quantizedOf(model, 'w1').scheme).toBe('kept');
  });

  it('is calibrated in half precision', async () => {
    const half = inHalf(network);
    const { model, calibration } = await calibrated(half, data, { ...EXP2, repairs: [...REPAIRS] });
    expect(calibration.map(({ notes }) => notes)).toEqual([[], [], [], []]);
    for (const name of ['w1', 'w2', 'w3', 'w4']) expect(quantizedOf(model, name).dtype).toBe('FLOAT16');
    expect(model.graph.initializers.get('n1.mean')!.dtype).toBe('FLOAT16');
    const rounded = await errorOf(quantizeModel(half, EXP2).model, half, data);
    expect(await errorOf(model, half, data)).toBeLessThan(rounded);
  });

  it('stops at an abort: before it begins, and on the way', async () => {
    const early = new AbortController();
    early.abort();
    await expect(calibrated(network, data, EXP2, { signal: early.signal })).rejects.toMatchObject({
      code: 'interrupted',
    });
    const later = new AbortController();
    const done: number[] = [];
    await expect(
      calibrated(
        network,
        data,
        {
          ...EXP2,
          keep: (quantized) => {
            if (done.push(1) === 2) later.abort();
            return quantized;
          },
        },
        { signal: later.signal },
      ),
    ).rejects.toMatchObject({ code: 'interrupted' });
    expect(done.length).toBe(2);
  });
});

describe('layers of other kinds', () => {
  const wide = randomValues(40, 12);

  it('MatMul and Add: the Add takes the shift', async () => {
    const model = matrices(
      {
        constants: { w: randomWeight([12, 5], 1), b: floats([5], [1, 2, 3, 4, 5]) },
        nodes: [
          { op: 'MatMul', inputs: ['x', 'w'], outputs: ['m'] },
          { op: 'Add', inputs: ['m', 'b'], outputs: ['y'] },
        ],
      },
      12,
    );
    const plain = await errorOf(quantizeModel(model, EXP2).model, model, wide);
    const found = await calibrated(model, wide, { ...EXP2, repairs: ['bias'] });
    expect(found.calibration[0]).toMatchObject({ name: 'w', samples: 40, repairs: ['bias'], notes: [] });
    expect(await errorOf(found.model, model, wide)).toBeLessThan(plain / 2);
  });

  it('a layer with nothing behind it gets a bias of its own where it can have one', async () => {
    const bare = (op: string): Model =>
      matrices(
        { constants: { w: randomWeight([12, 5], 1) }, nodes: [{ op, inputs: ['x', 'w'], outputs: ['y'] }] },
        12,
      );
    const gemm = await calibrated(bare('Gemm'), wide, { ...EXP2, repairs: ['batch-norm'] });
    expect(gemm.calibration[0]!.repairs).toEqual(['batch-norm']);
    const shared = { ...EXP2, granularity: 'tensor', repairs: ['batch-norm'] } as const;
    expect((await calibrated(bare('Gemm'), wide, shared)).calibration[0]!.repairs).toEqual(['bias']);
    expect(gemm.model.graph.nodes[0]!.inputs.length).toBe(3);
    const matmul = await calibrated(bare('MatMul'), wide, { ...EXP2, repairs: ['batch-norm'] });
    expect(matmul.calibration[0]).toMatchObject({ repairs: [], notes: [] });
    expect(matmul.calibration[0]!.lossRatio).toBeLessThan(1);
  });

  it.each([
    ['alpha', { alpha: { float: 0.25 } }, [5]],
    ['beta', { beta: { float: 3 } }, [5]],
    ['alpha and beta', { alpha: { float: 4 }, beta: { float: 0.5 } }, [5]],
    ['a bias of one element', {}, [1]],
    ['beta and a bias of one element', { beta: { float: 2 } }, [1]],
    ['a scalar bias', {}, []],
    ['a bias of one row', {}, [1, 5]],
  ])('Gemm with %s, before BatchNormalization or not', async (_, attributes, shape) => {
    for (const normed of [false, true]) {
      const model = matrices(
        {
          constants: {
            w: randomWeight([12, 5], 1),
            c: floats(
              shape,
              Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (__, i) => i + 2),
            ),
            gamma: floats([5], [1, 2, -1, 0.5, 3]),
            zero: floats([5], [0, 1, 0, -1, 0]),
            one: floats([5], [1, 1, 2, 1, 1]),
          },
          nodes: [
            { op: 'Gemm', inputs: ['x', 'w', 'c'], outputs: ['y'], attributes },
            ...(normed
              ? [
                  {
                    op: 'BatchNormalization',
                    inputs: ['y', 'gamma', 'zero', 'zero', 'one'],
                    outputs: ['n'],
                  },
                ]
              : []),
          ],
        },
        12,
      );
      const rounded = await errorOf(quantizeModel(model, EXP2).model, model, wide);
      // A ridge lowers the loss on other images, not on these.
      const fitted = { ...EXP2, ridge: 0 };
      const solved = await calibrated(model, wide, fitted);
      const error = await errorOf(solved.model, model, wide);
      expect(error).toBeLessThan(rounded);
      for (const repairs of [['bias'], ['scale']] as const) {
        const repaired = await calibrated(model, wide, { ...fitted, repairs });
        expect(await errorOf(repaired.model, model, wide), `${repairs} ${normed}`).toBeLessThan(
          repaired.calibration[0]!.repairs.length > 0 ? error : rounded,
        );
        const ridged = await calibrated(model, wide, { ...EXP2, repairs });
        expect(await errorOf(ridged.model, model, wide), `${repairs} ${normed}`).toBeLessThan(rounded);
      }
    }
  });

  it('a Conv whose bias is computed is not given what is not known', async () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', ['N', 3, 2, 2]] },
      outputs: ['n'],
      constants: {
        w: randomWeight([4, 3, 1, 1], 1),
        b: floats([4], [3, -3, 3, -3]),
        gamma: floats([4], [1, 2, 1, 1]),
        zero: floats([4], [0, 0, 0, 0]),
        one: floats([4], [1, 1, 1, 1]),
      },
      nodes: [
        { op: 'Neg', inputs: ['b'], outputs: ['bias'] },
        { op: 'Conv', inputs: ['x', 'w', 'bias'], outputs: ['y'] },
        { op: 'BatchNormalization', inputs: ['y', 'gamma', 'zero', 'zero', 'one'], outputs: ['n'] },
      ],
    });
    const rounded = await errorOf(quantizeModel(model, EXP2).model, model, wide);
    const repaired = await calibrated(model, wide, { ...EXP2, repairs: ['bias'] });
    expect(await errorOf(repaired.model, model, wide)).toBeLessThan(rounded);
  });

  it('more columns than one matrix holds are taken in blocks, which is said', async () => {
    const columns = 2050;
    const model = matrices(
      {
        constants: { w: randomWeight([2, columns], 1) },
        nodes: [{ op: 'Gemm', inputs: ['x', 'w'], outputs: ['y'], attributes: { transB: 1 } }],
      },
      columns,
    );
    const data = randomValues(12, columns);
    const found = await calibrated(model, data, { scheme: 'linear', bits: 2, repairs: ['bias'] });
    expect(found.calibration[0]!.notes).toEqual([
      '12 samples for 2050 columns: more calibration images would help',
      'its 2050 columns were taken in 2 blocks',
    ]);
    expect(found.calibration[0]!.lossRatio).toBeLessThan(1);
  });
});

describe('layers that are rounded to the nearest levels', () => {
  const data = randomValues(20, 8);

  async function expectRounded(model: Model, name: string, reason: string, input = data): Promise<void> {
    const { calibration, model: own } = await calibrated(model, input, { ...EXP2, repairs: ['bias'] });
    const found = calibration.find((layer) => layer.name === name)!;
    expect(found).toMatchObject({ samples: 0, lossRatio: null, damping: null, repairs: [] });
    expect(found.notes).toEqual([`rounded to the nearest levels: ${reason}`]);
    expect(quantizedOf(own, name)).toEqual(quantizedOf(quantizeModel(model, EXP2).model, name));
  }

  it('a weight that two nodes use', async () => {
    const model = matrices(
      {
        constants: { w: randomWeight([8, 8], 1) },
        nodes: [
          { op: 'MatMul', inputs: ['x', 'w'], outputs: ['h'] },
          { op: 'MatMul', inputs: ['h', 'w'], outputs: ['y'] },
        ],
      },
      8,
    );
    await expectRounded(model, 'w', '2 nodes use it');
  });

  it('a weight that two nodes use, each behind a Transpose of its own', async () => {
    const model = matrices(
      {
        constants: { w: randomWeight([8, 8], 1) },
        nodes: [
          { op: 'Transpose', inputs: ['w'], outputs: ['s'], attributes: { perm: [1, 0] } },
          { op: 'MatMul', inputs: ['x', 's'], outputs: ['h'] },
          { op: 'Transpose', inputs: ['w'], outputs: ['t'], attributes: { perm: [1, 0] } },
          { op: 'MatMul', inputs: ['h', 't'], outputs: ['y'] },
        ],
      },
      8,
    );
    await expectRounded(model, 'w', '2 nodes use it');
  });

  it('a ConvTranspose', async () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', ['N', 2, 2, 2]] },
      outputs: ['y'],
      constants: { w: randomWeight([2, 3, 2, 2], 1) },
      nodes: [{ op: 'ConvTranspose', inputs: ['x', 'w'], outputs: ['y'] }],
    });
    await expectRounded(model, 'w', 'the inputs of ConvTranspose are not looked into');
  });

  it('the left operand of a MatMul', async () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', ['N', 4, 2]] },
      outputs: ['y'],
      constants: { w: randomWeight([3, 4], 1) },
      nodes: [{ op: 'MatMul', inputs: ['w', 'x'], outputs: ['y'] }],
    });
    await expectRounded(model, 'w', 'it is not the right operand of MatMul');
  });

  it('recurrent weights, with layers calibrated behind them', async () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', [1, 4, 2]] },
      outputs: ['y'],
      constants: {
        w: randomWeight([1, 12, 2], 1),
        r: randomWeight([1, 12, 3], 2),
        v: randomWeight([3, 6], 3),
      },
      nodes: [
        {
          op: 'LSTM',
          inputs: ['x', 'w', 'r'],
          outputs: ['', 'h', ''],
          attributes: { hidden_size: 3 },
        },
        { op: 'MatMul', inputs: ['h', 'v'], outputs: ['y'] },
      ],
    });
    await expectRounded(model, 'w', 'the inputs of LSTM are not looked into');
    await expectRounded(model, 'r', 'it is not the right operand of LSTM');
    const { calibration } = await calibrated(model, data, EXP2);
    expect(calibration.map(({ name, samples }) => `${name} ${samples}`)).toEqual(['w 0', 'r 0', 'v 80']);
  });

  it('values that are not finite, which is said', async () => {
    const model = matrices(
      {
        constants: {
          w: randomWeight([8, 8], 1),
          big: floats([8], [1, 1, 1e30, 1, 1, 1, 1, 1]),
          v: randomWeight([8, 3], 2),
        },
        nodes: [
          { op: 'MatMul', inputs: ['x', 'w'], outputs: ['h'] },
          { op: 'Mul', inputs: ['h', 'big'], outputs: ['i'] },
          { op: 'Mul', inputs: ['i', 'big'], outputs: ['j'] },
          { op: 'Gemm', inputs: ['j', 'v'], outputs: ['y'] },
        ],
      },
      8,
    );
    const { calibration, model: own } = await calibrated(model, data, { ...EXP2, repairs: ['bias'] });
    expect(calibration[1]).toMatchObject({ lossRatio: null, damping: null, repairs: [] });
    expect(calibration[1]!.notes).toEqual([
      'rounded to the nearest levels: its inputs or outputs on the calibration images are not all finite, or too large to be squared',
    ]);
    expect(codesOf(quantizedOf(own, 'v'))).toEqual(
      codesOf(quantizedOf(quantizeModel(model, EXP2).model, 'v')),
    );
  });

  it('a layer that gives nothing finite alone', async () => {
    const model = matrices(
      {
        constants: { w: randomWeight([8, 4], 1), b: floats([4], [0, 0, Number.POSITIVE_INFINITY, 0]) },
        nodes: [{ op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['y'] }],
      },
      8,
    );
    const { calibration } = await calibrated(model, data, { ...EXP2, repairs: ['bias'] });
    expect(calibration[0]!.notes[0]).toContain('not all finite');
  });
});

describe('what a user should know of inputs', () => {
  it('inputs that never vary, and too few samples', async () => {
    const samples = Array.from({ length: 5 }, (_, i) =>
      Float32Array.from({ length: 8 }, (__, j) => (j < 3 ? 0 : ((i * 7 + j * 5) % 11) - 5)),
    );
    const model = matrices(
      {
        constants: { w: randomWeight([8, 4], 1) },
        nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
      },
      8,
    );
    const { calibration } = await calibrated(model, valuesOf(samples), EXP2);
    expect(calibration[0]!.notes).toEqual([
      '5 samples for 8 columns: more calibration images would help',
      '3 of 8 inputs never vary on the calibration images',
    ]);
  });

  it('all inputs zero: the nearest levels', async () => {
    const model = matrices(
      {
        constants: { w: randomWeight([8, 4], 1) },
        nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
      },
      8,
    );
    const zeros = valuesOf([new Float32Array(8), new Float32Array(8)]);
    for (const repairs of [[], ['batch-norm']] as const) {
      const { calibration, model: own } = await calibrated(model, zeros, { ...EXP2, repairs });
      expect(calibration[0]!.notes).toContain('8 of 8 inputs never vary on the calibration images');
      expect(dequantize(quantizedOf(own, 'w'))).toEqual(
        dequantize(quantizedOf(quantizeModel(model, EXP2).model, 'w')),
      );
    }
  });

  it('weights that are not finite are refused, all of them', async () => {
    const bad = floats([4, 2], [1, 2, Number.NaN, 1, 2, 3, 4, 5]);
    const model = matrices(
      {
        constants: { v: bad, w: floats([2, 2], [1, Number.POSITIVE_INFINITY, 2, 3]) },
        nodes: [
          { op: 'MatMul', inputs: ['x', 'v'], outputs: ['h'] },
          { op: 'MatMul', inputs: ['h', 'w'], outputs: ['y'] },
        ],
      },
      4,
    );
    await expect(calibrated(model, randomValues(4, 4), EXP2)).rejects.toThrow(/"v".*"w"/s);
  });

  it('weights of few bits are kept as they are, and count as done', async () => {
    const signs = floats(
      [8, 8],
      Array.from({ length: 64 }, (_, i) => ((i * i) % 7 < 3 ? 0.5 : -0.5)),
    );
    const model = matrices(
      {
        constants: { w: signs, v: randomWeight([8, 4], 2) },
        nodes: [
          { op: 'MatMul', inputs: ['x', 'w'], outputs: ['h'] },
          { op: 'MatMul', inputs: ['h', 'v'], outputs: ['y'] },
        ],
      },
      8,
    );
    const { layers, calibration, model: own } = await calibrated(model, randomValues(20, 8), EXP2);
    const plain = quantizeModel(model, EXP2);
    expect(layers[0]).toEqual(plain.layers[0]);
    expect(quantizedOf(own, 'w')).toEqual(quantizedOf(plain.model, 'w'));
    expect(calibration[0]).toMatchObject({ name: 'w', lossRatio: null, damping: null });
    expect(calibration[1]!.lossRatio).toBeLessThan(1);
  });
});
