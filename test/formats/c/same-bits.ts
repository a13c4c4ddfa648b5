import { expect } from 'vitest';
import { type CSources, exportC } from '../../../src/eval/export-c.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { sizeOf } from '../../../src/tensor/tensor.ts';
import { Random } from '../../kernels/support/random.ts';
import { compile, runProgram } from './toolchain.ts';

/** What the session gives for samples one behind the other, each run alone. */
export function runtimeOutputs(model: Model, samples: Float32Array): Float32Array {
  const session = createSession(model);
  const [input] = model.graph.inputs;
  const shape = input!.shape!.map((dim, axis) => (axis === 0 ? 1 : (dim as number)));
  const count = sizeOf(shape);
  const outputs: number[] = [];
  for (let at = 0; at < samples.length; at += count) {
    const data = samples.slice(at, at + count);
    const [made] = session.run({ [input!.name]: { dtype: 'FLOAT', shape, data } }).values();
    for (const value of made!.data as Float32Array) outputs.push(value);
  }
  session.dispose();
  return Float32Array.from(outputs);
}

export function inputCount(model: Model): number {
  return sizeOf(model.graph.inputs[0]!.shape!.slice(1) as number[]);
}

/** Random samples of a model's input, from low to high. */
export function randomSamples(model: Model, count: number, low = -2, high = 2, seed = 1): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count * inputCount(model) }, () => low + (high - low) * random.unit());
}

/** Compares bits, NaN with NaN. */
export function expectSameBits(made: Float32Array, expected: Float32Array): void {
  expect(made.length).toBe(expected.length);
  const differing = [...expected].flatMap((value, i) => (Object.is(value, made[i]) ? [] : [i]));
  expect(differing.map((i) => [i, made[i], expected[i]]).slice(0, 5)).toEqual([]);
}

/** Exports, compiles with warnings as errors, runs and compares. */
export function expectSame(model: Model, samples: Float32Array, flags?: readonly string[]): CSources {
  const sources = exportC(model, { name: 'net' });
  expectSameBits(runProgram(compile(sources, flags), samples), runtimeOutputs(model, samples));
  return sources;
}
