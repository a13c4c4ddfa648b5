import { BnnqError } from '../../errors.ts';
import type { Dataset, Sample } from '../../formats/datasets/dataset.ts';

/** Directions of the shifts, in order; after the last of them shifts are twice as far, and so on. */
const DIRECTIONS: readonly (readonly [x: number, y: number])[] = [
  [1, 1],
  [-1, -1],
  [1, -1],
  [-1, 1],
];
/** Part of the shorter side by which the nearest shifts move a picture: 2 pixels of 32, 14 of 224. */
const SHIFT = 1 / 16;

/**
 * Several views of every picture: as it is, mirrored, shifted, shifted and mirrored, and so on. A network that tells things
 * in photographs apart answers much the same, and weights fitted to more positions are fitted less to these very images.
 * Pixels from beyond an edge are those at the edge.
 * @param views of each picture, 1 or more; those of one picture follow each other
 */
export function withViews(dataset: Dataset, views: number): Dataset {
  if (views === 1) return dataset;
  return {
    spec: dataset.spec,
    count: dataset.count * views,
    labels: undefined,
    classNames: undefined,
    fingerprint: `${dataset.fingerprint} views ${views}`,
    nameOf: (index) => dataset.nameOf(Math.floor(index / views)),
    sample: async (index) => {
      const sample = await dataset.sample(Math.floor(index / views));
      if (sample.kind === 'values')
        throw new BnnqError('option', `views: dataset "${dataset.spec}" has values, not pictures`);
      return viewOf(sample, index % views);
    },
  };
}

type Picture = Extract<Sample, { kind: 'pixels' }>;

/** One view of a picture: odd ones are mirrored, every two are shifted alike. */
export function viewOf(picture: Picture, view: number): Picture {
  if (view === 0) return picture;
  const { width, height, channels, pixels } = picture;
  const isMirrored = view % 2 === 1;
  const shift = view >> 1;
  const [dx, dy] = shift === 0 ? [0, 0] : DIRECTIONS[(shift - 1) % DIRECTIONS.length]!;
  const far = Math.ceil(shift / DIRECTIONS.length) * Math.max(1, Math.round(Math.min(width, height) * SHIFT));
  const result = new Uint8Array(pixels.length);
  for (let y = 0, to = 0; y < height; y++) {
    const fromY = clamp(y + dy * far, height);
    for (let x = 0; x < width; x++) {
      const seen = clamp(x + dx * far, width);
      const from = (fromY * width + (isMirrored ? width - 1 - seen : seen)) * channels;
      for (let c = 0; c < channels; c++) result[to++] = pixels[from + c]!;
    }
  }
  return { ...picture, pixels: result };
}

function clamp(place: number, length: number): number {
  return Math.max(0, Math.min(length - 1, place));
}
