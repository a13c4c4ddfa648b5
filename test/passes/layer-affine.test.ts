import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/ir/graph.ts';
import { validateModel } from '../../src/ir/validate.ts';
import { floatTensor } from '../../src/passes/constant-values.ts';
import { absorb, batchNormBehind, findAbsorber, type LayerAffine } from '../../src/passes/layer-affine.ts';
import { createSession } from '../../src/runtime/session.ts';
import { type DataType, isHalf } from '../../src/tensor/dtype.ts';
import { floats, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, type ShortModel } from '../runtime/build-model.ts';
import { randomFloats } from '../runtime/random.ts';

const random = (shape: readonly number[], seed = 1): Tensor =>
  floats(shape, randomFloats(sizeOf(shape), seed));

/** A few roundings of float32, as a part of the largest value. */
const ROUNDING = 1e-6;

const scale = Float64Array.of(1.5, -0.25, 0, 3);
const shift = Float64Array.of(0.5, 0, -2, 1);

const norm = {
  g: random([4], 4),
  s: random([4], 5),
  m: random([4], 6),
  v: floats([4], randomFloats(4, 8, 0.2, 2)),
};
const image: ShortModel['inputs'] = { x: ['FLOAT', [2, 3, 6, 5]] };
const layer = (op: string, inputs: string[], output = 'y', attributes = {}): ShortModel['nodes'][0] => ({
  op,
  inputs,
  outputs: [output],
  attributes,
});
const normalize = (input = 'y', output = 'z', names = 'gsmv'): ShortModel['nodes'][0] =>
  layer('BatchNormalization', [input, ...names], output);

/** Outputs of a network on fixed numbers. */
function run(model: Model, keep: readonly string[] = []): Map<string, Float32Array> {
  const feeds = model.graph.inputs.map(({ name, shape }) => [name, random(shape as number[], 77)] as const);
  const session = createSession(model, { keep });
  const outputs = session.run(Object.fromEntries(feeds), { fetch: keep });
  session.dispose();
  return new Map([...outputs].map(([name, { data }]) => [name, data as Float32Array]));
}

/** The network with a Mul and an Add behind the value `y` instead: the affine by hand. */
function byHand(short: ShortModel, affine: LayerAffine, axis: 1 | -1): Model {
  const channels = (affine.scale ?? affine.shift)!.length;
  const shape = axis === 1 && short.inputs.x![1].length === 4 ? [1, channels, 1, 1] : [channels];
  const constants = {
    ...short.constants,
    hand_scale: floats(shape, Float32Array.from(affine.scale ?? new Float64Array(channels).fill(1))),
    hand_shift: floats(shape, Float32Array.from(affine.shift ?? new Float64Array(channels))),
  };
  const rename = (name: string): string => (name === 'y' ? 'y_by_hand' : name);
  const nodes = short.nodes.flatMap((node) =>
    node.outputs[0] === 'y'
      ? [
          node,
          layer('Mul', ['y', 'hand_scale'], 'y_scaled'),
          layer('Add', ['y_scaled', 'hand_shift'], 'y_by_hand'),
        ]
      : [{ ...node, inputs: node.inputs.map(rename) }],
  );
  return buildModel({ ...short, constants, nodes, outputs: short.outputs.map(rename) });
}

function worstDifference(got: Map<string, Float32Array>, want: Map<string, Float32Array>): number {
  let worst = 0;
  const [a, b] = [[...got.values()], [...want.values()]];
  a.forEach((values, i) => {
    const size = b[i]!.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    values.forEach((v, at) => {
      worst = Math.max(worst, Math.abs(v - b[i]![at]!) / size);
    });
  });
  return worst;
}

/** Absorbs behind the layer that makes `y` and compares with the affine by hand. */
function expectExact(short: ShortModel, affine: LayerAffine, kind: string, axis: 1 | -1 = 1): Model {
  const model = buildModel(short);
  const node = model.graph.nodes.find(({ outputs }) => outputs[0] === 'y')!;
  const absorber = findAbsorber(model, node)!;
  expect(absorber.kind).toBe(kind);
  const before = run(model);
  const changed = absorb(model, absorber, affine);
  expect(validateModel(changed)).toEqual([]);
  expect(changed.graph.nodes.map(({ opType }) => opType)).toEqual(short.nodes.map(({ op }) => op));
  expect(worstDifference(run(changed), run(byHand(short, affine, axis)))).toBeLessThan(ROUNDING);
  expect(run(model), 'the model that came in has changed').toEqual(before);
  return changed;
}

