import { describe, expect, it } from 'vitest';
import type { Model, Node } from '../../src/ir/graph.ts';
import { quantizedInitializer } from '../../src/ir/quantized-initializer.ts';
import { planesOf } from '../../src/ir/quantized-tensor.ts';
import { subgraphsOf } from '../../src/ir/traverse.ts';
import { createReferenceKernels } from '../../src/kernels/reference.ts';
import { type Evaluate, foldConstants } from '../../src/passes/fold-constants.ts';
import { GraphEditor } from '../../src/passes/graph-editor.ts';
import { rewriteForExecution } from '../../src/runtime/rewrite.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, type Tensor } from '../../src/tensor/tensor.ts';
import {
  buildModel,
  int64,
  type ShortGraph,
  type ShortModel,
  type ShortNode,
} from '../runtime/build-model.ts';
import { expectAsOnnxRuntime, someTensor } from '../runtime/oracle.ts';

const yes: Tensor = { dtype: 'BOOL', shape: [], data: Uint8Array.of(1) };
const fixed = (seed: number, ...shape: number[]): Tensor => someTensor('FLOAT', shape, seed);

const graph = (output: string, ...nodes: ShortNode[]): ShortGraph => ({
  inputs: {},
  outputs: [output],
  nodes,
});

/** y = c ? then : x, beside whatever the nodes make. */
const chosen = (
  then: ShortGraph,
  nodes: readonly ShortNode[],
  rest: Partial<ShortModel> = {},
): ShortModel => ({
  inputs: { c: ['BOOL', []], x: ['FLOAT', [1, 4, 6, 6]] },
  outputs: ['y'],
  ...rest,
  nodes: [
    ...nodes,
    {
      op: 'If',
      inputs: ['c'],
      outputs: ['y'],
      attributes: {
        then_branch: then,
        else_branch: graph('e', { op: 'Neg', inputs: ['x'], outputs: ['e'] }),
      },
    },
  ],
});

function rewritten(short: ShortModel): Model {
  const kernels = createReferenceKernels();
  try {
    return rewriteForExecution(buildModel(short), kernels, []);
  } finally {
    kernels.dispose();
  }
}

const operators = (nodes: readonly Node[]): string[] =>
  nodes.map(({ domain, opType }) => (domain === '' ? opType : `${domain}.${opType}`));

