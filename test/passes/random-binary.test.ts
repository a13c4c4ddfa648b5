import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/ir/graph.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { createSimdKernels } from '../../src/kernels/simd.ts';
import { rewriteForExecution } from '../../src/runtime/rewrite.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { Random } from '../kernels/support/random.ts';
import { buildModel, int64, type ShortNode } from '../runtime/build-model.ts';

/** A value [N, channels, H, W]; `signs` where it is −1, 0 or 1. */
interface Made {
  readonly name: string;
  readonly channels: number;
  readonly side: number;
  readonly signs: boolean;
}

/** A network of random operators on signs and floats, any of which may have several readers; all are whole numbers or halves. */
class RandomNetwork {
  readonly #random: Random;
  readonly #nodes: ShortNode[] = [];
  readonly #constants: Record<string, Tensor> = { one: floats([], [1]) };
  readonly #values: Made[] = [{ name: 'x', channels: 6, side: 8, signs: false }];

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  model(steps: number): Model {
    for (let i = 0; i < steps; i++) this.#step();
    const read = new Set(this.#nodes.flatMap(({ inputs }) => inputs));
    const outputs = this.#values
      .filter(({ name }) => !read.has(name) && name !== 'x')
      .map(({ name }) => name);
    // A value that others read, too.
    const also = this.#random.pick(this.#values.slice(1)).name;
    if (this.#random.chance(0.3) && !outputs.includes(also)) outputs.push(also);
    return buildModel({
      inputs: { x: ['FLOAT', ['N', 6, 8, 8]] },
      outputs,
      constants: this.#constants,
      nodes: this.#nodes,
    });
  }

  #constant(shape: readonly number[], make: () => number): string {
    const name = `k${Object.keys(this.#constants).length}`;
    this.#constants[name] = floats(shape, Array.from({ length: sizeOf(shape) }, make));
    return name;
  }

  #integers(values: readonly number[]): string {
    const name = `k${Object.keys(this.#constants).length}`;
    this.#constants[name] = int64(values);
    return name;
  }

