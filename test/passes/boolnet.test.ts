import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../src/formats/onnx/encode.ts';
import type { Model } from '../../src/ir/graph.ts';
import { createReferenceKernels } from '../../src/kernels/reference.ts';
import { rewriteForExecution } from '../../src/runtime/rewrite.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { Random } from '../kernels/support/random.ts';
import { buildModel, int64, type ShortNode } from '../runtime/build-model.ts';
import { runOnnxRuntime } from '../runtime/onnxruntime.ts';

/**
 * Networks in the manner of BoolNet (Guo and others 2021, arXiv 2106.06991): features are slices of signs, each with a threshold of its
 * own, shortcuts are XNOR and OR, convolutions work on the slices as groups. Every number in them is a sum of few powers of two, so that
 * float32 is exact in any order, and no value is at a threshold unless a test makes it so.
 */
class Builder {
  readonly nodes: ShortNode[] = [];
  readonly constants: Record<string, Tensor> = {};
  readonly random: Random;
  #count = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  constant(shape: readonly number[], values: ArrayLike<number>): string {
    const name = `k${this.#count++}`;
    this.constants[name] = floats(shape, Float32Array.from(values));
    return name;
  }

  integers(values: readonly number[]): string {
    const name = `k${this.#count++}`;
    this.constants[name] = int64(values);
    return name;
  }

  add(op: string, inputs: readonly string[], attributes: ShortNode['attributes'] = {}, outputs = 1): string {
    const names = Array.from({ length: outputs }, () => `v${this.#count++}`);
    this.nodes.push({ op, inputs, outputs: names, attributes });
    return names[0]!;
  }

  signs(shape: readonly number[]): string {
    return this.constant(
      shape,
      Array.from({ length: sizeOf(shape) }, () => (this.random.chance(0.5) ? 1 : -1)),
    );
  }

  /** BatchNormalization of ±½ and ±1 over 16, shifted by an odd number of 64ths. */
  norm(x: string, channels: number): string {
    const each = (make: () => number): string =>
      this.constant([channels], Array.from({ length: channels }, make));
    const scale = each(() => this.random.pick([0.5, 1, -0.5, -1]));
    const shift = each(() => (2 * this.random.whole(-20, 20) + 1) / 64);
    const mean = each(() => this.random.whole(-8, 8));
    const variance = each(() => 256);
    return this.add('BatchNormalization', [x, scale, shift, mean, variance], { epsilon: { float: 0 } });
  }

  /** [N, C, H, W] to [N, k, C, H, W]: signs of x plus each shift. */
  slices(x: string, shifts: readonly number[]): string {
    const unsqueezed = this.add('Unsqueeze', [x, this.integers([1])]);
    const shift = this.constant([1, shifts.length, 1, 1, 1], shifts);
    return this.add('Sign', [this.add('Add', [unsqueezed, shift])]);
  }

  /** Slices as groups, pixels of the edge repeated around. */
  convolution(slices: string, channels: number, rows: number, groups: number, stride = 1): string {
    const side = SIDE.get(slices)!;
    const flat = this.add('Reshape', [slices, this.integers([0, channels, side, side])]);
    const padded = this.add('Pad', [flat, this.integers([0, 0, 1, 1, 0, 0, 1, 1])], { mode: 'edge' });
    const weights = this.signs([rows, channels / groups, 3, 3]);
    return this.add('Conv', [padded, weights], { group: groups, strides: [stride, stride] });
  }

  /** OR of truth values, written as exporters do: of (x + 1) ÷ 2. */
  or(a: string, b: string): string {
    const [one, two] = [this.constant([], [1]), this.constant([], [2])];
    const half = (x: string): string => this.add('Div', [this.add('Add', [x, one]), two]);
    const sum = this.add('Add', [half(a), half(b)]);
    const clipped = this.add('Clip', [sum, this.constant([], [0]), one]);
    return this.add('Add', [this.add('Mul', [clipped, two]), this.constant([], [-1])]);
  }

  model(output: string, input: readonly number[]): Model {
    this.nodes.push({ op: 'Identity', inputs: [output], outputs: ['y'] });
    return buildModel({
      inputs: { x: ['FLOAT', input] },
      outputs: ['y'],
      constants: this.constants,
      nodes: this.nodes,
    });
  }
}

