import type { Model } from '../../ir/graph.ts';
import { createKernels, type KernelChoice } from '../../kernels/select.ts';
import { quantizeModel } from '../../quantizers/quantize-model.ts';
import type { CalibrationBatches } from '../calibration/batches.ts';
import { Lane } from '../calibration/lane.ts';
import { allocateUniformly } from './allocate.ts';
import { floatOutputs, pauses, runAll } from './network-runs.ts';
import type { Allocation, SensitivityTable } from './table.ts';

export interface ConfirmOptions {
  readonly output?: string | undefined;
  /** What uniform choices may take; as much as the allocation when absent. */
  readonly payloadBytes?: number | undefined;
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly kernels?: KernelChoice | undefined;
}

export interface ConfirmHooks {
  /** Discretizes the network as an allocation says; rounding to the nearest level when absent. */
  readonly quantize?: (allocation: Allocation) => Model | Promise<Model>;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** An allocation with the loss of the whole network. */
export interface ConfirmedAllocation extends Allocation {
  readonly networkLoss: number;
  /** The candidate, where one candidate for all layers did better than the allocation. */
  readonly uniform: number | null;
}

/** Uniform choices that are tried, the best by summed loss. */
const RIVALS = 3;

/**
 * Runs whole networks, for sums of single losses are estimates: the allocation, and the best uniform choices that are no
 * larger. The one that moves the outputs least, by the measure of the table.
 * @param model the float network
 * @param batches to run on; not those that `quantize` fits weights with, see `holdOut`
 * @throws whatever running the network throws; interrupted
 */
export async function confirmAllocation(
  model: Model,
  batches: CalibrationBatches,
  table: SensitivityTable,
  allocation: Allocation,
  options: ConfirmOptions = {},
  hooks: ConfirmHooks = {},
): Promise<ConfirmedAllocation> {
  const { output, include, exclude, payloadBytes = allocation.payloadBytes } = options;
  const {
    quantize = ({ common, perLayer }) =>
      quantizeModel(model, { ...common, perLayer, include, exclude }).model,
  } = hooks;
  const rivals = table.candidates
    .map((_, candidate) => ({
      allocation: allocateUniformly(table, candidate),
      uniform: candidate as number | null,
    }))
    .filter((rival) => rival.allocation.payloadBytes <= payloadBytes)
    .toSorted((a, b) => a.allocation.loss - b.allocation.loss)
    .slice(0, RIVALS);
  const all = [{ allocation, uniform: null }, ...rivals];
  const pause = pauses(hooks.signal);
  const kernels = createKernels(options.kernels);
  try {
    const lane = new Lane(model, batches, kernels);
    const { measure } = table;
    const outputs = await floatOutputs(lane, batches, { output, measure }, pause);
    let best: ConfirmedAllocation | undefined;
    for (const [i, { allocation: tried, uniform }] of all.entries()) {
      lane.model = await quantize(tried);
      const comparison = outputs.comparison();
      await runAll(lane, outputs.names, batches.batches, async (values, batch) => {
        comparison.add(values, batch);
        await pause();
      });
      const networkLoss = comparison.loss();
      if (best === undefined || networkLoss < best.networkLoss)
        best = { ...tried, met: allocation.met, networkLoss, uniform };
      hooks.onProgress?.(i + 1, all.length);
    }
    return best!;
  } finally {
    kernels.dispose();
  }
}
