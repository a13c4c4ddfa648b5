import { describe, expect, it } from 'vitest';
import { BnnqError } from '../../../src/errors.ts';
import type { Json, JsonObject } from '../../../src/formats/keras/contract.ts';
import { importKeras } from '../../../src/formats/keras/import.ts';
import { notConverted } from '../../../src/formats/keras/not-converted.ts';
import { packModel } from '../../../src/formats/packed/pack.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { memorySource, sequential } from './memory-source.ts';

const INPUT: JsonObject = {
  class_name: 'InputLayer',
  name: 'x',
  config: { name: 'x', batch_input_shape: [null, 2] },
  inbound_nodes: [],
};

function dense(name: string, ...from: readonly string[]): JsonObject {
  return {
    class_name: 'Dense',
    name,
    config: { name, units: 2, use_bias: false },
    inbound_nodes: from.map((layer) => [[layer, 0, 0, {}]]),
  };
}

function functional(layers: readonly Json[], outputs: readonly Json[]): JsonObject {
  return {
    class_name: 'Functional',
    config: { name: 'net', layers, input_layers: [['x', 0, 0]], output_layers: outputs },
  };
}

const KERNEL: readonly [readonly number[]] = [[2, 2]];

function refusalOf(run: () => unknown): BnnqError {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof BnnqError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was refused');
}