/** Height and width of values of slices. */
const SIDE = new Map<string, number>();
const SHIFTS = [-0.5, -0.25, 0.25, 0.5];
const PICTURE = [2, 3, 16, 16] as const;

/** The picture as slices, two blocks with XNOR and OR shortcuts, a third that halves the side, and a classifier. */
function boolNet(batch: number): Model {
  const b = new Builder(5);
  const side = (value: string, length: number): string => {
    SIDE.set(value, length);
    return value;
  };
  const k = SHIFTS.length;
  const picture = side(
    b.slices(
      'x',
      Array.from({ length: 8 }, (_, i) => (i - 4) / 4 + 1 / 64),
    ),
    16,
  );
  let features = side(b.slices(b.norm(b.convolution(picture, 24, 64, 1), 64), SHIFTS), 16);
  for (let block = 0; block < 2; block++) {
    const first = side(b.slices(b.norm(b.convolution(features, 64 * k, 64, k), 64), SHIFTS), 16);
    const gated = side(b.add('Mul', [first, features]), 16);
    const second = side(b.slices(b.norm(b.convolution(gated, 64 * k, 64, k), 64), SHIFTS), 16);
    features = side(b.or(second, features), 16);
  }
  const flat = b.add('Reshape', [features, b.integers([0, 64 * k, 16, 16])]);
  const narrow = b.add('Conv', [flat, b.signs([80, 64 * k, 1, 1])], { strides: [4, 4] });
  const shortcut = side(b.slices(b.norm(narrow, 80), SHIFTS), 4);
  const wide = side(b.slices(b.norm(b.convolution(features, 64 * k, 80, k, 4), 80), SHIFTS), 4);
  const last = side(b.add('Mul', [wide, shortcut]), 4);
  const mean = b.add('ReduceMean', [last], { axes: [1], keepdims: 0 });
  const sums = b.add('Add', [b.norm(b.convolution(last, 80 * k, 80, k), 80), mean]);
  const means = b.add('Flatten', [b.add('GlobalAveragePool', [sums])]);
  const classes = b.signs([80, 10]);
  return b.model(b.add('Gemm', [means, classes]), [batch, ...PICTURE.slice(1)]);
}

/** Blocks of halves: one goes by, the other through a layer; joined, shuffled, and the larger of two taken. */
function shuffleNet(batch: number): Model {
  const b = new Builder(6);
  const channels = 96;
  const half = channels / 2;
  const sign = (x: string, count: number): string => {
    const bound = Array.from({ length: count }, () => b.random.whole(-4, 4) / 4);
    return b.add('Sign', [b.add('Sub', [x, b.constant([count, 1, 1], bound)])]);
  };
  const first = b.add('Conv', [b.add('Sign', ['x']), b.signs([channels, 3, 3, 3])], { pads: [1, 1, 1, 1] });
  let features = sign(b.norm(first, channels), channels);
  for (let block = 0; block < 3; block++) {
    const left = b.add('Split', [features, b.integers([half, half])], { axis: 1 }, 2);
    const right = b.nodes.at(-1)!.outputs[1]!;
    const layer = b.add('Conv', [right, b.signs([half, half / 2, 3, 3])], { group: 2, pads: [1, 1, 1, 1] });
    const made = sign(b.norm(layer, half), half);
    const joined = b.add('Concat', [block === 1 ? b.add('Min', [left, made]) : left, made], { axis: 1 });
    const split = b.add('Reshape', [joined, b.integers([0, 2, half, 16, 16])]);
    const turned = b.add('Transpose', [split], { perm: [0, 2, 1, 3, 4] });
    const shuffled = b.add('Reshape', [turned, b.integers([0, channels, 16, 16])]);
    features = b.add('Max', [shuffled, features]);
  }
  const cut = b.add('Slice', [features, b.integers([10]), b.integers([90]), b.integers([1])]);
  const last = b.add('Conv', [cut, b.signs([10, 80, 4, 4])], { strides: [4, 4] });
  return b.model(b.norm(last, 10), [batch, ...PICTURE.slice(1)]);
}

