import type { Initializer, Model } from '../../ir/graph.ts';
import { quantizedInitializer } from '../../ir/quantized-initializer.ts';
import type { Kernels } from '../../kernels/contract.ts';
import type { LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';
import { createLinearAlgebra } from '../../kernels/linear-algebra/select.ts';
import { createKernels, type KernelChoice } from '../../kernels/select.ts';
import { withoutFunctions } from '../../passes/expand-functions.ts';
import { chooseRidge } from '../../quantizers/calibrate/choose-ridge.ts';
import { areFinite, type LayerMoments } from '../../quantizers/calibrate/moments.ts';
import { type PreparedLayer, prepareLayer } from '../../quantizers/calibrate/prepare-layer.ts';
import type { Repair } from '../../quantizers/calibrate/repair.ts';
import { type RowWeight, rowWeight } from '../../quantizers/calibrate/row-weight.ts';
import {
  type LossOptions,
  type SearchOptions,
  SOLVE_DEFAULTS,
} from '../../quantizers/calibrate/solve-options.ts';
import { solveAndFit } from '../../quantizers/calibrate/solve-weight.ts';
import { type QuantizeOptions, resolveOptions } from '../../quantizers/options.ts';
import { type PlannedWeight, planWeights } from '../../quantizers/plan/plan-weights.ts';
import { encodeWeight } from '../../quantizers/quantize-model.ts';
import { quantizeWeight } from '../../quantizers/quantize-weight.ts';
import type { CalibrationBatches } from './batches.ts';
import { collectLayer } from './collect-layer.ts';
import { Lane } from './lane.ts';
import { biasOf, type LayerRepairs, repairPlace, repairsOf, withLayer } from './layer-repairs.ts';
import { type LayerSite, layerSite } from './layer-site.ts';
import { lastCut, valueSizes } from './value-sizes.ts';

/** The layers before are in float, so there is nothing to make up for. */
const LOSS: LossOptions = { ...SOLVE_DEFAULTS, correction: 0 };

/** One search is enough to compare candidates. */
const QUICK: SearchOptions = { scales: [1], refits: 1 };

/** The ridge of a layer is found with these levels, so that it does not depend on what is asked for first. */
const TRIED = resolveOptions({ scheme: 'exp', bits: 3 });

/** Bytes that the values held between layers may take. */
const MEMORY_BYTES = 200e6;

/** The layer that was asked for last. */
interface Current {
  readonly name: string;
  /** Absent where it cannot be calibrated. */
  readonly seen: { readonly site: LayerSite; readonly moments: LayerMoments } | undefined;
  layer?: PreparedLayer;
}

/** One layer of the float network discretized as calibration would. */
export interface SolvedAlone {
  readonly initializer: Initializer;
  /** Squared error of the layer's outputs; absent where the layer was rounded. */
  readonly error: number | undefined;
  /** Puts it into the float network, with what is done behind it. */
  change(model: Model): Model;
}

/**
 * Discretizes single layers of the float network as calibration would, with its repairs, all others in float: for measuring what
 * each costs (`discretizeLayer` of measureSensitivity). Layers are asked for in the order of the network, and each with all
 * its candidates before the next, so that its moments are collected once.
 */
export class LayerSolver {
  readonly #model: Model;
  readonly #batches: CalibrationBatches;
  readonly #repairs: readonly Repair[];
  readonly #kernels: Kernels;
  readonly #algebra: LinearAlgebra;
  readonly #lane: Lane;
  readonly #planned: ReadonlyMap<string, PlannedWeight>;
  #sizes: ReadonlyMap<string, number> | undefined;
  #current: Current | undefined;

  constructor(
    model: Model,
    batches: CalibrationBatches,
    {
      repairs = [],
      kernels,
    }: { readonly repairs?: readonly Repair[]; readonly kernels?: KernelChoice | undefined } = {},
  ) {
    this.#model = withoutFunctions(model);
    this.#batches = batches;
    this.#repairs = repairs;
    this.#kernels = createKernels(kernels);
    this.#algebra = createLinearAlgebra(kernels);
    this.#lane = new Lane(this.#model, batches, this.#kernels);
    this.#planned = new Map(planWeights(this.#model).chosen.map((weight) => [weight.name, weight]));
  }

  /** One weight in one way; or why it stays as it is. A layer that cannot be calibrated is rounded. */
  async discretize(name: string, options: QuantizeOptions): Promise<SolvedAlone | string> {
    const planned = this.#planned.get(name);
    if (planned === undefined) return 'it is not a weight that is discretized';
    if (this.#current?.name !== name) this.#current = { name, seen: await this.#look(planned) };
    const current = this.#current;
    let error: number | undefined;
    let repair: LayerRepairs | undefined;
    const encoded = encodeWeight(this.#model, planned, options, (weight, layout, settings) => {
      if (current.seen === undefined) return quantizeWeight(weight, layout, settings, name);
      const { site, moments } = current.seen;
      current.layer ??= this.#prepare(rowWeight(weight, layout, name), moments);
      const { solution, fit } = solveAndFit(current.layer, settings, QUICK, this.#algebra);
      error = solution.loss;
      const { bits } = settings;
      const { node } = site;
      repair = repairsOf(this.#model, node, this.#repairs, moments, fit.quantized, bits, this.#algebra);
      return fit;
    });
    if (typeof encoded === 'string') return encoded;
    const quantized = repair?.quantized ?? encoded.quantized;
    return {
      initializer: quantizedInitializer(name, quantized),
      error,
      change: (model) => withLayer(model, planned, quantized, repair?.affine),
    };
  }

  #prepare(weight: RowWeight, moments: LayerMoments): PreparedLayer {
    const ridge = chooseRidge(weight, moments, TRIED, LOSS, this.#algebra);
    return prepareLayer(weight, moments, { ...LOSS, ridge }, this.#algebra);
  }

  async #look(planned: PlannedWeight): Promise<Current['seen']> {
    const site = layerSite(this.#model, planned, this.#kernels);
    if (typeof site === 'string') return undefined;
    this.#sizes ??= await valueSizes(this.#model, this.#batches, this.#kernels);
    const { batches } = this.#batches;
    const cut = lastCut(this.#model, this.#model, site.output, this.#sizes, MEMORY_BYTES / batches);
    const onBatch = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    if (cut !== undefined) await this.#lane.advance(cut, onBatch);
    const moments = await collectLayer(
      { float: this.#lane, coded: this.#lane, batches, algebra: this.#algebra, onBatch },
      site,
      {
        centred: repairPlace(this.#model, site.node, this.#repairs) !== undefined,
        residual: undefined,
        bias: biasOf(this.#model, site.node, site.view.rows),
        seed: 0,
      },
    );
    return areFinite(moments) ? { site, moments } : undefined;
  }

  dispose(): void {
    this.#algebra.dispose();
    this.#kernels.dispose();
  }
}
