/** Entry of a worker thread: an engine that takes jobs from its parent. */
import { parentPort, workerData } from 'node:worker_threads';
import { BnnqError, messageOf } from '../errors.ts';
import type { DatasetSource } from '../formats/datasets/open-dataset.ts';
import { Engine, type Job, type ResultOf } from './engine.ts';
import type { Setup } from './setup.ts';

/** What a worker is started with. */
export interface WorkerStart {
  readonly models: readonly string[];
  readonly dataset: DatasetSource;
  readonly setup: Setup;
}

/** What comes back for every job. An error crosses threads as plain data, since classes do not. */
export type WorkerAnswer =
  | { readonly result: ResultOf<Job> }
  | { readonly error: Pick<BnnqError, 'code' | 'message' | 'at'> };

const { models, dataset, setup } = workerData as WorkerStart;
const engine = new Engine(models, dataset, setup);

parentPort?.on('message', (job: Job) => {
  engine.run(job).then(
    (result) => parentPort?.postMessage({ result } satisfies WorkerAnswer),
    (thrown: unknown) => {
      const { code, at } = thrown instanceof BnnqError ? thrown : new BnnqError('internal', '');
      parentPort?.postMessage({ error: { code, message: messageOf(thrown), at } } satisfies WorkerAnswer);
    },
  );
});
