import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/ir/graph.ts';
import { codeWeights } from '../../src/passes/code-weights.ts';
import { fuseInteger } from '../../src/passes/fuse-integer.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { Random } from '../kernels/support/random.ts';
import { buildModel, type ShortModel, type ShortNode } from '../runtime/build-model.ts';
import { randomFloats } from '../runtime/random.ts';

const scalar = (value: number): Tensor => floats([], Float32Array.of(value));
const GRID = { scale: scalar(0.25), zero: scalar(0), two: scalar(2) };
/** No sum of products with it lies half way between two codes: such go up in integers, to even in floats. */
const BIAS: Tensor = floats([20], new Float32Array(20).fill(2 ** -13));
const IMAGE: ShortModel['inputs'] = { x: ['FLOAT', ['N', 6, 7, 8]] };
const quant = (input: string, output: string): ShortNode => ({
  ...{ op: 'Quant', domain: 'qonnx.custom_op.general', attributes: { signed: 0 } },
  ...{ inputs: [input, 'scale', 'zero', 'two'], outputs: [output] },
});

/** Elements drawn from values, times a scale that each row of the first axis has. */
function drawn(
  shape: readonly number[],
  values: readonly number[],
  rowScales: readonly number[] = [1],
): Tensor {
  const random = new Random(sizeOf(shape));
  const columns = sizeOf(shape) / shape[0]!;
  return floats(
    shape,
    Float32Array.from(
      { length: sizeOf(shape) },
      (_, i) => random.pick(values) * rowScales[Math.floor(i / columns) % rowScales.length]!,
    ),
  );
}

function coded(model: Model): { operators: string[]; weights: { bits: number; granularity: string }[] } {
  const { graph } = runPasses(model, [codeWeights, fuseInteger]).model;
  return {
    operators: graph.nodes.map(({ opType }) => opType),
    weights: [...graph.initializers.values()].flatMap(({ quantized }) =>
      quantized === undefined ? [] : [{ bits: quantized.bits, granularity: quantized.granularity }],
    ),
  };
}

/** Scales are powers of two: the integers give the bits of the float graph. */
function expectSame(model: Model, x: Tensor): void {
  const run = (kernels: 'reference' | 'simd', keep: readonly string[]): Float32Array => {
    const session = createSession(model, { kernels, keep });
    const y = session.run({ x }).get('y')!.data as Float32Array;
    session.dispose();
    return y;
  };
  const plain = run(
    'reference',
    model.graph.nodes.flatMap(({ outputs }) => outputs),
  );
  expect(new Set(plain).size).toBeGreaterThan(4);
  expect(run('reference', [])).toEqual(plain);
  expect(run('simd', [])).toEqual(plain);
}

const image = (): Tensor => floats([2, 6, 7, 8], randomFloats(2 * 336, 4));

describe('weights that are floats of few values', () => {
  it.each([
    ['two values', [-0.5, 0.5], [1], { bits: 1, granularity: 'tensor' }],
    ['three values', [-0.25, 0, 0.25], [1], { bits: 2, granularity: 'tensor' }],
    ['three values of a scale a row', [-1, 0, 1], [0.5, 2, 8, 1], { bits: 2, granularity: 'channel' }],
    [
      'all steps of four bits',
      Array.from({ length: 16 }, (_, i) => (i - 8) / 4),
      [1],
      { bits: 4, granularity: 'tensor' },
    ],
  ] as const)(
    'are codes where a Quant rounds what a convolution reads: %s',
    (_, values, scales, expected) => {
      const model = buildModel({
        ...{ inputs: IMAGE, outputs: ['y'] },
        constants: {
          ...GRID,
          w: drawn([20, 6, 3, 3], values, scales),
          v: drawn([3, 20, 1, 1], [-1, 1]),
          b: BIAS,
        },
        nodes: [
          quant('x', 'q'),
          { op: 'Conv', inputs: ['q', 'w', 'b'], outputs: ['c'], attributes: { pads: [1, 1, 1, 1] } },
          quant('c', 'd'),
          { op: 'MaxPool', inputs: ['d'], outputs: ['p'], attributes: { kernel_shape: [2, 2] } },
          { op: 'Conv', inputs: ['p', 'v'], outputs: ['y'] },
        ],
      });
      const { operators, weights } = coded(model);
      expect(operators).toEqual(['Codes', 'IntegerConv', 'CodePool', 'IntegerConv']);
      expect(weights).toEqual([expected, { bits: 1, granularity: 'tensor' }]);
      expectSame(model, image());
    },
  );

  // Few bits by few bits, in as many columns as it takes for bits to be counted.
  it.each([
    [130, [-1, 1]],
    [520, [-1, 0, 1]],
  ] as const)(
    'are codes in matrices of either order, once for all that read them so: %i columns of %j',
    (size, values) => {
      const model = buildModel({
        ...{ inputs: { x: ['FLOAT', ['N', size]] }, outputs: ['y'] },
        constants: { ...GRID, w: drawn([size, size], values) },
        nodes: [
          quant('x', 'q'),
          { op: 'Gemm', inputs: ['q', 'w'], outputs: ['a'] },
          quant('a', 'b'),
          { op: 'Gemm', inputs: ['b', 'w'], outputs: ['c'], attributes: { transB: 1 } },
          quant('c', 'd'),
          { op: 'Gemm', inputs: ['d', 'w'], outputs: ['y'], attributes: { transB: 1 } },
        ],
      });
      const { operators, weights } = coded(model);
      expect(operators).toEqual(['Codes', 'IntegerLinear', 'IntegerLinear', 'IntegerLinear']);
      expect(weights).toHaveLength(2);
      expectSame(model, floats([5, size], randomFloats(5 * size, 2)));
    },
  );

  it.each([
    ['nothing rounds what the layer reads', [-1, 1], false],
    ['values are no multiples of a unit', [-Math.PI / 4, 0.5, Math.E / 3], true],
    ['a value is not finite', [-1, Number.POSITIVE_INFINITY], true],
  ] as const)('stay floats where %s', (_, values, isRounded) => {
    const model = buildModel({
      ...{ inputs: IMAGE, outputs: ['y'] },
      constants: { ...GRID, w: drawn([4, 6, 1, 1], values) },
      nodes: [
        ...(isRounded ? [quant('x', 'q')] : [{ op: 'Relu', inputs: ['x'], outputs: ['q'] }]),
        { op: 'Conv', inputs: ['q', 'w'], outputs: ['y'] },
      ],
    });
    expect(runPasses(model, [codeWeights]).changed).toEqual([]);
  });
});
