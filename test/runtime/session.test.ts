import { describe, expect, it } from 'vitest';
import type { Kernels } from '../../src/kernels/contract.ts';
import { createKernels } from '../../src/kernels/select.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, int64, type ShortModel } from './build-model.ts';
import { randomFloats } from './random.ts';

const random = (shape: readonly number[], seed = 1): Tensor =>
  floats(shape, randomFloats(sizeOf(shape), seed));

/** Conv, Relu, Conv, Add of the first one's output, GlobalAveragePool, Flatten, Gemm: what a residual network is made of. */
const RESIDUAL: ShortModel = {
  inputs: { x: ['FLOAT', ['N', 4, 'H', 'W']] },
  outputs: ['scores'],
  constants: {
    w1: random([8, 4, 3, 3], 2),
    b1: random([8], 3),
    w2: random([8, 8, 3, 3], 4),
    w3: random([5, 8], 5),
    b3: random([5], 6),
  },
  nodes: [
    { op: 'Conv', inputs: ['x', 'w1', 'b1'], outputs: ['c1'], attributes: { pads: [1, 1, 1, 1] } },
    { op: 'Relu', inputs: ['c1'], outputs: ['r1'] },
    { op: 'Conv', inputs: ['r1', 'w2'], outputs: ['c2'], attributes: { pads: [1, 1, 1, 1] } },
    { op: 'Add', inputs: ['r1', 'c2'], outputs: ['sum'] },
    { op: 'Sigmoid', inputs: ['sum'], outputs: ['s'] },
    { op: 'GlobalAveragePool', inputs: ['s'], outputs: ['p'] },
    { op: 'Flatten', inputs: ['p'], outputs: ['f'] },
    { op: 'Gemm', inputs: ['f', 'w3', 'b3'], outputs: ['scores'], attributes: { transB: 1 } },
  ],
};

