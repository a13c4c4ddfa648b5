import { describe, expect, it } from 'vitest';
import { createReferenceKernels } from '../../src/kernels/reference.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, type Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, int64, type ShortGraph, type ShortModel } from './build-model.ts';
import { expectAsOnnxRuntime, someTensor } from './oracle.ts';

const bool = (value: boolean): Tensor => ({ dtype: 'BOOL', shape: [], data: Uint8Array.of(value ? 1 : 0) });
const iteration = { i: ['INT64', []], go: ['BOOL', []] } as const;

/** Runs it here and in onnxruntime, twice here, and expects that nothing is left in the heap. */
async function agree(model: ShortModel, feeds: Record<string, Tensor> = {}): Promise<void> {
  await expectAsOnnxRuntime(model, feeds);
  const kernels = createReferenceKernels();
  const session = createSession(buildModel(model), { kernels });
  const all = { ...feeds };
  Object.entries(model.inputs).forEach(([name, [dtype, shape]], i) => {
    all[name] ??= someTensor(dtype, shape as number[], i + 1);
  });
  session.run(all);
  const { usedBytes } = kernels.heap;
  for (let run = 0; run < 3; run++) session.run(all);
  // The second run has put the activations into one arena; from then on nothing may grow.
  const { usedBytes: later } = kernels.heap;
  for (let run = 0; run < 3; run++) session.run(all);
  expect(kernels.heap.usedBytes).toBe(later);
  expect(usedBytes).toBeLessThanOrEqual(later);
  session.dispose();
  expect(kernels.heap.usedBytes).toBe(0);
}

describe('If agrees with onnxruntime', () => {
  const chosen = (then: ShortGraph, otherwise: ShortGraph): ShortModel => ({
    inputs: { c: ['BOOL', []], x: ['FLOAT', [4, 33]] },
    outputs: ['y', 'z'],
    constants: { w: someTensor('FLOAT', [33, 5], 7) },
    nodes: [
      { op: 'Relu', inputs: ['x'], outputs: ['r'] },
      { op: 'If', inputs: ['c'], outputs: ['y'], attributes: { then_branch: then, else_branch: otherwise } },
      { op: 'Add', inputs: ['r', 'r'], outputs: ['z'] },
    ],
  });
  const product: ShortGraph = {
    inputs: {},
    outputs: ['p'],
    nodes: [{ op: 'MatMul', inputs: ['r', 'w'], outputs: ['p'] }],
  };
  const outer: ShortGraph = { inputs: {}, outputs: ['r'], nodes: [] };
  const twice: ShortGraph = {
    inputs: {},
    outputs: ['t'],
    constants: { two: floats([], [2]) },
    nodes: [{ op: 'Mul', inputs: ['x', 'two'], outputs: ['t'] }],
  };

  it.each([true, false])(
    'where a branch multiplies a captured value by a captured weight (%s)',
    async (c) => {
      await agree(chosen(product, twice), { c: bool(c) });
    },
  );

  it.each([true, false])('where an output of a branch is a value of the graph around it (%s)', async (c) => {
    // onnxruntime wants a node that makes the output; here it is taken as it is.
    const copy: ShortGraph = {
      ...outer,
      outputs: ['o'],
      nodes: [{ op: 'Identity', inputs: ['r'], outputs: ['o'] }],
    };
    await agree(chosen(copy, twice), { c: bool(c) });
    const feeds = { c: bool(c), x: someTensor('FLOAT', [4, 33], 3) };
    const [direct, copied] = [outer, copy].map((then) => {
      const session = createSession(buildModel(chosen(then, twice)));
      const first = session.run(feeds);
      expect(session.run(feeds)).toEqual(first);
      session.dispose();
      return first;
    });
    expect(direct).toEqual(copied);
  });

  it('where branches are nested and capture across two graphs', async () => {
    const nested: ShortGraph = {
      inputs: {},
      outputs: ['n'],
      nodes: [
        { op: 'Neg', inputs: ['x'], outputs: ['m'] },
        {
          op: 'If',
          inputs: ['d'],
          outputs: ['n'],
          attributes: {
            then_branch: {
              inputs: {},
              outputs: ['a'],
              nodes: [{ op: 'Add', inputs: ['m', 'r'], outputs: ['a'] }],
            },
            else_branch: {
              inputs: {},
              outputs: ['b'],
              nodes: [{ op: 'Sub', inputs: ['x', 'm'], outputs: ['b'] }],
            },
          },
        },
      ],
    };
    const model = chosen(nested, twice);
    for (const d of [true, false])
      await agree({ ...model, inputs: { ...model.inputs, d: ['BOOL', []] } }, { c: bool(true), d: bool(d) });
  });
});

