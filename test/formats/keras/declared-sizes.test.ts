import { describe, expect, it } from 'vitest';
import { BnnqError } from '../../../src/errors.ts';
import type { JsonObject, KerasSource } from '../../../src/formats/keras/contract.ts';
import { importKeras } from '../../../src/formats/keras/import.ts';
import { sequential } from './memory-source.ts';

/** Memory that the few bytes of a configuration may take. */
const MAX_BYTES = 256 * 2 ** 20;

/** A file that has every variable in the shape that is asked for, and no elements. */
function anyShape(config: JsonObject): KerasSource {
  return {
    container: 'memory',
    config,
    kerasVersion: '3.0.0',
    weights: {
      find: ({ name }, asked) => {
        const shape = asked.map((size) => (size < 0 ? 1 : size));
        const read = () => {
          throw new Error('it was read');
        };
        return { name, dtype: 'FLOAT', shape, byteLength: 0, read };
      },
      unused: () => [],
    },
  };
}

/** Bytes in use more than before; what came of it: a model, or the code of the refusal. */
function imported(config: JsonObject): { outcome: string; bytes: number } {
  const used = (): number => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  try {
    const model = importKeras(anyShape(config));
    const bytes = used() - before;
    return { outcome: model.metadata.has('keras.not-converted') ? 'unknown' : 'read', bytes };
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(BnnqError);
    return { outcome: (thrown as BnnqError).code, bytes: used() - before };
  }
}

const G = 10 ** 9;
const image = [null, 8, 8, 3];
const row = [null, 4, 3];

describe('a Keras configuration that declares a huge size takes no memory for it', () => {
  it.each<[string, (number | null)[], [string, JsonObject], string]>([
    ['units', [null, 3], ['Dense', { units: G }], 'read'],
    ['inputs', [null, 10 ** 12], ['Dense', { units: 1 }], 'read'],
    ['tables', [null, 3], ['Embedding', { input_dim: G, output_dim: G }], 'read'],
    ['frames', image, ['ZeroPadding2D', { padding: G }], 'read'],
    ['crops', image, ['Cropping2D', { cropping: G }], 'malformed'],
    ['enlargements', image, ['UpSampling2D', { size: G }], 'read'],
    ['enlargements between pixels', image, ['UpSampling2D', { size: G, interpolation: 'bicubic' }], 'read'],
    ['images', image, ['Resizing', { height: G, width: G }], 'read'],
    ['images of smooth pixels', image, ['Resizing', { height: G, width: G, antialias: true }], 'unknown'],
    ['repeats', [null, 3], ['RepeatVector', { n: G }], 'read'],
    ['shapes', [null, 3], ['Reshape', { target_shape: [G, G] }], 'malformed'],
    ['filters', image, ['Conv2D', { filters: G, kernel_size: 1 }], 'read'],
    ['windows', image, ['Conv2D', { filters: 1, kernel_size: G, padding: 'same' }], 'read'],
    ['multipliers', image, ['DepthwiseConv2D', { kernel_size: 1, depth_multiplier: G }], 'read'],
    ['strides', image, ['Conv2DTranspose', { filters: 1, kernel_size: 1, strides: G }], 'read'],
    ['states', row, ['LSTM', { units: G }], 'read'],
    ['features of a normalization', [null, G], ['BatchNormalization', { scale: false }], 'read'],
    ['ones', [null, G], ['LayerNormalization', { scale: false, center: false }], 'unknown'],
    ['groups', [null, 8, G], ['GroupNormalization', { groups: -1, scale: false }], 'read'],
    ['pools', image, ['AveragePooling2D', { pool_size: G, padding: 'same' }], 'read'],
    ['steps', [null, G, 3], ['LSTM', { units: 2 }], 'read'],
  ])('%s', (_, shape, [className, config], expected) => {
    const layer = { name: 'layer', ...config };
    const { outcome, bytes } = imported(sequential(shape, [className, layer]));
    expect(outcome).toBe(expected);
    expect(bytes).toBeLessThan(MAX_BYTES);
  });

  it('heads that share keys', () => {
    const tensor = {
      class_name: '__keras_tensor__',
      config: { shape: [null, 4, 3], keras_history: ['x', 0, 0] },
    };
    const heads = { num_query_heads: G, num_key_value_heads: 1, head_dim: 1 };
    const layers = [
      { class_name: 'InputLayer', name: 'x', config: { name: 'x', batch_shape: [null, 4, 3] } },
      {
        class_name: 'GroupQueryAttention',
        name: 'heads',
        config: { name: 'heads', ...heads },
        inbound_nodes: [{ args: [tensor, tensor], kwargs: {} }],
      },
    ];
    const ends = { input_layers: [['x', 0, 0]], output_layers: [['heads', 0, 0]] };
    const { outcome, bytes } = imported({ class_name: 'Functional', config: { name: 'm', layers, ...ends } });
    expect(outcome).toBe('unknown');
    expect(bytes).toBeLessThan(MAX_BYTES);
  });

  it('weights of many large resizes', () => {
    const sizes = Array.from({ length: 100 }, (_, i) => 60000 + i);
    const layers = sizes.map(
      (size, i) =>
        [
          'Resizing',
          { name: `r${i}`, height: size, width: size, interpolation: 'bicubic', antialias: true },
        ] as const,
    );
    const { outcome, bytes } = imported(sequential([null, 8, 8, 1], ...layers));
    expect(outcome).toBe('limit');
    expect(bytes).toBeLessThan(MAX_BYTES);
  });

  it('outputs of layers that are not known', () => {
    const layers = Array.from({ length: 1000 }, (_, i) => ({
      class_name: 'Mine',
      name: `l${i}`,
      config: { name: `l${i}` },
      inbound_nodes: [[[i === 0 ? 'x' : `l${i - 1}`, 0, i === 0 ? 0 : 999]]],
    }));
    const input = {
      class_name: 'InputLayer',
      name: 'x',
      config: { name: 'x', batch_input_shape: [null, 3] },
    };
    const ends = { input_layers: [['x', 0, 0]], output_layers: [['l999', 0, 0]] };
    const config = { name: 'm', layers: [input, ...layers], ...ends };
    const { outcome, bytes } = imported({ class_name: 'Functional', config });
    expect(outcome).toBe('limit');
    expect(bytes).toBeLessThan(MAX_BYTES);
  });
});