const convNorm: ShortModel = {
  inputs: image,
  outputs: ['z'],
  constants: { w: random([4, 3, 3, 3], 2), b: random([4], 3), ...norm },
  nodes: [layer('Conv', ['x', 'w', 'b']), normalize()],
};

describe('a BatchNormalization behind a layer', () => {
  it('takes scales and shifts, those of 0 and below too, in the constants that it has', () => {
    const changed = expectExact(convNorm, { scale, shift }, 'batch-norm');
    expect([...changed.graph.initializers.keys()]).toEqual(['w', 'b', 'g', 's', 'm', 'v']);
    expectExact(convNorm, { scale }, 'batch-norm');
    const shifted = expectExact(convNorm, { shift }, 'batch-norm');
    expect(shifted.graph.initializers.get('g')!.read()).toBe(norm.g);
  });

  it('takes them behind ConvTranspose with groups, Gemm, and a MatMul of matrices', () => {
    expectExact(
      {
        inputs: { x: ['FLOAT', [1, 6, 3, 3]] },
        outputs: ['z'],
        constants: { w: random([6, 2, 2, 2]), ...norm },
        nodes: [layer('ConvTranspose', ['x', 'w'], 'y', { group: 2 }), normalize()],
      },
      { scale, shift },
      'batch-norm',
    );
    for (const [op, shape, attributes] of [
      ['Gemm', [4, 6], { transB: 1 }],
      ['MatMul', [6, 4], {}],
    ] as const)
      expectExact(
        {
          inputs: { x: ['FLOAT', [5, 6]] },
          outputs: ['z'],
          constants: { w: random(shape), ...norm },
          nodes: [layer(op, ['x', 'w'], 'y', attributes), normalize()],
        },
        { scale, shift },
        'batch-norm',
      );
  });

  it('gets constants of its own where others use them too', () => {
    const short: ShortModel = {
      ...convNorm,
      outputs: ['z', 'u'],
      nodes: [...convNorm.nodes, layer('Conv', ['x', 'w'], 'c'), normalize('c', 'u')],
    };
    const model = buildModel(short);
    const changed = expectExact(short, { scale, shift }, 'batch-norm');
    expect(changed.graph.nodes[1]!.inputs).toEqual(['y', 'z/gamma', 'z/beta', 'z/mean', 'v']);
    expect(changed.graph.nodes[3]).toEqual(model.graph.nodes[3]);
    expect(run(changed).get('u')).toEqual(run(model).get('u'));
  });

  it('gets them apart where one constant is both its γ and its variance', () => {
    const short = { ...convNorm, nodes: [convNorm.nodes[0]!, normalize('y', 'z', 'vsmv')] };
    const changed = expectExact(short, { scale, shift }, 'batch-norm');
    expect(changed.graph.nodes[1]!.inputs).toEqual(['y', 'z/gamma', 's', 'm', 'v']);
  });

  it('keeps the mean in range where the scale is as good as 0', () => {
    const tiny = Float64Array.of(1e-42, 1, 1, 1);
    const big = { ...convNorm, constants: { ...convNorm.constants, m: floats([4], [3e3, 1, 1, 1]) } };
    const changed = expectExact(big, { scale: tiny, shift }, 'batch-norm');
    const mean = changed.graph.initializers.get('m')!.read().data as Float32Array;
    expect(mean.every(Number.isFinite)).toBe(true);
  });

  it('is told with its statistics', () => {
    const model = buildModel(convNorm);
    const behind = batchNormBehind(model, model.graph.nodes[0]!)!;
    expect(behind.node).toBe(model.graph.nodes[1]);
    expect(behind.epsilon).toBe(Math.fround(1e-5));
    const { gamma, beta, mean, variance } = behind;
    for (const [values, name] of [
      [gamma, 'g'],
      [beta, 's'],
      [mean, 'm'],
      [variance, 'v'],
    ] as const)
      expect([...values]).toEqual([...(norm[name].data as Float32Array)]);
  });

  it('is passed over where another node, a subgraph or the caller reads the layer too', () => {
    const readers: readonly ShortModel[] = [
      { ...convNorm, outputs: ['z', 'y'] },
      { ...convNorm, outputs: ['z', 'r'], nodes: [...convNorm.nodes, layer('Relu', ['y'], 'r')] },
      {
        ...convNorm,
        outputs: ['z', 'r'],
        constants: { ...convNorm.constants, yes: { dtype: 'BOOL', shape: [], data: Uint8Array.of(1) } },
        nodes: [
          ...convNorm.nodes,
          layer('If', ['yes'], 'r', {
            then_branch: { inputs: {}, outputs: ['t'], nodes: [layer('Relu', ['y'], 't')] },
            else_branch: { inputs: {}, outputs: ['e'], nodes: [layer('Neg', ['y'], 'e')] },
          }),
        ],
      },
    ];
    for (const short of readers) {
      const model = buildModel(short);
      expect(findAbsorber(model, model.graph.nodes[0]!)?.kind).toBe('bias');
      expect(batchNormBehind(model, model.graph.nodes[0]!)).toBeUndefined();
    }
  });

  it('is no place where it normalizes another axis than that of the channels', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', [2, 4, 6]] },
      outputs: ['z'],
      constants: { w: random([6, 4]), ...norm },
      nodes: [layer('MatMul', ['x', 'w']), normalize()],
    });
    expect(findAbsorber(model, model.graph.nodes[0]!)).toBeUndefined();
  });
});

