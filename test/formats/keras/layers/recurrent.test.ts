import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/formats/keras/contract.ts';
import { importKeras } from '../../../../src/formats/keras/import.ts';
import { notConverted } from '../../../../src/formats/keras/not-converted.ts';
import type { Model } from '../../../../src/ir/graph.ts';
import { floatData } from '../../../../src/tensor/tensor.ts';
import { memorySource, sequential, type Variable } from '../memory-source.ts';

const UNITS = 2;

/** One recurrent layer of two units on three steps of one feature, its weights 0, 1, 2, …. */
function imported(
  className: string,
  gates: number,
  config: JsonObject = {},
  kerasVersion = '3.0.0',
  bias: readonly number[] = [gates * UNITS],
): Model {
  const cell = kerasVersion.startsWith('3') || className !== 'Bidirectional' ? 'layer/cell' : 'layer';
  const variables: Record<string, Variable> = {
    [`${cell}/kernel`]: [[1, gates * UNITS]],
    [`${cell}/recurrent_kernel`]: [[UNITS, gates * UNITS]],
    [`${cell}/bias`]: [bias],
  };
  const layer = sequential([null, 3, 1], [className, { name: 'layer', units: UNITS, ...config }]);
  return importKeras(memorySource(layer, variables, kerasVersion));
}

function weight(model: Model, name: string): number[] {
  return Array.from(floatData(model.graph.initializers.get(`layer/cell/${name}`)!.read()));
}

describe('recurrent layers of Keras', () => {
  it('bring the gates of an LSTM from i, f, c, o to i, o, f, c', () => {
    const model = imported('LSTM', 4);
    expect(weight(model, 'W')).toEqual([0, 1, 6, 7, 2, 3, 4, 5]);
    expect(weight(model, 'B')).toEqual([0, 1, 6, 7, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('give both biases to a GRU that resets after the product, and one to a GRU that resets before', () => {
    const after = imported('GRU', 3, { reset_after: true }, '3.0.0', [2, 3 * UNITS]);
    expect(weight(after, 'B')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    const before = imported('GRU', 3, { reset_after: false });
    expect(weight(before, 'B')).toEqual([0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0]);
    const node = before.graph.nodes.find(({ opType }) => opType === 'GRU');
    expect(node?.attributes.has('linear_before_reset')).toBe(false);
  });

  it('take a GRU of Keras 2 that does not say for one that resets before', () => {
    const model = imported('GRU', 3, {}, '2.0.8');
    expect(
      model.graph.nodes.find(({ opType }) => opType === 'GRU')?.attributes.get('linear_before_reset'),
    ).toBeUndefined();
  });

  it('give the hard sigmoid the slope of its version', () => {
    const slopes = ['2.15.0', '3.0.0'].map((version) => {
      const model = imported('LSTM', 4, { recurrent_activation: 'hard_sigmoid' }, version);
      return model.graph.nodes.find(({ opType }) => opType === 'LSTM')?.attributes.get('activation_alpha');
    });
    expect(slopes).toEqual([0.2, 1 / 6].map((slope) => ({ type: 'FLOATS', value: [Math.fround(slope)] })));
  });

  it('have no Transpose between them where they follow each other', () => {
    const config: JsonObject = { units: UNITS, return_sequences: true };
    const variables: Record<string, Variable> = {};
    for (const [name, features] of [
      ['a', 1],
      ['b', UNITS],
    ] as const) {
      variables[`${name}/cell/kernel`] = [[features, 4 * UNITS]];
      variables[`${name}/cell/recurrent_kernel`] = [[UNITS, 4 * UNITS]];
      variables[`${name}/cell/bias`] = [[4 * UNITS]];
    }
    const layers = ['a', 'b'].map((name) => ['LSTM', { ...config, name }] as const);
    const model = importKeras(memorySource(sequential([null, 3, 1], ...layers), variables));
    const types = model.graph.nodes.map(({ opType }) => opType);
    expect(types).toEqual(['Transpose', 'LSTM', 'Squeeze', 'LSTM', 'Squeeze', 'Transpose']);
  });

  it.each([
    ['an activation that ONNX does not have', 'LSTM', { activation: 'gelu' }, '"gelu"'],
    ['an input whose first axis is time', 'SimpleRNN', { time_major: true }, 'time-major'],
    ['a cell of its own class', 'RNN', { cell: { class_name: 'MyCell', config: {} } }, 'MyCell'],
    [
      'a layer both ways that is not recurrent',
      'Bidirectional',
      { layer: { class_name: 'Dense', config: {} } },
      'Dense',
    ],
  ])('report %s', (_, className, config, words) => {
    const model = imported(className, 4, config as JsonObject);
    expect(notConverted(model).join('\n')).toContain(words);
    expect(model.graph.nodes.map(({ domain }) => domain)).toEqual(['keras']);
  });
});
