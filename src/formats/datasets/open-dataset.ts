import { BnnqError } from '../../errors.ts';
import { openCifar10 } from './cifar10.ts';
import { openCsv } from './csv.ts';
import type { Dataset } from './dataset.ts';
import { openIdx } from './idx.ts';
import { type ImageFiles, imageFiles } from './image-files.ts';
import { openImageFolder } from './imagefolder.ts';
import { openNpz } from './npz.ts';

interface Kind {
  /** What follows the colon, for help and messages. */
  readonly usage: string;
  open(path: string, spec: string): Dataset | Promise<Dataset>;
}

/** The kinds of datasets by the word before the colon. A new one is a file and a line here. */
export const DATASET_KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['imagefolder', { usage: 'imagefolder:<folder of class folders, or of images>', open: openImageFolder }],
  ['csv', { usage: 'csv:<labels.csv with file,label>', open: openCsv }],
  ['cifar10', { usage: 'cifar10:<file.bin>', open: openCifar10 }],
  ['idx', { usage: 'idx:<images>[,<labels>], plain or .gz', open: openIdx }],
  ['npz', { usage: 'npz:<file.npz with arrays x and y>', open: openNpz }],
]);

/**
 * Opens a dataset: `imagefolder:<dir>`, `csv:<labels.csv>`, `cifar10:<file.bin>`, `idx:<images>,<labels>` or
 * `npz:<file>`; each kind's file in this folder says what it reads. Images of folders are decoded when asked for,
 * everything else is read at once.
 * @throws option (unknown kind), not-found, malformed, dataset (empty, labels that do not fit), limit
 */
export async function openDataset(spec: string): Promise<Dataset> {
  const colon = spec.indexOf(':');
  const kind = colon < 0 ? undefined : DATASET_KINDS.get(spec.slice(0, colon));
  const path = spec.slice(colon + 1);
  if (kind === undefined || path === '') {
    const usages = [...DATASET_KINDS.values()].map(({ usage }) => usage).join(' · ');
    throw new BnnqError('option', `dataset "${spec}": expected a kind and a path, one of ${usages}`);
  }
  const dataset = await kind.open(path, spec);
  if (dataset.count === 0) throw new BnnqError('dataset', `dataset "${spec}" is empty`, { file: path });
  opened.set(dataset, spec);
  return dataset;
}

/** What a dataset is opened from, in any thread: a spec, or a list of pictures. */
export type DatasetSource = string | ImageFiles;

/** Opens what is not a spec alone. @throws as `openDataset` */
export async function openSource(source: DatasetSource): Promise<Dataset> {
  if (typeof source === 'string') return openDataset(source);
  const dataset = await imageFiles(source);
  opened.set(dataset, source);
  return dataset;
}

const opened = new WeakMap<Dataset, DatasetSource>();

/** What gives the same dataset when it is opened again; undefined for one that the caller made. */
export function sourceOf(dataset: Dataset): DatasetSource | undefined {
  return opened.get(dataset);
}

/** Tells what a dataset can be opened from from a dataset. */
export function isSource(data: Dataset | DatasetSource): data is DatasetSource {
  return typeof data === 'string' || 'paths' in data;
}