describe('the bias of a layer', () => {
  it('takes shifts, in the constant that it has', () => {
    const changed = expectExact(
      { ...convNorm, outputs: ['y'], nodes: convNorm.nodes.slice(0, 1) },
      { shift },
      'bias',
    );
    expect([...changed.graph.initializers.keys()]).toEqual(['w', 'b']);
  });

  it('is added to a layer that has none, under a name that is free', () => {
    const taken: ShortModel = {
      inputs: image,
      outputs: ['q'],
      constants: { w: random([4, 3, 3, 3], 2), 'y/bias': random([4, 1, 1], 9) },
      nodes: [layer('Conv', ['x', 'w']), layer('Mul', ['y', 'y/bias'], 'q')],
    };
    const changed = expectExact(taken, { shift }, 'bias');
    expect(changed.graph.nodes[0]!.inputs).toEqual(['x', 'w', 'y/bias_2']);
    const again = absorb(changed, findAbsorber(changed, changed.graph.nodes[0]!)!, { shift });
    expect([...(again.graph.initializers.get('y/bias_2')!.read().data as Float32Array)]).toEqual([
      1, 0, -4, 2,
    ]);
  });

  it('is not changed where others use it too', () => {
    const short: ShortModel = {
      ...convNorm,
      outputs: ['y', 'c'],
      nodes: [layer('Conv', ['x', 'w', 'b']), layer('Conv', ['x', 'w', 'b'], 'c')],
    };
    const changed = expectExact(short, { shift }, 'bias');
    expect(changed.graph.nodes.map(({ inputs }) => inputs[2])).toEqual(['y/bias', 'b']);
  });

  it('may be a row, one number or nothing in a Gemm, and has to count once', () => {
    const gemm = (c: Tensor | undefined, attributes = {}): ShortModel => ({
      inputs: { x: ['FLOAT', [5, 6]] },
      outputs: ['y'],
      constants: { w: random([6, 4]), ...(c && { c }) },
      nodes: [layer('Gemm', c ? ['x', 'w', 'c'] : ['x', 'w'], 'y', attributes)],
    });
    const bias = [random([4]), random([1, 4]), random([1]), random([]), random([1, 1]), undefined];
    for (const c of bias) expectExact(gemm(c, { alpha: { float: 0.5 } }), { shift }, 'bias', -1);
    const none = [gemm(random([5, 4])), gemm(random([5, 1])), gemm(random([4]), { beta: { float: 2 } })];
    for (const short of none) {
      const model = buildModel(short);
      expect(findAbsorber(model, model.graph.nodes[0]!)).toBeUndefined();
    }
  });

  it('keeps its type, and takes that of the weight where it is new', () => {
    for (const dtype of ['FLOAT16', 'BFLOAT16'] as const) {
      const half = (type: DataType, values: number[]): Tensor => floatTensor(type, [values.length], values);
      const weight = { ...half(dtype, new Array(24).fill(0.5)), shape: [4, 6] };
      for (const c of [half(dtype, [1, 2, 3, 4]), undefined]) {
        const model = buildModel({
          inputs: { x: [dtype, [5, 6]] },
          outputs: ['y'],
          outputTypes: { y: dtype },
          constants: { w: weight, ...(c && { c }) },
          nodes: [layer('Gemm', c ? ['x', 'w', 'c'] : ['x', 'w'], 'y', { transB: 1 })],
        });
        const changed = absorb(model, findAbsorber(model, model.graph.nodes[0]!)!, { shift });
        const bias = changed.graph.initializers.get(changed.graph.nodes[0]!.inputs[2]!)!;
        expect(isHalf(bias.dtype)).toBe(true);
        expect(bias.read()).toEqual(half(dtype, c ? [1.5, 2, 1, 5] : [...shift]));
      }
    }
  });

  it('takes no scale', () => {
    const model = buildModel({ ...convNorm, outputs: ['y'], nodes: convNorm.nodes.slice(0, 1) });
    const absorber = findAbsorber(model, model.graph.nodes[0]!)!;
    expect(absorber).toEqual({ kind: 'bias', takesScale: false, channels: 4, value: 'y' });
    expect(() => absorb(model, absorber, { scale })).toThrow(
      'scale at "y": expected a shift alone, which is all that its bias takes',
    );
    expect(absorb(model, absorber, { scale: new Float64Array(4).fill(1) })).toBe(model);
  });
});

