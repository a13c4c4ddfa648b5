import { BnnqError, throwIfAny } from '../errors.ts';
import type { Dataset } from '../formats/datasets/dataset.ts';
import type { DatasetSource } from '../formats/datasets/open-dataset.ts';
import type { KernelChoice } from '../kernels/select.ts';
import { feederFor, feedOf } from './feeder.ts';
import { imageInputOf } from './input.ts';
import type { OutputKind } from './metrics.ts';
import type { Network } from './network.ts';
import { createSampleCache, DEFAULT_CACHE_BYTES, type SampleCache } from './packed-samples.ts';
import type { Feeder } from './preprocess.ts';
import { defaultPreprocess } from './presets.ts';
import { readPreprocess } from './read-preprocess.ts';
import type { Preprocess } from './types.ts';

/** What score and sweep can be asked for alike. */
export interface EvaluateOptions {
  /** A preset's name, the path of a JSON file, or the steps themselves. Absent: `torch` for three channels, `unit` for one. */
  readonly preprocess?: string | Preprocess;
  /** Replaces that of the preprocessing: added to a label to get the index of the output. */
  readonly labelOffset?: number;
  /** The first so many samples only. */
  readonly limit?: number;
  /** Output to score; the first when absent. */
  readonly output?: string;
  /** Worker threads; all cores when absent, 1 for the calling thread alone. Scores do not depend on it. */
  readonly threads?: number;
  /** Images a run, where the network leaves that open. Scores do not depend on it. */
  readonly batch?: number;
  readonly kernels?: KernelChoice;
  /** Bytes of memory for decoded samples; 1.5 GB when absent. */
  readonly cacheBytes?: number;
  readonly signal?: AbortSignal;
  /** Images to calibrate with; labels are never looked at. */
  readonly calibration?: CalibrationSource;
  /** Remarks for a person: what looks wrong but may be meant. */
  readonly onNote?: (note: string) => void;
}

/** Where calibration images come from. Preprocessing and output are those of scoring. */
export interface CalibrationSource {
  /** A spec as for `openDataset`, or a dataset. */
  readonly data: string | Dataset;
  /** Images at most, evenly over the dataset; all when absent. */
  readonly samples?: number;
  /** Chooses the positions of images that are looked at; 0 when absent. */
  readonly seed?: number;
}

/** The same for a thread, which opens the images itself unless they are only in this one. */
export type SharedCalibration = Omit<CalibrationSource, 'data'> & { readonly data: Dataset | DatasetSource };

/**
 * What all threads of an evaluation share: plain data and shared memory, so that it can be posted to a worker as it is.
 */
export interface Setup {
  readonly count: number;
  /** Undefined for values, which are fed as they are. */
  readonly preprocess: Preprocess | undefined;
  /** Index of the right output by image, the offset added. */
  readonly labels: Int32Array | undefined;
  /** Added to the labels of the dataset. */
  readonly labelOffset: number;
  readonly calibration: SharedCalibration | undefined;
  readonly output: string | undefined;
  readonly kernels: KernelChoice;
  readonly batch: number | undefined;
  /** What the output of the first network is, and how many values an image. */
  readonly kind: OutputKind;
  readonly width: number;
  readonly cache: SampleCache;
  /** Outputs of the reference network, float32 [count, width], where there is something to compare with it. */
  readonly table: SharedArrayBuffer | undefined;
  /** Two int32: not zero when the work shall stop; images done so far. */
  readonly control: SharedArrayBuffer;
}

/**
 * Opens everything once, runs the first sample, and checks what can be checked before the work begins.
 * @param compared whether outputs are kept to compare others with them
 * @throws dataset (labels out of range), mismatch (input, preprocessing, limit), option
 */
