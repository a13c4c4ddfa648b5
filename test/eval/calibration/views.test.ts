import { describe, expect, it } from 'vitest';
import { viewOf, withViews } from '../../../src/eval/calibration/views.ts';
import type { Dataset, Sample } from '../../../src/formats/datasets/dataset.ts';

const picture = (width: number, height: number, channels: 1 | 3 = 1) => ({
  kind: 'pixels' as const,
  width,
  height,
  channels,
  pixels: Uint8Array.from({ length: width * height * channels }, (_, i) => i),
});

const datasetOf = (sample: Sample): Dataset => ({
  spec: 'test',
  count: 3,
  labels: Int32Array.of(0, 1, 2),
  classNames: undefined,
  fingerprint: 'abc',
  nameOf: (index) => `record ${index}`,
  sample: () => sample,
});

describe('views of a picture', () => {
  it('begin with the picture itself and its mirror image', () => {
    const one = picture(3, 2, 3);
    expect(viewOf(one, 0)).toBe(one);
    expect(Array.from(viewOf(one, 1).pixels)).toEqual([
      6, 7, 8, 3, 4, 5, 0, 1, 2, 15, 16, 17, 12, 13, 14, 9, 10, 11,
    ]);
  });

  it('are shifted by a sixteenth of the shorter side, the pixels at the edge repeated', () => {
    const shifted = viewOf(picture(4, 4), 2); // one pixel, right and down
    expect(Array.from(shifted.pixels)).toEqual([5, 6, 7, 7, 9, 10, 11, 11, 13, 14, 15, 15, 13, 14, 15, 15]);
    const back = viewOf(picture(4, 4), 4);
    expect(Array.from(back.pixels)).toEqual([0, 0, 1, 2, 0, 0, 1, 2, 4, 4, 5, 6, 8, 8, 9, 10]);
    expect(viewOf(picture(32, 40), 2).pixels[0]).toBe((2 * 32 + 2) % 256);
  });

  it('are all different, also those that are shifted twice as far', () => {
    const seen = new Set(
      Array.from({ length: 18 }, (_, view) => viewOf(picture(16, 16), view).pixels.join()),
    );
    expect(seen.size).toBe(18);
  });

  it('are samples of a dataset one after the other, with a fingerprint of their own and no labels', async () => {
    const one = picture(4, 4);
    const views = withViews(datasetOf(one), 3);
    expect([views.count, views.labels, views.nameOf(5)]).toEqual([9, undefined, 'record 1']);
    expect(views.fingerprint).not.toBe('abc');
    expect(await views.sample(4)).toEqual(viewOf(one, 1));
    expect(withViews(datasetOf(one), 1).fingerprint).toBe('abc');
  });

  it('of values there are none', async () => {
    const values = withViews(datasetOf({ kind: 'values', values: Float32Array.of(1) }), 2);
    await expect(values.sample(0)).rejects.toMatchObject({ code: 'option' });
  });
});
