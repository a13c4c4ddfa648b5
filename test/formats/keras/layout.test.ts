import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/formats/keras/contract.ts';
import { importKeras } from '../../../src/formats/keras/import.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { floats } from '../../../src/tensor/tensor.ts';
import { memorySource, sequential, type Variable } from './memory-source.ts';

function imported(config: JsonObject, variables: Readonly<Record<string, Variable>> = {}): Model {
  return importKeras(memorySource(config, variables));
}

function operators(model: Model): string[] {
  return model.graph.nodes.map(({ opType }) => opType);
}

function run(model: Model, shape: readonly number[]): { shape: readonly number[]; data: number[] } {
  const session = createSession(model, { kernels: 'reference' });
  const count = shape.reduce((a, b) => a * b, 1);
  const x = floats(
    shape,
    Array.from({ length: count }, (_, i) => i),
  );
  const [y] = session.run({ x }).values();
  session.dispose();
  return { shape: y!.shape, data: Array.from(y!.data as Float32Array) };
}

const CONV: readonly [string, JsonObject] = [
  'Conv2D',
  { name: 'conv', filters: 4, kernel_size: [3, 3], padding: 'same', activation: 'relu' },
];
const CONV_WEIGHTS: Readonly<Record<string, Variable>> = {
  'conv/kernel': [[3, 3, 2, 4]],
  'conv/bias': [[4]],
};

