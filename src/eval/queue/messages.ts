import { BnnqError } from '../../errors.ts';
import { REPAIRS } from '../../quantizers/calibrate/repair.ts';
import { resolveOptions } from '../../quantizers/options.ts';
import { SCHEME_NAMES } from '../../quantizers/registry.ts';
import { settingsProblems } from '../discretize-model.ts';
import type { OutputKind } from '../metrics.ts';
import { type DiscretizedPoint, settingsOf, type WeightOptions } from '../point.ts';
import type { LayerFit, PointSettings } from '../types.ts';
import type { Blob } from './blob.ts';
import type { EncodedScores } from './encode-scores.ts';
import { BLOB_SHAPE } from './session.ts';
import {
  expectShape,
  flag,
  hash,
  listOf,
  nullable,
  numeric,
  oneOf,
  record,
  recordOf,
  type Shape,
  text,
  variants,
  whole,
} from './shape.ts';

/*
 * What goes through Redis. Both sides take what they get for data from a stranger: everything is checked, nothing in it
 * names a file or code.
 */

/** Outputs of the float network for images `from` to `to` − 1, float32 [image, width]. */
export interface OutputPart extends Blob {
  readonly from: number;
  readonly to: number;
}

export type JobWork =
  | {
      readonly do: 'score';
      /** A packed file; null for the session's model. */
      readonly model: Blob | null;
      readonly point: (PointSettings & WeightOptions) | null;
      readonly from: number;
      readonly to: number;
      readonly table: 'write' | 'compare';
      /** What it is compared with; together they have all images of the job. */
      readonly reference: readonly OutputPart[];
    }
  | { readonly do: 'discretize'; readonly point: PointSettings & WeightOptions };

export interface JobMessage {
  readonly schema: 'bnn-quantize/job@1';
  readonly session: Blob;
  readonly work: JobWork;
}

export interface Answer {
  readonly schema: 'bnn-quantize/answer@1';
  /** Hash of the session that it was computed for. */
  readonly session: string;
  /** Of the dataset that was opened. */
  readonly fingerprint: string;
  readonly discretized: DiscretizedPoint | null;
  /** Of a network that was scored. */
  readonly scored: {
    readonly kind: OutputKind;
    readonly count: number;
    readonly seconds: number;
    readonly runSeconds: number;
    readonly images: EncodedScores;
  } | null;
  /** Outputs that were written, or a model that was discretized. */
  readonly file: Blob | null;
}

const GLOBS = listOf(text(1000), 1, 1000);
const POINT: Shape = record(
  {
    scheme: oneOf(...SCHEME_NAMES),
    bits: whole(1, 8),
    granularity: text(32),
    method: text(32),
    fit: text(32),
    levels: text(32),
    zero: flag,
  },
  {
    bases: text(32),
    repairs: listOf(oneOf(...REPAIRS), 0, REPAIRS.length),
    ridge: numeric,
    actBits: whole(1, 8),
    actRange: text(32),
    include: GLOBS,
    exclude: GLOBS,
  },
);

const JOB = record({
  schema: oneOf('bnn-quantize/job@1'),
  session: BLOB_SHAPE,
  work: variants('do', {
    score: record({
      do: oneOf('score'),
      model: nullable(BLOB_SHAPE),
      point: nullable(POINT),
      from: whole(0),
      to: whole(1),
      table: oneOf('write', 'compare'),
      reference: listOf(record({ sha256: hash, bytes: whole(0), from: whole(0), to: whole(1) }), 0, 1e5),
    }),
    discretize: record({ do: oneOf('discretize'), point: POINT }),
  }),
});

/**
 * A job as it came from Redis. Settings of a point are checked by what checks those of the command line.
 * @throws malformed, option: with everything wrong
 */
export function checkJob(value: unknown): JobMessage {
  const job = expectShape<JobMessage>(value, JOB, 'a job');
  const { work } = job;
  if (work.do === 'score' && work.from >= work.to)
    throw new BnnqError('malformed', `a job: images ${work.from} to ${work.to} are none`);
  if (work.point !== null) {
    const settings = settingsOf(work.point);
    const { scheme, bits, granularity, fit, levels, zero, bases } = settings;
    resolveOptions({ scheme, bits, granularity, fit, levels, zero, bases });
    const problems = settingsProblems(settings, true);
    if (problems.length > 0) throw new BnnqError('option', `a job: ${problems.join('; ')}`);
  }
  return job;
}

/** See `LayerLevels`: a report draws a few of them. */
const LEVELS: Shape = record({ inRms: listOf(numeric, 0, 256), count: whole(0) });

/** What discretizing gives; the compiler misses a field that is not here. */
const DISCRETIZED = recordOf<DiscretizedPoint>(
  {
    correlation: numeric,
    packedBytes: whole(0),
    packed: record({ codes: whole(0), levels: whole(0), other: whole(0), graph: whole(0), header: whole(0) }),
    bitsPerWeight: numeric,
    entropyBits: numeric,
    compressedBytes: whole(0),
    onnxBytes: nullable(whole(0)),
    layers: listOf(
      recordOf<LayerFit>(
        {
          name: text(4096),
          scheme: text(32),
          bits: whole(1, 8),
          granularity: text(32),
          count: whole(0),
          correlation: numeric,
          mse: numeric,
          lossRatio: numeric,
          notes: listOf(text(4096), 0, 100),
          levels: LEVELS,
        },
        ['lossRatio', 'notes', 'levels'],
      ),
      0,
      1e5,
    ),
  },
  ['entropyBits', 'compressedBytes', 'onnxBytes'],
);

const TIME: Shape = (value, at, problems) => {
  numeric(value, at, problems);
  if ((value as number) < 0) problems.push(`${at}: expected a time, got ${value}`);
};

/** Base64 of eight bytes an image, at most so many images. */
const IMAGES = text(1e9);

const ANSWER = record({
  schema: oneOf('bnn-quantize/answer@1'),
  session: hash,
  fingerprint: hash,
  discretized: nullable(DISCRETIZED),
  scored: nullable(
    record({
      kind: oneOf('logits', 'probabilities', 'index'),
      count: whole(1),
      seconds: TIME,
      runSeconds: TIME,
      images: (value, at, problems) => {
        const fields = Object.keys((value ?? {}) as object);
        record(Object.fromEntries(fields.map((name) => [name, IMAGES])))(value, at, problems);
      },
    }),
  ),
  file: nullable(BLOB_SHAPE),
});

/** An answer as it came from Redis; what is in `scored.images` is checked when it is decoded. @throws malformed */
export function checkAnswer(value: unknown): Answer {
  return expectShape(value, ANSWER, 'an answer of a worker');
}
