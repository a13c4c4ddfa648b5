import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/ir/graph.ts';
import { fuseAffine } from '../../src/passes/fuse-affine.ts';
import { fuseClamp } from '../../src/passes/fuse-clamp.ts';
import { fusePad } from '../../src/passes/fuse-pad.ts';
import { fuseResidual } from '../../src/passes/fuse-residual.ts';
import { type Pass, runPasses } from '../../src/passes/pass.ts';
import { removeIdentity } from '../../src/passes/remove-identity.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, int64, type ShortModel } from '../runtime/build-model.ts';
import { randomFloats } from '../runtime/random.ts';

const random = (shape: readonly number[], seed = 1): Tensor =>
  floats(shape, randomFloats(sizeOf(shape), seed));
const positive = (shape: readonly number[]): Tensor => floats(shape, randomFloats(sizeOf(shape), 8, 0.2, 2));

/** Operators of the rewritten graph, in order. */
function operatorsAfter(model: Model, passes: readonly Pass[]): string[] {
  return runPasses(model, passes).model.graph.nodes.map((node) => node.opType);
}

/** What the graph gives node by node: every value is kept, so that nothing can be fused. */
function plainOutputs(model: Model, feeds: Record<string, Tensor>): Map<string, Tensor> {
  const names = model.graph.nodes.flatMap((node) => node.outputs).filter((name) => name !== '');
  const session = createSession(model, { keep: names });
  const outputs = session.run(feeds);
  session.dispose();
  return outputs;
}

/** The largest difference between the fused and the plain run, as a part of the largest value. */
function differenceByFusing(model: Model, feeds: Record<string, Tensor>): number {
  const session = createSession(model);
  const fused = session.run(feeds);
  session.dispose();
  let worst = 0;
  for (const [name, plain] of plainOutputs(model, feeds)) {
    const want = plain.data as Float32Array;
    const got = fused.get(name)!.data as Float32Array;
    const size = want.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
    want.forEach((v, i) => {
      worst = Math.max(worst, Math.abs(v - got[i]!) / size);
    });
  }
  return worst;
}

/** A few roundings of float32. */
const ROUNDING = 1e-6;

const image: ShortModel['inputs'] = { x: ['FLOAT', [2, 3, 8, 7]] };
const conv = (output = 'c'): ShortModel['nodes'][0] => ({
  op: 'Conv',
  inputs: ['x', 'w', 'b'],
  outputs: [output],
  attributes: { pads: [1, 1, 1, 1] },
});
const weights = { w: random([4, 3, 3, 3], 2), b: random([4], 3) };
const statistics = { g: random([4], 4), s: random([4], 5), m: random([4], 6), v: positive([4]) };
const norm = (input: string, output: string): ShortModel['nodes'][0] => ({
  op: 'BatchNormalization',
  inputs: [input, 'g', 's', 'm', 'v'],
  outputs: [output],
});

describe('fuse-affine', () => {
  it('takes BatchNormalization into the epilogue of the convolution before it and leaves the weight alone', () => {
    const model = buildModel({
      inputs: image,
      outputs: ['y'],
      constants: { ...weights, ...statistics },
      nodes: [conv(), norm('c', 'y')],
    });
    const { graph } = runPasses(model, [fuseAffine]).model;
    expect(graph.nodes.map((node) => `${node.domain}::${node.opType}`)).toEqual(['bnnq::Conv']);
    expect(graph.initializers.get('w')).toBe(model.graph.initializers.get('w'));
    expect([...graph.initializers.keys()].sort()).toEqual(['w', 'y/bias', 'y/scale']);
    expect(differenceByFusing(model, { x: random([2, 3, 8, 7]) })).toBeLessThan(ROUNDING);
  });

  it('takes a chain of channel constants', () => {
    const model = buildModel({
      inputs: image,
      outputs: ['y'],
      constants: {
        ...weights,
        ...statistics,
        a: random([4, 1, 1]),
        f: random([1, 4, 1, 1], 9),
        h: floats([], [3]),
      },
      nodes: [
        conv(),
        { op: 'Add', inputs: ['c', 'a'], outputs: ['d'] },
        { op: 'Mul', inputs: ['f', 'd'], outputs: ['e'] },
        norm('e', 'n'),
        { op: 'Sub', inputs: ['h', 'n'], outputs: ['o'] },
        { op: 'Div', inputs: ['o', 'h'], outputs: ['y'] },
      ],
    });
    expect(operatorsAfter(model, [fuseAffine])).toEqual(['Conv']);
    expect(differenceByFusing(model, { x: random([2, 3, 8, 7]) })).toBeLessThan(ROUNDING);
  });

  it('takes BatchNormalization behind a Gemm, and makes a lone one an Affine', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', [5, 6]] },
      outputs: ['y', 'z'],
      constants: { k: random([4, 6]), ...statistics },
      nodes: [
        { op: 'Gemm', inputs: ['x', 'k'], outputs: ['c'], attributes: { transB: 1 } },
        norm('c', 'y'),
        { op: 'Sigmoid', inputs: ['y'], outputs: ['t'] },
        norm('t', 'z'),
      ],
    });
    expect(operatorsAfter(model, [fuseAffine])).toEqual(['Linear', 'Sigmoid', 'Affine']);
    expect(differenceByFusing(model, { x: random([5, 6]) })).toBeLessThan(ROUNDING);
  });

  it('leaves alone what others read too, what is not constant, and constants along other axes', () => {
    const model = buildModel({
      inputs: { ...image, q: ['FLOAT', [4, 1, 1]] },
      outputs: ['y', 'c', 'u', 'r'],
      constants: { ...weights, ...statistics, row: random([7]) },
      nodes: [
        conv('c'),
        norm('c', 'y'),
        conv('t'),
        { op: 'Add', inputs: ['t', 'row'], outputs: ['u'] },
        conv('p'),
        { op: 'Mul', inputs: ['p', 'q'], outputs: ['r'] },
      ],
    });
    expect(operatorsAfter(model, [fuseAffine])).toEqual(['Conv', 'Affine', 'Conv', 'Add', 'Conv', 'Mul']);
    expect(differenceByFusing(model, { x: random([2, 3, 8, 7]), q: random([4, 1, 1]) })).toBeLessThan(
      ROUNDING,
    );
  });
});

