import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportModel } from '../../src/eval/export-model.ts';
import { readNpy, writeNpy } from '../../src/formats/npy/npy.ts';
import { readModel } from '../../src/formats/read-model.ts';
import { quantizedInitializer } from '../../src/ir/quantized-initializer.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, type Tensor } from '../../src/tensor/tensor.ts';
import { randomFloats } from '../runtime/random.ts';
import { readAsForeign } from './exported-bytes.ts';
import { bytesOf } from './onnx-bytes.ts';
import { modelOfWeights, type SampleWeight, sampleWeight, WEIGHTS } from './quantized-samples.ts';

const RULES = ['linear', 'linear-zero', 'affine', 'ternary'] as const;

/** Samples with the rules that QONNX has nodes for. */
const equalSteps = WEIGHTS.map((sample): SampleWeight => {
  const rule = RULES[sample.seed % RULES.length]!;
  const bits = rule === 'ternary' ? 2 : rule === 'linear-zero' ? Math.max(2, sample.bits) : sample.bits;
  return { ...sample, rule, bits, dtype: 'FLOAT' };
});

const SAMPLE: SampleWeight = {
  ...{ rule: 'geometric', bits: 3, granularity: 'channel', dtype: 'FLOAT', seed: 1, shape: [4, 6] },
  layout: { split: [4, 6], perm: [0, 1], rowAxes: 1 },
};

describe('a weight in a QONNX file', () => {
  it('is rounded to the very floats that it stands for: rules, bits, granularities, layouts', () => {
    fc.assert(
      fc.property(fc.array(equalSteps, { minLength: 1, maxLength: 6 }), (samples) => {
        const weights = samples.map(sampleWeight);
        const session = createSession(readAsForeign(exportModel(modelOfWeights(weights), { to: 'qonnx' })));
        const results = session.run({ x: floats([1], [1]) });
        session.dispose();
        weights.forEach((q, i) => {
          const expected = quantizedInitializer('', q).read();
          const { shape, data } = results.get(`y${i}`)!;
          expect(shape).toEqual(expected.shape);
          expect([...(data as Float32Array)].map((v) => v + 0)).toEqual(
            [...(expected.data as Float32Array)].map((v) => v + 0),
          );
        });
      }),
      { numRuns: 100 },
    );
  });

  it('of one bit is rounded by BipolarQuant, whatever the rule', () => {
    for (const rule of ['linear', 'bases', 'geometric', 'magnitudes'] as const) {
      const model = modelOfWeights([sampleWeight({ ...SAMPLE, rule, bits: 1 })]);
      const { graph, opsets } = readAsForeign(exportModel(model, { to: 'qonnx' }));
      expect(graph.nodes[0]!.opType).toBe('BipolarQuant');
      expect(opsets.get('qonnx.custom_op.general')).toBe(1);
    }
  });

  it('is rounded by IntQuant on demand, and where the model speaks of IntQuant already', () => {
    const q = sampleWeight({ ...SAMPLE, rule: 'linear' });
    const model = modelOfWeights([q]);
    const operators = (bytes: Uint8Array) => readAsForeign(bytes).graph.nodes.map(({ opType }) => opType);
    expect(operators(exportModel(model, { to: 'qonnx', flavor: 'integer' }))).toContain('IntQuant');
    expect(operators(exportModel(model, { to: 'qonnx' }))).toContain('Quant');
    const spoken = readAsForeign(exportModel(model, { to: 'qonnx', flavor: 'integer' }));
    const nodes = [
      ...model.graph.nodes,
      { ...spoken.graph.nodes[0]!, inputs: ['x', 'x', 'x', 'x'], outputs: ['r'] },
    ];
    const bilingual = { ...model, graph: { ...model.graph, nodes } };
    expect(operators(exportModel(bilingual, { to: 'qonnx' }))).not.toContain('Quant');
  });

  it('is 0 where its Δ is 0, whatever it is divided by', () => {
    const q = { ...sampleWeight({ ...SAMPLE, rule: 'linear' }), params: Float32Array.of(0.5, 0, 0.25, 0) };
    const session = createSession(readAsForeign(exportModel(modelOfWeights([q]), { to: 'qonnx' })));
    const y = session.run({ x: floats([1], [1]) }).get('y0')!.data as Float32Array;
    session.dispose();
    expect([...y].map((v) => v + 0)).toEqual(
      [...(quantizedInitializer('', q).read().data as Float32Array)].map((v) => v + 0),
    );
  });

  it('is refused by name where its levels are not equally far apart, or is left as floats on demand', () => {
    const equal = sampleWeight({ ...SAMPLE, rule: 'linear' });
    const model = modelOfWeights([sampleWeight(SAMPLE), equal, sampleWeight({ ...SAMPLE, rule: 'table' })]);
    expect(() => exportModel(model, { to: 'qonnx' })).toThrow(
      'qonnx: 2 weights have levels that are not equally far apart, which no node of QONNX says: "w0" (of geometric, 3 bits), "w2" (of table, 3 bits); flavor "float" writes these as floats',
    );
    const { graph } = readAsForeign(exportModel(model, { to: 'qonnx', flavor: 'float' }));
    expect(graph.nodes.filter(({ opType }) => opType === 'Quant').map(({ outputs }) => outputs)).toEqual([
      ['w1'],
    ]);
    expect(graph.initializers.get('w0')!.read().data).toEqual(
      quantizedInitializer('', sampleWeight(SAMPLE)).read().data,
    );
    expect(() => exportModel(model, { to: 'qonnx', flavor: 'planes' })).toThrow(/^flavor: /);
    expect(() => exportModel(model, { to: 'qonnx', opset: 21 })).toThrow(/^opset: /);
  });
});

