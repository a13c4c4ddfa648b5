import { basename, dirname, join } from 'node:path';
import {
  type Allocation,
  type CalibrationBatches,
  CodeSpool,
  type Dataset,
  type DiscretizedModel,
  discretize,
  LayerStore,
  type Method,
  type Model,
  meanCodeEntropy,
  notConverted,
  openCalibration,
  openDataset,
  packedSize,
  type QuantizedTensor,
  type QuantizeSettings,
  quantize,
  recordedOptions,
  type ScoreResult,
  score,
  writePacked,
} from '../src/index.ts';
import { type AllocationTask, candidatesFor, discretizeFor } from './allocate.ts';
import { type AllocationOptions, type Goal, gatesBeside } from './allocation-options.ts';
import { type CalibrationOptions, calibrationOf } from './calibration-options.ts';
import { type DataOptions, evaluateOptions } from './data-options.ts';
import { checkGates } from './gates.ts';
import { noteGrowth } from './growth.ts';
import { interruptible } from './interrupt.ts';
import { type ModelOptions, modelSource } from './model-options.ts';
import type { CommonOptions, GateOptions } from './options.ts';
import type { PublishOptions } from './publish/publish.ts';
import { type FitChoices, nothingToDo } from './quantize-options.ts';
import type { QuantizeResult } from './quantize-text.ts';
import type { CacheOptions } from './records/records.ts';
import { startProgress } from './terminal/progress.ts';

