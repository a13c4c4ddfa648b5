import { isDeepStrictEqual } from 'node:util';
import { BnnqError, messageOf } from '../../errors.ts';
import { VERSION } from '../../version.ts';
import { checkPreprocess } from '../check-preprocess.ts';
import type { OutputKind } from '../metrics.ts';
import type { Setup } from '../setup.ts';
import type { Preprocess } from '../types.ts';
import type { Blob } from './blob.ts';
import {
  expectShape,
  fileBelow,
  hash,
  listOf,
  nullable,
  oneOf,
  record,
  type Shape,
  text,
  variants,
  whole,
} from './shape.ts';

/** A model: its file, and those that it names, as it names them. */
export type StoredModel = readonly (Blob & { readonly name: string })[];

/** A dataset. Names of pictures are for messages and fingerprints; no file is ever opened by them. */
export type StoredDataset = { readonly fingerprint: string; readonly files: readonly Blob[] } & (
  | { readonly kind: 'cifar10' | 'idx' | 'npz' }
  | {
      readonly kind: 'pictures';
      readonly names: readonly string[];
      readonly labels: readonly number[] | null;
      readonly classNames: readonly string[] | null;
    }
);

/**
 * What all jobs of a sweep have in common, kept in the store under its hash: a job names it, so that nothing in it can be
 * changed afterwards.
 */
export interface Session {
  readonly schema: 'bnn-quantize/session@1';
  /** Of the tool: another version might compute other bits. */
  readonly version: string;
  readonly model: StoredModel;
  readonly data: StoredDataset;
  readonly calibration: {
    readonly data: StoredDataset;
    readonly samples: number | null;
    readonly seed: number;
  } | null;
  readonly preprocess: Preprocess | null;
  readonly labelOffset: number;
  readonly output: string | null;
  readonly batch: number | null;
  readonly kernels: Setup['kernels'];
  /** What a worker must find when it opens all that. */
  readonly count: number;
  readonly kind: OutputKind;
  readonly width: number;
}

/** Pictures of a dataset at most: ten times ImageNet's training set. */
const MAX_PICTURES = 2e7;
/** A session with its names of pictures is JSON that is read at once. */
export const MAX_SESSION_BYTES: number = 2 ** 30;

const BLOB = { sha256: hash, bytes: whole(0) };
export const BLOB_SHAPE: Shape = record(BLOB);

const datasetShape = (kind: string, fields: Readonly<Record<string, Shape>>, most: number): Shape =>
  record({ kind: oneOf(kind), fingerprint: hash, files: listOf(BLOB_SHAPE, 1, most), ...fields });

const DATASET = variants('kind', {
  cifar10: datasetShape('cifar10', {}, 1),
  idx: datasetShape('idx', {}, 2),
  npz: datasetShape('npz', {}, 1),
  pictures: datasetShape(
    'pictures',
    {
      names: listOf(text(4096), 1, MAX_PICTURES),
      labels: nullable(listOf(whole(0, 2 ** 31 - 1), 1, MAX_PICTURES)),
      classNames: nullable(listOf(text(4096), 0, 1e6)),
    },
    MAX_PICTURES,
  ),
});

const SESSION = record({
  schema: oneOf('bnn-quantize/session@1'),
  version: oneOf(VERSION),
  model: listOf(record({ ...BLOB, name: fileBelow }), 1, 10_000),
  data: DATASET,
  calibration: nullable(record({ data: DATASET, samples: nullable(whole(1)), seed: whole(0) })),
  preprocess: () => undefined, // checked as a file of the user is, below
  labelOffset: whole(-1e6, 1e6),
  output: nullable(text(4096)),
  batch: nullable(whole(1, 65_536)),
  kernels: oneOf('auto', 'simd', 'reference'),
  count: whole(1),
  kind: oneOf('logits', 'probabilities', 'index'),
  width: whole(1, 2 ** 24),
});

/**
 * Whether preprocessing is valid and as it comes out of being read. It is used as it was sent, for its fingerprint
 * depends on the order of its fields. @throws option
 */
function isComplete(preprocess: Preprocess, where: string): boolean {
  const { preset: _, ...steps } = preprocess;
  return isDeepStrictEqual(steps, checkPreprocess(preprocess, where));
}

/**
 * A session from its bytes, which come from whoever may write into the store.
 * @throws malformed with everything wrong
 */
export function parseSession(bytes: Uint8Array): Session {
  const where = 'a session in the store';
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (thrown) {
    throw new BnnqError('malformed', `${where} is not JSON: ${messageOf(thrown)}`, {}, thrown);
  }
  const session = expectShape<Session>(value, SESSION, where);
  const problems: string[] = [];
  for (const data of [session.data, ...(session.calibration ? [session.calibration.data] : [])])
    if (data.kind === 'pictures')
      for (const list of [data.names, data.labels ?? data.names])
        if (list.length !== data.files.length)
          problems.push(`${list.length} names or labels for ${data.files.length} pictures`);
  const names = session.model.map(({ name }) => name);
  if (new Set(names).size !== names.length) problems.push('two files of the model have one name');
  if (session.preprocess !== null && !isComplete(session.preprocess, where))
    problems.push('its preprocessing is not written out in full');
  if (problems.length > 0) throw new BnnqError('malformed', `${where}: ${problems.join('; ')}`);
  return session;
}