describe('Loop agrees with onnxruntime', () => {
  const looped = (
    body: ShortGraph,
    outputs: readonly string[],
    bounds: readonly string[] = ['n', ''],
  ): ShortModel => ({
    inputs: { x: ['FLOAT', [3, 40]] },
    outputs,
    constants: {
      n: int64([5], []),
      one: int64([1], []),
      three: int64([3], []),
      yes: bool(true),
      no: bool(false),
    },
    nodes: [{ op: 'Loop', inputs: [...bounds, 'x'], outputs, attributes: { body } }],
  });
  const doubling: ShortGraph = {
    inputs: { ...iteration, v: ['FLOAT', [3, 40]] },
    outputs: ['go_on', 'v2', 'row'],
    outputTypes: { go_on: 'BOOL' },
    nodes: [
      { op: 'Identity', inputs: ['go'], outputs: ['go_on'] },
      { op: 'Add', inputs: ['v', 'x'], outputs: ['v2'] },
      { op: 'Sub', inputs: ['v', 'v2'], outputs: ['row'] },
    ],
  };

  it('with a value carried, a value captured and the iterations collected', async () => {
    await agree(looped(doubling, ['y', 'rows']));
  });

  it('with a condition that is false from the start, and with no iterations', async () => {
    await agree(looped(doubling, ['y', 'rows'], ['', 'no']));
    const model = looped(doubling, ['y', 'rows']);
    await agree({ ...model, constants: { ...model.constants, n: int64([0], []) } });
  });

  it('where the body ends it', async () => {
    const until: ShortGraph = {
      ...doubling,
      nodes: [{ op: 'Less', inputs: ['i', 'three'], outputs: ['go_on'] }, ...doubling.nodes.slice(1)],
    };
    await agree(looped(until, ['y', 'rows'], ['', 'yes']));
    await agree(looped(until, ['y', 'rows'], ['n', 'yes']));
  });

  it('where a carried value changes its shape, and one passes through', async () => {
    const growing: ShortGraph = {
      inputs: { ...iteration, v: ['FLOAT', ['rows', 40]] },
      outputs: ['go_on', 'v2'],
      outputTypes: { go_on: 'BOOL' },
      nodes: [
        { op: 'Identity', inputs: ['go'], outputs: ['go_on'] },
        { op: 'Concat', inputs: ['v', 'x'], outputs: ['v2'], attributes: { axis: 0 } },
      ],
    };
    await agree(looped(growing, ['y']));
    const kept: ShortGraph = { ...doubling, outputs: ['go_on', 'same', 'row'] };
    await agree(
      looped({ ...kept, nodes: [...kept.nodes, { op: 'Identity', inputs: ['v'], outputs: ['same'] }] }, [
        'y',
        'rows',
      ]),
    );
  });

  it('where loops are nested and the inner one captures what the outer one carries', async () => {
    const inner: ShortGraph = {
      inputs: { j: ['INT64', []], go2: ['BOOL', []], u: ['FLOAT', [3, 40]] },
      outputs: ['go3', 'u2', 'each'],
      outputTypes: { go3: 'BOOL' },
      nodes: [
        { op: 'Identity', inputs: ['go2'], outputs: ['go3'] },
        { op: 'Add', inputs: ['u', 'v'], outputs: ['u2'] },
        { op: 'Add', inputs: ['u2', 'x'], outputs: ['each'] },
      ],
    };
    const outer: ShortGraph = {
      inputs: { ...iteration, v: ['FLOAT', [3, 40]] },
      outputs: ['go_on', 'v2', 'all'],
      outputTypes: { go_on: 'BOOL' },
      nodes: [
        { op: 'Identity', inputs: ['go'], outputs: ['go_on'] },
        { op: 'Loop', inputs: ['i', '', 'v'], outputs: ['v3', 'each_all'], attributes: { body: inner } },
        { op: 'Tanh', inputs: ['v3'], outputs: ['v2'] },
        { op: 'ReduceSum', inputs: ['each_all'], outputs: ['all'], attributes: { keepdims: 0 } },
      ],
    };
    await agree(looped(outer, ['y', 'sums']));
  });

  it('carries a value through twenty thousand iterations without holding on to memory', () => {
    const counting: ShortModel = {
      inputs: { x: ['FLOAT', [64]] },
      outputs: ['y'],
      constants: { n: int64([20_000], []), ones: floats([64], new Float32Array(64).fill(1)) },
      nodes: [
        {
          op: 'Loop',
          inputs: ['n', '', 'x'],
          outputs: ['y'],
          attributes: {
            body: {
              inputs: { ...iteration, v: ['FLOAT', [64]] },
              outputs: ['go', 'v2'],
              outputTypes: { go: 'BOOL' },
              nodes: [
                { op: 'Sub', inputs: ['v', 'ones'], outputs: ['w'] },
                { op: 'Add', inputs: ['w', 'ones'], outputs: ['w2'] },
                { op: 'Add', inputs: ['w2', 'ones'], outputs: ['v2'] },
              ],
            },
          },
        },
      ],
    };
    const session = createSession(buildModel(counting));
    for (let run = 0; run < 2; run++) {
      const y = session.run({ x: floats([64], new Float32Array(64)) }).get('y')!;
      expect(y.data).toEqual(new Float32Array(64).fill(20_000));
    }
    expect(session.memory.activationBytes).toBeLessThan(64 * 4 * 10);
    session.dispose();
  });
});