describe('a session', () => {
  it('gives the same outputs from its memory plan as from the first run, for every input shape by turns', () => {
    const session = createSession(buildModel(RESIDUAL));
    const inputs = [random([1, 4, 9, 9]), random([3, 4, 9, 9], 2), random([1, 4, 16, 5], 3)];
    const first = inputs.map((x) => session.run({ x }));
    for (let round = 0; round < 3; round++)
      inputs.forEach((x, i) => {
        expect(session.run({ x })).toEqual(first[i]);
      });
    session.dispose();
  });

  it('needs no more memory however often it runs', () => {
    const session = createSession(buildModel(RESIDUAL));
    const x = random([2, 4, 20, 20]);
    for (let i = 0; i < 3; i++) session.run({ x });
    const { peakBytes } = session.memory;
    for (let i = 0; i < 20; i++) session.run({ x });
    expect(session.memory.peakBytes).toBe(peakBytes);
    session.dispose();
  });

  it('keeps no more activations than are alive at once', () => {
    const layers = 20;
    const session = createSession(
      buildModel({
        inputs: { x: ['FLOAT', [1, 4, 32, 32]] },
        outputs: [`y${layers}`],
        constants: { w: random([4, 4, 3, 3]) },
        nodes: Array.from({ length: layers }, (_, i) => ({
          op: 'Conv',
          inputs: [i === 0 ? 'x' : `y${i}`, 'w'],
          outputs: [`y${i + 1}`],
          attributes: { pads: [1, 1, 1, 1] },
        })),
      }),
    );
    const x = random([1, 4, 32, 32]);
    session.run({ x });
    session.run({ x });
    expect(session.memory.activationBytes).toBe(2 * 4 * 4 * 32 * 32);
    session.dispose();
  });

  it('overwrites an operand that nobody reads any more, and only then', () => {
    const session = createSession(
      buildModel({
        inputs: { x: ['FLOAT', [64]] },
        outputs: ['y', 'z'],
        nodes: [
          { op: 'Exp', inputs: ['x'], outputs: ['e'] },
          { op: 'Neg', inputs: ['e'], outputs: ['n'] },
          { op: 'Reshape', inputs: ['n', 'shape'], outputs: ['v'] },
          { op: 'Abs', inputs: ['n'], outputs: ['y'] },
          { op: 'Add', inputs: ['v', 'v'], outputs: ['z'] },
        ],
        constants: { shape: int64([8, 8]) },
      }),
    );
    const x = random([64]);
    for (let i = 0; i < 3; i++) {
      const results = session.run({ x });
      const e = (x.data as Float32Array).map((v) => Math.fround(Math.exp(v)));
      expect(Array.from(results.get('y')!.data as Float32Array)).toEqual(Array.from(e));
      expect(Array.from(results.get('z')!.data as Float32Array)).toEqual(Array.from(e, (v) => -2 * v));
    }
    expect(session.memory.activationBytes).toBeLessThanOrEqual(2 * 256);
    session.dispose();
  });

  it('follows shapes that depend on the data', () => {
    const session = createSession(
      buildModel({
        inputs: { x: ['FLOAT', [40]] },
        outputs: ['y'],
        outputTypes: { y: 'FLOAT' },
        nodes: [
          { op: 'Relu', inputs: ['x'], outputs: ['r'] },
          { op: 'NonZero', inputs: ['r'], outputs: ['at'] },
          { op: 'Transpose', inputs: ['at'], outputs: ['rows'] },
          { op: 'GatherND', inputs: ['x', 'rows'], outputs: ['g'] },
          { op: 'Tile', inputs: ['g', 'twice'], outputs: ['t'] },
          { op: 'Exp', inputs: ['t'], outputs: ['y'] },
        ],
        constants: { twice: int64([30]) },
      }),
    );
    for (const seed of [1, 2, 1, 3, 3, 2]) {
      const x = random([40], seed);
      const kept = Array.from(x.data as Float32Array).filter((v) => v > 0);
      const y = session.run({ x }).get('y')!;
      expect(y.shape).toEqual([30 * kept.length]);
      expect((y.data as Float32Array)[0]).toBeCloseTo(Math.exp(kept[0]!), 5);
      expect((y.data as Float32Array).at(-1)).toBeCloseTo(Math.exp(kept.at(-1)!), 5);
    }
    session.dispose();
  });

  it('gives back what it took of the kernels that the caller lent', () => {
    const kernels: Kernels = createKernels();
    const before = kernels.heap.usedBytes;
    const session = createSession(buildModel(RESIDUAL), { kernels });
    for (let i = 0; i < 3; i++) session.run({ x: random([1, 4, 9, 9]) });
    expect(kernels.heap.usedBytes).toBeGreaterThan(before);
    session.dispose();
    // The kernels may keep scratch memory of their own; a second session finds it there.
    const kept = kernels.heap.usedBytes;
    const second = createSession(buildModel(RESIDUAL), { kernels });
    for (let i = 0; i < 3; i++) second.run({ x: random([1, 4, 9, 9]) });
    second.dispose();
    expect(kernels.heap.usedBytes).toBe(kept);
    kernels.dispose();
  });

  it('returns outputs that the caller may keep and change', () => {
    const session = createSession(buildModel(RESIDUAL));
    const x = random([1, 4, 9, 9]);
    const first = session.run({ x }).get('scores')!;
    const copy = (first.data as Float32Array).slice();
    (first.data as Float32Array).fill(7);
    expect(session.run({ x }).get('scores')!.data).toEqual(copy);
    session.dispose();
  });

  it('fetches inner values that were named beforehand, unchanged by fusing', () => {
    const model = buildModel(RESIDUAL);
    const session = createSession(model, { keep: ['c1', 'r1'] });
    const x = random([1, 4, 9, 9]);
    const results = session.run({ x }, { fetch: ['c1', 'r1'] });
    expect([...results.keys()]).toEqual(['scores', 'c1', 'r1']);
    const c1 = results.get('c1')!.data as Float32Array;
    expect(results.get('r1')!.data).toEqual(c1.map((v) => Math.max(0, v)));
    const plain = createSession(model);
    expect(() => plain.run({ x }, { fetch: ['c1'] })).toThrow(/"c1" cannot be fetched/);
    expect(plain.run({ x }).get('scores')).toEqual(results.get('scores'));
    session.dispose();
    plain.dispose();
  });

  it('passes inputs and constants through to outputs', () => {
    const c = random([20], 3);
    const session = createSession(
      buildModel({
        inputs: { x: ['FLOAT', [20]] },
        outputs: ['x', 'c', 'y'],
        constants: { c },
        nodes: [{ op: 'Identity', inputs: ['c'], outputs: ['y'] }],
      }),
    );
    const x = random([20]);
    for (let i = 0; i < 2; i++)
      expect([...session.run({ x })]).toEqual([
        ['x', x],
        ['c', c],
        ['y', c],
      ]);
    session.dispose();
  });

  it('takes an empty batch', () => {
    const session = createSession(buildModel(RESIDUAL));
    const scores = session.run({ x: random([0, 4, 9, 9]) }).get('scores')!;
    expect(scores).toEqual(floats([0, 5], []));
    session.dispose();
  });

  it('computes DOUBLE in float64, also where FLOAT would be fused', () => {
    const double = (shape: readonly number[], values: readonly number[]): Tensor => ({
      dtype: 'DOUBLE',
      shape,
      data: Float64Array.from(values),
    });
    const session = createSession(
      buildModel({
        inputs: { x: ['DOUBLE', [1, 2]], i: ['DOUBLE', [1, 1, 1, 2]] },
        outputs: ['y', 'z'],
        constants: {
          w: double([2, 1], [1 / 3, 1]),
          k: double([1, 1, 1, 2], [1 / 3, 1]),
          c: double([1], [2]),
        },
        nodes: [
          { op: 'Gemm', inputs: ['x', 'w'], outputs: ['g'] },
          { op: 'Relu', inputs: ['g'], outputs: ['y'] },
          { op: 'Conv', inputs: ['i', 'k'], outputs: ['v'] },
          { op: 'Add', inputs: ['v', 'c'], outputs: ['a'] },
          { op: 'Relu', inputs: ['a'], outputs: ['z'] },
        ],
      }),
    );
    const results = session.run({ x: double([1, 2], [1, 2]), i: double([1, 1, 1, 2], [1, 2]) });
    expect(results.get('y')).toEqual(double([1, 1], [1 / 3 + 2]));
    expect(results.get('z')).toEqual(double([1, 1, 1, 1], [1 / 3 + 2 + 2]));
    session.dispose();
  });

  it('takes half precision as it is and as FLOAT, and computes in FLOAT', () => {
    const half: Tensor = { dtype: 'FLOAT16', shape: [2], data: Uint16Array.of(0x3c00, 0xc000) };
    const session = createSession(
      buildModel({
        inputs: { x: ['FLOAT16', [2]] },
        outputs: ['y'],
        outputTypes: { y: 'FLOAT16' },
        constants: { c: { dtype: 'FLOAT16', shape: [], data: Uint16Array.of(0x3555) } },
        nodes: [{ op: 'Mul', inputs: ['x', 'c'], outputs: ['y'] }],
      }),
    );
    const expected = floats([2], [0.333251953125, -0.66650390625]);
    expect(session.run({ x: half }).get('y')).toEqual(expected);
    expect(session.run({ x: floats([2], [1, -2]) }).get('y')).toEqual(expected);
    expect(session.outputs[0]!.dtype).toBe('FLOAT');
    session.dispose();
  });
});

