import { describe, expect, it } from 'vitest';
import type { Model, ValueType } from '../../src/ir/graph.ts';
import { createReferenceKernels } from '../../src/kernels/reference.ts';
import { createSession } from '../../src/runtime/session.ts';
import { EmptyOptional, type RuntimeValue, TensorSequence } from '../../src/runtime/values.ts';
import { floats, type Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, int64, type ShortModel } from './build-model.ts';
import { expectAsOnnxRuntime } from './oracle.ts';

const sequence: ValueType = { container: { kind: 'sequence', element: { dtype: 'FLOAT' } } };
const optional: ValueType = { container: { kind: 'optional', element: sequence } };

/** The model with sequences or optionals among its inputs. */
function withInputs(short: ShortModel, inputs: Readonly<Record<string, ValueType>>): Model {
  const model = buildModel(short);
  const added = Object.entries(inputs).map(([name, type]) => ({ name, ...type }));
  return { ...model, graph: { ...model.graph, inputs: [...model.graph.inputs, ...added] } };
}

function evaluate(model: Model, feeds: Record<string, RuntimeValue>): Map<string, RuntimeValue> {
  const kernels = createReferenceKernels();
  const session = createSession(model, { kernels });
  const first = session.evaluate(feeds);
  expect(session.evaluate(feeds)).toEqual(first);
  session.dispose();
  expect(kernels.heap.usedBytes).toBe(0);
  return first;
}

const row = (...values: number[]): Tensor => floats([values.length], values);

describe('sequences agree with onnxruntime', () => {
  it('split, erased from, inserted into and joined again', async () => {
    for (const attributes of [
      { axis: 0 },
      { axis: 1, new_axis: 0 },
      { axis: 1, new_axis: 1 },
      { axis: -1, new_axis: 1 },
    ])
      await expectAsOnnxRuntime({
        inputs: { x: ['FLOAT', [6, 25]] },
        outputs: ['y', 'n'],
        outputTypes: { n: 'INT64' },
        constants: { two: int64([2], []), first: int64([0], []), last: int64([-1], []) },
        nodes: [
          { op: 'SplitToSequence', inputs: ['x', 'two'], outputs: ['s'], attributes: { axis: 0 } },
          { op: 'SequenceAt', inputs: ['s', 'last'], outputs: ['e'] },
          { op: 'Neg', inputs: ['e'], outputs: ['m'] },
          { op: 'SequenceErase', inputs: ['s', 'first'], outputs: ['t'] },
          { op: 'SequenceInsert', inputs: ['t', 'm', 'last'], outputs: ['u'] },
          { op: 'SequenceInsert', inputs: ['u', 'e'], outputs: ['v'] },
          { op: 'SequenceLength', inputs: ['v'], outputs: ['n'] },
          { op: 'ConcatFromSequence', inputs: ['v'], outputs: ['y'], attributes },
        ],
      });
  });

  it('split unevenly, by lengths, and one by one', async () => {
    for (const [inputs, attributes] of [
      [['x', 'four'], { axis: 1 }],
      [['x', 'parts'], { axis: 1 }],
      [['x'], { axis: 1, keepdims: 1 }],
      [['x'], { axis: 1, keepdims: 0 }],
    ] as const)
      await expectAsOnnxRuntime({
        inputs: { x: ['FLOAT', [2, 9]] },
        outputs: ['y'],
        constants: { four: int64([4], []), parts: int64([2, 0, 7]), at: int64([-2], []) },
        nodes: [
          { op: 'SplitToSequence', inputs, outputs: ['s'], attributes },
          { op: 'SequenceAt', inputs: ['s', 'at'], outputs: ['y'] },
        ],
      });
  });
});