/** Whole 16ths and a 64th, never at a threshold; or one in 50 at the threshold 0. */
function picture(batch: number, seed: number, zeros = false): Tensor {
  const random = new Random(seed);
  const shape = [batch, ...PICTURE.slice(1)];
  const values = Float32Array.from({ length: sizeOf(shape) }, () =>
    zeros && random.chance(0.02) ? 0 : random.whole(-24, 24) / 16 + 1 / 128,
  );
  return floats(shape, values);
}

async function expectBitsOfOnnxRuntime(model: Model, x: Tensor): Promise<void> {
  const expected = (await runOnnxRuntime(encodeModel(model), { x })).get('y')!;
  for (const kernels of x.shape[0] === 1 ? (['reference', 'simd'] as const) : (['simd'] as const)) {
    const session = createSession(model, { kernels });
    expect(session.run({ x }).get('y')).toEqual(expected);
    if (kernels === 'simd') expect(session.run({ x }).get('y')).toEqual(expected);
    session.dispose();
  }
  expect(new Set(expected.data as Float32Array).size).toBeGreaterThan(5);
}

function operatorsOf(model: Model): string[] {
  const { graph } = rewriteForExecution(model, createReferenceKernels(), []);
  return graph.nodes.map(({ opType }) => opType);
}

describe('networks whose features are bits', () => {
  it('of slices, XNOR and OR shortcuts and groups run on maps alone, from the picture to the last layer', () => {
    const operators = operatorsOf(boolNet(1));
    expect(operators.filter((name) => name === 'Signs')).toHaveLength(1);
    expect([...new Set(operators)].sort()).toEqual(
      [
        ...['BinaryConv', 'SignCombine', 'SignPad', 'Signs'],
        ...['SignFloats', 'ReduceMean', 'GlobalAveragePool', 'Flatten', 'Gemm'],
      ].sort(),
    );
  });

  it('of halves that are joined and shuffled run on maps alone', () => {
    const operators = operatorsOf(shuffleNet(1));
    expect(operators.filter((name) => name === 'Signs')).toHaveLength(1);
    expect([...new Set(operators)].sort()).toEqual(['BinaryConv', 'SignCombine', 'SignMove', 'Signs']);
  });

  it.each([
    ['slices, XNOR, OR and groups', boolNet],
    ['halves, shuffles, larger and smaller of two', shuffleNet],
  ])('give the bits of onnxruntime: %s', async (_, make) => {
    for (const batch of [1, 2]) await expectBitsOfOnnxRuntime(make(batch), picture(batch, batch));
  });

  it.each([
    ['slices, XNOR, OR and groups', boolNet],
    ['halves, shuffles, larger and smaller of two', shuffleNet],
  ])('give the bits of onnxruntime where values are at a threshold: %s', async (_, make) => {
    const x = picture(1, 7, true);
    if (make === boolNet) (x.data as Float32Array)[77] = -1 / 64;
    await expectBitsOfOnnxRuntime(make(1), x);
  });

  it('take a bit an element: never more than four maps of the widest features at once', () => {
    const model = boolNet(1);
    const session = createSession(model);
    const x = picture(1, 3);
    session.run({ x });
    session.run({ x });
    const { activationBytes, aliveBytes } = session.memory;
    session.dispose();
    const widest = 64 * SHIFTS.length * 16 * 16;
    expect(aliveBytes * 8).toBeLessThan(4 * widest);
    expect(activationBytes * 8).toBeLessThan(4 * widest);
    const inFloats = createSession(model, { keep: model.graph.nodes.flatMap(({ outputs }) => outputs) });
    inFloats.run({ x });
    expect(inFloats.memory.aliveBytes).toBeGreaterThan(20 * aliveBytes);
    inFloats.dispose();
  });
});