describe('what does not fit is refused', () => {
  it('operators that are not implemented: all of them, with the number of nodes, before anything runs', () => {
    const model = buildModel({
      opset: 9,
      inputs: { x: ['FLOAT', [4]] },
      outputs: ['d'],
      nodes: [
        { op: 'Frobnicate', inputs: ['x'], outputs: ['a'] },
        { op: 'Frobnicate', inputs: ['a'], outputs: ['b'] },
        { op: 'CumSum', inputs: ['b'], outputs: ['c'] },
        { op: 'Warp', domain: 'com.example', inputs: ['c'], outputs: ['d'] },
      ],
    });
    let thrown: unknown;
    try {
      createSession(model);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ name: 'BnnqError', code: 'unsupported' });
    expect((thrown as Error).message).toBe(
      'the model cannot be run, 3 of its operators are not implemented: ai.onnx::Frobnicate (2 nodes), ' +
        'ai.onnx::CumSum of operator set 9 (implemented since 11) (1 node), com.example::Warp (1 node)',
    );
  });

  it('feeds of another name, type or shape: all problems at once', () => {
    const session = createSession(
      buildModel({
        inputs: { a: ['FLOAT', [2, 'N']], b: ['FLOAT', [3]], c: ['INT64', [1]] },
        outputs: ['y'],
        nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['y'] }],
      }),
    );
    const feed = (): unknown =>
      session.run({ a: floats([3, 4], new Float32Array(12)), c: floats([1], [1]), d: floats([1], [1]) });
    expect(feed).toThrow(/input "d": there is no such input, expected "a", "b", "c"/);
    expect(feed).toThrow(/input "a": expected shape \[2,N\], got \[3,4\]/);
    expect(feed).toThrow(/input "b": missing/);
    expect(feed).toThrow(/input "c": expected type INT64, got FLOAT/);
    session.dispose();
  });

  it('shapes that do not fit inside the graph: with the node, and the session goes on working', () => {
    const session = createSession(
      buildModel({
        inputs: { x: ['FLOAT', ['N', 'M']] },
        outputs: ['y'],
        constants: { w: random([6, 3]) },
        nodes: [
          { op: 'Exp', inputs: ['x'], outputs: ['e'] },
          { op: 'MatMul', inputs: ['e', 'w'], outputs: ['y'] },
        ],
      }),
    );
    const good = session.run({ x: random([40, 6]) });
    expect(() => session.run({ x: random([40, 5]) })).toThrow(
      /node "MatMul_1" \(.*\): cannot multiply \[40,5\] by \[6,3\]/,
    );
    expect(session.run({ x: random([40, 6]) })).toEqual(good);
    session.dispose();
  });

  it('values to keep that the graph does not have', () => {
    expect(() => createSession(buildModel(RESIDUAL), { keep: ['c1', 'nix', 'nada'] })).toThrow(
      /keep: the graph has no value "nix", "nada"/,
    );
  });

  it('a session that was disposed of', () => {
    const session = createSession(buildModel(RESIDUAL));
    session.dispose();
    session.dispose();
    expect(() => session.run({ x: random([1, 4, 9, 9]) })).toThrow(/disposed/);
  });
});
