import { describe, expect, it } from 'vitest';
import { emptyScores, type ImageScores, type OutputKind, scoreImage } from '../../src/eval/metrics.ts';
import { classNamesOf, floatOutcomes, MAX_CLASSES, pointOutcomes } from '../../src/eval/outcomes.ts';

interface Image {
  readonly own: readonly number[];
  readonly float: readonly number[];
  readonly label?: number;
}

/** The record of images in parts of the sizes given. */
function partsOf(images: readonly Image[], sizes: readonly number[], kind: OutputKind = 'logits') {
  let at = 0;
  return sizes.map((size): ImageScores => {
    const part = images.slice(at, at + size);
    at += size;
    const into = emptyScores(size, kind, part[0]!.label !== undefined, kind);
    for (const [i, { own, float, label }] of part.entries())
      scoreImage(into, i, { kind, values: Float32Array.from(own) }, label, {
        kind,
        values: Float32Array.from(float),
      });
    return into;
  });
}

const hot = (index: number): number[] => [0, 1, 2].map((i) => (i === index ? 1 : 0));

// Ten images of three classes: label, float's answer, the point's answer.
const TEN: readonly Image[] = [
  [0, 0, 0],
  [0, 0, 1],
  [0, 0, 1],
  [0, 1, 0],
  [1, 1, 1],
  [1, 1, 2],
  [1, 2, 2],
  [2, 2, 2],
  [2, 0, 1],
  [2, 2, 0],
].map(([label, float, own]) => ({ label: label!, float: hot(float!), own: hot(own!) }));

const LABELLED = {
  kind: 'logits',
  width: 3,
  labels: Int32Array.from(TEN, ({ label }) => label!),
} as const;

describe('pointOutcomes', () => {
  it('keeps a bit an image, the first in the lowest bit of the first byte', () => {
    const { outcomes } = pointOutcomes(partsOf(TEN, [10]), LABELLED);
    // Right: images 0, 3, 4, 7; the float model's answer: images 0, 4, 6, 7.
    expect([...Buffer.from(outcomes.right!, 'base64')]).toEqual([0b1001_1001, 0]);
    expect([...Buffer.from(outcomes.agrees, 'base64')]).toEqual([0b1101_0001, 0]);
  });

  it('counts by label what was lost and gained, and what the lost images are taken for', () => {
    const { flips } = pointOutcomes(partsOf(TEN, [10]), LABELLED);
    expect(flips).toEqual({
      right: [2, 1, 1],
      lost: [2, 1, 1],
      gained: [1, 0, 0],
      confusions: [
        { from: 0, to: 1, images: 2 },
        { from: 1, to: 2, images: 1 },
        { from: 2, to: 0, images: 1 },
      ],
    });
    const { byClass } = floatOutcomes(
      partsOf(
        TEN.map((image) => ({ ...image, own: image.float })),
        [10],
      ),
      LABELLED,
    );
    expect(byClass).toEqual({ count: [4, 3, 3], right: [3, 2, 2] });
    for (const c of [0, 1, 2])
      expect(flips!.right[c]).toBe(byClass!.right[c]! - flips!.lost[c]! + flips!.gained[c]!);
  });

  it('gives the same however the images are shared out', () => {
    const whole = pointOutcomes(partsOf(TEN, [10]), LABELLED);
    expect(pointOutcomes(partsOf(TEN, [3, 1, 6]), LABELLED)).toEqual(whole);
  });

  it('goes without labels by the answers of the float model', () => {
    const images = TEN.map(({ own, float }) => ({ own, float }));
    const { outcomes, flips } = pointOutcomes(partsOf(images, [10]), { ...LABELLED, labels: undefined });
    expect(outcomes.right).toBeNull();
    expect(flips).toEqual({
      right: [1, 1, 2],
      lost: [3, 2, 1],
      gained: [0, 0, 0],
      confusions: [
        { from: 0, to: 1, images: 3 },
        { from: 1, to: 0, images: 1 },
        { from: 1, to: 2, images: 1 },
        { from: 2, to: 0, images: 1 },
      ],
    });
  });

  it('says null for what got no answer', () => {
    const images: Image[] = [
      { label: 0, float: hot(0), own: [Number.NaN, 0, 0] },
      { label: 0, float: hot(0), own: [5, 5, 5] },
    ];
    const { flips } = pointOutcomes(partsOf(images, [2]), { ...LABELLED, labels: Int32Array.of(0, 0) });
    expect(flips!.confusions).toEqual([{ from: 0, to: null, images: 2 }]);
  });

  it('takes class indices, and leaves out the classes where there are too many', () => {
    const images: Image[] = [
      { label: 7, float: [7], own: [3] },
      { label: 1, float: [2], own: [1] },
    ];
    const targets = { kind: 'index', width: 1, labels: Int32Array.of(7, 1) } as const;
    expect(pointOutcomes(partsOf(images, [2], 'index'), targets).flips).toEqual({
      right: [0, 1, 0, 0, 0, 0, 0, 0],
      lost: [0, 0, 0, 0, 0, 0, 0, 1],
      gained: [0, 1, 0, 0, 0, 0, 0, 0],
      confusions: [{ from: 7, to: 3, images: 1 }],
    });
    const many = { kind: 'logits', width: MAX_CLASSES + 1, labels: undefined } as const;
    expect(pointOutcomes(partsOf([TEN[0]!], [1]), many).flips).toBeUndefined();
    expect(floatOutcomes(partsOf([TEN[0]!], [1]), many).byClass).toBeUndefined();
  });
});

describe('classNamesOf', () => {
  const steps = { channelOrder: 'rgb', scale: 1, mean: [0], std: [1] } as const;

  it('moves the names by the offset of the labels', () => {
    const setup = { kind: 'logits', width: 3, preprocess: { ...steps, labelOffset: 1 } } as const;
    expect(classNamesOf({ classNames: ['cat', 'dog'] }, setup)).toEqual({ classNames: [null, 'cat', 'dog'] });
  });

  it('says nothing where the dataset names no classes', () => {
    expect(
      classNamesOf({ classNames: undefined }, { kind: 'logits', width: 3, preprocess: undefined }),
    ).toEqual({});
  });
});
