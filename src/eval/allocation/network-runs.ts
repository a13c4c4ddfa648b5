import { BnnqError } from '../../errors.ts';
import type { CalibrationBatches } from '../calibration/batches.ts';
import type { BatchValues, Lane } from '../calibration/lane.ts';
import { FloatOutputs, tellingValue } from './output-loss.ts';
import type { SensitivityTable } from './table.ts';

export interface ComparedOptions {
  /** Output to compare; the first when absent, all where they are no vectors of classes. */
  readonly output?: string | undefined;
  /** What tells how far the outputs move; told from the float ones when absent. */
  readonly measure?: SensitivityTable['measure'] | undefined;
}

/** Runs the float network and keeps what is compared. */
export async function floatOutputs(
  lane: Lane,
  batches: CalibrationBatches,
  { output, measure }: ComparedOptions,
  pause: () => Promise<void>,
): Promise<FloatOutputs> {
  const { graph } = lane.model;
  const known = graph.outputs.map(({ name }) => name);
  if (output !== undefined && !known.includes(output))
    throw new BnnqError('option', `the network has no output "${output}", only ${known.join(', ')}`);
  const names = new Set((output === undefined ? known : [output]).map((name) => tellingValue(graph, name)));
  const outputs = new FloatOutputs([...names]);
  let inputShape: readonly number[] = [];
  await runAll(lane, [...names, batches.input], batches.batches, async (values) => {
    const { shape } = values.get(batches.input)!;
    if (outputs.images === 0) inputShape = shape;
    outputs.add(values, shape[0] ?? 1);
    await pause();
  });
  outputs.settle(inputShape, measure);
  return outputs;
}

/** Computes values of all batches, in order. */
export async function runAll(
  lane: Lane,
  names: readonly string[],
  batches: number,
  onBatch: (values: BatchValues, batch: number) => Promise<void>,
): Promise<void> {
  const runner = lane.runner(names);
  try {
    for (let batch = 0; batch < batches; batch++) await onBatch(await runner.run(batch), batch);
  } finally {
    runner.dispose();
  }
}

/** At most so many images, in whole batches from all over the data, one batch at least. */
export function someOf(batches: CalibrationBatches, images: number): CalibrationBatches {
  if (!Number.isInteger(images) || images < 1)
    throw new BnnqError('option', `images: expected a whole number from 1 on, got ${images}`);
  if (images >= batches.count) return batches;
  const count = Math.max(1, Math.floor(images / batches.batch));
  const at = (index: number): number => Math.floor((index * batches.batches) / count);
  return { ...batches, batches: count, feed: (index) => batches.feed(at(index)) };
}

/** Lets timers and signals have their turn now and then. @throws interrupted after an abort */
export function pauses(signal: AbortSignal | undefined): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last >= 50) {
      await new Promise((resolve) => setImmediate(resolve));
      last = performance.now();
    }
    if (signal?.aborted) throw new BnnqError('interrupted', 'interrupted');
  };
}
