import { BnnqError } from '../errors.ts';
import type { NumericArray, Tensor } from '../tensor/tensor.ts';
import { feedOf } from './feeder.ts';
import { emptyScores, type ImageScores, type OutputKind, scoreImage } from './metrics.ts';
import type { Network, Outputs } from './network.ts';
import type { PackedSamples } from './packed-samples.ts';
import type { Feeder } from './preprocess.ts';

/**
 * Elements of the input that a batch should have: enough to spread the cost of a run over many small images, few enough
 * that activations stay in the cache: 8 CIFAR images, one of ImageNet. Measured on ResNet-20: 8 and 16 are the fastest, by 10 % over 1 and 64.
 */
const BATCH_ELEMENTS = 24_576;

/** Images a batch for an input that does not fix it. */
export function batchSizeFor(elements: number): number {
  return Math.max(1, Math.min(64, Math.round(BATCH_ELEMENTS / elements)));
}

/** Values of the output for all images of the dataset, row-major [image, width]. */
export interface OutputTable {
  readonly values: Float32Array;
  readonly width: number;
  readonly kind: OutputKind;
}

export interface ImageRun {
  readonly network: Network;
  readonly feeder: Feeder;
  readonly samples: PackedSamples;
  /** Images of the dataset, `from` up to but without `to`. */
  readonly from: number;
  readonly to: number;
  /** Index of the right output by image of the dataset, or undefined without labels. */
  readonly labels: Int32Array | undefined;
  /** What the reference network gave. */
  readonly reference: OutputTable | undefined;
  /** Where to write the own values. */
  readonly keep: OutputTable | undefined;
  /** Images a batch, where the input does not fix it; see `batchSizeFor`. */
  readonly batch: number | undefined;
  /** Called after every batch with the images that it had; throws to stop. May return a promise to let others run. */
  onBatch(images: number): void | Promise<void>;
}

/**
 * Runs the network on a range of images and scores each. The scores of an image do not depend on the batch that it was
 * in: where the images of a batch share ranges it is alone, and fills the batch where the size is fixed. The next batch is
 * read while the current one runs.
 */
export async function runImages(run: ImageRun): Promise<{ kind: OutputKind; scores: ImageScores }> {
  const { network, feeder, from, to } = run;
  const isAlone = network.sharesRanges;
  const suits = isAlone ? 1 : Math.min(run.batch ?? batchSizeFor(feeder.elements), Math.max(1, to - from));
  let batch = network.fixedBatch ?? suits;
  /** Different images of a batch. */
  let together = isAlone ? 1 : batch;
  let feed = feedOf(network, feeder, batch);
  let done: { kind: OutputKind; scores: ImageScores } | undefined;
  let next = take(run.samples, from, Math.min(to, from + together));
  for (let start = from; start < to; ) {
    const packed = await next;
    const end = start + packed.length;
    // Asked for before the run, so that the system reads the files meanwhile.
    next = take(run.samples, end, Math.min(to, end + together));
    // Where the last batch is short, what is left of the one before is run again and not looked at.
    for (const [i, bytes] of packed.entries())
      for (let place = i; place < batch; place += together)
        feeder.write(bytes, feed.data as NumericArray, place * feeder.elements);
    const outputs = batched(network, feed, batch);
    if (outputs === undefined) {
      batch = 1;
      together = 1;
      feed = feedOf(network, feeder, 1);
      next = take(run.samples, start, start + 1);
      continue;
    }
    const { kind, classes } = outputs;
    checkWidth(classes, run.reference);
    done ??= { kind, scores: emptyScores(to - from, kind, run.labels !== undefined, run.reference?.kind) };
    for (let image = start; image < end; image++) {
      const values = outputs.valuesOf(image - start);
      run.keep?.values.set(values, image * run.keep.width);
      const reference = run.reference && { kind: run.reference.kind, values: rowOf(run.reference, image) };
      scoreImage(done.scores, image - from, { kind, values }, run.labels?.[image], reference);
    }
    start = end;
    await run.onBatch(packed.length);
  }
  if (done === undefined) throw new BnnqError('internal', `no images from ${from} to ${to}`);
  return done;
}

/** A run of a batch; undefined where the graph only looks as if it took any batch (a Reshape to [1, -1], say). */
function batched(network: Network, feed: Tensor, batch: number): Outputs | undefined {
  const free = network.fixedBatch === undefined && batch > 1;
  let outputs: Outputs;
  try {
    outputs = network.run(feed);
  } catch (thrown) {
    if (free) return undefined; // with one image it works, or says the same
    throw thrown;
  }
  if (outputs.batch === batch) return outputs;
  if (free) return undefined;
  throw new BnnqError(
    'mismatch',
    `output "${network.output}" has ${outputs.batch} rows for a batch of ${batch} images, expected one each`,
  );
}

/** Networks that are compared must tell the same classes apart; a class index fits any. */
function checkWidth(classes: number | undefined, reference: OutputTable | undefined): void {
  if (classes === undefined || reference === undefined || reference.kind === 'index') return;
  if (classes !== reference.width)
    throw new BnnqError(
      'mismatch',
      `the network has ${classes} classes, the one that it is compared with ${reference.width}`,
    );
}

function rowOf(table: OutputTable, image: number): Float32Array {
  return table.values.subarray(image * table.width, (image + 1) * table.width);
}

/** Packed samples `from` … `to` − 1. A failure shows when the promise is awaited, not before. */
function take(samples: PackedSamples, from: number, to: number): Promise<Uint8Array[]> {
  const packed = Promise.all(Array.from({ length: Math.max(0, to - from) }, (_, i) => samples.get(from + i)));
  packed.catch(() => undefined);
  return packed;
}
