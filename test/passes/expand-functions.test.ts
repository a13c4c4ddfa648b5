import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../src/formats/onnx/encode.ts';
import { readOnnx } from '../../src/formats/onnx/read.ts';
import { validateModel } from '../../src/ir/validate.ts';
import { expandFunctions, withoutFunctions } from '../../src/passes/expand-functions.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { unsupportedOperators } from '../../src/runtime/operator-support.ts';
import { createSession } from '../../src/runtime/session.ts';
import { floats, type Tensor } from '../../src/tensor/tensor.ts';
import {
  buildModel,
  int64,
  type ShortFunction,
  type ShortModel,
  type ShortNode,
} from '../runtime/build-model.ts';
import { expectAsOnnxRuntime } from '../runtime/oracle.ts';

const local = (
  op: string,
  inputs: string[],
  outputs: string[],
  rest: Partial<ShortNode> = {},
): ShortNode => ({
  op,
  inputs,
  outputs,
  domain: 'local',
  ...rest,
});

/** max(x·scale + shift, low), with `shift` optional and `low` an attribute with a default. */
const scaled: ShortFunction = {
  name: 'Scaled',
  inputs: ['x', 'scale'],
  outputs: ['y'],
  attributes: [],
  defaults: { low: { float: -1 } },
  nodes: [
    { op: 'Mul', inputs: ['x', 'scale'], outputs: ['m'] },
    { op: 'Constant', inputs: [], outputs: ['low'], attributes: { value_float: { ref: 'low' } } },
    { op: 'Max', inputs: ['m', 'low'], outputs: ['y'] },
  ],
};

const model = (rest: Partial<ShortModel>): ShortModel => ({
  inputs: { x: ['FLOAT', [3, 20]] },
  outputs: ['y'],
  constants: {
    w: floats(
      [20],
      Float32Array.from({ length: 20 }, (_, i) => i / 7 - 1),
    ),
  },
  nodes: [],
  ...rest,
});

describe('functions of a model give what they give in onnxruntime', () => {
  it('with attributes of the caller, defaults, and the same names in two calls', async () => {
    await expectAsOnnxRuntime(
      model({
        functions: [scaled],
        nodes: [
          local('Scaled', ['x', 'w'], ['m'], { attributes: { low: { float: -0.25 } } }),
          local('Scaled', ['m', 'w'], ['y']),
        ],
      }),
    );
  });

  it('where functions call functions', async () => {
    const twice: ShortFunction = {
      name: 'Twice',
      inputs: ['a', 'x'],
      outputs: ['y', 'a2'],
      attributes: ['floor'],
      nodes: [
        // The names of the body are those of the caller, and of the function that is called, on purpose.
        local('Scaled', ['a', 'x'], ['m'], { attributes: { low: { ref: 'floor' } } }),
        local('Scaled', ['m', 'x'], ['y'], { attributes: { low: { ref: 'floor' } } }),
        { op: 'Identity', inputs: ['a'], outputs: ['a2'] },
      ],
    };
    await expectAsOnnxRuntime(
      model({
        outputs: ['y', 'm'],
        functions: [scaled, twice],
        nodes: [
          local('Twice', ['x', 'w'], ['t', ''], { attributes: { floor: { float: 0.5 } } }),
          local('Twice', ['t', 't'], ['y', 'm'], { attributes: { floor: { float: -3 } } }),
        ],
      }),
    );
  });

  it('where a body has a loop that captures its operands', async () => {
    const power: ShortFunction = {
      name: 'Power',
      inputs: ['b', 'n'],
      outputs: ['r'],
      nodes: [
        {
          op: 'Loop',
          inputs: ['n', '', 'b'],
          outputs: ['r'],
          attributes: {
            body: {
              // "x" is what the caller gives for "b"
              inputs: { i: ['INT64', []], go: ['BOOL', []], x: ['FLOAT', [3, 20]] },
              outputs: ['go2', 'next'],
              outputTypes: { go2: 'BOOL' },
              nodes: [
                { op: 'Identity', inputs: ['go'], outputs: ['go2'] },
                { op: 'Mul', inputs: ['x', 'b'], outputs: ['next'] },
              ],
            },
          },
        },
      ],
    };
    await expectAsOnnxRuntime(
      model({
        functions: [power],
        constants: { three: int64([3], []) },
        nodes: [
          { op: 'Tanh', inputs: ['x'], outputs: ['t'] },
          local('Power', ['t', 'three'], ['p']),
          local('Power', ['x', 'three'], ['q']),
          { op: 'Add', inputs: ['p', 'q'], outputs: ['y'] },
        ],
      }),
    );
  });
});

const run = (short: ShortModel, x: Tensor): Tensor => {
  const session = createSession(buildModel(short));
  const y = session.run({ x }).get('y')!;
  session.dispose();
  return y;
};

