import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../src/formats/onnx/encode.ts';
import { encodePacked } from '../../src/formats/packed/write.ts';
import { readModelBytes } from '../../src/formats/read-model.ts';
import { constantInitializer } from '../../src/ir/constant-initializer.ts';
import { type Initializer, type Model, withInitializers } from '../../src/ir/graph.ts';
import { dequantize } from '../../src/ir/quantized-tensor.ts';
import { planWeights } from '../../src/quantizers/plan/plan-weights.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats } from '../../src/tensor/tensor.ts';
import { buildModel } from './build-model.ts';
import { randomFloats } from './random.ts';

const INPUTS = 9;
const HIDDEN = 13;
const STEPS = 4;
const GATES = { RNN: 1, GRU: 3, LSTM: 4 } as const;
type Op = keyof typeof GATES;

/** A layer in both directions, and the Gemm of a classifier behind it. */
function network(op: Op, batch: number): Model {
  const rows = GATES[op] * HIDDEN;
  const random = (shape: number[], seed: number) =>
    floats(
      shape,
      randomFloats(
        shape.reduce((a, b) => a * b),
        seed,
        -0.4,
        0.4,
      ),
    );
  return buildModel({
    opset: 14,
    inputs: { x: ['FLOAT', [STEPS, batch, INPUTS]] },
    outputs: ['y'],
    constants: {
      w: random([2, rows, INPUTS], 1),
      r: random([2, rows, HIDDEN], 2),
      b: random([2, 2 * rows], 3),
      dense: random([5, 2 * HIDDEN], 4),
    },
    nodes: [
      {
        op,
        inputs: ['x', 'w', 'r', 'b'],
        outputs: ['', 'last'],
        attributes: {
          hidden_size: HIDDEN,
          direction: 'bidirectional',
          ...(op === 'GRU' ? { linear_before_reset: 1 } : {}),
        },
      },
      { op: 'Transpose', inputs: ['last'], outputs: ['turned'], attributes: { perm: [1, 0, 2] } },
      { op: 'Flatten', inputs: ['turned'], outputs: ['flat'] },
      { op: 'Gemm', inputs: ['flat', 'dense'], outputs: ['y'], attributes: { transB: 1 } },
    ],
  });
}

function outputOf(model: Model, batch: number, kernels: 'reference' | 'auto'): Float32Array {
  const session = createSession(model, { kernels });
  const shape = [STEPS, batch, INPUTS];
  const x = floats(shape, randomFloats(STEPS * batch * INPUTS, 5));
  session.run({ x });
  const y = session.run({ x }).get('y')!.data as Float32Array;
  session.dispose();
  return y;
}

/** The model with the floats that its codes stand for. */
function expanded(model: Model): Model {
  const replaced = new Map<string, Initializer>();
  for (const [name, { quantized: q }] of model.graph.initializers)
    if (q !== undefined) replaced.set(name, constantInitializer(name, floats(q.shape, dequantize(q))));
  return withInitializers(model, replaced);
}

describe('the weights of a recurrent layer', () => {
  it('are W and R, with one row for every gate of every unit and direction', () => {
    for (const op of ['RNN', 'GRU', 'LSTM'] as const) {
      const rows = 2 * GATES[op] * HIDDEN;
      const { chosen, skipped } = planWeights(network(op, 1));
      expect(skipped).toEqual([]);
      expect(chosen.map(({ name, rows, columns }) => [name, rows, columns])).toEqual([
        ['w', rows, INPUTS],
        ['r', rows, HIDDEN],
        ['dense', 5, 2 * HIDDEN],
      ]);
    }
  });

  for (const op of ['RNN', 'GRU', 'LSTM'] as const)
    it(`give, discretized, bit for bit what their dequantized floats give, packed or not: ${op}`, async () => {
      for (const [scheme, bits, granularity] of [
        ['linear', 3, 'channel'],
        ['exp', 4, 'tensor'],
        ['binary', 1, 'group:4'],
        ['linear', 8, 'channel'],
      ] as const) {
        const { model } = quantizeModel(network(op, 2), { scheme, bits, granularity });
        const expected = outputOf(expanded(model), 2, 'reference');
        for (const kernels of ['reference', 'auto'] as const)
          expect(outputOf(model, 2, kernels)).toEqual(expected);
        const source = await readModelBytes(encodeModel(network(op, 2)));
        const packed = encodePacked(quantizeModel(source, { scheme, bits, granularity }).model, {
          toolVersion: '1.0.0',
        });
        expect(outputOf(await readModelBytes(packed), 2, 'auto')).toEqual(expected);
      }
    });

  it('stay codes: their floats are never read', () => {
    const { model } = quantizeModel(network('LSTM', 1), { scheme: 'linear', bits: 2 });
    const unread = new Map<string, Initializer>();
    for (const [name, initializer] of model.graph.initializers)
      if (initializer.quantized !== undefined)
        unread.set(name, {
          ...initializer,
          read: () => {
            throw new Error('the floats were asked for');
          },
        });
    for (const kernels of ['reference', 'auto'] as const)
      expect(outputOf(withInitializers(model, unread), 1, kernels)).toEqual(outputOf(model, 1, kernels));
  });

  it('give nearer results with more bits', () => {
    const float = outputOf(network('LSTM', 2), 2, 'auto');
    const distance = (bits: number): number => {
      const { model } = quantizeModel(network('LSTM', 2), { scheme: 'linear', bits });
      return outputOf(model, 2, 'auto').reduce((sum, value, i) => sum + (value - float[i]!) ** 2, 0);
    };
    const distances = [2, 4, 6, 8].map(distance);
    expect(distances).toEqual([...distances].sort((a, b) => b - a));
    expect(distances[3]!).toBeLessThan(distances[0]! / 100);
  });
});
