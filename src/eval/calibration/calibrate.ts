import { BnnqError, throwIfAny } from '../../errors.ts';
import type { Model } from '../../ir/graph.ts';
import { dequantize, type QuantizedTensor } from '../../ir/quantized-tensor.ts';
import type { Kernels } from '../../kernels/contract.ts';
import type { LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';
import { createLinearAlgebra } from '../../kernels/linear-algebra/select.ts';
import { createKernels, type KernelChoice } from '../../kernels/select.ts';
import { withoutFunctions } from '../../passes/expand-functions.ts';
import { residualSum } from '../../passes/residual-sum.ts';
import { chooseRidge } from '../../quantizers/calibrate/choose-ridge.ts';
import { isWhite } from '../../quantizers/calibrate/curvature.ts';
import { areFinite, blocksOf, type LayerMoments } from '../../quantizers/calibrate/moments.ts';
import { prepareLayer } from '../../quantizers/calibrate/prepare-layer.ts';
import type { Repair } from '../../quantizers/calibrate/repair.ts';
import { type RowWeight, rowWeight } from '../../quantizers/calibrate/row-weight.ts';
import { SOLVE_DEFAULTS, type SolveOptions } from '../../quantizers/calibrate/solve-options.ts';
import { type Solution, solveAndFit } from '../../quantizers/calibrate/solve-weight.ts';
import { type QuantizeOptions, type QuantizeSettings, resolveOptions } from '../../quantizers/options.ts';
import { type PlannedWeight, planWeights } from '../../quantizers/plan/plan-weights.ts';
import type { SkippedWeight } from '../../quantizers/plan/weight-uses.ts';
import {
  type DiscretizeWeight,
  encodeWeight,
  type LayerReport,
  type ModelSettings,
  optionsByLayer,
  type QuantizedModel,
  reportOf,
} from '../../quantizers/quantize-model.ts';
import { quantizeWeight, type WeightFit, weightFit } from '../../quantizers/quantize-weight.ts';
import { parseScheme } from '../../quantizers/registry.ts';
import { inRowOrder } from '../../quantizers/weight-values.ts';
import type { CalibrationBatches } from './batches.ts';
import { collectLayer } from './collect-layer.ts';
import { Lane } from './lane.ts';
import {
  biasOf,
  type LayerRepairs,
  repairPlace,
  repairsOf,
  shiftsMeans,
  withLayer,
} from './layer-repairs.ts';
import { type LayerSite, layerSite } from './layer-site.ts';
import type { FinishedLayer, LayerStore } from './layer-store.ts';
import { lastCut, valueSizes } from './value-sizes.ts';

/**
 * How weights are rounded: each to its nearest level (`rtn`), with levels fitted under the second moments of the inputs as
 * weights (`weighted`: the diagonal of the Hessian), or so that the errors of a layer make up for each other (`gptq`).
 */
export type Method = 'rtn' | 'weighted' | 'gptq';

export const METHODS: readonly Method[] = ['rtn', 'weighted', 'gptq'];

const WEIGHTED: Partial<SolveOptions> = { isDiagonal: true, correction: 0, scales: [1] };

export interface CalibrateSettings extends ModelSettings {
  readonly method?: Method | undefined;
  readonly repairs?: readonly Repair[] | undefined;
  /**
   * Part of the diagonal of each layer's second moments that is added to it, 0 or more; absent: found for each layer, see
   * chooseRidge.
   */
  readonly ridge?: number | undefined;
  readonly solve?: Partial<Omit<SolveOptions, 'ridge'>> | undefined;
  /** Whether layers also make up for the errors of what is added to their outputs; true when absent. */
  readonly residual?: boolean | undefined;
  /** Chooses the positions of images that are looked at. */
  readonly seed?: number | undefined;
  readonly kernels?: KernelChoice | undefined;
  /** The network that discretizing starts with, where that is not the float one: one with activations of few bits, say. */
  readonly start?: Model | undefined;
  /** Bytes that the values held between layers may take; 400 MB when absent. */
  readonly memoryBytes?: number | undefined;
}

export interface CalibrateHooks {
  /** Keeps finished layers, and gives those that an earlier run had finished. */
  readonly store?: LayerStore | undefined;
  readonly signal?: AbortSignal | undefined;
  /** After every layer, and now and then in between. */
  readonly onProgress?: ((progress: CalibrationProgress) => void) | undefined;
}

export interface CalibrationProgress {
  /** Part of the work that is done, 0 to 1. */
  readonly fraction: number;
  readonly layers: number;
  readonly totalLayers: number;
  /** The layer that is being worked on. */
  readonly layer: string;
}

interface SolvedLayer {
  readonly solution: Solution;
  readonly fit: WeightFit;
  readonly ridge: number;
}

/** How the calibration of one layer went. */
export interface LayerCalibration {
  readonly name: string;
  readonly samples: number;
  /** Loss of the layer against that of the nearest levels; null where it was rounded. */
  readonly lossRatio: number | null;
  readonly damping: number | null;
  /** Part of the diagonal of the second moments that was added to it; see chooseRidge. */
  readonly ridge: number | null;
  readonly repairs: readonly Repair[];
  /** What a user should know: too few samples, inputs that never vary, more damping, rounding instead. */
  readonly notes: readonly string[];
}

export interface CalibratedModel extends QuantizedModel {
  readonly calibration: readonly LayerCalibration[];
}

const DEFAULT_MEMORY_BYTES = 400e6;

/**
 * Discretizes the weights of a model, one layer after the other in the order of the graph, with what the layers see on the
 * calibration images: each layer's inputs come from the network discretized so far, and what it should give from the float
 * network on the same images. Both networks are walked side by side, see Lane. The model itself is not changed.
 * @throws option, weight as quantizeModel; interrupted; unsupported where the network cannot be run
 */
export async function calibrateModel(
  model: Model,
  batches: CalibrationBatches,
  settings: CalibrateSettings,
  hooks: CalibrateHooks = {},
): Promise<CalibratedModel> {
  const kernels = createKernels(settings.kernels);
  const algebra = createLinearAlgebra(settings.kernels);
  try {
    return await new Calibration(model, batches, settings, hooks, kernels, algebra).run();
  } finally {
    algebra.dispose();
    kernels.dispose();
  }
}

/** The settings of weights among those of a calibration. */
function weightSettings(settings: CalibrateSettings): QuantizeSettings {
  const { scheme, bits, granularity, fit, levels, zero, bases } = settings;
  return { scheme, bits, granularity, fit, levels, zero, bases };
}

class Calibration {
  readonly #batches: CalibrationBatches;
  readonly #settings: CalibrateSettings;
  readonly #hooks: CalibrateHooks;
  readonly #kernels: Kernels;
  readonly #algebra: LinearAlgebra;
  readonly #float: Lane;
  readonly #coded: Lane;
  readonly #chosen: readonly PlannedWeight[];
  readonly #skipped: SkippedWeight[];
  readonly #options: ReadonlyMap<string, QuantizeOptions>;
  readonly #repairs: readonly Repair[];
  #done = 0;
  #lastYield: number = performance.now();

  constructor(
    model: Model,
    batches: CalibrationBatches,
    settings: CalibrateSettings,
    hooks: CalibrateHooks,
    kernels: Kernels,
    algebra: LinearAlgebra,
  ) {
    const { include, exclude, perLayer, repairs } = settings;
    const common = weightSettings(settings);
    resolveOptions(common);
    const whole = withoutFunctions(model);
    const { chosen, skipped } = planWeights(whole, { include, exclude });
    this.#chosen = chosen;
    this.#skipped = [...skipped];
    this.#options = optionsByLayer(chosen, common, perLayer ?? new Map());
    this.#batches = batches;
    this.#settings = settings;
    this.#hooks = hooks;
    this.#kernels = kernels;
    this.#algebra = algebra;
    this.#repairs = repairs ?? [];
    this.#float = new Lane(whole, batches, kernels);
    this.#coded = new Lane(withoutFunctions(settings.start ?? model), batches, kernels);
  }

  async run(): Promise<CalibratedModel> {
    const sizes = await valueSizes(this.#coded.model, this.#batches, this.#kernels);
    const held = (this.#settings.memoryBytes ?? DEFAULT_MEMORY_BYTES) / 2 / this.#batches.batches;
    const layers: LayerReport[] = [];
    const calibration: LayerCalibration[] = [];
    const problems: BnnqError[] = [];
    for (const planned of this.#chosen) {
      try {
        const finished = this.#hooks.store?.get(planned.name) ?? (await this.#finish(planned, sizes, held));
        if (typeof finished === 'string') this.#skipped.push({ name: planned.name, reason: finished });
        else {
          this.#put(planned, finished);
          layers.push(reportOf(planned, finished.encoded));
          calibration.push(finished.calibration);
        }
      } catch (thrown) {
        if (!(thrown instanceof BnnqError) || thrown.code !== 'weight') throw thrown;
        problems.push(thrown);
      }
      this.#done++;
    }
    throwIfAny(problems);
    return { model: this.#coded.model, layers, skipped: this.#skipped, calibration };
  }

  /** What the layer sees, and what it should give. */
  async #moments(
    site: LayerSite,
    planned: PlannedWeight,
    sizes: ReadonlyMap<string, number>,
    held: number,
  ): Promise<LayerMoments> {
    const { node, view, output } = site;
    const cut = lastCut(this.#coded.model, this.#float.model, output, sizes, held);
    const { batches } = this.#batches;
    let step = 0;
    const onBatch = (): Promise<void> => this.#pause(planned.name, ++step / (3 * batches));
    for (const lane of cut === undefined ? [] : [this.#float, this.#coded]) await lane.advance(cut!, onBatch);
    const centred = repairPlace(this.#coded.model, node, this.#repairs) !== undefined;
    const residual =
      (this.#settings.residual ?? true) ? residualSum(this.#float.model, node, view.rows) : undefined;
    const bias = biasOf(this.#coded.model, node, view.rows);
    return collectLayer(
      { float: this.#float, coded: this.#coded, batches, algebra: this.#algebra, onBatch },
      site,
      { centred, residual, bias, seed: this.#settings.seed ?? 0 },
    );
  }

  /** Discretizes one layer and finds what is to be done behind it; or says why it stays as it is. */
  async #finish(
    planned: PlannedWeight,
    sizes: ReadonlyMap<string, number>,
    held: number,
  ): Promise<FinishedLayer | string> {
    const { name } = planned;
    const { method = 'gptq' } = this.#settings;
    const solve = { ...SOLVE_DEFAULTS, ...this.#settings.solve, ...(method === 'weighted' && WEIGHTED) };
    const found = layerSite(this.#coded.model, planned, this.#kernels);
    const needsMoments = method !== 'rtn' || shiftsMeans(this.#repairs);
    const seen =
      typeof found === 'string' || !needsMoments
        ? undefined
        : await this.#moments(found, planned, sizes, held);
    const site = seen === undefined || areFinite(seen) ? found : NOT_FINITE;
    const moments = site === found ? seen : undefined;
    const rounds = moments === undefined || method === 'rtn' || blocksOf(moments).every(isWhite);
    let solved: SolvedLayer | undefined;
    let repair: LayerRepairs | undefined;
    const discretize: DiscretizeWeight = (weight, layout, options) => {
      const row = rowWeight(weight, layout, name);
      if (!rounds) solved = this.#solve(row, moments, options, solve);
      const fit = solved?.fit ?? quantizeWeight(weight, layout, options, name);
      if (typeof site === 'string' || moments === undefined) return fit;
      repair = this.#repairOf(site, moments, fit.quantized, options.bits);
      const { quantized = fit.quantized } = repair;
      if (quantized === fit.quantized) return fit;
      return weightFit(quantized, row.values, inRowOrder(dequantize(quantized), layout));
    };
    const encoded = encodeWeight(this.#coded.model, planned, this.#options.get(name)!, discretize);
    if (typeof encoded === 'string') return encoded;
    if (repair === undefined && typeof site === 'object' && moments !== undefined)
      repair = this.#repairOf(site, moments, encoded.quantized);
    const { loss = 0, roundingLoss = 0, damping = null } = solved?.solution ?? {};
    const calibration: LayerCalibration = {
      name,
      samples: moments?.samples ?? 0,
      lossRatio: roundingLoss === 0 ? null : loss / roundingLoss,
      damping,
      ridge: solved?.ridge ?? null,
      repairs: repair?.repairs ?? [],
      notes: notesOf(site, moments, solved?.solution, solve.damping),
    };
    const finished: FinishedLayer = { encoded, calibration, affine: repair?.affine };
    this.#hooks.store?.put(name, finished);
    return finished;
  }

  /** The candidate of a scheme with the least loss, with the ridge that was asked for or the one that is best for the layer. */
  #solve(row: RowWeight, moments: LayerMoments, options: QuantizeOptions, solve: SolveOptions): SolvedLayer {
    const candidates = parseScheme(options.scheme).candidates?.(options) ?? [options];
    const ridge = this.#settings.ridge ?? chooseRidge(row, moments, candidates[0]!, solve, this.#algebra);
    const layer = prepareLayer(row, moments, { ...solve, ridge }, this.#algebra);
    const solved = candidates
      .map((candidate) => solveAndFit(layer, candidate, solve, this.#algebra))
      .reduce((best, other) => (other.solution.loss < best.solution.loss ? other : best));
    return { ...solved, ridge };
  }

  /** What is done about the outputs of a layer; `bits` of its levels where these may be scaled. */
  #repairOf(
    { node }: LayerSite,
    moments: LayerMoments,
    quantized: QuantizedTensor,
    bits?: number,
  ): LayerRepairs {
    return repairsOf(this.#coded.model, node, this.#repairs, moments, quantized, bits, this.#algebra);
  }

  /** Puts a finished layer into the network. */
  #put(planned: PlannedWeight, { encoded, affine }: FinishedLayer): void {
    const quantized = this.#settings.keep?.(encoded.quantized) ?? encoded.quantized;
    this.#coded.model = withLayer(this.#coded.model, planned, quantized, affine);
  }

  /** Lets timers and signals have their turn, and says how far it is. @throws interrupted */
  async #pause(layer: string, part: number): Promise<void> {
    const rests = performance.now() - this.#lastYield >= YIELD_MS;
    if (rests) {
      await new Promise((resolve) => setImmediate(resolve));
      this.#lastYield = performance.now();
    }
    if (this.#hooks.signal?.aborted) throw new BnnqError('interrupted', 'interrupted');
    if (!rests) return;
    const totalLayers = this.#chosen.length;
    const fraction = (this.#done + Math.min(1, part)) / totalLayers;
    this.#hooks.onProgress?.({ fraction, layers: this.#done, totalLayers, layer });
  }
}

/** Why a layer is rounded though its inputs can be looked into. */
const NOT_FINITE =
  'its inputs or outputs on the calibration images are not all finite, or too large to be squared';

/** Pauses of the calling thread's work. */
const YIELD_MS = 50;

function notesOf(
  site: LayerSite | string,
  moments: LayerMoments | undefined,
  solution: Solution | undefined,
  damping: number,
): string[] {
  if (typeof site === 'string') return [`rounded to the nearest levels: ${site}`];
  if (moments === undefined) return [];
  const notes: string[] = [];
  const { columns, samples, groups, blockEnds } = moments;
  if (samples < columns)
    notes.push(`${samples} samples for ${columns} columns: more calibration images would help`);
  if (solution === undefined) return notes;
  if (solution.deadColumns > 0)
    notes.push(`${solution.deadColumns} of ${columns * groups} inputs never vary on the calibration images`);
  if (solution.damping > damping)
    notes.push(`damping was raised to ${solution.damping} so that the moments have a Cholesky factor`);
  if (blockEnds.length > 1) notes.push(`its ${columns} columns were taken in ${blockEnds.length} blocks`);
  return notes;
}
