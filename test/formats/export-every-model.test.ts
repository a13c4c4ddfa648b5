import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ExportOptions, exportModel } from '../../src/eval/export-model.ts';
import { readModel } from '../../src/formats/read-model.ts';
import type { Model } from '../../src/ir/graph.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { createSession } from '../../src/runtime/session.ts';
import { widen } from '../../src/runtime/widen.ts';
import { numberToFloat16 } from '../../src/tensor/float16.ts';
import { floats, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { runOnnxRuntime } from '../runtime/onnxruntime.ts';
import { randomFloats } from '../runtime/random.ts';
import { sharedData } from '../shared-data.ts';

/** Every way out that onnxruntime runs, with a scheme that it has its own form for. */
const FORMS: readonly [scheme: object, options: ExportOptions][] = [
  [{ scheme: 'exp', bits: 3 }, { to: 'onnx' }],
  [
    { scheme: 'linear', bits: 4, granularity: 'group:32' },
    { to: 'onnx', flavor: 'msft' },
  ],
  [
    { scheme: 'linear', bits: 8, zero: true },
    { to: 'onnx', flavor: 'integer' },
  ],
  [
    { scheme: 'linear', bits: 4 },
    { to: 'onnx', opset: 25 },
  ],
  [
    { scheme: 'ternary', bits: 2 },
    { to: 'onnx', flavor: 'float' },
  ],
];

/**
 * onnxruntime takes DequantizeLinear before a product to a kernel that rounds activations to 8 bits, unless it is told not to:
 * by up to 2 % of the largest output of ad01_autoencoder (docs/export.md).
 */
const FLOAT_PRODUCTS = { session: { qdq_matmulnbits_accuracy_level: '1' } };

/** Probabilities that are all smaller are compared on this scale: a sigmoid of onnxruntime is exact to 1e-7 of one, not of itself. */
const SMALLEST_SCALE = 1e-2;

/** Elements of an input, and bytes of a file, from which on a model takes seconds in each form: then two of them are enough. */
const LARGE_INPUT = 100_000;
const LARGE_FILE = 3e6;

/** Symbols of a shape: one image, 64 wide and high. */
const sizes = (shape: readonly (number | string | null)[]): number[] =>
  shape.map((dim, axis) => (typeof dim === 'number' ? dim : axis === 0 ? 1 : 64));

function inputOf(model: Model, seed: number): Tensor {
  const { dtype, shape } = model.graph.inputs[0]!;
  const dims = sizes(shape!);
  const values = randomFloats(sizeOf(dims), seed, -1, 1);
  return dtype === 'FLOAT16'
    ? { dtype, shape: dims, data: Uint16Array.from(values, numberToFloat16) }
    : floats(dims, values);
}

const folder = sharedData('models');

describe.skipIf(folder === undefined)('every model at hand, in every form (needs ../shared/data)', () => {
  for (const file of folder === undefined ? [] : readdirSync(folder).toSorted())
    it(`${file} leaves for onnxruntime, which gives our outputs`, { timeout: 300_000 }, async () => {
      const path = join(folder!, file);
      const source = await readModel(file.startsWith('tfjs') ? join(path, 'model.json') : path);
      const elements = sizeOf(sizes(source.graph.inputs[0]!.shape!));
      const isLarge = elements > LARGE_INPUT || (source.source.byteLength ?? 0) > LARGE_FILE;
      for (const [scheme, options] of isLarge ? [FORMS[0]!, FORMS[3]!] : FORMS) {
        const what = `${file} ${JSON.stringify([scheme, options])}`;
        const { model } = quantizeModel(source, scheme as never);
        const bytes = exportModel(model, options);
        const session = createSession(model);
        const name = session.inputs[0]!.name;
        const x = inputOf(model, 5);
        const ours = session.run({ [name]: x });
        session.dispose();
        const theirs = await runOnnxRuntime(bytes, { [name]: x }, FLOAT_PRODUCTS);
        expect([...theirs.keys()], what).toEqual([...ours.keys()]);
        for (const [output, expected] of ours) {
          const actual = theirs.get(output)!;
          expect(actual.shape, what).toEqual(expected.shape);
          if (expected.dtype === 'INT64') {
            expect(actual.data, what).toEqual(expected.data);
            continue;
          }
          const [mine, other] = [expected, actual].map((one) => widen(one).data as Float32Array);
          const scale = mine!.reduce((max, v) => Math.max(max, Math.abs(v)), SMALLEST_SCALE);
          const gap = mine!.reduce((max, v, i) => Math.max(max, Math.abs(v - other![i]!)), 0);
          // As models.test.ts has it of float networks: sums of another order; half precision rounds
          // the results of two layers behind them besides.
          expect(gap / scale, what).toBeLessThan(x.dtype === 'FLOAT16' ? 2 ** -10 : 1e-4);
          if (expected.shape.length === 2 && expected.shape[0] === 1)
            expect(other!.indexOf(Math.max(...other!)), what).toBe(mine!.indexOf(Math.max(...mine!)));
        }
      }
    });
});