describe('Scan agrees with onnxruntime', () => {
  const body: ShortGraph = {
    inputs: { s: ['FLOAT', [40]], a: ['FLOAT', [40]], b: ['FLOAT', [40]] },
    outputs: ['s2', 'o', 'p'],
    nodes: [
      { op: 'Add', inputs: ['s', 'a'], outputs: ['s2'] },
      { op: 'Mul', inputs: ['s2', 'b'], outputs: ['o'] },
      { op: 'Sub', inputs: ['b', 'c'], outputs: ['p'] },
    ],
  };
  const scanned = (
    attributes: Record<string, readonly number[]>,
    b: readonly number[] = [5, 40],
  ): ShortModel => ({
    inputs: { s0: ['FLOAT', [40]], x: ['FLOAT', [5, 40]], y: ['FLOAT', b] },
    outputs: ['last', 'os', 'ps'],
    constants: { c: someTensor('FLOAT', [40], 9) },
    nodes: [
      {
        op: 'Scan',
        inputs: ['s0', 'x', 'y'],
        outputs: ['last', 'os', 'ps'],
        attributes: { body, num_scan_inputs: 2, ...attributes },
      },
    ],
  });

  it('over axis 0', async () => {
    await agree(scanned({}));
  });

  it('backwards, along other axes, in and out', async () => {
    await agree(scanned({ scan_input_directions: [1, 0], scan_output_directions: [0, 1] }));
    await agree(scanned({ scan_input_axes: [0, 1], scan_output_axes: [1, 0] }, [40, 5]));
    await agree(scanned({ scan_input_axes: [0, -1], scan_output_axes: [-1, -2] }, [40, 5]));
  });

  it('over batches, in operator set 8, with sequences of several lengths', async () => {
    const small: ShortGraph = {
      inputs: { s: ['FLOAT', [20]], a: ['FLOAT', [20]] },
      outputs: ['s2', 'o'],
      nodes: [
        { op: 'Add', inputs: ['s', 'a'], outputs: ['s2'] },
        { op: 'Mul', inputs: ['s2', 'a'], outputs: ['o'] },
      ],
    };
    for (const lengths of ['', 'lengths'])
      for (const directions of [[0], [1]])
        await agree({
          opset: 8,
          inputs: { s0: ['FLOAT', [2, 20]], x: ['FLOAT', [2, 4, 20]] },
          outputs: ['last', 'os'],
          constants: { lengths: int64([3, 4]) },
          nodes: [
            {
              op: 'Scan',
              inputs: [lengths, 's0', 'x'],
              outputs: ['last', 'os'],
              attributes: { body: small, num_scan_inputs: 1, directions },
            },
          ],
        });
  });
});

