import { describe, expect, it } from 'vitest';
import { extractGraph, valuesAcross } from '../../src/passes/extract-graph.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats } from '../../src/tensor/tensor.ts';
import { buildModel, type ShortGraph } from '../runtime/build-model.ts';

/** A residual block: relu(a·x) + x, a scaled by a node, then two outputs. */
const RESIDUAL = buildModel({
  inputs: { x: ['FLOAT', ['N', 2]] },
  outputs: ['z', 'h'],
  constants: {
    a: floats([2, 2], [1, -1, 0.5, 2]),
    two: floats([], [2]),
    bias: floats([2], [0.25, -0.5]),
    unused: floats([1], [1]),
  },
  nodes: [
    { op: 'Mul', inputs: ['a', 'two'], outputs: ['w'] },
    { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] },
    { op: 'Relu', inputs: ['y'], outputs: ['h'] },
    { op: 'Add', inputs: ['h', 'x'], outputs: ['s'] },
    { op: 'Add', inputs: ['s', 'bias'], outputs: ['z'] },
  ],
});

const BRANCH: ShortGraph = {
  inputs: {},
  outputs: ['inner'],
  nodes: [{ op: 'Add', inputs: ['early', 'k'], outputs: ['inner'] }],
};
const BRANCHING = buildModel({
  inputs: { x: ['FLOAT', [2]], c: ['BOOL', []] },
  outputs: ['y'],
  constants: { k: floats([2], [1, 2]) },
  nodes: [
    { op: 'Neg', inputs: ['x'], outputs: ['early'] },
    { op: 'Abs', inputs: ['x'], outputs: ['late'] },
    {
      op: 'If',
      inputs: ['c'],
      outputs: ['chosen'],
      attributes: { then_branch: BRANCH, else_branch: BRANCH },
    },
    { op: 'Add', inputs: ['chosen', 'late'], outputs: ['y'] },
  ],
});

describe('the part of a graph between values', () => {
  it('has the nodes on the way, in their order, and what they use', () => {
    const { graph } = extractGraph(RESIDUAL, ['x', 'h'], ['z']);
    expect(graph.nodes.map(({ outputs }) => outputs[0])).toEqual(['s', 'z']);
    expect(graph.inputs.map(({ name }) => name)).toEqual(['x', 'h']);
    expect([...graph.initializers.keys()]).toEqual(['bias']);
    expect(graph.inputs[0]).toEqual(RESIDUAL.graph.inputs[0]);
    expect(RESIDUAL.graph.nodes.length).toBe(5);
  });

  it('makes what depends on no input from the constants', () => {
    const { graph } = extractGraph(RESIDUAL, ['x'], ['y']);
    expect(graph.nodes.map(({ outputs }) => outputs[0])).toEqual(['w', 'y']);
    expect([...graph.initializers.keys()]).toEqual(['a', 'two']);
  });

  it('leaves out inputs that are not needed', () => {
    expect(extractGraph(RESIDUAL, ['x', 'y'], ['h']).graph.inputs.map(({ name }) => name)).toEqual(['y']);
  });

  it('gives the values of the whole graph', () => {
    const x = floats([3, 2], [1, 2, -3, 4, 0.5, -0.25]);
    const whole = createSession(RESIDUAL, { keep: ['s'] });
    const values = whole.run({ x }, { fetch: ['s'] });
    const part = createSession(extractGraph(RESIDUAL, ['h', 'x'], ['s', 'z']));
    const found = part.run({ x, h: values.get('h')! });
    expect([...found.keys()]).toEqual(['s', 'z']);
    for (const name of ['s', 'z']) expect(found.get(name)).toEqual(values.get(name));
    whole.dispose();
    part.dispose();
  });

  it('follows what branches take from around them', () => {
    expect(extractGraph(BRANCHING, ['x', 'c'], ['chosen']).graph.nodes.map(({ opType }) => opType)).toEqual([
      'Neg',
      'If',
    ]);
    expect([...extractGraph(BRANCHING, ['early', 'c'], ['chosen']).graph.initializers.keys()]).toEqual(['k']);
  });

  it.each([
    ['a value that does not exist', ['x'], ['nothing'], '"nothing" cannot be made from x'],
    ['a value that the inputs do not lead to', ['h'], ['z'], '"x" cannot be made from h'],
    ['nothing to begin with', [], ['y'], '"x" cannot be made from nothing'],
    ['an input', ['x'], ['x'], '"x" is not made by a node'],
    ['an initializer', ['x'], ['a'], '"a" is not made by a node'],
    ['a fed value', ['h', 'x'], ['h'], '"h" is not made by a node'],
  ])('refuses %s', (_, inputs, outputs, message) => {
    expect(() => extractGraph(RESIDUAL, inputs, outputs)).toThrow(message);
  });
});

describe('the values across a cut', () => {
  it.each([
    ['w', ['x']],
    ['y', ['x']],
    ['h', ['y', 'x']],
    ['s', ['h', 'x']],
    ['z', ['s']],
  ])('before %s are %j: what is made ahead and used later, constants left out', (before, values) => {
    expect(valuesAcross(RESIDUAL, before)).toEqual(values);
  });

  it('hold what branches take from around them', () => {
    expect(valuesAcross(BRANCHING, 'chosen').sort()).toEqual(['c', 'early', 'late']);
  });

  it('are refused before a value that no node makes', () => {
    expect(() => valuesAcross(RESIDUAL, 'x')).toThrow('"x" is not made by a node');
  });
});
