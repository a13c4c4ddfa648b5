import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exportModel } from '../../src/eval/export-model.ts';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import type { Model } from '../../src/ir/graph.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, type ShortNode } from '../runtime/build-model.ts';
import { runOnnxRuntime } from '../runtime/onnxruntime.ts';
import { randomFloats } from '../runtime/random.ts';
import { bytesOf } from './onnx-bytes.ts';

const DOMAIN = 'finn.custom_op.general';

function withDomain(model: Model): Model {
  return { ...model, opsets: new Map([...model.opsets, [DOMAIN, 1]]) };
}

/** Says that onnxruntime makes of the exported file what our runtime makes of the model, bit for bit but for the sign of 0. */
async function expectSameBits(
  model: Model,
  feeds: Readonly<Record<string, Tensor>>,
  what: string,
): Promise<void> {
  const session = createSession(model);
  const ours = session.run(feeds);
  session.dispose();
  const theirs = await runOnnxRuntime(exportModel(model, { to: 'onnx' }), feeds);
  for (const [name, { shape, data }] of ours) {
    expect(theirs.get(name)!.shape, what).toEqual(shape);
    const [mine, other] = [data, theirs.get(name)!.data].map((one) =>
      bytesOf((one as Float32Array).map((v) => v + 0)),
    );
    expect(Buffer.compare(mine!, other!), what).toBe(0);
  }
}

/** Values with some of every threshold, infinities and NaN among them. */
const values = (count: number, seed: number, exact: readonly number[]): Float32Array => {
  const x = randomFloats(count, seed, -3, 3);
  const special = [...exact, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, -0];
  for (let i = 0; i < count; i += 3) x[i] = special[(i / 3) % special.length]!;
  return x;
};

describe('MultiThreshold in operators of the standard', () => {
  const CHANNELS = 3;
  const LAYOUTS = [
    { shape: [2, CHANNELS], layout: 'NCHW' },
    { shape: [2, CHANNELS, 4, 2], layout: 'NCHW' },
    { shape: [2, 4, 2, CHANNELS], layout: 'NHWC' },
    { shape: [2, 5, CHANNELS], layout: 'NCHW' },
  ] as const;

  it('gives the bits of our runtime: layouts, numbers of thresholds, scales, a row for all channels or one each', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...LAYOUTS),
        fc.constantFrom(1, CHANNELS),
        fc.integer({ min: 1, max: 255 }),
        fc.constantFrom([1, 0], [2, -1], [0.3, -0.7]),
        fc.integer({ min: 1, max: 1e6 }),
        async ({ shape, layout }, rows, steps, [scale, bias], seed) => {
          const thresholds = randomFloats(rows * steps, seed, -2, 2);
          for (let r = 0; r < rows; r++) thresholds.subarray(r * steps, (r + 1) * steps).sort();
          const node: ShortNode = {
            ...{ op: 'MultiThreshold', domain: DOMAIN, inputs: ['x', 't'], outputs: ['y'] },
            attributes: { out_scale: { float: scale! }, out_bias: { float: bias! }, data_layout: layout },
          };
          const model = buildModel({
            ...{ opset: 11, inputs: { x: ['FLOAT', shape] }, outputs: ['y'], nodes: [node] },
            constants: { t: floats([rows, steps], thresholds) },
          });
          const x = floats(shape, values(sizeOf(shape), seed, [...thresholds.subarray(0, 4)]));
          await expectSameBits(
            withDomain(model),
            { x },
            JSON.stringify([shape, layout, rows, steps, scale, bias]),
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is refused where the axis of the channels cannot be told, by name', () => {
    const node: ShortNode = { op: 'MultiThreshold', domain: DOMAIN, inputs: ['x', 't'], outputs: ['y'] };
    const model = buildModel({
      ...{ opset: 11, inputs: { x: ['FLOAT', [1]] }, outputs: ['y'], nodes: [node] },
      constants: { t: floats([1, 2], [0, 1]) },
    });
    const inputs = [{ name: 'x', dtype: 'FLOAT' as const }];
    const unknown = withDomain({ ...model, graph: { ...model.graph, inputs } });
    expect(() => exportModel(unknown, { to: 'onnx' })).toThrow(
      'onnx: node "MultiThreshold_0" (finn.custom_op.general.MultiThreshold): no operators of the standard do what MultiThreshold does here',
    );
  });
});

describe('Quant in operators of the standard', () => {
  const MODES = [
    'ROUND',
    'CEIL',
    'FLOOR',
    'UP',
    'DOWN',
    'ROUND_TO_ZERO',
    'HALF_EVEN',
    'HALF_UP',
    'HALF_DOWN',
  ];

  it('gives the bits of our runtime: signed or not, narrow or not, every rounding, one bit as a sign', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            signed: fc.constantFrom(0, 1),
            narrow: fc.constantFrom(0, 1),
            mode: fc.constantFrom(...MODES),
            bits: fc.integer({ min: 1, max: 8 }),
            zero: fc.constantFrom(0, 1, -0.5),
            scale: fc.constantFrom(0.25, 0.3, 1),
          }),
          { minLength: 1, maxLength: 6 },
        ),
        async (quants) => {
          const nodes = quants.map(
            ({ signed, narrow, mode }, i): ShortNode => ({
              ...{ op: i % 2 === 0 ? 'Quant' : 'IntQuant', domain: DOMAIN, outputs: [`y${i}`] },
              inputs: ['x', `s${i}`, `z${i}`, `b${i}`],
              attributes: { signed, narrow, rounding_mode: mode },
            }),
          );
          const constants = quants.flatMap(({ bits, zero, scale }, i) => [
            [`s${i}`, floats([], [scale])] as const,
            [`z${i}`, floats([], [zero])] as const,
            [`b${i}`, floats([], [bits])] as const,
          ]);
          const model = buildModel({
            ...{
              opset: 11,
              inputs: { x: ['FLOAT', [40]] },
              outputs: nodes.map(({ outputs }) => outputs[0]!),
            },
            ...{ nodes, constants: Object.fromEntries(constants) },
          });
          // What Quant makes of NaN and infinities, no standard says.
          const x = floats([40], randomFloats(40, 3, -3, 3));
          await expectSameBits(withDomain(model), { x }, JSON.stringify(quants));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is one function for nodes that do the same, and overloads for others, which read back as the nodes that they were', () => {
    const quant = (signed: number, output: string): ShortNode => ({
      ...{ op: 'Quant', domain: DOMAIN, inputs: ['x', 's', 'z', 'b'], outputs: [output] },
      attributes: { signed, narrow: 0, rounding_mode: 'ROUND' },
    });
    const model = buildModel({
      ...{ opset: 13, inputs: { x: ['FLOAT', [4]] }, outputs: ['u', 'v', 'w'] },
      nodes: [quant(1, 'u'), quant(0, 'v'), quant(1, 'w')],
      constants: { s: floats([], [0.5]), z: floats([], [0]), b: floats([], [3]) },
    });
    const bytes = exportModel(withDomain(model), { to: 'onnx' });
    const back = readOnnx(bytes);
    expect(back.functions.map(({ name, overload }) => [name, overload])).toEqual([
      ['Quant', ''],
      ['Quant', '2'],
    ]);
    expect(back.graph.nodes.map(({ overload }) => overload)).toEqual([undefined, '2', undefined]);
    expect(back.irVersion).toBe(10);
    const results = [withDomain(model), back].map((one) => {
      const session = createSession(one);
      const y = session.run({ x: floats([4], [-2, -0.3, 0.3, 5]) });
      session.dispose();
      return y;
    });
    expect(results[1]).toEqual(results[0]);
  });
});
