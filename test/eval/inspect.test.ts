import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectModel } from '../../src/eval/inspect.ts';
import { writePacked } from '../../src/eval/save.ts';
import { encodeModel } from '../../src/formats/onnx/encode.ts';
import { readModel } from '../../src/formats/read-model.ts';
import type { Model } from '../../src/ir/graph.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { createSession } from '../../src/runtime/session.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, type ShortGraph, type ShortModel } from '../runtime/build-model.ts';
import { someTensor } from '../runtime/oracle.ts';

const product = (output: string): ShortGraph => ({
  inputs: {},
  outputs: [output],
  nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: [output] }],
});

/** Two calls of a dense layer that is a function, and a branch that multiplies, too. */
const short: ShortModel = {
  inputs: { x: ['FLOAT', ['n', 16]], c: ['BOOL', []] },
  outputs: ['y'],
  constants: { w: someTensor('FLOAT', [16, 16], 3), v: someTensor('FLOAT', [16, 16], 4) },
  functions: [
    {
      name: 'Dense',
      inputs: ['a', 'k'],
      outputs: ['b'],
      nodes: [
        { op: 'MatMul', inputs: ['a', 'k'], outputs: ['m'] },
        { op: 'Relu', inputs: ['m'], outputs: ['b'] },
      ],
    },
  ],
  nodes: [
    { op: 'Dense', domain: 'local', inputs: ['x', 'w'], outputs: ['h'] },
    { op: 'Dense', domain: 'local', inputs: ['h', 'v'], outputs: ['d'] },
    {
      op: 'If',
      inputs: ['c'],
      outputs: ['e'],
      attributes: { then_branch: product('p'), else_branch: product('q') },
    },
    { op: 'Add', inputs: ['d', 'e'], outputs: ['y'] },
  ],
};

describe('inspect', () => {
  it('counts operators and multiplications inside of functions, and operators of branches', async () => {
    const { operators, macs, uncounted, weights, skipped, parameters } = await inspectModel(
      buildModel(short),
    );
    expect(operators.map(({ opType, count, supported }) => [opType, count, supported])).toEqual([
      ['MatMul', 4, true],
      ['Relu', 2, true],
      ['Add', 1, true],
      ['If', 1, true],
    ]);
    // Either branch multiplies, or the other: neither is counted.
    expect({ macs, uncounted, parameters }).toEqual({ macs: 2 * 16 * 16, uncounted: 2, parameters: 512 });
    expect(weights.map(({ name, node }) => [name, node])).toEqual([['v', 'Dense_1/MatMul_0']]);
    expect(skipped[0]!.name).toBe('w');
    expect(skipped[0]!.reason).toMatch(/uses it, too, and not as a weight/);
  });

  it('marks an operator that is missing inside of a function', async () => {
    const missing = { ...short.functions![0]!, nodes: [{ op: 'Lost', inputs: ['a', 'k'], outputs: ['b'] }] };
    const { operators } = await inspectModel(buildModel({ ...short, functions: [missing] }));
    expect(operators.find(({ opType }) => opType === 'Lost')).toEqual({
      domain: '',
      opType: 'Lost',
      count: 2,
      supported: false,
    });
  });
});

describe('a model with functions', () => {
  it('is quantized, packed, read and run with its functions in place', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bnnq-functions-'));
    try {
      const [source, packed] = [join(folder, 'model.onnx'), join(folder, 'model.bnnq')];
      writeFileSync(source, encodeModel(buildModel(short)));
      const { model } = quantizeModel(await readModel(source), { scheme: 'exp', bits: 3 });
      await writePacked(model, packed);
      const read = await readModel(packed);
      expect(read.functions.map(({ name }) => name)).toEqual(['Dense']);
      expect(read.graph.initializers.get('v')!.quantized!.bits).toBe(3);
      const feeds = { x: someTensor('FLOAT', [5, 16], 1), c: someTensor('BOOL', [], 1) };
      const run = (model: Model): Tensor => {
        const session = createSession(model);
        const y = session.run(feeds).get('y')!;
        session.dispose();
        return y;
      };
      expect(run(read)).toEqual(run(model));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
