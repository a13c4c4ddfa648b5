import { createHash } from 'node:crypto';
import { BnnqError } from '../../errors.ts';
import { constantInitializer } from '../../ir/constant-initializer.ts';
import type { Initializer, Model } from '../../ir/graph.ts';
import { quantizedInitializer } from '../../ir/quantized-initializer.ts';
import { withConstants } from '../../ir/with-constants.ts';
import { createKernels, type KernelChoice } from '../../kernels/select.ts';
import { type PlannedWeight, planWeights } from '../../quantizers/plan/plan-weights.ts';
import { readWeight } from '../../quantizers/plan/read-weight.ts';
import { encodeWeight } from '../../quantizers/quantize-model.ts';
import type { CalibrationBatches } from '../calibration/batches.ts';
import { Lane } from '../calibration/lane.ts';
import type { CellStore } from './cell-store.ts';
import { imagesWithin } from './cost.ts';
import { MOST_MEASURED } from './interpolate.ts';
import { type DiscretizedLayer, type MeasuredCell, measureLayer } from './measure-layer.ts';
import { type ComparedOptions, floatOutputs, pauses, runAll, someOf } from './network-runs.ts';
import { placesOf } from './places.ts';
import { type OnSensitivityProgress, Work } from './progress.ts';
import type { Candidate, LayerSensitivity, SensitivityTable } from './table.ts';

export interface SensitivityOptions extends ComparedOptions {
  /** Globs on names of initializers and nodes; absent or empty: all. */
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  /** So many images at most, in whole batches; what can be done in some minutes when absent, see `imagesWithin`. */
  readonly images?: number | undefined;
  readonly kernels?: KernelChoice | undefined;
}

export interface SensitivityHooks {
  /** Discretizes one layer of the float network, or says why it stays as it is; rounding to the nearest level when absent. */
  readonly discretizeLayer?: (
    name: string,
    candidate: Candidate,
  ) => DiscretizedLayer | string | Promise<DiscretizedLayer | string>;
  /** Keeps cells, and gives those that another table had measured. */
  readonly store?: CellStore | undefined;
  readonly onProgress?: OnSensitivityProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What it costs to discretize each layer alone in each way, all others in float: how far the outputs move on the
 * calibration images. The float network runs once over the images, from layer to layer; each candidate runs only what
 * lies behind its layer. The same table for any kernels.
 * @throws option (nothing to discretize, no such output, measure), weight, unsupported, interrupted
 */
export async function measureSensitivity(
  model: Model,
  batches: CalibrationBatches,
  candidates: readonly Candidate[],
  options: SensitivityOptions = {},
  hooks: SensitivityHooks = {},
): Promise<SensitivityTable> {
  const started = performance.now();
  const { include, exclude } = options;
  const plan = planWeights(model, { include, exclude });
  const skipped = [...plan.skipped];
  const chosen: PlannedWeight[] = [];
  const made = new Map<string, Initializer>();
  for (const planned of plan.chosen) {
    const elements = planned.chain.makers.length === 0 ? undefined : readWeight(model, planned);
    if (typeof elements === 'string') skipped.push({ name: planned.name, reason: elements });
    else chosen.push(planned);
    if (typeof elements === 'object')
      made.set(planned.name, constantInitializer(planned.name, elements.tensor));
  }
  if (chosen.length === 0) throw nothingToMeasure(skipped);
  // With what makes weights out of the way, exchanging one leaves the list of nodes as it is.
  const float = withConstants(model, made);
  const runs =
    hooks.discretizeLayer === undefined ? candidates.length : Math.min(candidates.length, MOST_MEASURED);
  const images = options.images ?? imagesWithin(model, runs, { include, exclude });
  const used = someOf(batches, images);
  const pause = pauses(hooks.signal);
  const kernels = createKernels(options.kernels);
  try {
    const lane = new Lane(float, used, kernels);
    const outputs = await floatOutputs(lane, used, options, pause);
    const places = placesOf(float, chosen);
    const work = new Work(float, chosen, places, candidates.length, hooks.onProgress);
    const { measure, images: count } = outputs;
    const { fingerprint } = batches;
    const known = hooks.store?.of({ fingerprint, count, outputs: outputs.names, measure });
    const cells = new Map<PlannedWeight, MeasuredCell[]>();
    for (const planned of chosen.toSorted((a, b) => places.get(a.name)!.index - places.get(b.name)!.index)) {
      const { name } = planned;
      const { first, touched } = places.get(name)!;
      const behind = outputs.names.filter((output) => touched.has(output));
      const lossBy = new Map<string, number>();
      const row = await measureLayer(name, {
        candidates,
        known,
        discretize: async (candidate) => {
          await pause();
          return discretize(model, planned, candidate, hooks);
        },
        lossOf: async ({ initializer, change }) => {
          if (behind.length === 0) return 0;
          const key = `${digestOf(initializer)} ${initializer.quantized?.bits}`;
          const before = lossBy.get(key);
          if (before !== undefined) return before;
          await lane.advance(first, pause);
          const comparison = outputs.comparison();
          lane.model = change?.(float) ?? withConstants(float, new Map([[name, initializer]]));
          await runAll(lane, behind, used.batches, async (values, batch) => {
            comparison.add(values, batch);
            work.batch(name, (batch + 1) / used.batches);
            await pause();
          });
          lane.model = float;
          lossBy.set(key, comparison.loss());
          return comparison.loss();
        },
        onDone: () => work.cell(name),
      });
      cells.set(planned, row);
    }
    return {
      schema: 'bnn-quantize/sensitivity@1',
      measure,
      outputs: outputs.names,
      images: count,
      fingerprint,
      candidates,
      layers: chosen.flatMap((planned) => layerOf(planned, cells.get(planned)!)),
      skipped: [...chosen.flatMap((planned) => leftAlone(planned, cells.get(planned)!)), ...skipped],
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    kernels.dispose();
  }
}

async function discretize(
  model: Model,
  planned: PlannedWeight,
  candidate: Candidate,
  { discretizeLayer }: SensitivityHooks,
): Promise<DiscretizedLayer | string> {
  const { name } = planned;
  if (discretizeLayer !== undefined) return discretizeLayer(name, candidate);
  const found = encodeWeight(model, planned, candidate);
  if (typeof found === 'string') return found;
  return { initializer: quantizedInitializer(name, found.quantized), kept: found.kept };
}

function layerOf(planned: PlannedWeight, row: readonly MeasuredCell[]): LayerSensitivity[] {
  const { name, node, opType, shape, count } = planned;
  const cells = row.map((cell) => (typeof cell === 'string' ? null : cell));
  return cells.every((cell) => cell === null) ? [] : [{ name, node, opType, shape, count, cells }];
}

/** A weight that no candidate discretizes. */
function leftAlone({ name }: PlannedWeight, row: readonly MeasuredCell[]) {
  const [reason] = row;
  return row.every((cell) => typeof cell === 'string') ? [{ name, reason: reason as string }] : [];
}

/** Same values, same digest: at one bit several schemes are the same. Repairs go by the bits besides. */
function digestOf(initializer: Initializer): string {
  const { data } = initializer.read();
  const bytes = data as Exclude<typeof data, string[]>;
  return createHash('sha256')
    .update(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    .digest('base64');
}

function nothingToMeasure(skipped: readonly { readonly name: string; readonly reason: string }[]): BnnqError {
  const reasons = skipped.slice(0, 5).map(({ name, reason }) => `"${name}": ${reason}`);
  return new BnnqError(
    'option',
    `the model has no weights to discretize${reasons.length > 0 ? ` (${reasons.join('; ')})` : ''}`,
  );
}