describe('a value that a subgraph captures', () => {
  const w = fixed(3, 4, 4, 3, 3);
  const conv: ShortNode = {
    op: 'Conv',
    inputs: ['x', 'w'],
    outputs: ['k'],
    attributes: { pads: [1, 1, 1, 1] },
  };

  it('is still made when what follows it could be fused into its layer', async () => {
    const short = chosen(
      graph('t', { op: 'Add', inputs: ['k', 'r'], outputs: ['t'] }),
      [conv, { op: 'Relu', inputs: ['k'], outputs: ['r'] }, { op: 'Neg', inputs: ['r'], outputs: ['z'] }],
      { constants: { w }, outputs: ['y', 'z'] },
    );
    expect(operators(rewritten(short).graph.nodes)).toEqual(['Conv', 'Relu', 'Neg', 'If']);
    await expectAsOnnxRuntime(short, { c: yes });
  });

  it('keeps its name when it is the copy that Identity makes', async () => {
    const short = chosen(
      graph('t', { op: 'Add', inputs: ['i', 'x'], outputs: ['t'] }),
      [
        { op: 'Tanh', inputs: ['x'], outputs: ['h'] },
        { op: 'Identity', inputs: ['h'], outputs: ['i'] },
        { op: 'Neg', inputs: ['i'], outputs: ['z'] },
      ],
      { outputs: ['y', 'z'] },
    );
    await expectAsOnnxRuntime(short, { c: yes });
  });

  it('may be a constant that is computed while loading; the subgraph then folds on', async () => {
    const short = chosen(
      graph(
        't',
        { op: 'Add', inputs: ['b', 'b'], outputs: ['b2'] },
        { op: 'Mul', inputs: ['x', 'b2'], outputs: ['t'] },
      ),
      [{ op: 'Exp', inputs: ['a'], outputs: ['b'] }],
      { constants: { a: fixed(5, 4, 1, 1) } },
    );
    const { graph: main } = rewritten(short);
    expect(operators(main.nodes)).toEqual(['If']);
    expect([...main.initializers.keys()]).toEqual([]);
    const branch = main.nodes.flatMap(subgraphsOf).find(({ outputs }) => outputs[0]!.name === 't')!;
    expect(operators(branch.nodes)).toEqual(['Mul']);
    expect([...branch.initializers.keys()]).toEqual(['b2']);
    await expectAsOnnxRuntime(short, { c: yes });
  });

  it('may be the weight of a layer, which is fused with what follows it in the subgraph', async () => {
    const short = chosen(
      graph(
        't',
        conv,
        { op: 'Mul', inputs: ['k', 's'], outputs: ['m'] },
        { op: 'Relu', inputs: ['m'], outputs: ['t'] },
      ),
      [{ op: 'Conv', inputs: ['x', 'w'], outputs: ['z'] }],
      { constants: { w, s: fixed(4, 1, 4, 1, 1) }, outputs: ['y', 'z'] },
    );
    const { graph: main } = rewritten(short);
    const branch = main.nodes.flatMap(subgraphsOf).find(({ outputs }) => outputs[0]!.name === 't')!;
    expect(operators(branch.nodes)).toEqual(['bnnq.Conv']);
    expect(branch.initializers.get('w')).toBe(main.initializers.get('w'));
    await expectAsOnnxRuntime(short, { c: yes });
  });

  it('may be a discretized weight, which a loop reads from its codes and holds once', () => {
    const size = 64;
    const weight = quantizedInitializer('w', {
      scheme: 'linear',
      bits: 2,
      granularity: 'tensor',
      shape: [size, size],
      dtype: 'FLOAT',
      layout: { split: [size, size], perm: [1, 0], rowAxes: 1 },
      rows: size,
      columns: size,
      groupSize: size,
      rule: 'linear',
      params: Float32Array.of(0.25),
      planes: planesOf(
        Uint8Array.from({ length: size * size }, (_, i) => (i * 7 + (i >> 5)) % 4),
        2,
      ),
    });
    const body: ShortGraph = {
      inputs: { i: ['INT64', []], go: ['BOOL', []], v: ['FLOAT', [2, size]] },
      outputs: ['go', 'n'],
      outputTypes: { go: 'BOOL' },
      nodes: [
        { op: 'MatMul', inputs: ['v', 'w'], outputs: ['m'] },
        { op: 'Tanh', inputs: ['m'], outputs: ['n'] },
      ],
    };
    const model = (w: typeof weight | Tensor): ShortModel => ({
      inputs: { x: ['FLOAT', [2, size]] },
      outputs: ['y', 'z'],
      constants: { w, three: int64([3], []) },
      nodes: [
        { op: 'Loop', inputs: ['three', '', 'x'], outputs: ['y'], attributes: { body } },
        { op: 'MatMul', inputs: ['x', 'w'], outputs: ['z'] },
      ],
    });
    const x = fixed(1, 2, size);
    const [coded, plain] = [weight, weight.read()].map((w) => {
      const session = createSession(buildModel(model(w)));
      session.run({ x });
      const outputs = session.run({ x });
      const { weightBytes } = session.memory;
      session.dispose();
      return { outputs, weightBytes };
    });
    expect(coded!.outputs).toEqual(plain!.outputs);
    // One copy of the codes (2 bits of 32) and its tables, beside one copy of the floats laid out.
    expect(coded!.weightBytes).toBeLessThan(size * size * 4 * 0.25);
    expect(plain!.weightBytes).toBeLessThan(size * size * 4 * 1.5);
  });

  it('is no free name for a constant that a pass adds inside of the subgraph', () => {
    const inner = buildModel({
      inputs: { x: ['FLOAT', [1]] },
      outputs: ['y'],
      nodes: [{ op: 'Add', inputs: ['x', 'y/scale'], outputs: ['y'] }],
    });
    expect(new GraphEditor(inner).addConstant('y/scale', floats([1], [1]))).toBe('y/scale_2');
  });
});

describe('fold-constants', () => {
  it('runs no loop, be its operands constant or not', () => {
    const evaluated: string[] = [];
    const evaluate: Evaluate = (node) => {
      evaluated.push(node.opType);
      return undefined;
    };
    const endless: ShortGraph = {
      inputs: { i: ['INT64', []], go: ['BOOL', []], v: ['FLOAT', [1]] },
      outputs: ['go', 'n'],
      outputTypes: { go: 'BOOL' },
      nodes: [{ op: 'Neg', inputs: ['v'], outputs: ['n'] }],
    };
    const short: ShortModel = {
      inputs: { x: ['FLOAT', [1]] },
      outputs: ['y'],
      constants: { yes, one: floats([1], [1]) },
      nodes: [
        { op: 'Loop', inputs: ['', 'yes', 'one'], outputs: ['l'], attributes: { body: endless } },
        { op: 'Abs', inputs: ['one'], outputs: ['a'] },
        { op: 'Sum', inputs: ['x', 'l', 'a'], outputs: ['y'] },
      ],
    };
    foldConstants(evaluate).run(buildModel(short));
    expect(evaluated).toEqual(['Abs']);
    expect(operators(rewritten(short).graph.nodes)).toEqual(['Loop', 'Sum']);
  });
});