  #add(
    op: string,
    inputs: readonly string[],
    made: Omit<Made, 'name'>,
    more: Partial<ShortNode> = {},
  ): string {
    const name = `v${this.#nodes.length}`;
    this.#nodes.push({ op, inputs, outputs: [name], ...more });
    this.#values.push({ ...made, name });
    return name;
  }

  #pick(signs: boolean): Made | undefined {
    const fitting = this.#values.filter((value) => value.signs === signs);
    // The last ones more often, so that networks grow deep.
    return fitting.length === 0 ? undefined : this.#random.pick(fitting.slice(-this.#random.whole(1, 4)));
  }

  #step(): void {
    const source = this.#pick(false)!;
    const x = this.#pick(true);
    if (x === undefined || this.#random.chance(0.2)) this.#sign(source);
    else if (this.#random.chance(0.35)) this.#layer(x);
    else this.#carry(x);
  }

  #sign(source: Made): void {
    const { name, channels, side } = source;
    const made = { channels, side, signs: true };
    const halves = (): number => this.#random.whole(-4, 4) + 0.5;
    const how = this.#random.whole(0, 3);
    if (how === 0) this.#add('Sign', [name], made);
    else if (how === 1) this.#add('BipolarQuant', [name, 'one'], made, { domain: 'qonnx.custom_op.general' });
    else if (how === 2) {
      const shape = this.#random.pick([[], [channels, 1, 1], [1, channels, 1, 1]]);
      const op = this.#random.pick(['Add', 'Sub']);
      const shifted = this.#add(op, [name, this.#constant(shape, halves)], { ...made, signs: false });
      this.#add('Sign', [shifted], made);
    } else {
      const bounds = this.#constant([this.#random.pick([1, channels]), 1], halves);
      const attributes = { out_scale: { float: 2 }, out_bias: { float: -1 } };
      this.#add('MultiThreshold', [name, bounds], made, { domain: 'finn.custom_op.general', attributes });
    }
  }

  #layer({ name, channels, side }: Made): void {
    const groups = channels % 16 === 0 && this.#random.chance(0.4) ? 2 : 1;
    const rows = groups * this.#random.pick([8, 12, 24]);
    const weights = this.#constant([rows, channels / groups, 3, 3], () =>
      this.#random.chance(0.5) ? 1 : -1,
    );
    const bias = this.#constant([rows], () => this.#random.whole(-6, 6) / this.#random.pick([1, 2]));
    this.#add(
      'Conv',
      this.#random.chance(0.5) ? [name, weights, bias] : [name, weights],
      { channels: rows, side, signs: false },
      { attributes: { pads: [1, 1, 1, 1], group: groups } },
    );
  }

  #carry(x: Made): void {
    const { name, channels, side } = x;
    const other = this.#values.find(
      (v) => v.signs && v.name !== name && v.channels === channels && v.side === side,
    );
    const kind = this.#random.whole(0, 7);
    if (kind === 0 && other !== undefined)
      this.#add(this.#random.pick(['Mul', 'Max', 'Min']), [name, other.name], x);
    else if (kind === 1 && other !== undefined) this.#or(x, other);
    else if (kind === 2 && other !== undefined && channels < 64)
      this.#add('Concat', [name, other.name], { ...x, channels: 2 * channels }, { attributes: { axis: 1 } });
    else if (kind === 3 && channels > 8) this.#cut(x);
    else if (kind === 4 && channels % 2 === 0) this.#shuffle(x);
    else if (kind === 5 && side > 4)
      this.#add(
        'MaxPool',
        [name],
        { ...x, side: side / 2 },
        { attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
      );
    else if (kind === 6 && side < 8) {
      const pads = this.#integers([0, 0, 1, 1, 0, 0, 1, 1]);
      this.#add('Pad', [name, pads], { ...x, side: side + 2 }, { attributes: { mode: 'edge' } });
    } else if (this.#random.chance(0.3)) this.#add('Add', [name, name], { ...x, signs: false });
  }

  #or(a: Made, b: Made): void {
    const floatsOf = { ...a, signs: false };
    const half = (value: Made): string =>
      this.#add(
        'Div',
        [this.#add('Add', [value.name, 'one'], floatsOf), this.#constant([], () => 2)],
        floatsOf,
      );
    const sum = this.#add('Add', [half(a), half(b)], floatsOf);
    const clipped = this.#add('Clip', [sum, this.#constant([], () => 0), 'one'], floatsOf);
    const twice = this.#add('Mul', [clipped, this.#constant([], () => 2)], floatsOf);
    this.#add('Sub', [twice, 'one'], a);
  }

  #cut(x: Made): void {
    const first = this.#random.whole(1, x.channels - 8);
    if (this.#random.chance(0.5)) {
      const [start, end] = [this.#integers([first]), this.#integers([x.channels])];
      this.#add('Slice', [x.name, start, end, this.#integers([1])], { ...x, channels: x.channels - first });
      return;
    }
    const name = this.#add('Split', [x.name, this.#integers([first, x.channels - first])], {
      ...x,
      channels: first,
    });
    const node = this.#nodes.pop()!;
    this.#nodes.push({ ...node, outputs: [name, `${name}b`], attributes: { axis: 1 } });
    this.#values.push({ ...x, name: `${name}b`, channels: x.channels - first });
  }

  #shuffle({ name, channels, side }: Made): void {
    const made = { channels, side, signs: true };
    const split = `s${this.#nodes.length}`;
    const turned = `t${this.#nodes.length}`;
    this.#nodes.push({
      op: 'Reshape',
      inputs: [name, this.#integers([0, 2, channels / 2, side, side])],
      outputs: [split],
    });
    this.#nodes.push({
      op: 'Transpose',
      inputs: [split],
      outputs: [turned],
      attributes: { perm: [0, 2, 1, 3, 4] },
    });
    this.#add('Reshape', [turned, this.#integers([0, channels, side, side])], made);
  }
}

/** Quarters, some of them 0 or at thresholds. */
function image(seed: number): Tensor {
  const random = new Random(seed);
  const zeros = random.chance(0.3);
  return floats(
    [2, 6, 8, 8],
    Array.from({ length: 768 }, () => {
      const value = random.whole(-20, 20) / 4;
      return zeros || Math.abs(value % 0.5) === 0.25 ? value : value + 0.125;
    }),
  );
}

function outputsOf(model: Model, x: Tensor, kernels: Kernels, keep: readonly string[]): unknown {
  const session = createSession(model, { kernels, keep });
  const [first, second] = [session.run({ x }), session.run({ x })];
  session.dispose();
  expect(second).toEqual(first);
  // ONNX has no opinion on the sign of a zero, and neither has a sum of bits.
  return [...first].map(([name, { shape, data }]) => [
    name,
    shape,
    Array.from(data as Float32Array, (v) => v + 0),
  ]);
}

describe('random networks of signs', () => {
  it('give on maps what they give as floats, whatever reads what', () => {
    const operators = new Map<string, number>();
    const simd = createSimdKernels();
    for (let seed = 1; seed <= 60; seed++) {
      const model = new RandomNetwork(seed).model(5 + (seed % 25));
      const all = model.graph.nodes.flatMap(({ outputs }) => outputs);
      const x = image(seed);
      const plain = outputsOf(model, x, simd, all);
      expect(outputsOf(model, x, simd, []), `seed ${seed}`).toEqual(plain);
      for (const { opType } of rewriteForExecution(model, simd, []).graph.nodes)
        operators.set(opType, (operators.get(opType) ?? 0) + 1);
    }
    for (const name of [
      'BinaryConv',
      'SignCombine',
      'SignMove',
      'SignPad',
      'SignPool',
      'SignFloats',
      'Signs',
    ])
      expect(operators.get(name), name).toBeGreaterThan(0);
  });
});
