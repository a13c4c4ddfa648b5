import { posix } from 'node:path';
import { BnnqError } from '../../errors.ts';
import type { Dataset } from '../../formats/datasets/dataset.ts';
import { isSource, openSource, sourceOf } from '../../formats/datasets/open-dataset.ts';
import { fileName } from '../../formats/file.ts';
import { readModel } from '../../formats/read-model.ts';
import { VERSION } from '../../version.ts';
import type { Opened } from '../evaluation.ts';
import type { Blob, Store } from './blob.ts';
import { parseSession, type Session, type StoredDataset, type StoredModel } from './session.ts';
import { putBytes, putFile } from './store.ts';

export interface SubmitHooks {
  readonly onNote?: ((note: string) => void) | undefined;
  /** Whether the work shall stop before it has begun. */
  readonly isStopped?: () => boolean;
}

/** Files that are hashed and sent at a time. */
const AT_A_TIME = 16;

/**
 * Puts a model and its data into the store, and what all jobs on them have in common.
 * @throws option (data that is only in memory), io, interrupted, and what reading the model throws
 */
export async function publish(
  store: Store,
  { setup, dataset, files }: Opened,
  hooks: SubmitHooks = {},
): Promise<{ session: Session; blob: Blob }> {
  const [path] = await files();
  const { calibration, preprocess, output, batch, kernels, count, kind, width } = setup;
  const images =
    calibration && (isSource(calibration.data) ? await openSource(calibration.data) : calibration.data);
  const session: Session = {
    schema: 'bnn-quantize/session@1',
    version: VERSION,
    model: await storeModel(store, path!),
    data: await storeDataset(store, dataset, hooks),
    calibration:
      calibration && images
        ? {
            data: await storeDataset(store, images, hooks),
            samples: calibration.samples ?? null,
            seed: calibration.seed ?? 0,
          }
        : null,
    preprocess: preprocess ?? null,
    labelOffset: setup.labelOffset,
    output: output ?? null,
    batch: batch ?? null,
    ...{ kernels, count, kind, width },
  };
  const bytes = new TextEncoder().encode(JSON.stringify(session));
  parseSession(bytes); // so that what a worker would refuse is said here
  return { session, blob: await putBytes(store, bytes) };
}

/** The file of a model and those that it names: external data, shards, an architecture or weights beside it. */
async function storeModel(store: Store, path: string): Promise<StoredModel> {
  const others = new Map<string, string>();
  await readModel(path, {
    verify: false,
    onFile: (name, file) => others.set(posix.normalize(name.replaceAll('\\', '/')), file),
  });
  return inTurns([[fileName(path), path] as const, ...others], async ([name, file]) => ({
    name,
    ...(await putFile(store, file)),
  }));
}

async function storeDataset(
  store: Store,
  dataset: Dataset,
  { onNote, isStopped }: SubmitHooks,
): Promise<StoredDataset> {
  const source = sourceOf(dataset);
  const { files: paths, fingerprint, labels, classNames } = dataset;
  if (source === undefined || paths === undefined)
    throw new BnnqError(
      'option',
      `dataset "${dataset.spec}" is only in memory; a queue takes one that is in files`,
    );
  if (paths.length > 2) onNote?.(`putting ${paths.length} pictures into the store ${store.name}`);
  const files = await inTurns(paths, (path) => {
    if (isStopped?.()) throw new BnnqError('interrupted', 'interrupted before anything was queued');
    return putFile(store, path);
  });
  const kind = typeof source === 'string' ? source.slice(0, source.indexOf(':')) : 'pictures';
  if (kind === 'cifar10' || kind === 'idx' || kind === 'npz') return { kind, fingerprint, files };
  return {
    kind: 'pictures',
    fingerprint,
    files,
    names: paths.map((_, i) => dataset.nameOf(i)),
    labels: labels === undefined ? null : [...labels],
    classNames: classNames ?? null,
  };
}

/** The results of `work` on each item, in their order, some at a time. */
export async function inTurns<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i]!, i);
  };
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, items.length) }, lane));
  return results;
}