describe('fuse-residual and fuse-clamp', () => {
  it('make one operator of Conv, BatchNormalization, residual Add and Relu', () => {
    const model = buildModel({
      inputs: { ...image, r: ['FLOAT', [2, 4, 8, 7]] },
      outputs: ['y'],
      constants: { ...weights, ...statistics },
      nodes: [
        conv(),
        norm('c', 'n'),
        { op: 'Add', inputs: ['r', 'n'], outputs: ['a'] },
        { op: 'Relu', inputs: ['a'], outputs: ['y'] },
      ],
    });
    const { graph } = runPasses(model, [fuseAffine, fuseResidual, fuseClamp]).model;
    expect(graph.nodes.map((node) => node.opType)).toEqual(['Conv']);
    expect(graph.nodes[0]!.inputs).toEqual(['x', 'w', 'n/scale', 'n/bias', 'r']);
    expect(differenceByFusing(model, { x: random([2, 3, 8, 7]), r: random([2, 4, 8, 7], 7) })).toBeLessThan(
      ROUNDING,
    );
  });

  it('give the residual to the later of two layers', () => {
    const model = buildModel({
      inputs: image,
      outputs: ['y'],
      constants: weights,
      nodes: [conv('late'), conv('early'), { op: 'Add', inputs: ['early', 'late'], outputs: ['y'] }],
    });
    expect(runPasses(model, [fuseResidual]).model.graph.nodes.map((node) => node.outputs)).toEqual([
      ['late'],
      ['y'],
    ]);
    expect(differenceByFusing(model, { x: random([2, 3, 8, 7]) })).toBeLessThan(ROUNDING);
  });

  it('add a residual of another shape by broadcasting, then clamp', () => {
    for (const shape of [
      [1, 4, 1, 1],
      [3, 1, 4, 8, 7],
    ]) {
      const model = buildModel({
        inputs: { x: ['FLOAT', [1, 3, 8, 7]], r: ['FLOAT', shape] },
        outputs: ['y'],
        constants: weights,
        nodes: [
          conv(),
          { op: 'Add', inputs: ['c', 'r'], outputs: ['a'] },
          { op: 'Relu', inputs: ['a'], outputs: ['y'] },
        ],
      });
      expect(operatorsAfter(model, [fuseResidual, fuseClamp])).toEqual(['Conv']);
      expect(differenceByFusing(model, { x: random([1, 3, 8, 7]), r: random(shape, 7) })).toBe(0);
    }
  });

  it('take ReLU6 written as Clip, by attributes and by inputs', () => {
    const byAttributes = buildModel({
      opset: 9,
      inputs: image,
      outputs: ['y'],
      constants: weights,
      nodes: [
        conv(),
        { op: 'Clip', inputs: ['c'], outputs: ['y'], attributes: { min: { float: 0 }, max: { float: 0.5 } } },
      ],
    });
    const byInputs = buildModel({
      inputs: image,
      outputs: ['y'],
      constants: { ...weights, low: floats([], [0]), high: floats([], [0.5]) },
      nodes: [conv(), { op: 'Clip', inputs: ['c', 'low', 'high'], outputs: ['y'] }],
    });
    for (const model of [byAttributes, byInputs]) {
      expect(operatorsAfter(model, [fuseClamp])).toEqual(['Conv']);
      expect(differenceByFusing(model, { x: random([2, 3, 8, 7]) })).toBe(0);
    }
  });

  it('do not clamp twice, nor add behind a clamp', () => {
    const model = buildModel({
      inputs: { ...image, r: ['FLOAT', [2, 4, 8, 7]] },
      outputs: ['y'],
      constants: { ...weights, low: floats([], [-9]), high: floats([], [0.5]) },
      nodes: [
        conv(),
        { op: 'Relu', inputs: ['c'], outputs: ['a'] },
        { op: 'Clip', inputs: ['a', 'low', 'high'], outputs: ['d'] },
        { op: 'Add', inputs: ['d', 'r'], outputs: ['y'] },
      ],
    });
    expect(operatorsAfter(model, [fuseResidual, fuseClamp])).toEqual(['Conv', 'Clip', 'Add']);
    expect(differenceByFusing(model, { x: random([2, 3, 8, 7]), r: random([2, 4, 8, 7], 7) })).toBe(0);
  });
});

