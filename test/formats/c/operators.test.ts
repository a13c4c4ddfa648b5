import { describe, expect, it } from 'vitest';
import { exportC } from '../../../src/eval/export-c.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { int64s } from '../../../src/runtime/shapes.ts';
import { floats, type Tensor } from '../../../src/tensor/tensor.ts';
import { Random } from '../../kernels/support/random.ts';
import { buildModel, type ShortAttribute, type ShortNode } from '../../runtime/build-model.ts';
import { randomFloats } from '../../runtime/random.ts';
import { expectSame, inputCount } from './same-bits.ts';
import { HAS_GCC } from './toolchain.ts';

type Shape = readonly number[];

const weight = (shape: Shape, seed = 1): Tensor =>
  floats(
    shape,
    randomFloats(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  );

/** One node on x, with constants by name. */
function single(
  op: string,
  shape: Shape,
  constants: Readonly<Record<string, Tensor>> = {},
  attributes: Readonly<Record<string, ShortAttribute>> = {},
  opset = 17,
): Model {
  const inputs = ['x', ...Object.keys(constants)];
  return chain(shape, [{ op, inputs, outputs: ['y'], attributes }], constants, opset);
}

function chain(
  shape: Shape,
  nodes: readonly ShortNode[],
  constants: Readonly<Record<string, Tensor>> = {},
  opset = 17,
): Model {
  return buildModel({ opset, inputs: { x: ['FLOAT', ['N', ...shape]] }, outputs: ['y'], constants, nodes });
}

const node = (
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, ShortAttribute>> = {},
): ShortNode => ({ op, inputs, outputs: [output], attributes });

const conv = (
  shape: Shape,
  kernel: Shape,
  attributes: Readonly<Record<string, ShortAttribute>> = {},
): Model => single('Conv', shape, { w: weight(kernel), b: weight([kernel[0]!], 2) }, attributes);

const CASES: Readonly<Record<string, Model>> = {
  'Conv with pads, strides and dilations': conv([3, 9, 8], [4, 3, 3, 2], {
    pads: [1, 2, 0, 1],
    strides: [2, 3],
    dilations: [1, 2],
  }),
  'Conv in groups': conv([4, 5, 6], [6, 2, 3, 3], { group: 2, pads: [1, 1, 1, 1] }),
  'Conv by channel': conv([5, 7, 7], [5, 1, 3, 3], { group: 5, pads: [1, 1, 1, 1], strides: [2, 2] }),
  'Conv by channel with two outputs each': conv([3, 6, 6], [6, 1, 2, 2], { group: 3 }),
  'Conv by Winograd, odd sizes': conv([9, 7, 11], [5, 9, 3, 3], { pads: [1, 0, 1, 2] }),
  'Conv by Winograd without padding': conv([8, 4, 8], [3, 8, 3, 3]),
  'Conv of one tap': conv([7, 4, 3], [9, 7, 1, 1]),
  'Conv whose windows lie in the padding': conv([2, 2, 2], [2, 2, 3, 3], { pads: [4, 4, 4, 4] }),
  'Conv over one axis': single('Conv', [3, 11], { w: weight([4, 3, 4]) }, { pads: [1, 2], strides: [2] }),
  'Conv, SAME_UPPER': conv([2, 7, 8], [3, 2, 3, 3], { auto_pad: 'SAME_UPPER', strides: [2, 2] }),
  'Gemm of rows': single('Gemm', [70], { w: weight([5, 70]), b: weight([5]) }, { transB: 1 }),
  'Gemm of columns': single('Gemm', [33], { w: weight([33, 4]), b: weight([1, 4]) }),
  'MatMul of several vectors': single('MatMul', [3, 6], { w: weight([6, 5]) }),
  BatchNormalization: single('BatchNormalization', [3, 4, 2], {
    scale: weight([3], 5),
    bias: weight([3], 6),
    mean: weight([3], 7),
    variance: floats([3], Float32Array.of(0.5, 2, 1e-3)),
  }),
  'MaxPool with padding': single(
    'MaxPool',
    [3, 7, 6],
    {},
    {
      kernel_shape: [3, 2],
      strides: [2, 2],
      pads: [1, 1, 1, 0],
    },
  ),
  'MaxPool, ceil_mode': single(
    'MaxPool',
    [2, 6, 5],
    {},
    { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 },
  ),
  'AveragePool without the padding': single(
    'AveragePool',
    [2, 5, 5],
    {},
    {
      kernel_shape: [3, 3],
      pads: [1, 1, 1, 1],
    },
  ),
  'AveragePool with the padding': single(
    'AveragePool',
    [2, 5, 5],
    {},
    {
      kernel_shape: [3, 3],
      pads: [1, 1, 2, 1],
      strides: [2, 2],
      count_include_pad: 1,
    },
  ),
  GlobalAveragePool: single('GlobalAveragePool', [5, 4, 3]),
  GlobalMaxPool: single('GlobalMaxPool', [5, 4, 3]),
  Relu: single('Relu', [40]),
  Clip: single('Clip', [40], {
    low: floats([], Float32Array.of(-0.5)),
    high: floats([], Float32Array.of(1.25)),
  }),
  'Clip by attributes': single('Clip', [40], {}, { min: { float: 0 }, max: { float: 6 } }, 6),
  LeakyRelu: single('LeakyRelu', [40], {}, { alpha: { float: 0.1 } }),
  HardSigmoid: single('HardSigmoid', [40]),
  HardSwish: single('HardSwish', [40]),
  Sigmoid: single('Sigmoid', [60]),
  Tanh: single('Tanh', [60]),
  Exp: single('Exp', [60]),
  Neg: single('Neg', [40]),
  Abs: single('Abs', [40]),
  Sign: single('Sign', [40]),
  'Add of a channel': single('Add', [3, 2, 2], { b: weight([3, 1, 1]) }),
  'Sub, the constant first': chain([3, 4], [node('Sub', ['b', 'x'], 'y')], { b: weight([4]) }),
  'Mul of two axes': single('Mul', [3, 4, 5], { b: weight([3, 1, 5]) }),
  'Div of a scalar': single('Div', [3, 4], { b: weight([]) }),
  'Max and Min': chain([3, 5], [node('Max', ['x', 'b'], 'm'), node('Min', ['m', 'c', 'x'], 'y')], {
    b: weight([5], 3),
    c: weight([3, 1], 4),
  }),
  'a constant that makes the value larger': single('Add', [1, 4], { b: weight([3, 1]) }),
  'a value with itself': chain([6], [node('Mul', ['x', 'x'], 'y')]),
  'Softmax of the last axis': single('Softmax', [3, 7], {}, { axis: -1 }),
  'Softmax of a middle axis': single('Softmax', [4, 3, 2], {}, { axis: 1 }),
  'Softmax of all behind an axis': single('Softmax', [3, 4], {}, { axis: 1 }, 11),
  Transpose: single('Transpose', [3, 4, 5], {}, { perm: [0, 3, 1, 2] }),
  Slice: single('Slice', [4, 6], {
    a: int64s([1, 5]),
    e: int64s([4, -7]),
    axes: int64s([1, 2]),
    s: int64s([1, -2]),
  }),
  'Pad with a constant': single('Pad', [2, 3, 3], {
    pads: int64s([0, 1, 2, 0, 0, 0, 1, 3]),
    value: floats([], Float32Array.of(0.75)),
  }),
  'Pad that crops': single('Pad', [2, 5], { pads: int64s([0, 0, -1, 0, 1, -2]) }),
  'Concat of channels': chain(
    [4, 3],
    [node('Relu', ['x'], 'r'), node('Neg', ['x'], 'n'), node('Concat', ['r', 'x', 'n'], 'y', { axis: 1 })],
  ),
  'Flatten, Reshape, Unsqueeze, Squeeze': chain(
    [4, 3, 2],
    [
      node('Flatten', ['x'], 'f', { axis: 1 }),
      node('Reshape', ['f', 'shape'], 'r'),
      node('Unsqueeze', ['r', 'axis'], 'u'),
      node('Squeeze', ['u', 'axis'], 's'),
      node('Identity', ['s'], 'i'),
      node('Relu', ['i'], 'y'),
    ],
    { shape: int64s([0, 6, -1]), axis: int64s([1]) },
  ),
  'shapes that are computed': chain(
    [4, 3, 2],
    [
      node('Shape', ['x'], 'dims'),
      node('Gather', ['dims', 'first'], 'n', { axis: 0 }),
      node('Concat', ['n', 'rest'], 'shape', { axis: 0 }),
      node('Reshape', ['x', 'shape'], 'r'),
      node('Relu', ['r'], 'y'),
    ],
    { first: int64s([0]), rest: int64s([-1]) },
  ),
  'a residual sum, its clamp, and both operands read again': chain(
    [4, 5, 5],
    [
      node('Conv', ['x', 'w'], 'a', { pads: [1, 1, 1, 1] }),
      node('Relu', ['a'], 'b'),
      node('Conv', ['b', 'v'], 'c', { pads: [1, 1, 1, 1] }),
      node('Add', ['c', 'b'], 'd'),
      node('Relu', ['d'], 'e'),
      node('Conv', ['e', 'w'], 'f', { pads: [1, 1, 1, 1] }),
      node('Add', ['f', 'e'], 'g'),
      node('Mul', ['g', 'b'], 'y'),
    ],
    { w: weight([4, 4, 3, 3], 1), v: weight([4, 4, 3, 3], 2) },
  ),
  'a sum with what is repeated': chain(
    [4, 5, 5],
    [
      node('GlobalAveragePool', ['x'], 'p'),
      node('Conv', ['x', 'w'], 'c'),
      node('Add', ['c', 'p'], 's'),
      node('Relu', ['s'], 'y'),
    ],
    { w: weight([4, 4, 1, 1]) },
  ),
  'a layer whose output is added to what it read': chain(
    [6],
    [node('MatMul', ['x', 'w'], 'a'), node('Add', ['a', 'x'], 'y')],
    { w: weight([6, 6]) },
  ),
};

describe.skipIf(!HAS_GCC)('operators written in C give the bits of the runtime (needs gcc)', () => {
  for (const [name, model] of Object.entries(CASES))
    it(name, () => {
      const count = 3 * inputCount(model);
      // Beyond 1e15 sums become infinite: for layers ordinary numbers do.
      const isLayer = /Conv|Gemm|MatMul|layer|sum/.test(name);
      expectSame(model, isLayer ? randomFloats(count, 9) : new Random(count).floats(count));
    });
});

describe('a network that cannot be written in C', () => {
  it('is refused with all operators that are not known', () => {
    const model = chain([4], [node('Erf', ['x'], 'a'), node('Cos', ['a'], 'b'), node('Erf', ['b'], 'y')]);
    expect(() => exportC(model)).toThrow(
      'c: operators that cannot be written in C: Erf (2 nodes), Cos (1 node)',
    );
  });

  it('is refused with the node where an operator is used in a way that is not known', () => {
    const model = single('Pad', [3, 4], { pads: int64s([0, 0, 1, 0, 0, 1]) }, { mode: 'reflect' });
    expect(() => exportC(model)).toThrow(/^c: node "[^"]*" \(Pad\): Pad that is not a step along each axis/);
  });

  it('is refused where there are several inputs or outputs, or dimensions are open', () => {
    const two = buildModel({
      inputs: { x: ['FLOAT', ['N', 4]], z: ['FLOAT', ['N', 4]] },
      outputs: ['y'],
      nodes: [node('Add', ['x', 'z'], 'y')],
    });
    expect(() => exportC(two)).toThrow('one input and one output is needed, this has 2 and 1');
    const open = buildModel({
      inputs: { x: ['FLOAT', ['N', 'W']] },
      outputs: ['y'],
      nodes: [node('Relu', ['x'], 'y')],
    });
    expect(() => exportC(open)).toThrow('input "x" is FLOAT [N,W], FLOAT with known dimensions is needed');
  });

  it('is refused under a name that C does not take', () => {
    const model = single('Relu', [4]);
    expect(() => exportC(model, { name: '2nd' })).toThrow('c: the name "2nd" is no identifier of C');
    expect(() => exportC(model, { name: 'main' })).toThrow('that of the test program');
  });

  it('is refused where a constant is not finite', () => {
    const model = single('Mul', [2], { b: floats([2], Float32Array.of(1, Number.POSITIVE_INFINITY)) });
    expect(() => exportC(model, { name: 'net' })).toThrow('finite numbers are needed');
  });
});