describe('an Add behind a MatMul', () => {
  const matMul = (c: Tensor, x: readonly number[] = [2, 5, 6]): ShortModel => ({
    inputs: { x: ['FLOAT', x] },
    outputs: ['z'],
    constants: { w: random([6, 4]), c },
    nodes: [layer('MatMul', ['x', 'w']), layer('Add', ['c', 'y'], 'z')],
  });

  it('takes shifts in its constant of one value a channel, or one for all', () => {
    for (const c of [random([4]), random([1, 1, 4]), random([]), random([1])])
      expectExact(matMul(c), { shift }, 'add', -1);
  });

  it('is none where its constant differs along other axes, and a MatMul alone has none', () => {
    const alone = { ...matMul(random([4])), outputs: ['y'] };
    for (const short of [matMul(random([5, 4])), matMul(random([5, 1])), alone]) {
      const model = buildModel(short);
      expect(findAbsorber(model, model.graph.nodes[0]!)).toBeUndefined();
    }
  });
});

describe('absorb', () => {
  it('says what it was given where that is not one finite value a channel', () => {
    const model = buildModel(convNorm);
    const absorber = findAbsorber(model, model.graph.nodes[0]!)!;
    expect(() => absorb(model, absorber, { shift: new Float64Array(3) })).toThrow(
      'shift at "z": expected 4 finite values, got 3 values',
    );
    expect(() => absorb(model, absorber, { scale: Float64Array.of(1, 1, Number.NaN, 1) })).toThrow(
      'scale at "z": expected 4 finite values, got NaN in channel 2',
    );
  });

  it('finds its place in a model that has changed elsewhere, and says where it is gone', () => {
    const model = buildModel(convNorm);
    const absorber = findAbsorber(model, model.graph.nodes[0]!)!;
    const once = absorb(model, absorber, { shift });
    const back = absorb(once, absorber, { shift: shift.map((v) => -v) });
    expect(worstDifference(run(back), run(model))).toBeLessThan(ROUNDING);
    const other = buildModel({ ...convNorm, outputs: ['y'], nodes: convNorm.nodes.slice(0, 1) });
    expect(() => absorb(other, absorber, { shift })).toThrow('"z" takes no batch-norm change any more');
  });

  it('is not for operators of other domains, nor for products of two activations', () => {
    const fused = buildModel({
      ...convNorm,
      nodes: [{ ...convNorm.nodes[0]!, op: 'FusedConv', domain: 'com.microsoft' }, normalize()],
    });
    expect(findAbsorber(fused, fused.graph.nodes[0]!)).toBeUndefined();
    const product = buildModel({
      inputs: { x: ['FLOAT', [4, 4]] },
      outputs: ['z'],
      constants: norm,
      nodes: [layer('MatMul', ['x', 'x']), normalize()],
    });
    expect(findAbsorber(product, product.graph.nodes[0]!)).toBeUndefined();
  });
});