/** What quantize takes, as the command line gives it. */
export interface QuantizeCommandOptions
  extends CommonOptions,
    GateOptions,
    CacheOptions,
    PublishOptions,
    DataOptions,
    CalibrationOptions,
    AllocationOptions,
    FitChoices,
    ModelOptions {
  readonly schemes?: string[];
  readonly bits?: number[];
  readonly granularity: string[];
  readonly output?: string;
  readonly data?: string;
  readonly compress?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** One file to be written: its settings, as `quantize` takes them, and its name. */
export type Target = {
  readonly file: string;
  readonly granularity: string;
} & (
  | { readonly scheme: string; readonly bits: number; readonly goal?: undefined }
  | { readonly scheme: 'auto'; readonly bits: null; readonly goal: Goal }
);

/** What all files are made from. */
export interface Material {
  readonly path: string;
  readonly model: Model;
  readonly data: Dataset | undefined;
  readonly images: CalibrationBatches | undefined;
  readonly options: QuantizeCommandOptions;
}

/** Finished layers of a calibration lie beside the output, under its name with this behind it. */
const STORE_SUFFIX = '.calibration.jsonl';

/** The file that keeps what candidates do to layers, beside the outputs: targets of one model and images share it. */
const MEASURED_SUFFIX = '.sensitivity.jsonl';

/** The name of a model's file without what tells its format. */
export function stemOf(path: string): string {
  return basename(path).replace(/(\.weights)?\.(onnx|bnnq|h5|hdf5|keras|json)$/i, '');
}

/** Discretizes, measures and writes one file. */
export async function quantizeFile(material: Material, target: Target): Promise<QuantizeResult> {
  const spool = new CodeSpool(dirname(target.file));
  try {
    return await new FileMaker(material, target, spool).make();
  } finally {
    spool.dispose();
  }
}

/** The images to calibrate with; nothing where none are named. */
export async function openImages(
  model: Model,
  options: QuantizeCommandOptions,
): Promise<CalibrationBatches | undefined> {
  const { preprocess, scoreOutput: output } = options;
  const { calibration: source, actBits } = calibrationOf(options);
  const isAlone = options.actRange === 'dynamic' && actBits.some((bits) => bits !== null);
  const { samples, data } = source ?? {};
  // Images of a batch would share their ranges.
  const batch = isAlone ? 1 : undefined;
  return data === undefined
    ? undefined
    : openCalibration(model, data, { preprocess, output, samples, batch });
}

/** What a discretization is asked for besides the way of each weight. */
interface WeightSettings extends QuantizeSettings {
  readonly perLayer?: Allocation['perLayer'];
}

class FileMaker {
  readonly #material: Material;
  readonly #target: Target;
  readonly #spool: CodeSpool;
  readonly #way: {
    readonly method: Method;
    readonly repairs: ReturnType<typeof calibrationOf>['repairs'];
    readonly ridge?: number;
  };
  readonly #activations: {
    readonly actBits?: number;
    readonly actRange?: QuantizeCommandOptions['actRange'];
  };

  constructor(material: Material, target: Target, spool: CodeSpool) {
    const { options } = material;
    const { method, repairs, ridge, actBits } = calibrationOf(options);
    this.#material = material;
    this.#target = target;
    this.#spool = spool;
    this.#way = { method, repairs, ...(ridge !== undefined && { ridge }) };
    const [bits] = actBits;
    this.#activations = typeof bits === 'number' ? { actBits: bits, actRange: options.actRange } : {};
  }

  async make(): Promise<QuantizeResult> {
    const { path, model, data, images, options } = this.#material;
    const { scheme, bits, granularity, file, goal } = this.#target;
    const { fit, levels, bases, zero = false, seed } = options;
    const choices = { fit, levels, bases, zero };
    const packOptions = {
      options: {
        ...recordedOptions({ ...choices, ...this.#way, ...this.#activations, seed, images }),
        ...(goal && { target: `${goal.option} ${goal.limit}` }),
      },
    };
    const one = { scheme, granularity: granularity as QuantizeSettings['granularity'], ...choices };
    const { done, reached } =
      bits === null
        ? await discretizeFor(await this.#task(this.#target.goal, packOptions))
        : { done: await this.#discretize({ ...one, bits }), reached: null };
    if (done.layers.length === 0) throw nothingToDo(done.skipped);
    const scores = data && (await scoreMade(this.#material, done.model, data));
    const written = { ...packOptions, compress: options.compress === true };
    noteGrowth(file, packedSize(done.model, written).total, model, options.quiet);
    const { total, ...packed } = await writePacked(done.model, file, {
      force: options.force === true,
      ...written,
    });
    const floatTop1 = scores?.float?.top1 ?? null;
    const gates = checkGates(gatesBeside(goal, options), { scores, floatTop1, bytes: total });
    const weights = done.layers.reduce((sum, { count }) => sum + count, 0);
    return {
      ...{ file, scheme, bits, granularity, ...choices, ...this.#way, ...this.#activations },
      target: reached,
      calibration: images === undefined ? null : { spec: images.spec, count: images.count, seed },
      activations: done.activations,
      source: { file: path, byteLength: model.source.byteLength ?? null },
      weights,
      packedBytes: total,
      packed,
      bitsPerWeight: (8 * (packed.codes + packed.levels)) / weights,
      entropyBits: meanCodeEntropy(done.model),
      compressed: written.compress,
      ratio: model.source.byteLength === undefined ? null : model.source.byteLength / total,
      layers: done.layers.map((layer) => ({
        ...layer,
        calibration: done.calibration.find(({ name }) => name === layer.name) ?? null,
        shape: done.model.graph.initializers.get(layer.name)!.shape,
      })),
      skipped: done.skipped,
      notConverted: notConverted(model),
      scores: scores ?? null,
      gates,
    };
  }

  /** Weights in that way, by the method and with the repairs that were asked for. */
  async #discretize(weights: WeightSettings, images = this.#material.images): Promise<DiscretizedModel> {
    const { model, options } = this.#material;
    const { include, exclude, seed, kernels, quiet = false } = options;
    const progress = startProgress(images === undefined ? 'discretizing' : 'calibrating', quiet);
    const { perLayer, ...common } = weights;
    const given = { ...common, ...this.#way, ...this.#activations, include, exclude, seed };
    const identity = perLayer === undefined ? given : { ...given, perLayer: [...perLayer] };
    const file = `${this.#target.file}${STORE_SUFFIX}`;
    const store = images && new LayerStore(file, model, images, identity);
    const keep = (weight: QuantizedTensor) => this.#spool.keep(weight);
    return interruptible((signal) =>
      discretize(model, { ...given, perLayer, kernels, keep }, images, {
        signal,
        store,
        onProgress: ({ fraction, layers, totalLayers, layer }) =>
          progress.update(fraction, totalLayers === 0 ? '' : `${layers}/${totalLayers} layers`, layer),
      }),
    ).finally(() => {
      progress.stop();
      store?.close();
    });
  }

  async #task(goal: Goal, recorded: AllocationTask['recorded']): Promise<AllocationTask> {
    const { path, model, data, options } = this.#material;
    const images = this.#material.images!;
    const { include, exclude, kernels, quiet = false, scoreOutput: output } = options;
    const calib = options.calib!;
    const added = goal.option === 'target-size' ? await this.#added(recorded) : 0;
    const { candidates, left } = candidatesOf(goal, model, options, added);
    if (!quiet) for (const note of left) process.stderr.write(`left out: ${note}\n`);
    const { limit, ...scoring } = evaluateOptions(options);
    return {
      ...{
        goal,
        method: this.#way.method,
        repairs: this.#way.repairs,
        measurements: join(dirname(this.#target.file), `${stemOf(path)}${MEASURED_SUFFIX}`),
        model,
        images,
        candidates,
        include,
        exclude,
        output,
        kernels,
        quiet,
        recorded,
        added,
      },
      discretize: ({ common, perLayer }, part) => this.#discretize({ ...common, perLayer }, part),
      meter: {
        float: () => modelSource(path, options),
        data: data ?? someOf(await openDataset(calib), images.count),
        options: data === undefined || limit === undefined ? scoring : { ...scoring, limit },
      },
    };
  }

  /**
   * Bytes that repairs and rounded activations add to the file: of a network of the same parts, by rounding, with the fewest
   * images.
   */
  async #added(recorded: AllocationTask['recorded']): Promise<number> {
    const { model, images, options } = this.#material;
    const { repairs } = this.#way;
    if (this.#activations.actBits === undefined && repairs.every((name) => name === 'equalize')) return 0;
    const { include, exclude, preprocess, scoreOutput: output, kernels } = options;
    const few = await openCalibration(model, options.calib!, { preprocess, output, samples: images!.batch });
    const plain = { scheme: 'linear', bits: 4, include, exclude };
    const whole = { ...plain, method: 'rtn', repairs, ...this.#activations, kernels } as const;
    const draft = await interruptible((signal) => discretize(model, whole, few, { signal }));
    return packedSize(draft.model, recorded).total - packedSize(quantize(model, plain).model, recorded).total;
  }
}

/** The accuracy of what was made, beside that of its source. */
export async function scoreMade(
  { path, options }: Material,
  packed: Model,
  data: Dataset,
): Promise<ScoreResult> {
  const progress = startProgress('scoring', options.quiet === true);
  const against = await modelSource(path, options);
  return interruptible((signal) =>
    score(packed, data, {
      ...evaluateOptions(options),
      against,
      signal,
      onProgress: (images, total) => progress.update(images / total, `${images}/${total} images`),
      onNote: (text) => progress.note(text),
    }),
  ).finally(() => progress.stop());
}

/** What each layer may become. */
export function candidatesOf(
  goal: Goal,
  model: Model,
  options: QuantizeCommandOptions,
  added = 0,
): ReturnType<typeof candidatesFor> {
  const { schemes = ['auto'], granularity, fit, levels, zero = false, bases, bits } = options;
  const { include, exclude } = options;
  const range = { schemes, granularities: granularity, fits: [fit], levels: [levels], zero: [zero], bases };
  return candidatesFor(goal, model, range, bits, { include, exclude }, added);
}

/** So many samples from all over a dataset, without their labels: those that are calibrated with. */
function someOf(dataset: Dataset, count: number): Dataset {
  const at = (index: number): number => Math.floor((index * dataset.count) / count);
  const { spec, fingerprint } = dataset;
  return {
    ...{ spec, count, labels: undefined, classNames: undefined, fingerprint },
    nameOf: (index) => dataset.nameOf(at(index)),
    sample: (index) => dataset.sample(at(index)),
  };
}
