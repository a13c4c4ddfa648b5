import {
  type Allocation,
  allocate,
  allocateToSize,
  type CalibrationBatches,
  type Candidate,
  CellStore,
  candidatesOf,
  confirmAllocation,
  type Dataset,
  type DiscretizedModel,
  dropMeter,
  type EvaluateOptions,
  holdOut,
  type KernelChoice,
  LayerSolver,
  type Method,
  type Model,
  measureSensitivity,
  type PackOptions,
  type PlannedWeight,
  type PointRange,
  packedSize,
  planWeights,
  type Repair,
  type SensitivityTable,
  smallestWithin,
  widthsAround,
} from '../src/index.ts';
import type { Goal } from './allocation-options.ts';
import { interruptible } from './interrupt.ts';
import { fixed, plural, printable } from './terminal/format.ts';
import { startProgress } from './terminal/progress.ts';

/** How near a goal the network came that is written. */
export interface Reached {
  readonly option: Goal['option'];
  readonly limit: number;
  /** In the unit of the limit. */
  readonly value: number;
  readonly met: boolean;
  /** What --max-drop was measured by. */
  readonly by: 'top1' | 'agreement' | null;
  /** Losses of the layers alone, summed; see SensitivityTable for the measure. */
  readonly predictedLoss: number;
  readonly measure: SensitivityTable['measure'];
  /** The same measure with all layers discretized, where networks were compared; see `compared`. */
  readonly networkLoss: number | null;
  /** The one candidate of all layers, where that did better than choosing by layer. */
  readonly uniform: Candidate | null;
  /** Images that layers were measured on. */
  readonly images: number;
  readonly candidates: readonly Candidate[];
}

/** Which weights are discretized. */
interface PlanOptions {
  readonly include: readonly string[] | undefined;
  readonly exclude: readonly string[] | undefined;
}

/** Everything that an allocation is made from. */
export interface AllocationTask extends PlanOptions {
  readonly goal: Goal;
  readonly model: Model;
  readonly images: CalibrationBatches;
  readonly candidates: readonly Candidate[];
  readonly output: string | undefined;
  readonly kernels: KernelChoice | undefined;
  readonly method: Method;
  readonly repairs: readonly Repair[];
  /** The file that keeps what was measured. */
  readonly measurements: string;
  readonly quiet: boolean;
  /** What the file will record. */
  readonly recorded: PackOptions;
  /**
   * Discretizes the network as an allocation says, by the method and with the repairs that were asked for.
   * @param images to fit it to; all when absent
   */
  discretize(allocation: Allocation, images?: CalibrationBatches): Promise<DiscretizedModel>;
  /** Bytes of a file that allocations do not see: what repairs and rounded activations add. */
  readonly added: number;
  /** What --max-drop is measured on. */
  readonly meter: {
    readonly float: () => Promise<string | Model>;
    readonly data: Dataset;
    readonly options: EvaluateOptions;
  };
}

/** Networks that --max-drop tries at most. */
const EVALUATIONS = 8;

/**
 * Summed losses up to here are near the loss of the whole network (nats, or parts of the variance of outputs). Above, at 1 and 2
 * bits, they are not: of the demo network at 1.3 bits a weight the choice by layer, calibrated, was 4 points of top-1 worse
 * than one codebook of 1 bit for every layer.
 */
const TRUSTED_LOSS = 0.1;

/** Widths that --max-drop chooses from where none are given; layers at 8 bits lose next to nothing. */
const DROP_WIDTHS = [2, 3, 4, 5, 6, 8];

/**
 * Measures every layer with every candidate, chooses one for each layer, and discretizes the network in that way. Where the
 * goal cannot be reached, the nearest that there is, with `met` false.
 */
export async function discretizeFor(
  task: AllocationTask,
): Promise<{ readonly done: DiscretizedModel; readonly reached: Reached }> {
  const table = await measureLayers(task);
  const found = await FINDERS[task.goal.option](task, table);
  const { option, limit } = task.goal;
  const { measure, images, candidates } = table;
  const { allocation, done, value, met, by = null, networkLoss = null, uniform = null } = found;
  const reached = { option, limit, value, met, by, predictedLoss: allocation.loss, networkLoss, uniform };
  return { done, reached: { ...reached, measure, images, candidates } };
}

/**
 * The candidates of every layer: widths as given, else near what the goal leaves for a weight.
 * @param added bytes of the file that allocations do not see
 */
export function candidatesFor(
  goal: Goal,
  model: Model,
  range: Omit<PointRange, 'bits'>,
  bits: readonly number[] | undefined,
  plan: PlanOptions,
  added: number,
): { candidates: Candidate[]; left: string[] } {
  return candidatesOf({
    ...range,
    bits: bits ?? widthsFor(goal, planWeights(model, plan).chosen, packedSize(model).total + added),
  });
}

/** @param bytes of the float network's file */
function widthsFor(
  { option, limit }: Goal,
  chosen: readonly PlannedWeight[],
  bytes: number,
): readonly number[] {
  if (option === 'max-drop') return DROP_WIDTHS;
  const weights = Math.max(
    1,
    chosen.reduce((sum, { count }) => sum + count, 0),
  );
  const sources = new Map(chosen.map(({ chain, source }) => [source, chain.initializer.byteLength]));
  const beside = bytes - [...sources.values()].reduce((sum, own) => sum + own, 0);
  const left = option === 'target-bits' ? limit : (8 * (limit - beside)) / weights;
  const most = Math.min(8, Math.max(1, left));
  // Levels weigh in small layers: two a channel, or one table of a codebook, of 32 bits each.
  const levels = chosen.reduce((sum, { rows }) => sum + 32 * Math.min(2 * rows, 2 ** Math.floor(most)), 0);
  const least = Math.max(1, most - levels / weights);
  return [...new Set([...widthsAround(least), ...widthsAround(most)])].toSorted((a, b) => a - b);
}

