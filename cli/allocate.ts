import {
  type Allocation,
  allocate,
  allocateToSize,
  type CalibrationBatches,
  type Candidate,
  candidatesOf,
  type Dataset,
  type DiscretizedModel,
  dropMeter,
  type EvaluateOptions,
  type KernelChoice,
  type Model,
  measureSensitivity,
  type PackOptions,
  type PointRange,
  packedSize,
  planWeights,
  type SensitivityTable,
  smallestWithin,
  widthsAround,
} from '../src/index.ts';
import type { Goal } from './allocation-options.ts';
import { interruptible } from './interrupt.ts';
import { fixed } from './terminal/format.ts';
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
  /** Images that layers were measured on. */
  readonly images: number;
  readonly candidates: readonly Candidate[];
}

/** Everything that an allocation is made from. */
export interface AllocationTask {
  readonly goal: Goal;
  readonly model: Model;
  readonly images: CalibrationBatches;
  readonly candidates: readonly Candidate[];
  readonly include: readonly string[] | undefined;
  readonly exclude: readonly string[] | undefined;
  readonly output: string | undefined;
  readonly kernels: KernelChoice | undefined;
  readonly quiet: boolean;
  /** What the file will record. */
  readonly recorded: PackOptions;
  /** Discretizes the network as an allocation says, by the method and with the repairs that were asked for. */
  discretize(allocation: Allocation): Promise<DiscretizedModel>;
  /** The same with as little work as possible; undefined where that adds nothing to a file but codes and levels. */
  readonly draft: ((allocation: Allocation) => Promise<DiscretizedModel>) | undefined;
  /** What --max-drop is measured on. */
  readonly meter: {
    readonly float: () => Promise<string | Model>;
    readonly data: Dataset;
    readonly options: EvaluateOptions;
  };
}

/** Networks that --max-drop tries at most. */
const EVALUATIONS = 8;

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
  const { allocation, done, value, met, by = null } = found;
  const reached = { option, limit, value, met, by, predictedLoss: allocation.loss };
  return { done, reached: { ...reached, measure, images, candidates } };
}

/** The candidates of every layer: widths as given, else near what the goal leaves for a weight. */
export function candidatesFor(
  goal: Goal,
  model: Model,
  range: Omit<PointRange, 'bits'>,
  bits: readonly number[] | undefined,
): { candidates: Candidate[]; left: string[] } {
  return candidatesOf({ ...range, bits: bits ?? widthsFor(goal, model) });
}

function widthsFor({ option, limit }: Goal, model: Model): readonly number[] {
  if (option === 'max-drop') return DROP_WIDTHS;
  if (option === 'target-bits') return widthsAround(limit);
  const { chosen } = planWeights(model);
  const sources = new Map(chosen.map(({ chain, source }) => [source, chain.initializer.byteLength]));
  const beside = packedSize(model).total - [...sources.values()].reduce((sum, bytes) => sum + bytes, 0);
  const weights = chosen.reduce((sum, { count }) => sum + count, 0);
  return widthsAround(Math.min(8, Math.max(1, (8 * (limit - beside)) / Math.max(1, weights))));
}

interface Found {
  readonly allocation: Allocation;
  readonly done: DiscretizedModel;
  readonly value: number;
  readonly met: boolean;
  readonly by?: 'top1' | 'agreement';
}

const FINDERS: Readonly<
  Record<Goal['option'], (task: AllocationTask, table: SensitivityTable) => Promise<Found>>
> = { 'target-bits': forBits, 'target-size': forSize, 'max-drop': forDrop };

async function forBits(task: AllocationTask, table: SensitivityTable): Promise<Found> {
  const allocation = allocate(table, { bitsPerWeight: task.goal.limit });
  const done = await task.discretize(allocation);
  return { allocation, done, value: allocation.bitsPerWeight, met: allocation.met };
}

/** Repairs and rounded activations add to the file, which an allocation does not see: what they add comes off its budget. */
async function forSize(task: AllocationTask, table: SensitivityTable): Promise<Found> {
  const { model, recorded, draft } = task;
  const { limit } = task.goal;
  const sized = (added: number) => allocateToSize(model, table, Math.max(0, limit - added), recorded);
  const first = sized(0);
  let added =
    draft === undefined ? 0 : packedSize((await draft(first)).model, recorded).total - first.packed.total;
  for (;;) {
    const allocation = sized(added);
    const done = await task.discretize(allocation);
    const value = packedSize(done.model, recorded).total;
    // Without `met` it is the smallest choice: nothing is left to save.
    if (value <= limit || !allocation.met) return { allocation, done, value, met: value <= limit };
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

function measureLayers(task: AllocationTask): Promise<SensitivityTable> {
  const { model, images, candidates, include, exclude, output, kernels } = task;
  const progress = startProgress('measuring', task.quiet);
  return interruptible((signal) =>
    measureSensitivity(
      model,
      images,
      candidates,
      { include, exclude, output, kernels },
      {
        signal,
        onProgress: ({ share, done, total, layer }) =>
          progress.update(share, `${done}/${total} candidates`, layer),
      },
    ),
  ).finally(() => progress.stop());
}
