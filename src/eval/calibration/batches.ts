import { createHash } from 'node:crypto';
import { BnnqError } from '../../errors.ts';
import { contentFingerprint, evenIndices } from '../../formats/datasets/content-fingerprint.ts';
import type { Dataset } from '../../formats/datasets/dataset.ts';
import { openDataset } from '../../formats/datasets/open-dataset.ts';
import type { Model } from '../../ir/graph.ts';
import { createKernels } from '../../kernels/select.ts';
import { sharesRanges } from '../../passes/batch-range.ts';
import { createSession } from '../../runtime/session.ts';
import type { NumericArray, Tensor } from '../../tensor/tensor.ts';
import { feederFor, feedOf } from '../feeder.ts';
import { type Ends, endsOf } from '../network.ts';
import { createSampleCache, DEFAULT_CACHE_BYTES, PackedSamples } from '../packed-samples.ts';
import type { Feeder } from '../preprocess.ts';
import { batchSizeFor } from '../run-images.ts';
import { resolvePreprocess } from '../setup.ts';
import type { Preprocess } from '../types.ts';

export interface BatchOptions {
  /** A preset's name, the path of a JSON file, or the steps themselves; absent: as scoring chooses. */
  readonly preprocess?: string | Preprocess | undefined;
  /** So many samples at most, evenly over the dataset, which may be sorted by class; all when absent. */
  readonly samples?: number | undefined;
  /** Images a batch, where the network leaves that open; a few when absent, for inner values are kept of all of them. */
  readonly batch?: number | undefined;
  /** Output whose first dimension tells whether the network takes any batch; the first when absent. */
  readonly output?: string | undefined;
  /** Bytes of memory for decoded samples; 1.5 GB when absent. */
  readonly cacheBytes?: number | undefined;
}

/** Images to calibrate with, in batches that can be asked for in any order, any number of times. */
export interface CalibrationBatches {
  /** Images in all batches together. */
  readonly count: number;
  readonly batches: number;
  /** Images a batch; the last one may be shorter where the network takes any. */
  readonly batch: number;
  /** Images left over because the network takes only full batches. */
  readonly dropped: number;
  /** Name of the graph's input. */
  readonly input: string;
  /** What was done to pictures; undefined for values, which are fed as they are. */
  readonly preprocess: Preprocess | undefined;
  /** What the user wrote for the dataset. */
  readonly spec: string;
  /** Hex SHA-256 over everything that the feeds follow from: dataset, samples taken, preprocessing, shape and batch. */
  readonly fingerprint: string;
  /** The batch of that number, from 0 on: a new tensor of the input's type, [images, …]. @throws whatever reading a sample does */
  feed(index: number): Promise<Tensor>;
}

/**
 * Opens a dataset to feed a network with; labels are never looked at. Runs the network on the first images: once, to see
 * that it runs, and where the input's shape leaves the batch open on two, as some graphs only look as if they took any
 * (a Reshape to [1, -1], say) and then get one image at a time.
 * @throws option (samples, batch, no such output), unsupported (several inputs, operators), mismatch (data that does not
 * fit the input), dataset (fewer images than a batch), and whatever opening the dataset and running the network throw
 */
export async function openBatches(
  model: Model,
  data: string | Dataset,
  options: BatchOptions = {},
): Promise<CalibrationBatches> {
  const ends = endsOf(model.graph, options.output);
  const whole = typeof data === 'string' ? await openDataset(data) : data;
  const taken = Math.min(whole.count, counted('samples', options.samples) ?? whole.count);
  const places = evenIndices(whole.count, taken);
  const dataset = samplesAt(whole, places);
  const first = await dataset.sample(0);
  const preprocess = first.kind === 'values' ? undefined : resolvePreprocess(ends, first, options);
  const feeder = feederFor(ends, first, preprocess);
  const cache = createSampleCache(
    dataset.count,
    feeder.byteLength,
    options.cacheBytes ?? DEFAULT_CACHE_BYTES,
  );
  const samples = new PackedSamples(dataset, feeder, cache);
  const read = async (from: number, to: number): Promise<Tensor> => {
    const packed = await Promise.all(Array.from({ length: to - from }, (_, i) => samples.get(from + i)));
    const feed = feedOf(ends, feeder, to - from);
    for (const [i, bytes] of packed.entries())
      feeder.write(bytes, feed.data as NumericArray, i * feeder.elements);
    return feed;
  };

  const asked = sharesRanges(model) ? 1 : counted('batch', options.batch);
  const batch = ends.fixedBatch ?? (await freeBatch(model, ends, feeder, dataset.count, read, asked));
  if (dataset.count < batch)
    throw new BnnqError(
      'dataset',
      `dataset "${dataset.spec}" gives ${dataset.count} images, the network takes ${batch} at once`,
    );
  if (ends.fixedBatch !== undefined) rowsOf(model, ends, await read(0, batch));
  const dropped = ends.fixedBatch === undefined ? 0 : dataset.count % batch;
  const count = dataset.count - dropped;
  const batches = Math.ceil(count / batch);
  const contents = await contentFingerprint(whole, { evenly: taken });
  const identity = [contents, whole.count, taken, preprocess ?? null, feeder.dtype];
  return {
    count,
    batches,
    batch,
    dropped,
    input: ends.input.name,
    preprocess,
    spec: dataset.spec,
    fingerprint: createHash('sha256')
      .update(JSON.stringify([...identity, feeder.dims, batch]))
      .digest('hex'),
    feed: async (index) => {
      if (!Number.isInteger(index) || index < 0 || index >= batches)
        throw new BnnqError('usage', `calibration batch ${index}: there are ${batches}, from 0 on`);
      return read(index * batch, Math.min(count, (index + 1) * batch));
    },
  };
}

/** Images a batch where nothing is asked for: more are hardly faster. */
const MOST_IMAGES = 8;

/** Images a batch for an input that leaves it open: `asked` or what suits the input's size; 1 where only that works. */
async function freeBatch(
  model: Model,
  ends: Ends,
  feeder: Feeder,
  count: number,
  read: (from: number, to: number) => Promise<Tensor>,
  asked: number | undefined,
): Promise<number> {
  const batch = Math.min(count, asked ?? Math.min(MOST_IMAGES, batchSizeFor(feeder.elements)));
  if (batch > 1) {
    const two = await read(0, 2);
    try {
      if (rowsOf(model, ends, two) === 2) return batch;
    } catch {
      // With one image it works, or says what is wrong.
    }
  }
  rowsOf(model, ends, await read(0, 1));
  return 1;
}

/** First dimension of the output for a feed. */
function rowsOf(model: Model, ends: Ends, feed: Tensor): number | undefined {
  const kernels = createKernels();
  try {
    const session = createSession(model, { kernels });
    const rows = session.run(new Map([[ends.input.name, feed]])).get(ends.output)?.shape[0];
    session.dispose();
    return rows;
  } finally {
    kernels.dispose();
  }
}

/** Those samples of a dataset, without labels. */
function samplesAt(dataset: Dataset, places: readonly number[]): Dataset {
  return {
    spec: dataset.spec,
    count: places.length,
    labels: undefined,
    classNames: undefined,
    fingerprint: dataset.fingerprint,
    nameOf: (index) => dataset.nameOf(places[index]!),
    sample: (index) => dataset.sample(places[index]!),
  };
}

function counted(option: string, value: number | undefined): number | undefined {
  if (value !== undefined && (!Number.isInteger(value) || value < 1))
    throw new BnnqError('option', `${option}: expected a whole number from 1 on, got ${value}`);
  return value;
}