describe('sequences and optionals', () => {
  it('are carried through a loop as a scan output is collected', () => {
    const looped = (carried: string[], made: string[], insert: boolean): ShortModel => ({
      inputs: { x: ['FLOAT', [4, 20]] },
      outputs: ['y'],
      constants: { n: int64([5], []) },
      nodes: [
        { op: 'SequenceEmpty', inputs: [], outputs: ['s0'], attributes: { dtype: 1 } },
        {
          op: 'Loop',
          inputs: ['n', '', 'x', ...carried],
          outputs: ['last', ...made],
          attributes: {
            body: {
              inputs: {
                i: ['INT64', []],
                go: ['BOOL', []],
                v: ['FLOAT', [4, 20]],
                ...(insert ? { s1: ['FLOAT', []] as const } : {}),
              },
              outputs: ['go', 'v2', insert ? 's2' : 'v2'],
              outputTypes: { go: 'BOOL' },
              nodes: [
                { op: 'Add', inputs: ['v', 'x'], outputs: ['v2'] },
                ...(insert ? [{ op: 'SequenceInsert', inputs: ['s1', 'v2'], outputs: ['s2'] }] : []),
              ],
            },
          },
        },
        insert
          ? { op: 'ConcatFromSequence', inputs: made, outputs: ['y'], attributes: { axis: 0, new_axis: 1 } }
          : { op: 'Identity', inputs: made, outputs: ['y'] },
      ],
    });
    const feeds = {
      x: floats(
        [4, 20],
        Float32Array.from({ length: 80 }, (_, i) => i),
      ),
    };
    expect(evaluate(buildModel(looped(['s0'], ['s'], true)), feeds)).toEqual(
      evaluate(buildModel(looped([], ['all'], false)), feeds),
    );
  });

  it('are fed to evaluate and come out of it, as copies of the caller', () => {
    const model = withInputs(
      {
        inputs: {},
        outputs: ['t'],
        constants: { c: row(7, 8) },
        nodes: [{ op: 'SequenceInsert', inputs: ['s', 'c'], outputs: ['t'] }],
      },
      { s: sequence },
    );
    const given = new TensorSequence('FLOAT', [row(1), row(2, 3)]);
    const made = evaluate(model, { s: given }).get('t');
    expect(made).toEqual(new TensorSequence('FLOAT', [row(1), row(2, 3), row(7, 8)]));
    expect(given.elements).toHaveLength(2);
  });

  it('are refused by run, and where a tensor is needed', () => {
    const model = withInputs(
      { inputs: {}, outputs: ['t'], nodes: [{ op: 'Identity', inputs: ['s'], outputs: ['t'] }] },
      { s: sequence },
    );
    const session = createSession(model);
    const s = new TensorSequence('FLOAT', []);
    expect(() => session.run({ s: row(1) })).toThrow('input "s": expected a sequence, got a tensor');
    expect(() => session.run({ s: s as unknown as Tensor })).toThrow('output "t" is a sequence');
    session.dispose();
    const wrong = withInputs(
      { inputs: {}, outputs: ['t'], nodes: [{ op: 'Neg', inputs: ['s'], outputs: ['t'] }] },
      { s: sequence },
    );
    expect(() => evaluate(wrong, { s })).toThrow(
      'node "Neg_0" (Neg): input 0 is a sequence, a tensor is needed',
    );
  });

  it('say whether they hold something; one that is not fed is empty', () => {
    const model = withInputs(
      {
        opset: 18,
        inputs: {},
        outputs: ['has'],
        outputTypes: { has: 'BOOL' },
        nodes: [{ op: 'OptionalHasElement', inputs: ['o'], outputs: ['has'] }],
      },
      { o: optional },
    );
    const has = (feeds: Record<string, RuntimeValue>): number =>
      Number((evaluate(model, feeds).get('has') as Tensor).data[0]);
    expect(has({})).toBe(0);
    expect(has({ o: new EmptyOptional() })).toBe(0);
    expect(has({ o: new TensorSequence('FLOAT', []) })).toBe(1);
  });

  it('name positions outside of a sequence, tensors of another type, and what an empty optional does not hold', () => {
    const run = (op: string, inputs: string[], constants: Record<string, Tensor> = {}): unknown =>
      evaluate(
        withInputs(
          { inputs: {}, outputs: ['t'], constants, nodes: [{ op, inputs, outputs: ['t'] }] },
          { s: sequence, o: optional },
        ),
        {
          s: new TensorSequence('FLOAT', [row(1)]),
        },
      );
    expect(() => run('SequenceAt', ['s', 'p'], { p: int64([1], []) })).toThrow(
      'position 1 is outside a sequence of 1 tensors',
    );
    expect(() => run('SequenceErase', ['s', 'p'], { p: int64([-2], []) })).toThrow('position -2');
    expect(() => run('SequenceInsert', ['s', 'i'], { i: int64([1]) })).toThrow(
      'a tensor of type INT64 in a sequence of FLOAT',
    );
    expect(() => run('OptionalGetElement', ['o'])).toThrow('the optional holds nothing');
  });
});
