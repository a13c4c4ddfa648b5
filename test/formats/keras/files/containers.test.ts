import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../../src/formats/byte-source.ts';
import { FileSource } from '../../../../src/formats/file.ts';
import { companionFiles } from '../../../../src/formats/keras/files/companion-files.ts';
import {
  type OpenedKeras,
  openKerasHdf5,
  openKerasJson,
  openKerasZip,
} from '../../../../src/formats/keras/files/open.ts';
import { readModel } from '../../../../src/formats/read-model.ts';
import { sharedData } from '../../../shared-data.ts';
import { fixture, folderOf, numbersFound, VARIABLES } from './fixture.ts';

/** A file with what lies around it. */
const placed = <Place extends Parameters<typeof companionFiles>[0]>(place: Place) => ({
  ...place,
  companions: companionFiles(place),
});

const inOrder = VARIABLES.map((_, k) => k);
const fromMemory = (open: typeof openKerasZip, name: string): OpenedKeras =>
  open(memorySource(fixture(name)), { file: name });

describe('the variables of one network with nested, shared and wrapped layers', () => {
  it.each([
    ['Keras 2 .h5', 'v2.h5', openKerasHdf5, '2.15.0'],
    ['Keras 3 .h5', 'v3.h5', openKerasHdf5, '3.15.1'],
    ['Keras 2 .keras', 'v2.keras', openKerasZip, '2.15.0'],
    ['Keras 3 .keras', 'v3.keras', openKerasZip, '3.15.1'],
    ['Keras 2 .keras, compressed', 'v2.deflated.keras', openKerasZip, '2.15.0'],
    ['Keras 3 .keras, compressed', 'v3.deflated.keras', openKerasZip, '3.15.1'],
  ] as const)('are found in a %s file', (_, name, open, version) => {
    const { keras, files } = fromMemory(open, name);
    expect(numbersFound(keras)).toEqual(inOrder);
    expect(keras.weights.unused()).toEqual([]);
    expect(keras.kerasVersion).toBe(version);
    expect(keras.config).toMatchObject({ class_name: 'Functional' });
    expect(files).toHaveLength(1);
  });

  it.each([
    ['Keras 2 weights in the older form', 'v2-old.h5', 'v2.json', '2.15.0'],
    ['Keras 2 weights in the newer form', 'v2.weights.h5', 'v2.json', '2.15.0'],
    ['Keras 3 weights', 'v3.weights.h5', 'v3.json', '3'],
    ['Keras 2 weights for an architecture of Keras 3', 'v2.weights.h5', 'v3.json', '3'],
    ['Keras 3 weights for an architecture of Keras 2', 'v3.weights.h5', 'v2.json', '2.15.0'],
  ])('are found in %s with the architecture beside them', (_, weights, json, version) => {
    const folder = folderOf({ [weights]: fixture(weights), 'model.json': fixture(json) });
    const file = join(folder, weights);
    const { keras, files } = openKerasHdf5(new FileSource(file), placed({ file }));
    expect(numbersFound(keras)).toEqual(inOrder);
    expect(keras.weights.unused()).toEqual([]);
    expect(keras.kerasVersion).toBe(version);
    expect(files).toHaveLength(2);
  });

  it('are found with the architecture named by an option, which counts more than that of the file', () => {
    const folder = folderOf({ 'net.h5': fixture('v2.h5'), 'other-name.json': fixture('v2.json') });
    const file = join(folder, 'net.h5');
    const { keras } = openKerasHdf5(
      new FileSource(file),
      placed({ file, architecture: join(folder, 'other-name.json') }),
    );
    expect(keras.container).toBe('.weights.h5');
    expect(numbersFound(keras)).toEqual(inOrder);
  });

  it('are found beside an architecture that is opened itself', () => {
    const folder = folderOf({ 'net.json': fixture('v3.json'), 'net.weights.h5': fixture('v3.weights.h5') });
    const file = join(folder, 'net.json');
    expect(numbersFound(openKerasJson(new FileSource(file), placed({ file })).keras)).toEqual(inOrder);
  });

  it('are found by place where the architecture gives other names to the layers', () => {
    const renamed = Buffer.from(fixture('v3.json'))
      .toString()
      .replace(/"(c1|steps|end|both|shared|block|bn)"/g, '"$1_7"');
    for (const weights of ['v3.weights.h5', 'v2-old.h5']) {
      const folder = folderOf({ 'model.json': renamed, [weights]: fixture(weights) });
      const file = join(folder, weights);
      const { keras } = openKerasHdf5(new FileSource(file), placed({ file }));
      const named = VARIABLES.map((one) => ({
        ...one,
        layer: one.layer.map((name) => name.replace(/^(c1|steps|end|both|shared|block|bn)$/, '$1_7')),
      }));
      expect(numbersFound(keras, named)).toEqual(inOrder);
    }
  });

  it('are found again when they are asked for again, and none is given for two', () => {
    const { keras } = fromMemory(openKerasHdf5, 'v2.h5');
    expect(numbersFound(keras)).toEqual(inOrder);
    expect(numbersFound(keras)).toEqual(inOrder);
    expect(
      keras.weights.find({ layer: ['shared'], part: [], name: 'kernel_of_mine', index: 0 }, [20, 20]),
    ).toBeUndefined();
    expect(
      keras.weights.find({ layer: ['none'], part: [], name: 'kernel', index: 0 }, [20, 20]),
    ).toBeUndefined();
  });

  it('that no layer asks for are listed', () => {
    for (const [open, name, left] of [
      [openKerasHdf5, 'v2.h5', ['end/kernel:0', 'end/bias:0']],
      [openKerasZip, 'v3.keras', ['layers/dense_1/vars/0', 'layers/dense_1/vars/1']],
    ] as const) {
      const { keras } = fromMemory(open, name);
      numbersFound(keras, VARIABLES.slice(0, -2));
      expect(keras.weights.unused().toSorted()).toEqual([...left].toSorted());
    }
  });

  it('of another shape than the layer needs are refused with both', () => {
    for (const [open, name] of [
      [openKerasHdf5, 'v2.h5'],
      [openKerasZip, 'v3.keras'],
    ] as const)
      expect(() => fromMemory(open, name).keras.weights.find(VARIABLES[0]!, [3, 5, -1])).toThrow(
        /^keras: weight ".*" has the shape \[3,4,4\], its layer needs \[3,5,any\]$/,
      );
  });
});