describe('the layout of an imported Keras model', () => {
  it('has one Transpose, at the input, in a plain convolutional net', () => {
    const model = imported(
      sequential(
        [null, 8, 8, 2],
        ['ZeroPadding2D', { name: 'pad', padding: [1, 1] }],
        CONV,
        ['BatchNormalization', { name: 'norm', axis: -1 }],
        ['ReLU', { name: 'relu', max_value: 6 }],
        ['MaxPooling2D', { name: 'pool', pool_size: [2, 2] }],
        ['Dropout', { name: 'drop', rate: 0.5 }],
        ['Flatten', { name: 'flat' }],
        ['Dense', { name: 'dense', units: 3, activation: 'softmax' }],
      ),
      {
        ...CONV_WEIGHTS,
        'norm/gamma': [[4]],
        'norm/beta': [[4]],
        'norm/moving_mean': [[4]],
        'norm/moving_variance': [[4]],
        'dense/kernel': [[100, 3]],
        'dense/bias': [[3]],
      },
    );
    expect(operators(model)).toEqual([
      'Transpose',
      'Pad',
      'Conv',
      'Relu',
      'BatchNormalization',
      'Clip',
      'MaxPool',
      'Flatten',
      'Gemm',
      'Softmax',
    ]);
  });

  it('keeps the order of Keras in inputs and outputs', () => {
    const model = imported(sequential([null, 4, 5, 2], CONV), CONV_WEIGHTS);
    expect(model.graph.inputs[0]!.shape).toEqual(['N', 4, 5, 2]);
    expect(model.graph.outputs).toEqual([{ name: 'conv', dtype: 'FLOAT', shape: ['N', 4, 5, 4] }]);
    expect(operators(model)).toEqual(['Transpose', 'Conv', 'Relu', 'Transpose']);
    expect(run(model, [1, 4, 5, 2]).shape).toEqual([1, 4, 5, 4]);
  });

  it('has no Transpose where the model is channels-first itself', () => {
    const [name, config] = CONV;
    const first: readonly [string, JsonObject] = [name, { ...config, data_format: 'channels_first' }];
    expect(operators(imported(sequential([null, 2, 4, 5], first), CONV_WEIGHTS))).toEqual(['Conv', 'Relu']);
  });

  it('permutes the rows of a Dense after a Flatten of channels-first memory', () => {
    // A pooling of 1 pixel is a way to get there with the elements as they were.
    const pool: readonly [string, JsonObject] = ['MaxPooling2D', { name: 'pool', pool_size: [1, 1] }];
    const weights: Readonly<Record<string, Variable>> = {
      'dense/kernel': [[12, 1], Array.from({ length: 12 }, (_, i) => i * i)],
    };
    const dense: readonly [string, JsonObject] = ['Dense', { name: 'dense', units: 1, use_bias: false }];
    const model = imported(sequential([null, 2, 3, 2], pool, ['Flatten', { name: 'flat' }], dense), weights);
    expect(operators(model)).toEqual(['Transpose', 'MaxPool', 'Flatten', 'Gemm']);
    const sum = Array.from({ length: 12 }, (_, i) => i * i * i).reduce((a, b) => a + b, 0);
    expect(run(model, [1, 2, 3, 2]).data).toEqual([sum]);
    // Physical rows: channel, row, column of [row, column, channel].
    const kernel = model.graph.initializers.get('dense/kernel')!;
    expect(Array.from(kernel.read().data as Float32Array)).toEqual(
      [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11].map((i) => i * i),
    );
  });

  it('transposes a flattened feature map where something else than a Dense needs its order', () => {
    const model = imported(
      sequential(
        [null, 2, 3, 2],
        ['MaxPooling2D', { name: 'pool', pool_size: [1, 1] }],
        ['Flatten', { name: 'flat' }],
        ['Reshape', { name: 'rows', target_shape: [3, 4] }],
      ),
    );
    expect(run(model, [1, 2, 3, 2])).toEqual({
      shape: [1, 3, 4],
      data: Array.from({ length: 12 }, (_, i) => i),
    });
  });

  it('makes a vector an image of one pixel, and back, without a Transpose', () => {
    const model = imported(
      sequential(
        [null, 4, 4, 2],
        ['GlobalAveragePooling2D', { name: 'pool' }],
        ['Reshape', { name: 'pixel', target_shape: [1, 1, 2] }],
        ['Conv2D', { name: 'conv', filters: 3, kernel_size: 1, use_bias: false }],
        ['Reshape', { name: 'row', target_shape: [3] }],
      ),
      { 'conv/kernel': [[1, 1, 2, 3]] },
    );
    expect(operators(model)).toEqual([
      'Transpose',
      'GlobalAveragePool',
      'Flatten',
      'Reshape',
      'Conv',
      'Reshape',
    ]);
  });

  it('joins and adds feature maps as they lie', () => {
    const branch = (name: string, from: string): JsonObject => ({
      class_name: 'Conv2D',
      name,
      config: { name, filters: 2, kernel_size: 1, use_bias: false },
      inbound_nodes: [[[from, 0, 0, {}]]],
    });
    const config: JsonObject = {
      class_name: 'Functional',
      config: {
        name: 'net',
        layers: [
          {
            class_name: 'InputLayer',
            name: 'x',
            config: { name: 'x', batch_input_shape: [null, 3, 3, 2] },
            inbound_nodes: [],
          },
          branch('a', 'x'),
          branch('b', 'x'),
          {
            class_name: 'Concatenate',
            name: 'join',
            config: { name: 'join', axis: -1 },
            inbound_nodes: [
              [
                ['a', 0, 0, {}],
                ['b', 0, 0, {}],
              ],
            ],
          },
          {
            class_name: 'Add',
            name: 'sum',
            config: { name: 'sum' },
            inbound_nodes: [
              [
                ['join', 0, 0, {}],
                ['join', 0, 0, {}],
              ],
            ],
          },
          {
            class_name: 'GlobalMaxPooling2D',
            name: 'pool',
            config: { name: 'pool' },
            inbound_nodes: [[['sum', 0, 0, {}]]],
          },
        ],
        input_layers: [['x', 0, 0]],
        output_layers: [['pool', 0, 0]],
      },
    };
    const model = imported(config, { 'a/kernel': [[1, 1, 2, 2]], 'b/kernel': [[1, 1, 2, 2]] });
    expect(operators(model)).toEqual([
      'Transpose',
      'Conv',
      'Conv',
      'Concat',
      'Add',
      'GlobalMaxPool',
      'Flatten',
    ]);
    expect(model.graph.nodes.find(({ opType }) => opType === 'Concat')!.attributes.get('axis')!.value).toBe(
      1,
    );
  });

  it('pads the end more than the beginning where "same" and a stride leave an odd rest', () => {
    const strided = (size: number): readonly number[] => {
      const [name, config] = CONV;
      const model = imported(
        sequential([null, size, size, 2], [name, { ...config, strides: [2, 2] }]),
        CONV_WEIGHTS,
      );
      const conv = model.graph.nodes.find(({ opType }) => opType === 'Conv')!;
      return conv.attributes.get('pads')!.value as readonly number[];
    };
    expect(strided(8)).toEqual([0, 0, 1, 1]);
    expect(strided(7)).toEqual([1, 1, 1, 1]);
  });

  it('leaves the padding of "same" to the operator where the size of the image is not known', () => {
    const [name, config] = CONV;
    const model = imported(
      sequential([null, null, null, 2], [name, { ...config, strides: [2, 2] }]),
      CONV_WEIGHTS,
    );
    const conv = model.graph.nodes.find(({ opType }) => opType === 'Conv')!;
    expect(conv.attributes.get('auto_pad')!.value).toBe('SAME_UPPER');
    expect(run(model, [1, 5, 6, 2]).shape).toEqual([1, 3, 3, 4]);
  });
});