describe('functions of a model', () => {
  const x = floats([3], [1, 2, 3]);
  const small = (rest: Partial<ShortModel>): ShortModel => ({
    inputs: { x: ['FLOAT', [3]] },
    outputs: ['y'],
    nodes: [],
    ...rest,
  });

  it('bring along a standard operator that is not implemented, in its own domain; one that is implemented stays', () => {
    const negated = (name: string): ShortFunction => ({
      name,
      domain: '',
      inputs: ['a'],
      outputs: ['b'],
      nodes: [{ op: 'Neg', inputs: ['a'], outputs: ['b'] }],
    });
    const called = (op: string): ShortModel =>
      small({ functions: [negated(op)], nodes: [{ op, inputs: ['x'], outputs: ['y'] }] });
    expect(run(called('NotYetThere'), x)).toEqual(floats([3], [-1, -2, -3]));
    expect(run(called('Relu'), x)).toEqual(x);
  });

  it('are told apart by overload, which a written file keeps', () => {
    const adds = (overload: string, other: string): ShortFunction => ({
      name: 'F',
      overload,
      inputs: ['a'],
      outputs: ['b'],
      nodes: [{ op: other, inputs: ['a', 'a'], outputs: ['b'] }],
    });
    const short = small({
      functions: [adds('', 'Add'), adds('product', 'Mul')],
      nodes: [local('F', ['x'], ['m']), local('F', ['m'], ['y'], { overload: 'product' })],
    });
    expect(run(short, x)).toEqual(floats([3], [4, 16, 36]));
    const read = readOnnx(encodeModel(buildModel(short)));
    expect(read.graph.nodes.map(({ overload }) => overload)).toEqual([undefined, 'product']);
    expect(read.functions.map(({ overload }) => overload)).toEqual(['', 'product']);
  });

  it('take absent operands, leave out attributes that nobody gives, and hand operands through', () => {
    const choose: ShortFunction = {
      name: 'Choose',
      inputs: ['a', 'low', 'high'],
      outputs: ['c', 'a', 'c'],
      attributes: ['axis'],
      nodes: [{ op: 'Clip', inputs: ['a', 'low', 'high'], outputs: ['c'] }],
    };
    const short = small({
      outputs: ['y', 'same', 'again'],
      functions: [choose],
      constants: { two: floats([], [2]) },
      nodes: [local('Choose', ['x', '', 'two'], ['y', 'same', 'again'])],
    });
    const session = createSession(buildModel(short));
    const results = session.run({ x });
    expect(results.get('y')).toEqual(floats([3], [1, 2, 2]));
    expect(results.get('again')).toEqual(floats([3], [1, 2, 2]));
    expect(results.get('same')).toEqual(x);
    session.dispose();
  });

  it('are run by the operator set that they import', () => {
    // Softmax runs over all axes from `axis` on up to operator set 12, over one axis from 13.
    const old: ShortFunction = {
      name: 'Old',
      opset: 12,
      inputs: ['a'],
      outputs: ['b'],
      nodes: [{ op: 'Softmax', inputs: ['a'], outputs: ['b'], attributes: { axis: 1 } }],
    };
    const short: ShortModel = {
      inputs: { x: ['FLOAT', [1, 2, 2]] },
      outputs: ['y'],
      functions: [old],
      nodes: [local('Old', ['x'], ['y'])],
    };
    expect(run(short, floats([1, 2, 2], [0, 0, 0, 0]))).toEqual(floats([1, 2, 2], [0.25, 0.25, 0.25, 0.25]));
  });

  it('leave a model whose structure is sound, with constants as initializers', () => {
    const short = small({
      functions: [
        {
          name: 'Shifted',
          inputs: ['a'],
          outputs: ['b'],
          nodes: [
            { op: 'Constant', inputs: [], outputs: ['c'], attributes: { value: floats([3], [1, 1, 1]) } },
            { op: 'Add', inputs: ['a', 'c'], outputs: ['b'] },
          ],
        },
      ],
      nodes: [local('Shifted', ['x'], ['Shifted_0/c']), local('Shifted', ['Shifted_0/c'], ['y'])],
    });
    const { model: expanded } = runPasses(buildModel(short), [expandFunctions()]);
    expect(validateModel(expanded)).toEqual([]);
    expect(expanded.functions).toEqual([]);
    expect([...expanded.graph.initializers.keys()]).toEqual(['Shifted_0/c_2', 'Shifted_1/c']);
    expect(run(short, x)).toEqual(floats([3], [3, 4, 5]));
  });

  it('report the operators inside that are missing, with all others', () => {
    const short = small({
      functions: [
        {
          name: 'F',
          inputs: ['a'],
          outputs: ['b'],
          nodes: [{ op: 'Missing', inputs: ['a'], outputs: ['b'] }],
        },
      ],
      nodes: [local('F', ['x'], ['m']), { op: 'Absent', inputs: ['m'], outputs: ['y'] }],
    });
    expect(unsupportedOperators(buildModel(short)).map(({ opType }) => opType)).toEqual([
      'Missing',
      'Absent',
    ]);
  });

  it('that call themselves are refused by name', () => {
    const calling = (name: string, other: string): ShortFunction => ({
      name,
      inputs: ['a'],
      outputs: ['b'],
      nodes: [local(other, ['a'], ['b'])],
    });
    const short = small({
      functions: [calling('A', 'B'), calling('B', 'C'), calling('C', 'B')],
      nodes: [local('A', ['x'], ['y'])],
    });
    const circular = buildModel(short);
    const said = /function "(B|C)" calls itself: "(B|C)" → "(C|B)" → "(B|C)"/;
    expect(validateModel(circular).map(({ message }) => message)).toEqual([expect.stringMatching(said)]);
    expect(() => readOnnx(encodeModel(circular))).toThrow(said);
    expect(() => withoutFunctions(circular)).toThrow(said);
  });

  it('that expand to more nodes than can be are refused', () => {
    const functions: ShortFunction[] = Array.from({ length: 60 }, (_, i) => ({
      name: `F${i}`,
      inputs: ['a'],
      outputs: ['b'],
      nodes:
        i === 0
          ? [{ op: 'Neg', inputs: ['a'], outputs: ['b'] }]
          : [local(`F${i - 1}`, ['a'], ['m']), local(`F${i - 1}`, ['m'], ['b'])],
    }));
    const short = small({ functions, nodes: [local('F59', ['x'], ['y'])] });
    expect(() => withoutFunctions(buildModel(short))).toThrow(/expand to more than 100000 nodes/);
  });
});
