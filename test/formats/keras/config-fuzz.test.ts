import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BnnqError } from '../../../src/errors.ts';
import type { JsonObject, KerasSource } from '../../../src/formats/keras/contract.ts';
import { importKeras } from '../../../src/formats/keras/import.ts';
import { lazyFloats } from '../../../src/formats/keras/weight-views.ts';
import { sequential } from './memory-source.ts';

type Place = { holder: Record<string, unknown>; key: string };

/** Every value inside a JSON value, by where it is. */
function placesIn(json: unknown, found: Place[] = []): Place[] {
  if (typeof json !== 'object' || json === null) return found;
  const holder = json as Record<string, unknown>;
  for (const key of Object.keys(holder)) {
    found.push({ holder, key });
    placesIn(holder[key], found);
  }
  return found;
}

const CONFIGS: readonly JsonObject[] = [
  ...['v3/separate_weights.json', 'v2/separate_weights_keras2.json'].map((path) =>
    JSON.parse(readFileSync(fileURLToPath(new URL(`../../fixtures/keras/${path}`, import.meta.url)), 'utf8')),
  ),
  sequential(
    [null, 9, 8, 2],
    [
      'ZeroPadding2D',
      {
        name: 'pad',
        padding: [
          [1, 0],
          [2, 1],
        ],
      },
    ],
    [
      'Conv2D',
      { name: 'conv', filters: 4, kernel_size: [3, 2], strides: 2, padding: 'same', activation: 'gelu' },
    ],
    ['Conv2DTranspose', { name: 'up', filters: 3, kernel_size: 3, strides: [2, 1], output_padding: [1, 0] }],
    ['PReLU', { name: 'prelu', shared_axes: [1, 2] }],
    ['GroupNormalization', { name: 'group', groups: 3 }],
    ['Resizing', { name: 'resize', height: 6, width: 4, interpolation: 'bicubic', antialias: true }],
    ['Permute', { name: 'permute', dims: [2, 1, 3] }],
    ['Reshape', { name: 'reshape', target_shape: [-1, 3] }],
    ['Normalization', { name: 'normal', axis: -1, mean: [1, 2, 3], variance: [1, 2, 3] }],
    ['Flatten', { name: 'flat' }],
    ['Dense', { name: 'dense', units: 3, activation: { class_name: 'LeakyReLU', config: { alpha: 0.1 } } }],
  ),
];

/** Weights of whatever shape is asked for. */
function anyWeights(config: JsonObject, kerasVersion: string): KerasSource {
  const find = (_: unknown, shape: readonly number[]) =>
    lazyFloats(
      shape.map((dim) => Math.max(dim, 1)),
      () => expect.fail('an import decodes no weights'),
    );
  return { container: 'memory', config, kerasVersion, weights: { find, unused: () => [] } };
}

const VALUES = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    'same',
    'causal',
    'channels_first',
    'constructor',
    '__proto__',
    1e300,
  ),
  fc.constantFrom<unknown>(
    [],
    {},
    [-1, -1],
    [
      [1, 2],
      [3, 4],
    ],
    [null, 3],
    { class_name: 'Dense', config: {} },
  ),
  fc.integer({ min: -3, max: 9 }),
  fc.constantFrom(2 ** 31 - 1, 1e9, 0.5),
  fc.array(fc.integer({ min: -2, max: 5 }), { maxLength: 40 }),
);

describe('a damaged Keras configuration', () => {
  it('is imported, or refused by a sentence', () => {
    const damage = fc.tuple(fc.nat(), fc.option(VALUES, { nil: undefined }));
    const cases = fc.tuple(
      fc.constantFrom(...CONFIGS),
      fc.array(damage, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('1.2.2', '2.15.0', '3.0.0'),
    );
    fc.assert(
      fc.property(cases, ([config, damages, version]) => {
        const damaged = structuredClone(config) as JsonObject;
        for (const [at, value] of damages) {
          const places = placesIn(damaged);
          const place = places[at % Math.max(places.length, 1)];
          if (place === undefined) continue;
          if (value === undefined && Array.isArray(place.holder)) place.holder.splice(Number(place.key), 1);
          else if (value === undefined) delete place.holder[place.key];
          else place.holder[place.key] = structuredClone(value);
        }
        try {
          importKeras(anyWeights(damaged, version));
        } catch (thrown) {
          if (!(thrown instanceof BnnqError) || thrown.code === 'internal') throw thrown;
        }
      }),
      { numRuns: 1500 },
    );
  });
});
