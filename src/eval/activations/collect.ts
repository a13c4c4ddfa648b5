import { BnnqError, throwIfAny } from '../../errors.ts';
import type { Model } from '../../ir/graph.ts';
import { ChannelSamples } from '../../quantizers/activations/channel-samples.ts';
import { Histogram } from '../../quantizers/activations/histogram.ts';
import { createSession } from '../../runtime/session.ts';
import type { DataType } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { CalibrationBatches } from '../calibration/batches.ts';

/** What is to be known of a value: how its values are spread, or samples of each channel. */
export interface Wanted {
  readonly value: string;
  readonly statistic: 'histogram' | 'samples';
  /**
   * Axis of the channels of a tensor of that rank; undefined to take all values for one channel. For samples.
   */
  channelAxis(rank: number): number | undefined;
}

/** What was seen of a value; neither of the two where it is not FLOAT (FLOAT16 and BFLOAT16 are computed as such). */
export interface ActivationStatistics {
  readonly dtype: DataType;
  /** Shape of the first batch. */
  readonly shape: readonly number[];
  readonly histogram: Histogram | undefined;
  readonly samples: ChannelSamples | undefined;
}

/** For whoever waits. */
export interface ActivationHooks {
  readonly signal?: AbortSignal | undefined;
  /** Called after every batch with the images done, and all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Samples of a channel: enough for levels to 1 % of their distance. */
const MOST_SAMPLES = 2 ** 14;

/** Samples of all channels of all values together: 256 MiB. */
const MOST_SAMPLES_IN_ALL = 2 ** 26;

/** Pauses of the work, so that timers and signals get their turn. */
const YIELD_MS = 50;

/**
 * Runs the network on all batches, once, and keeps statistics of inner values: 64 KiB each for a histogram, 256 MiB in all
 * for samples, whatever the number of images. One batch of the values is in memory at a time.
 * @returns by value
 * @throws interrupted; mismatch for values that are NaN or infinite, all that there are; whatever the network throws
 */
export async function collectActivations(
  model: Model,
  batches: CalibrationBatches,
  wanted: readonly Wanted[],
  hooks: ActivationHooks = {},
): Promise<Map<string, ActivationStatistics>> {
  const names = wanted.map(({ value }) => value);
  const session = createSession(model, { keep: names });
  const found = new Map<string, ActivationStatistics>();
  const notFinite = new Map<string, number>();
  let done = 0;
  let lastYield = performance.now();
  try {
    for (let i = 0; i < batches.batches; i++) {
      if (hooks.signal?.aborted) throw new BnnqError('interrupted', 'interrupted');
      const feed = await batches.feed(i);
      const values = session.run(new Map([[batches.input, feed]]), { fetch: names });
      if (i === 0) start(found, wanted, values, feed.shape[0] ?? 1, batches.count);
      for (const [name, statistics] of found) {
        const { data, shape } = values.get(name)! as Tensor & { data: Float32Array };
        statistics.histogram?.add(data);
        statistics.samples?.add(data, shape);
        if (statistics.samples !== undefined && data.some((value) => !Number.isFinite(value)))
          notFinite.set(name, (notFinite.get(name) ?? 0) + 1);
      }
      done += feed.shape[0] ?? 1;
      hooks.onProgress?.(Math.min(done, batches.count), batches.count);
      if (performance.now() - lastYield >= YIELD_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        lastYield = performance.now();
      }
    }
  } finally {
    session.dispose();
  }
  throwIfAny(
    [...found].flatMap(([name, { histogram }]) =>
      (histogram?.notFinite ?? 0) + (notFinite.get(name) ?? 0) === 0
        ? []
        : [
            new BnnqError(
              'mismatch',
              `value "${name}" is NaN or infinite for images of "${batches.spec}": there are no levels for it`,
              { tensor: name },
            ),
          ],
    ),
  );
  return found;
}

/** Statistics for the values of a first batch. */
function start(
  found: Map<string, ActivationStatistics>,
  wanted: readonly Wanted[],
  values: ReadonlyMap<string, Tensor>,
  images: number,
  total: number,
): void {
  const seen = wanted.map(({ value, statistic, channelAxis }) => {
    const { dtype, shape } = values.get(value)!;
    return {
      value,
      statistic: dtype === 'FLOAT' ? statistic : undefined,
      dtype,
      shape,
      axis: channelAxis(shape.length),
    };
  });
  const channels = seen.reduce(
    (sum, { statistic, shape, axis }) =>
      statistic === 'samples' ? sum + (axis === undefined ? 1 : shape[axis]!) : sum,
    0,
  );
  const most = Math.max(1, Math.min(MOST_SAMPLES, Math.floor(MOST_SAMPLES_IN_ALL / Math.max(1, channels))));
  for (const { value, statistic, dtype, shape, axis } of seen)
    found.set(value, {
      dtype,
      shape,
      histogram: statistic === 'histogram' ? new Histogram() : undefined,
      samples: statistic === 'samples' ? new ChannelSamples(shape, axis, images, total, most) : undefined,
    });
}
