import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ExportOptions, exportModel } from '../../src/eval/export-model.ts';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import { encodePacked } from '../../src/formats/packed/write.ts';
import type { Model } from '../../src/ir/graph.ts';
import type { LevelRule } from '../../src/ir/levels.ts';
import { quantizedInitializer } from '../../src/ir/quantized-initializer.ts';
import { codesOf, dequantize, type QuantizedTensor } from '../../src/ir/quantized-tensor.ts';
import { quantizeWeight } from '../../src/quantizers/quantize-weight.ts';
import { SCHEME_NAMES } from '../../src/quantizers/registry.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats } from '../../src/tensor/tensor.ts';
import { buildModel } from '../runtime/build-model.ts';
import { randomFloats } from '../runtime/random.ts';
import { readAsForeign, withNotes } from './exported-bytes.ts';
import { bytesOf } from './onnx-bytes.ts';
import { modelOfWeights, type SampleWeight, sampleWeight, WEIGHTS } from './quantized-samples.ts';

const FORMS: readonly ExportOptions[] = [
  { to: 'onnx' },
  { to: 'onnx', flavor: 'integer' },
  { to: 'onnx', opset: 25 },
  { to: 'onnx', flavor: 'msft' },
  { to: 'qonnx', flavor: 'float' },
  { to: 'qonnx', flavor: 'integer' },
];

/** Codes in which a level that two codes stand for has the lower one: integers have one zero. */
function plainCodes(q: QuantizedTensor): number[] {
  const half = 2 ** (q.bits - 1);
  const hasZero = ['linear-zero', 'ternary'].includes(q.rule);
  return Array.from(codesOf(q), (code) => (hasZero && code === half ? 0 : code));
}

/** Says that two weights stand for the same floats, −0 being 0. */
function expectSameValues(back: QuantizedTensor, q: QuantizedTensor, what: string): void {
  const [actual, expected] = [back, q].map((one) => bytesOf(dequantize(one).map((v) => v + 0)));
  expect(Buffer.compare(actual!, expected!), what).toBe(0);
}

/** The weight of that name in what is read from an exported file. */
function readBack(
  weights: readonly QuantizedTensor[],
  options: ExportOptions,
): (QuantizedTensor | undefined)[] {
  const { graph } = readOnnx(exportModel(modelOfWeights(weights, 21), options));
  return weights.map((_, i) => graph.initializers.get(`w${i}`)?.quantized);
}

/** Whether the form holds more than floats of such a weight. */
function isHeld({ to }: ExportOptions, { rule, bits }: QuantizedTensor): boolean {
  if (to === 'onnx') return true;
  const pairs: LevelRule[] = ['linear', 'bases', 'geometric', 'magnitudes'];
  if (bits === 1) return pairs.includes(rule) || rule === 'affine';
  return ['linear', 'linear-zero', 'affine', 'ternary'].includes(rule);
}