// BNNQ_PYTHON names another interpreter, such as that of a virtual environment.
const python = process.env.BNNQ_PYTHON ?? 'python3';
const hasQonnx = spawnSync(python, ['-c', 'import qonnx, numpy']).status === 0;

const EXECUTE = `
import sys
import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes
model = ModelWrapper(sys.argv[1]).transform(InferShapes())
x = np.load(sys.argv[2])
y = [execute_onnx(model, {model.graph.input[0].name: one[None]})[model.graph.output[0].name] for one in x]
np.save(sys.argv[3], np.concatenate(y))
`;

describe.skipIf(!hasQonnx)('the executor of the package qonnx (needs python3 with qonnx)', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bnnq-qonnx-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What the package makes of a file, one image at a time. */
  const execute = (bytes: Uint8Array, x: Tensor): Tensor => {
    const [model, input, output] = ['model.onnx', 'x.npy', 'y.npy'].map((name) => join(folder, name));
    writeFileSync(model!, bytes);
    writeFileSync(input!, writeNpy(x));
    execFileSync(python, ['-c', EXECUTE, model!, input!, output!], { stdio: 'pipe' });
    return readNpy(readFileSync(output!), 'y.npy');
  };

  it.each(['linear', 'ternary', 'binary'])('gives our results for the demo network: %s', async (scheme) => {
    const bits = scheme === 'linear' ? 4 : scheme === 'ternary' ? 2 : 1;
    const source = await readModel('examples/demo/digits.onnx');
    const { model } = quantizeModel(source, { scheme, bits } as never);
    // The package wants shapes that are known.
    const inputs = model.graph.inputs.map((one) => ({ ...one, shape: [1, 1, 28, 28] }));
    const fixed = { ...model, graph: { ...model.graph, inputs } };
    const x = floats([4, 1, 28, 28], randomFloats(4 * 784, 3, 0, 1));
    const session = createSession(model);
    const expected = [...session.run({ [inputs[0]!.name]: x }).values()][0]!;
    session.dispose();
    const actual = execute(exportModel(fixed, { to: 'qonnx' }), x);
    expect(actual.shape).toEqual(expected.shape);
    const [ours, theirs] = [expected.data as Float32Array, actual.data as Float32Array];
    const scale = ours.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
    ours.forEach((v, i) => {
      expect(Math.abs(v - theirs[i]!) / scale).toBeLessThan(1e-5);
    });
  });

  it.each(['Quant', 'IntQuant'])('gives the very floats of a weight behind %s', (operator) => {
    const q = sampleWeight({ ...SAMPLE, rule: 'linear', bits: 4, granularity: 'group:3' });
    const model = modelOfWeights([q]);
    const outputs = model.graph.outputs.filter(({ name }) => name === 'y0');
    const actual = execute(
      exportModel(
        { ...model, graph: { ...model.graph, outputs } },
        { to: 'qonnx', ...(operator === 'IntQuant' ? { flavor: 'integer' } : {}) },
      ),
      floats([1], [1]),
    );
    const expected = quantizedInitializer('', q).read().data as Float32Array;
    expect(Buffer.compare(bytesOf(actual.data as Float32Array), bytesOf(expected))).toBe(0);
  });
});
