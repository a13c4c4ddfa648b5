import { describe, expect, it } from 'vitest';
import { importKeras } from '../../../src/formats/keras/import.ts';
import { createSession } from '../../../src/runtime/session.ts';
import { floats } from '../../../src/tensor/tensor.ts';
import { memorySource, sequential } from './memory-source.ts';

describe('importKeras', () => {
  it('makes a Gemm of a Dense layer, with the names of the layers', () => {
    const config = sequential([null, 2], ['Dense', { name: 'dense', units: 1, activation: 'linear' }]);
    const model = importKeras(
      memorySource(config, {
        'dense/kernel': [
          [2, 1],
          [3, 4],
        ],
        'dense/bias': [[1], [5]],
      }),
    );
    expect(model.graph.nodes.map(({ name, opType }) => [name, opType])).toEqual([['dense', 'Gemm']]);
    expect([...model.graph.initializers.keys()]).toEqual(['dense/kernel', 'dense/bias']);
    expect(model.graph.inputs).toEqual([{ name: 'x', dtype: 'FLOAT', shape: ['N', 2] }]);
    expect(model.graph.outputs.map(({ shape }) => shape)).toEqual([['N', 1]]);
    const session = createSession(model);
    const [y] = session.run({ x: floats([1, 2], [1, 10]) }).values();
    session.dispose();
    expect(Array.from(y!.data as Float32Array)).toEqual([48]);
  });
});