describe('a discretized weight that comes back from an exported file', () => {
  it.each(FORMS)('has its codes, levels, scheme, granularity and rows: %j', (options) => {
    fc.assert(
      fc.property(fc.array(WEIGHTS, { minLength: 1, maxLength: 6 }), (samples) => {
        const weights = samples.map(sampleWeight).filter((q) => isHeld(options, q));
        readBack(weights, options).forEach((back, i) => {
          const q = weights[i]!;
          const what = JSON.stringify([options, q]);
          expect(back, what).toBeDefined();
          expect(back!.dtype, what).toBe(q.dtype);
          expectSameValues(back!, q, what);
          const { scheme, bits, granularity, shape, layout } = q;
          expect({ scheme, bits, granularity, shape, layout }, what).toEqual({
            ...{ scheme: back!.scheme, bits: back!.bits, granularity: back!.granularity },
            ...{ shape: back!.shape, layout: back!.layout },
          });
          if (back!.rule === q.rule) expect([...back!.params], what).toEqual([...q.params]);
          // ±a and −a, 0, a are one thing in QONNX, whatever made them: no more parameters than before.
          else
            expect([options.to, q.bits < 3, back!.params.length <= q.params.length], what).toEqual([
              'qonnx',
              true,
              true,
            ]);
          if (q.rule !== 'affine' || options.to === 'onnx')
            expect(plainCodes(back!), what).toEqual(plainCodes(q));
        });
      }),
      { numRuns: 60 },
    );
  });

  it('is what each scheme made of floats: every scheme, width and granularity, in every form', () => {
    const shape = [6, 4, 3, 3];
    const layout = { split: shape, perm: [0, 1, 2, 3], rowAxes: 1 };
    const tensor = floats(shape, randomFloats(216, 7));
    for (const options of FORMS) {
      const weights: QuantizedTensor[] = [];
      for (const scheme of SCHEME_NAMES)
        for (const granularity of ['tensor', 'channel', 'group:9', 'group:16'] as const)
          for (const bits of scheme === 'ternary' ? [2] : [1, 2, 3, 4, 5, 8]) {
            const settings = { scheme, bits, granularity } as never;
            const { quantized } = quantizeWeight(tensor, layout, settings, 'w');
            if (isHeld(options, quantized)) weights.push(quantized);
          }
      readBack(weights, options).forEach((back, i) => {
        const q = weights[i]!;
        const what = JSON.stringify([options, q.scheme, q.bits, q.granularity]);
        expect(back?.scheme, what).toBe(q.scheme);
        expectSameValues(back!, q, what);
        expect(plainCodes(back!), what).toEqual(plainCodes(q));
      });
    }
  });

  const [K, N] = [64, 6];
  const PRODUCTS = [
    ['MatMul', [K, N], ['x', 'w'], {}],
    ['Gemm', [N, K], ['x', 'w', 'b'], { transB: 1 }],
    ['Gemm', [K, N], ['x', 'w', 'b'], {}],
    ['Gemm', [N, K], ['x', 'w'], { transB: 1 }],
  ] as const;
  it.each(PRODUCTS)(
    'of MatMulNBits has its codes and levels, and its %s with %j reads it again',
    (op, shape, inputs, attributes) => {
      const layout = { split: shape, perm: shape[0] === N ? [0, 1] : [1, 0], rowAxes: 1 };
      for (const rule of ['linear', 'linear-zero', 'affine'] as const)
        for (const bits of [2, 4, 8])
          for (const granularity of ['group:16', 'group:32', 'group:128', 'channel'] as const) {
            const sample: SampleWeight = {
              rule,
              bits,
              granularity,
              dtype: 'FLOAT',
              seed: bits,
              shape,
              layout,
            };
            const q = sampleWeight(sample);
            const model = buildModel({
              ...{ opset: 17, inputs: { x: ['FLOAT', [3, K]] }, outputs: ['y'] },
              constants: { w: quantizedInitializer('w', q), b: floats([N], randomFloats(N, 9)) },
              nodes: [{ op, inputs: [...inputs], outputs: ['y'], attributes }],
            });
            const bytes = exportModel(model, { to: 'onnx', flavor: 'msft' });
            const back = readOnnx(bytes);
            const [node] = back.graph.nodes;
            expect([node!.opType, node!.inputs]).toEqual([op, inputs]);
            const again = back.graph.initializers.get('w')!.quantized!;
            const what = JSON.stringify(sample);
            expectSameValues(again, q, what);
            expect(plainCodes(again), what).toEqual(plainCodes(q));
            expect([...again.params], what).toEqual([...q.params]);
            expect(again.layout, what).toEqual(layout);
            expect([...exportModel(back, { to: 'onnx', flavor: 'msft' })].length, what).toBe(bytes.length);
          }
    },
  );

  it('is what the nodes make, whatever stands in the notes', () => {
    const NOTES = fc.record(
      {
        scheme: fc.constantFrom('linear', 'ternary', 'exp', 'x'),
        granularity: fc.constantFrom('tensor', 'channel', 'group:3', 'group:5', 'group:8', 'group:0', 'x'),
        layout: fc.record({
          split: fc.constantFrom([4, 6], [6, 4], [24], [2, 2, 6], [3, 8], [5], 'x'),
          perm: fc.constantFrom([0, 1], [1, 0], [0], [2, 0, 1], [0, 0], [], 'x'),
          rowAxes: fc.constantFrom(0, 1, 2, 9, -1, 'x'),
        }),
      },
      { requiredKeys: [] },
    );
    const sample = fc
      .constantFrom(
        { shape: [4, 6], layout: { split: [4, 6], perm: [0, 1], rowAxes: 1 } },
        { shape: [4, 6], layout: { split: [4, 6], perm: [1, 0], rowAxes: 1 } },
      )
      .chain((place) => WEIGHTS.map((one) => ({ ...one, ...place, dtype: 'FLOAT' as const })));
    fc.assert(
      fc.property(sample, NOTES, fc.constantFrom(...FORMS), (one, notes, options) => {
        const q = sampleWeight(one);
        if (!isHeld(options, q)) return;
        const bytes = exportModel(modelOfWeights([q], 21), options);
        const run = (model: Model): number[] => {
          const session = createSession(model);
          const y = session.run({ x: floats([1], [1]) }).get('y0')!.data as Float32Array;
          session.dispose();
          return [...y].map((v) => v + 0);
        };
        expect(
          run(readOnnx(withNotes(bytes, JSON.stringify(notes)))),
          JSON.stringify([one, notes, options]),
        ).toEqual(run(readAsForeign(bytes)));
      }),
      { numRuns: 300 },
    );
  });

  it('is no larger when it is packed again', () => {
    fc.assert(
      fc.property(
        fc.array(WEIGHTS, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(...FORMS),
        (samples, options) => {
          const weights = samples.map(sampleWeight);
          if (!weights.every((q) => isHeld(options, q))) return;
          const model = modelOfWeights(weights, 21);
          const back = readOnnx(exportModel(model, options));
          const [before, after] = [model, back].map(
            (one) => encodePacked(one, { toolVersion: '1.0.0' }).length,
          );
          // The packed file of the second keeps what names of the file it was read from: no byte a weight.
          expect(after! - before!, JSON.stringify([options, samples])).toBeLessThan(400);
        },
      ),
      { numRuns: 40 },
    );
  });
});
