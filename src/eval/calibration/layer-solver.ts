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
import { biasOf } from './calibrate.ts';
import { collectLayer } from './collect-layer.ts';
import { Lane } from './lane.ts';
import { layerSite } from './layer-site.ts';
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
  readonly moments: LayerMoments | undefined;
  layer?: PreparedLayer;
}

/**
 * Discretizes single layers of the float network as calibration would, all others in float: for measuring what each costs
 * (`discretizeLayer` of measureSensitivity). Layers are asked for in the order of the network, and each with all its
 * candidates before the next, so that its moments are collected once.
 */
export class LayerSolver {
  readonly #model: Model;
  readonly #batches: CalibrationBatches;
  readonly #kernels: Kernels;
  readonly #algebra: LinearAlgebra;
  readonly #lane: Lane;
  readonly #planned: ReadonlyMap<string, PlannedWeight>;
  #sizes: ReadonlyMap<string, number> | undefined;
  #current: Current | undefined;

  constructor(model: Model, batches: CalibrationBatches, kernels?: KernelChoice) {
    this.#model = withoutFunctions(model);
    this.#batches = batches;
    this.#kernels = createKernels(kernels);
    this.#algebra = createLinearAlgebra(kernels);
    this.#lane = new Lane(this.#model, batches, this.#kernels);
    this.#planned = new Map(planWeights(this.#model).chosen.map((weight) => [weight.name, weight]));
  }

  /** The codes of one weight; or why it stays as it is. A layer that cannot be calibrated is rounded, its error not known. */
  async discretize(
    name: string,
    options: QuantizeOptions,
  ): Promise<{ readonly initializer: Initializer; readonly error: number | undefined } | string> {
    const planned = this.#planned.get(name);
    if (planned === undefined) return 'it is not a weight that is discretized';
    if (this.#current?.name !== name) this.#current = { name, moments: await this.#moments(planned) };
    const current = this.#current;
    const { moments } = current;
    let error: number | undefined;
    const encoded = encodeWeight(this.#model, planned, options, (weight, layout, settings) => {
      if (moments === undefined) return quantizeWeight(weight, layout, settings, name);
      current.layer ??= this.#prepare(rowWeight(weight, layout, name), moments);
      const { solution, fit } = solveAndFit(current.layer, settings, QUICK, this.#algebra);
      error = solution.loss;
      return fit;
    });
    if (typeof encoded === 'string') return encoded;
    return { initializer: quantizedInitializer(name, encoded.quantized), error };
  }

  #prepare(weight: RowWeight, moments: LayerMoments): PreparedLayer {
    const ridge = chooseRidge(weight, moments, TRIED, LOSS, this.#algebra);
    return prepareLayer(weight, moments, { ...LOSS, ridge }, this.#algebra);
  }

  async #moments(planned: PlannedWeight): Promise<LayerMoments | undefined> {
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
        centred: false,
        residual: undefined,
        bias: biasOf(this.#model, site.node, site.view.rows),
        seed: 0,
      },
    );
    return areFinite(moments) ? moments : undefined;
  }

  dispose(): void {
    this.#algebra.dispose();
    this.#kernels.dispose();
  }
}
