import { describe, expect, it } from 'vitest';
import { checkPreprocess } from '../../src/eval/check-preprocess.ts';
import { createClassifier } from '../../src/eval/classify.ts';
import { preprocessImage } from '../../src/eval/preprocess-image.ts';
import { readModelBytes } from '../../src/formats/read-model.ts';
import { createSession } from '../../src/runtime/session.ts';
import { checksum } from '../../src/tensor/checksum.ts';
import { tinyModel } from '../cli/tiny-model.ts';
import { buildModel } from '../runtime/build-model.ts';

/** Bright in the quadrant of that number, of the tiny model's size. */
function quadrant(number: number): { pixels: Uint8Array; width: number; height: number; channels: 1 } {
  const pixels = Uint8Array.from({ length: 64 }, (_, i) => {
    const [x, y] = [i % 8, i >> 3];
    return (x >> 2) + 2 * (y >> 2) === number ? 230 : 20;
  });
  return { pixels, width: 8, height: 8, channels: 1 };
}

describe('a classifier', () => {
  it('lists the classes by their values, with the softmax of all of them, and the checksum of the output', async () => {
    const model = await readModelBytes(tinyModel());
    const classifier = createClassifier(model);
    const session = createSession(model);
    for (const number of [0, 1, 2, 3]) {
      const image = quadrant(number);
      const { classes, kind, values, checksum: hash, milliseconds } = classifier.classify(image, { top: 3 });
      expect(classes.map(({ index }) => index)[0]).toBe(number);
      expect(classes).toHaveLength(3);
      expect(kind).toBe('logits');
      const powers = [...values].map((value) => Math.exp(value));
      const sum = powers.reduce((a, b) => a + b);
      for (const { index, value, probability } of classes) {
        expect(value).toBe(values[index]);
        expect(probability).toBeCloseTo(powers[index]! / sum, 12);
      }
      expect(classes.map(({ value }) => value)).toEqual([...values].sort((a, b) => b - a).slice(0, 3));
      const y = session.run(new Map([['x', preprocessImage(image, session.inputs[0]!)]])).get('y')!;
      expect(y.data).toEqual(values);
      expect(hash).toBe(checksum(y));
      expect(milliseconds).toBeGreaterThanOrEqual(0);
    }
    expect(classifier.memory.weightBytes).toBeGreaterThan(0);
    classifier.dispose();
    expect(() => classifier.classify(quadrant(0))).toThrow(/disposed/);
  });

  it('takes probabilities as they are, and of equal ones that with the lower index first', () => {
    const model = buildModel({
      inputs: { x: ['FLOAT', ['N', 1, 1, 4]] },
      outputs: ['y'],
      nodes: [
        { op: 'Flatten', inputs: ['x'], outputs: ['f'] },
        { op: 'Softmax', inputs: ['f'], outputs: ['y'] },
      ],
    });
    const image = { pixels: Uint8Array.of(0, 255, 0, 255), width: 4, height: 1, channels: 1 } as const;
    const { classes, kind } = createClassifier(model).classify(image, { preprocess: 'unit' });
    expect(kind).toBe('probabilities');
    expect(classes.map(({ index }) => index)).toEqual([1, 3, 0, 2]);
    for (const { value, probability } of classes) expect(probability).toBe(value);
  });
});

describe('preprocessImage', () => {
  const input = { name: 'x', dtype: 'FLOAT', shape: ['N', 3, 2, 2] } as const;
  const image = {
    pixels: Uint8Array.from({ length: 12 }, (_, i) => i),
    width: 2,
    height: 2,
    channels: 3,
  } as const;

  it('lays the channels out as the input wants them', () => {
    const planar = preprocessImage(image, input, { preprocess: 'raw' });
    expect(planar).toMatchObject({ dtype: 'FLOAT', shape: [1, 3, 2, 2] });
    expect([...(planar.data as Float32Array)]).toEqual([0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
    const last = preprocessImage(image, { ...input, shape: [1, 2, 2, 3] }, { preprocess: 'raw' });
    expect([...(last.data as Float32Array)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('takes steps besides the names of presets', () => {
    const steps = checkPreprocess({ preset: 'raw', size: 1 }, 'here');
    const small = preprocessImage(image, { ...input, shape: ['N', 3, 1, 1] }, { preprocess: steps });
    expect([...(small.data as Float32Array)]).toEqual([5, 6, 7]);
  });

  it('puts the image first in a batch of fixed size', () => {
    const two = preprocessImage(image, { ...input, shape: [2, 3, 2, 2] }, { preprocess: 'raw' });
    expect(two.shape).toEqual([2, 3, 2, 2]);
    expect([...(two.data as Float32Array)].slice(12)).toEqual(Array(12).fill(0));
  });

  it('refuses unknown presets, and pixels that are not as many as the size says', () => {
    expect(() => preprocessImage(image, input, { preprocess: 'nothing' })).toThrow(
      'preprocessing "nothing": expected one of torch, tf, caffe, unit, raw, or an object',
    );
    expect(() => preprocessImage({ ...image, width: 3 }, input, { name: 'cat.png' })).toThrow(
      'cat.png has 12 bytes of pixels, 3 × 2 × 3 needs 18',
    );
  });
});