describe('control flow', () => {
  it('names every operator that is missing, inside of branches too, at once', () => {
    const branch = (op: string): ShortGraph => ({
      inputs: {},
      outputs: ['o'],
      nodes: [{ op, inputs: ['x'], outputs: ['o'] }],
    });
    const model = buildModel({
      inputs: { c: ['BOOL', []], x: ['FLOAT', [1]] },
      outputs: ['y'],
      nodes: [
        {
          op: 'If',
          inputs: ['c'],
          outputs: ['y'],
          attributes: { then_branch: branch('Missing'), else_branch: branch('Absent') },
        },
      ],
    });
    expect(() => createSession(model)).toThrow(/ai.onnx::Missing \(1 node\), ai.onnx::Absent \(1 node\)/);
  });

  it('hands out what it did not make: inputs, constants, captured values, one value twice', () => {
    const big = (fill: number): Tensor => floats([64], new Float32Array(64).fill(fill));
    const model = buildModel({
      inputs: { c: ['BOOL', []], x: ['FLOAT', [64]] },
      outputs: ['a', 'b', 'd', 'e'],
      constants: { k: big(7) },
      nodes: [
        { op: 'Neg', inputs: ['x'], outputs: ['n'] },
        {
          op: 'If',
          inputs: ['c'],
          outputs: ['a', 'b', 'd', 'e'],
          attributes: {
            then_branch: {
              inputs: {},
              outputs: ['n', 'x', 'own', 'n'],
              constants: { own: big(1) },
              nodes: [],
            },
            else_branch: {
              inputs: {},
              outputs: ['k', 'm', 'm', 'x'],
              nodes: [{ op: 'Abs', inputs: ['n'], outputs: ['m'] }],
            },
          },
        },
      ],
    });
    const kernels = createReferenceKernels();
    const session = createSession(model, { kernels });
    const run = (c: boolean): number[] =>
      [...session.run({ c: bool(c), x: big(2) }).values()].map(({ data }) => Number(data[63]));
    for (let i = 0; i < 3; i++) {
      expect(run(true)).toEqual([-2, 2, 1, -2]);
      expect(run(false)).toEqual([7, 2, 2, 2]);
    }
    session.dispose();
    expect(kernels.heap.usedBytes).toBe(0);
  });

  it('may take another way each time, with the shapes of the inputs as they were', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', [64]], t: ['INT64', []] },
      outputs: ['y', 'all'],
      nodes: [
        {
          op: 'Loop',
          inputs: ['t', '', 'x'],
          outputs: ['v', 'all'],
          attributes: {
            body: {
              inputs: { ...iteration, v1: ['FLOAT', [64]] },
              outputs: ['go', 'v2', 'v1'],
              outputTypes: { go: 'BOOL' },
              nodes: [{ op: 'Add', inputs: ['v1', 'x'], outputs: ['v2'] }],
            },
          },
        },
        { op: 'Neg', inputs: ['v'], outputs: ['y'] },
      ],
    });
    const session = createSession(model);
    const x = floats([64], new Float32Array(64).fill(1));
    for (const t of [3, 5, 5, 2, 0, 5, 1, 0]) {
      const results = session.run({ x, t: int64([t], []) });
      expect(results.get('y')!.data[5]).toBe(-1 - t);
      expect(results.get('all')!.shape).toEqual([t, 64]);
      expect([...results.get('all')!.data].filter((_, i) => i % 64 === 9)).toEqual(
        Array.from({ length: t }, (_, i) => i + 1),
      );
    }
    session.dispose();
  });

  it('says in which node of which body something went wrong, and runs again afterwards', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', ['n']], t: ['INT64', []] },
      outputs: ['y'],
      constants: { two: floats([2], [1, 1]) },
      nodes: [
        {
          op: 'Loop',
          inputs: ['t', '', 'x'],
          outputs: ['y'],
          attributes: {
            body: {
              inputs: { ...iteration, v: ['FLOAT', ['m']] },
              outputs: ['go', 'v2'],
              outputTypes: { go: 'BOOL' },
              nodes: [{ op: 'Add', inputs: ['v', 'two'], outputs: ['v2'] }],
            },
          },
        },
      ],
    });
    const session = createSession(model);
    const t = int64([2], []);
    expect(() => session.run({ x: floats([3], [1, 2, 3]), t })).toThrow(
      /node "Loop_0" \(Loop\): node "Add_0" \(Add\): /,
    );
    expect(session.run({ x: floats([2], [1, 2]), t }).get('y')).toEqual(floats([2], [3, 4]));
    session.dispose();
  });
});