interface Made {
  readonly allocation: Allocation;
  readonly done: DiscretizedModel;
  readonly networkLoss?: number;
  readonly uniform?: Candidate | null;
}

interface Found extends Made {
  readonly value: number;
  readonly met: boolean;
  readonly by?: 'top1' | 'agreement';
}

const FINDERS: Readonly<
  Record<Goal['option'], (task: AllocationTask, table: SensitivityTable) => Promise<Found>>
> = { 'target-bits': forBits, 'target-size': forSize, 'max-drop': forDrop };

async function forBits(task: AllocationTask, table: SensitivityTable): Promise<Found> {
  const made = await compared(task, table, allocate(table, { bitsPerWeight: task.goal.limit }));
  const { bitsPerWeight, met } = made.allocation;
  return { ...made, value: bitsPerWeight, met };
}

/**
 * Makes the network of an allocation. Where the summed loss is too large to be trusted it is made and the best uniform
 * choices of no more bytes with most of the images, and that choice is taken which moves the outputs least on the others.
 */
async function compared(
  task: AllocationTask,
  table: SensitivityTable,
  allocation: Allocation,
): Promise<Made> {
  if (allocation.loss <= TRUSTED_LOSS || !allocation.met)
    return { allocation, done: await task.discretize(allocation) };
  const { model, images, include, exclude, output, kernels } = task;
  const { fit, judge } = holdOut(images);
  const quantize = async (tried: Allocation): Promise<Model> => (await task.discretize(tried, fit)).model;
  const options = { include, exclude, output, kernels };
  const { networkLoss, uniform, ...best } = await interruptible((signal) =>
    confirmAllocation(model, judge, table, allocation, options, { quantize, signal }),
  );
  return {
    allocation: best,
    done: await task.discretize(best),
    networkLoss,
    uniform: uniform === null ? null : table.candidates[uniform]!,
  };
}

async function forSize(task: AllocationTask, table: SensitivityTable): Promise<Found> {
  const { model, recorded } = task;
  const { limit } = task.goal;
  let { added } = task;
  for (;;) {
    const allocation = allocateToSize(model, table, Math.max(0, limit - added), recorded);
    const made = await compared(task, table, allocation);
    const value = packedSize(made.done.model, recorded).total;
    // Without `met` it is the smallest choice: nothing is left to save.
    if (value <= limit || !allocation.met) return { ...made, value, met: value <= limit };
    added += value - limit;
  }
}

function forDrop(task: AllocationTask, table: SensitivityTable): Promise<Found> {
  const { meter, quiet, goal } = task;
  let progress = startProgress('scoring', quiet);
  const made = new Map<Allocation['perLayer'], DiscretizedModel>();
  return interruptible(async (signal) => {
    const { by, measure } = await dropMeter(await meter.float(), meter.data, {
      ...meter.options,
      signal,
      onProgress: (images, total) => progress.update(images / total, `${images}/${total} images`),
    });
    progress.stop();
    const measured = async (tried: Allocation): Promise<number> => {
      const done = await task.discretize(tried);
      made.set(tried.perLayer, done);
      progress = startProgress('scoring', quiet);
      return measure(done.model).finally(() => progress.stop());
    };
    const allocation = await smallestWithin(table, goal.limit, measured, {
      evaluations: EVALUATIONS,
      onMeasured: ({ bitsPerWeight, drop }, evaluation) =>
        progress.note(`try ${evaluation}: ${bitsPerWeight.toFixed(2)} bits a weight, ${dropText(by, drop)}`),
    });
    const { drop: value, met } = allocation;
    return { allocation, done: made.get(allocation.perLayer)!, value, met, by };
  }).finally(() => progress.stop());
}

/** `top-1 falls by 0.40 points`. */
export function dropText(by: Reached['by'], drop: number): string {
  if (by === 'agreement') return `${fixed(drop, 2)} % of answers are not those of float`;
  return drop < 0 ? `top-1 rises by ${fixed(-drop, 2)} points` : `top-1 falls by ${fixed(drop, 2)} points`;
}

/**
 * Each layer discretized alone by the method that the network will be (what rounding costs tells little at 1 and 2 bits), and
 * measured on images that it was not fitted to.
 */
function measureLayers(task: AllocationTask): Promise<SensitivityTable> {
  const { model, images, candidates, include, exclude, output, kernels, method, repairs, measurements } =
    task;
  const { fit, judge } = holdOut(images);
  const solver = method === 'gptq' ? new LayerSolver(model, fit, { repairs, kernels }) : undefined;
  const store = new CellStore(measurements, model, {
    method,
    ...(solver && { fitted: fit.fingerprint, repairs }),
  });
  const progress = startProgress('measuring', task.quiet);
  return interruptible((signal) =>
    measureSensitivity(
      model,
      judge,
      candidates,
      { include, exclude, output, kernels },
      {
        signal,
        store,
        ...(solver && { discretizeLayer: (name, candidate) => solver.discretize(name, candidate) }),
        onProgress: ({ share, done, total, layer }) =>
          progress.update(share, `${done}/${total} candidates`, layer),
      },
    ),
  ).finally(() => {
    if (store.reused > 0)
      progress.note(
        `${plural(store.reused, 'candidate')} had been measured before (${printable(measurements)})`,
      );
    progress.stop();
    solver?.dispose();
    store.close();
  });
}