export async function prepare(
  network: Network,
  dataset: Dataset,
  options: EvaluateOptions,
  compared: boolean,
): Promise<Setup> {
  const count = Math.min(dataset.count, options.limit ?? dataset.count);
  if (!Number.isInteger(count) || count < 1)
    throw new BnnqError('option', `limit: expected a whole number from 1 on, got ${options.limit}`);
  const first = await dataset.sample(0);
  const preprocess = first.kind === 'values' ? undefined : resolvePreprocess(network, first, options);
  const feeder = feederFor(network, first, preprocess);
  const { kind, width } = probe(network, feeder, first, dataset.nameOf(0));
  const offset = preprocess?.labelOffset ?? options.labelOffset ?? 0;
  const classes = kind === 'index' ? undefined : width;
  const labels = dataset.labels?.subarray(0, count).map((label) => label + offset);
  if (labels !== undefined && classes !== undefined) checkLabels(labels, classes, offset, dataset, options);
  return {
    count,
    preprocess,
    labels,
    labelOffset: offset,
    calibration: options.calibration,
    output: options.output,
    kernels: options.kernels ?? 'auto',
    batch: options.batch,
    kind,
    width,
    cache: createSampleCache(count, feeder.byteLength, options.cacheBytes ?? DEFAULT_CACHE_BYTES),
    table: compared ? new SharedArrayBuffer(4 * count * width) : undefined,
    control: new SharedArrayBuffer(8),
  };
}

/**
 * The steps that pictures go through: those asked for, by name or as they are, or what suits the network's input.
 * @throws option (unknown preset, bad file), mismatch (an input that takes no pictures)
 */
export function resolvePreprocess(
  network: Pick<Network, 'input'>,
  picture: { width: number; height: number; channels: number },
  options: {
    readonly preprocess?: string | Preprocess | undefined;
    readonly labelOffset?: number | undefined;
  },
): Preprocess {
  const { preprocess: choice, labelOffset } = options;
  const chosen = typeof choice === 'string' ? readPreprocess(choice) : choice;
  const steps = chosen ?? defaultPreprocess(imageInputOf(network.input, {}, picture).channels);
  return labelOffset === undefined ? steps : { ...steps, labelOffset };
}

/** What the network gives for one sample. */
function probe(
  network: Network,
  feeder: Feeder,
  first: Awaited<ReturnType<Dataset['sample']>>,
  name: string,
): { kind: OutputKind; width: number } {
  const feed = feedOf(network, feeder, network.fixedBatch ?? 1);
  feeder.write(feeder.pack(first, name), feed.data as never, 0);
  const { kind, classes } = network.run(feed);
  return { kind, width: classes ?? 1 };
}

/** Labels are checked all at once, but this many are shown. */
const MAX_PROBLEMS = 10;

function checkLabels(
  labels: Int32Array,
  classes: number,
  offset: number,
  dataset: Dataset,
  { onNote, labelOffset }: EvaluateOptions,
): void {
  const problems: BnnqError[] = [];
  let wrong = 0;
  for (const [i, index] of labels.entries()) {
    if (index >= 0 && index < classes) continue;
    if (++wrong <= MAX_PROBLEMS)
      problems.push(
        new BnnqError(
          'dataset',
          `dataset "${dataset.spec}" ${dataset.nameOf(i)}: label ${index - offset}${offset === 0 ? '' : ` + offset ${offset}`} is out of range, the network has ${classes} classes (0 to ${classes - 1})`,
        ),
      );
  }
  if (wrong > MAX_PROBLEMS)
    problems.push(new BnnqError('dataset', `… and ${wrong - MAX_PROBLEMS} more of ${labels.length}`));
  throwIfAny(problems);
  if (offset !== 0 || labelOffset !== undefined) return;
  // Where classes have no names, the one case that is known well: ImageNet with a class for background.
  const known = dataset.classNames?.length ?? (classes === 1001 && largest(labels) < 1000 ? 1000 : classes);
  if (known + 1 === classes)
    onNote?.(
      `the network has ${classes} classes, the dataset ${known}: if the network's first class is background, give the label offset 1`,
    );
}

function largest(labels: Int32Array): number {
  return labels.reduce((a, b) => Math.max(a, b), 0);
}