describe('a Keras 1 file', () => {
  it('has its variables under the names of Keras 2', () => {
    const { keras } = fromMemory(openKerasHdf5, 'v1.h5');
    expect(keras.kerasVersion).toBe('1.2.2');
    const of = (layer: string, names: readonly string[], shape: readonly number[]) =>
      names.map((name, index) => ({ layer: [layer], part: [], name, index, shape }));
    const variables = [
      ...of('dense_1', ['kernel'], [4, 3]),
      ...of('dense_1', ['bias'], [3]),
      ...of('batchnormalization_1', ['gamma', 'beta', 'moving_mean', 'moving_variance'], [3]),
    ];
    expect(numbersFound(keras, variables)).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe('a model that was read from Keras files', () => {
  it('says which bytes it came from: all of its files', async () => {
    const folder = folderOf({ 'net.json': fixture('v3.json'), 'net.weights.h5': fixture('v3.weights.h5') });
    const [byJson, byWeights] = [
      await readModel(join(folder, 'net.json')),
      await readModel(join(folder, 'net.weights.h5')),
    ];
    const length = fixture('v3.json').length + fixture('v3.weights.h5').length;
    expect(byJson.source).toMatchObject({ format: 'keras', byteLength: length });
    expect(byWeights.source.byteLength).toBe(length);
    expect(byWeights.source.sha256).not.toBe(byJson.source.sha256);
  });

  it('is the same from memory and by parts from disk', async () => {
    for (const name of ['v2.h5', 'v3.keras', 'v3.deflated.keras']) {
      const path = join(folderOf({ [name]: fixture(name) }), name);
      const [inMemory, onDisk] = [await readModel(path), await readModel(path, { maxResidentBytes: 0 })];
      const weights = (model: typeof inMemory) =>
        [...model.graph.initializers.values()].map((one) => [one.name, one.read().data]);
      expect(weights(onDisk)).toEqual(weights(inMemory));
      expect(onDisk.source).toEqual(inMemory.source);
    }
  });

  it
    .skipIf(sharedData('models/ic_resnet8_cifar10.h5') === undefined)
    .each([
      'ic_resnet8_cifar10.h5',
      'mobilenet_v1_0.25_224.h5',
      'ad01_autoencoder.h5',
      'sww_streaming_wakeword.h5',
      'tfjs-nsfwjs-mobilenet_v2/model.json',
    ])('has every weight of its layers (needs ../shared/data): %s', async (name) => {
    const model = await readModel(sharedData(`models/${name}`)!);
    expect(model.source.format).toBe('keras');
    expect(model.graph.nodes.length).toBeGreaterThan(15);
    for (const initializer of model.graph.initializers.values()) initializer.read();
  });
});