describe('the structure of a Keras model', () => {
  it('is read from a Sequential whose configuration is a list, as the first versions wrote it', () => {
    const config: JsonObject = {
      class_name: 'Sequential',
      config: [
        {
          class_name: 'Dense',
          config: { name: 'a', units: 2, use_bias: false, batch_input_shape: [null, 2] },
        },
        { class_name: 'Activation', config: { name: 'b', activation: 'tanh' } },
      ],
    };
    const { graph } = importKeras(memorySource(config, { 'a/kernel': KERNEL }, '2.1.0'));
    expect(graph.inputs).toEqual([{ name: 'a_input', dtype: 'FLOAT', shape: ['N', 2] }]);
    expect(graph.nodes.map(({ opType }) => opType)).toEqual(['Gemm', 'Tanh']);
    expect(graph.outputs[0]!.name).toBe('b');
  });

  it('makes the weights of a layer once, however often it is called', () => {
    const layers = [
      INPUT,
      dense('shared', 'x', 'between'),
      { ...dense('between', 'x'), class_name: 'Activation', config: { name: 'between', activation: 'relu' } },
    ];
    const config = functional(layers, [
      ['shared', 0, 0],
      ['shared', 1, 0],
    ]);
    const { graph } = importKeras(memorySource(config, { 'shared/kernel': KERNEL }));
    expect([...graph.initializers.keys()]).toEqual(['shared/kernel']);
    expect(graph.nodes.map(({ name }) => name)).toEqual(['shared', 'between', 'shared.1']);
    expect(graph.outputs.map(({ name }) => name)).toEqual(['shared', 'shared.1']);
  });

  it.each([0, 1])('counts the calls of a nested model from %i, as the file does', (first) => {
    const inner = functional([INPUT, dense('deep', 'x')], [['deep', 0, 0]]);
    const nested = { ...inner, name: 'inner', inbound_nodes: [[['x', 0, 0, {}]]] };
    const config = functional([INPUT, nested], [['inner', first, 0]]);
    const { graph } = importKeras(memorySource(config, { 'inner/deep/kernel': KERNEL }, '2.2.4'));
    expect(graph.nodes.map(({ name }) => name)).toEqual(['inner/deep']);
  });

  it('turns a layer that it does not know into a node, and goes on behind it', () => {
    const model = importKeras(
      memorySource(
        sequential(
          [null, 4, 4, 2],
          ['Conv2D', { name: 'conv', filters: 3, kernel_size: 1, use_bias: false }],
          [
            'Lambda',
            { name: 'secret', function: { class_name: '__lambda__', config: { code: 'aW1wb3J0' } } },
          ],
          ['Flatten', { name: 'flat' }],
          ['Dense', { name: 'dense', units: 2 }],
        ),
        { 'conv/kernel': [[1, 1, 2, 3]], 'dense/kernel': [[48, 2]], 'dense/bias': [[2]] },
      ),
    );
    const unknown = model.graph.nodes.find(({ domain }) => domain === 'keras')!;
    expect([unknown.name, unknown.opType]).toEqual(['secret', 'Lambda']);
    expect(notConverted(model)).toEqual(['layer "secret" (Lambda): holds code, which is never run']);
    expect(refusalOf(() => createSession(model)).message).toContain('keras::Lambda');
    // Behind it is Keras order again, whatever the layer does.
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual([
      'Transpose',
      'Conv',
      'Transpose',
      'Lambda',
      'Flatten',
      'Gemm',
    ]);
  });

  it('discretizes and packs what is known of a model with unknown layers', () => {
    const config = sequential(
      [null, 2],
      ['Dense', { name: 'before', units: 2, use_bias: false }],
      ['Mystery', { name: 'mystery' }],
      ['Dense', { name: 'after', units: 2, use_bias: false }],
    );
    const model = importKeras(memorySource(config, { 'before/kernel': KERNEL, 'after/kernel': KERNEL }));
    const { layers, model: quantized } = quantizeModel(model, { scheme: 'binary', bits: 1 });
    expect(layers.map(({ name }) => name)).toEqual(['before/kernel', 'after/kernel']);
    expect(packModel(quantized, { toolVersion: 'test' }).size.total).toBeGreaterThan(0);
  });

  it('takes the shape of an unknown layer from the file where Keras 3 states it', () => {
    const tensor = (layer: string, shape: readonly (number | null)[]): JsonObject => ({
      class_name: '__keras_tensor__',
      config: { shape, dtype: 'float32', keras_history: [layer, 0, 0] },
    });
    const config = functional(
      [
        INPUT,
        {
          class_name: 'Mystery',
          name: 'mystery',
          config: { name: 'mystery', trainable: true },
          inbound_nodes: [{ args: [tensor('x', [null, 2])], kwargs: {} }],
        },
        {
          class_name: 'Softmax',
          name: 'y',
          config: { name: 'y', axis: 1, trainable: true },
          inbound_nodes: [{ args: [tensor('mystery', [null, 7])], kwargs: {} }],
        },
      ],
      [['y', 0, 0]],
    );
    expect(importKeras(memorySource(config)).graph.outputs[0]!.shape).toEqual(['N', 7]);
  });

  it('does not take the class of another module for the Keras layer of that name', () => {
    const own = {
      class_name: 'Dense',
      name: 'own',
      module: 'research.layers',
      registered_name: 'Dense',
      config: { name: 'own', units: 2 },
      inbound_nodes: [[['x', 0, 0, {}]]],
    };
    const model = importKeras(memorySource(functional([INPUT, own], [['own', 0, 0]])));
    expect(model.graph.nodes[0]!.domain).toBe('keras');
  });

  it('reports everything that is wrong with the layers at once', () => {
    const config = sequential(
      [null, 2],
      ['Dense', { name: 'a', units: 'many' }],
      ['Dense', { name: 'b', units: 2 }],
      ['Reshape', { name: 'c', target_shape: [-1, -1] }],
    );
    const { code, message } = refusalOf(() => importKeras(memorySource(config)));
    expect(code).toBe('malformed');
    expect(message.split('\n')).toEqual([
      '3 problems:',
      '  keras: layer "a" (Dense): "units" is "many", expected a whole number of at least 1',
      '  keras: layer "b" (Dense): its variable "kernel" is not in the file',
      '  keras: layer "c" (Reshape): its target shape [-1,-1] is no shape',
    ]);
  });

  it('refuses a model that is written in code', () => {
    const config = { class_name: 'MyModel', config: { name: 'mine', width: 3 } };
    const { code, message } = refusalOf(() => importKeras(memorySource(config)));
    expect(code).toBe('unsupported');
    expect(message).toContain('"mine" (MyModel) is written in Python code of its own');
  });

  it('refuses layers that are called on what they make, or on what is not there', () => {
    const cycle = functional([INPUT, dense('a', 'b'), dense('b', 'a')], [['b', 0, 0]]);
    expect(refusalOf(() => importKeras(memorySource(cycle))).message).toContain(
      'called on what it makes itself',
    );
    const gap = functional([INPUT, dense('a', 'ghost')], [['a', 0, 0]]);
    expect(refusalOf(() => importKeras(memorySource(gap))).message).toContain(
      'the layer "ghost", which is not there',
    );
  });

  it('refuses models that are nested too deep, and those that call each other without end', () => {
    let deep: JsonObject = sequential([null, 2]);
    for (let i = 0; i < 50; i++)
      deep = { class_name: 'Sequential', config: { name: `level${i}`, layers: [INPUT, deep] } };
    expect(refusalOf(() => importKeras(memorySource(deep))).code).toBe('limit');

    // Every level calls the one below twice: 2^20 calls out of twenty layers.
    let wide: JsonObject = sequential([null, 2]);
    for (let i = 0; i < 20; i++) {
      const call = [[['x', 0, 0, {}]], [['inner', 0, 0, {}]]];
      wide = functional([INPUT, { ...wide, name: 'inner', inbound_nodes: call }], [['inner', 1, 0]]);
    }
    expect(refusalOf(() => importKeras(memorySource(wide))).code).toBe('limit');
  });

  it('reads the names of Keras 1', () => {
    const config: JsonObject = {
      class_name: 'Sequential',
      config: [
        {
          class_name: 'Convolution2D',
          config: {
            name: 'conv',
            nb_filter: 3,
            nb_row: 2,
            nb_col: 1,
            border_mode: 'same',
            subsample: [1, 1],
            dim_ordering: 'tf',
            bias: true,
            activation: 'relu',
            batch_input_shape: [null, 4, 4, 2],
          },
        },
        {
          class_name: 'MaxPooling2D',
          config: {
            name: 'pool',
            pool_size: [2, 2],
            strides: [2, 2],
            border_mode: 'valid',
            dim_ordering: 'tf',
          },
        },
        { class_name: 'Flatten', config: { name: 'flat' } },
        { class_name: 'Dense', config: { name: 'dense', output_dim: 2, bias: false, activation: 'softmax' } },
      ],
    };
    const { graph } = importKeras(
      memorySource(
        config,
        { 'conv/kernel': [[2, 1, 2, 3]], 'conv/bias': [[3]], 'dense/kernel': [[12, 2]] },
        '1.2.2',
      ),
    );
    expect(graph.nodes.map(({ opType }) => opType)).toEqual([
      'Transpose',
      'Conv',
      'Relu',
      'MaxPool',
      'Flatten',
      'Gemm',
      'Softmax',
    ]);
    expect(graph.outputs[0]!.shape).toEqual(['N', 2]);
  });

  it('takes the hard sigmoid of the version that wrote the file', () => {
    const alphaOf = (version: string): number => {
      const config = sequential([null, 2], ['Activation', { name: 'gate', activation: 'hard_sigmoid' }]);
      return importKeras(memorySource(config, {}, version)).graph.nodes[0]!.attributes.get('alpha')!
        .value as number;
    };
    expect(alphaOf('2.15.0')).toBe(Math.fround(0.2));
    expect(alphaOf('3.0.0')).toBe(Math.fround(1 / 6));
  });
});