describe('fuse-pad', () => {
  it('turns zeros around the image into padding of the convolution', () => {
    const model = buildModel({
      inputs: image,
      outputs: ['y'],
      constants: { ...weights, pads: int64([0, 0, 1, 2, 0, 0, 0, 1]) },
      nodes: [
        { op: 'Pad', inputs: ['x', 'pads'], outputs: ['p'] },
        { ...conv('y'), inputs: ['p', 'w', 'b'] },
      ],
    });
    const { graph } = runPasses(model, [fusePad]).model;
    expect(graph.nodes.map((node) => node.opType)).toEqual(['Conv']);
    expect(graph.nodes[0]!.attributes.get('pads')).toEqual({ type: 'INTS', value: [2, 3, 1, 2] });
    expect(differenceByFusing(model, { x: random([2, 3, 8, 7]) })).toBe(0);
  });

  it('leaves other paddings alone: another value, other axes, reflection', () => {
    const variants: readonly [readonly number[], number, string][] = [
      [[0, 0, 1, 1, 0, 0, 1, 1], 1, 'constant'],
      [[0, 0, 1, 1, 0, 1, 1, 1], 0, 'constant'],
      [[0, 0, 1, 1, 0, 0, 1, 1], 0, 'reflect'],
    ];
    for (const [pads, value, mode] of variants) {
      const model = buildModel({
        inputs: image,
        outputs: ['y'],
        constants: {
          w: random([4, pads[5] === 1 ? 4 : 3, 3, 3]),
          b: random([4]),
          pads: int64(pads),
          value: floats([], [value]),
        },
        nodes: [
          { op: 'Pad', inputs: ['x', 'pads', 'value'], outputs: ['p'], attributes: { mode } },
          { ...conv('y'), inputs: ['p', 'w', 'b'] },
        ],
      });
      expect(operatorsAfter(model, [fusePad])).toEqual(['Pad', 'Conv']);
    }
  });
});

describe('remove-identity', () => {
  it('takes out Identity and Dropout, and keeps the names of outputs', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', [4]] },
      outputs: ['y'],
      nodes: [
        { op: 'Identity', inputs: ['x'], outputs: ['a'] },
        { op: 'Exp', inputs: ['a'], outputs: ['b'] },
        { op: 'Dropout', inputs: ['b'], outputs: ['c', 'mask'] },
        { op: 'Neg', inputs: ['c'], outputs: ['d'] },
        { op: 'Identity', inputs: ['d'], outputs: ['y'] },
      ],
    });
    const { graph } = runPasses(model, [removeIdentity]).model;
    expect(graph.nodes.map((node) => [node.opType, ...node.inputs, ...node.outputs])).toEqual([
      ['Exp', 'x', 'b'],
      ['Neg', 'b', 'y'],
    ]);
    expect(differenceByFusing(model, { x: random([4]) })).toBe(0);
  });

  it('keeps an Identity between an input and an output, and a Dropout whose mask is used', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', [4]] },
      outputs: ['y', 'mask'],
      nodes: [
        { op: 'Identity', inputs: ['x'], outputs: ['y'] },
        { op: 'Dropout', inputs: ['x'], outputs: ['d', 'mask'] },
      ],
    });
    expect(operatorsAfter(model, [removeIdentity])).toEqual(['Identity', 'Dropout']);
  });
});

describe('the runner of passes', () => {
  const model = buildModel({
    inputs: { x: ['FLOAT', [4]] },
    outputs: ['y'],
    nodes: [{ op: 'Exp', inputs: ['x'], outputs: ['y'] }],
  });

  it('returns the same model when nothing was to do', () => {
    const result = runPasses(model, [fuseAffine, fuseResidual, fuseClamp, fusePad, removeIdentity]);
    expect(result.model).toBe(model);
    expect(result.changed).toEqual([]);
  });

  it('catches a pass that breaks the graph', () => {
    const broken = (run: Pass['run']): Pass => ({ name: 'breaks', agreement: 'bitwise', run });
    const withoutNodes = broken((m) => ({ ...m, graph: { ...m.graph, nodes: [] } }));
    expect(() => runPasses(model, [withoutNodes])).toThrow(/pass breaks: .*"y"/);
    const withoutOutputs = broken((m) => ({ ...m, graph: { ...m.graph, outputs: [] } }));
    expect(() => runPasses(model, [withoutOutputs])).toThrow(/pass breaks: outputs were \[y\]/);
  });
});
