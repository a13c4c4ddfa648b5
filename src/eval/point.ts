import { BnnqError } from '../errors.ts';
import { meanCodeEntropy } from '../ir/code-entropy.ts';
import type { Model } from '../ir/graph.ts';
import type { Granularity } from '../ir/quantized-tensor.ts';
import type { ActivationRange } from '../quantizers/activations/range.ts';
import type { LayerReport } from '../quantizers/quantize-model.ts';
import type { BasesKind, Fit, LevelKind } from '../quantizers/scheme.ts';
import type { CalibrationBatches } from './calibration/batches.ts';
import type { CalibrateHooks, Method } from './calibration/calibrate.ts';
import { type DiscretizedModel, type DiscretizeSettings, discretizeModel } from './discretize-model.ts';
import { exportModel } from './export-model.ts';
import { packedSize, recordedOptions } from './save.ts';
import type { LayerFit, PointSettings, SweepPoint } from './types.ts';

/** Which weights are discretized: globs on the names of initializers and nodes. */
export interface WeightOptions {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

/** What discretizing gives, before anything is scored. */
export type DiscretizedPoint = Pick<
  SweepPoint,
  | 'correlation'
  | 'packedBytes'
  | 'packed'
  | 'bitsPerWeight'
  | 'entropyBits'
  | 'compressedBytes'
  | 'onnxBytes'
  | 'layers'
>;

/** Whether a point is fitted to calibration images; without any only what needs none is done. */
export function usesImages(
  { method, repairs = [], actBits, actRange }: PointSettings,
  hasImages: boolean,
): boolean {
  const isFitted = actBits !== undefined && actRange !== 'dynamic';
  const asks = method !== 'rtn' || isFitted || repairs.some((repair) => repair !== 'equalize');
  return hasImages && asks;
}

/** A point's settings as `discretizeModel` takes them. */
export function settingsOf(point: PointSettings & WeightOptions): DiscretizeSettings {
  const { granularity, fit, levels, bases, method, actRange, ...rest } = point;
  return {
    ...rest,
    granularity: granularity as Granularity,
    fit: fit as Fit,
    levels: levels as LevelKind,
    bases: bases as BasesKind | undefined,
    method: method as Method,
    actRange: actRange as ActivationRange | undefined,
  };
}

/** Discretizes a model as a point of a sweep asks, and measures weights and packed size. */
export async function discretize(
  model: Model,
  point: PointSettings & WeightOptions,
  images?: CalibrationBatches,
  seed?: number,
  hooks?: CalibrateHooks,
): Promise<{ model: Model; point: DiscretizedPoint }> {
  const settings = { ...settingsOf(point), seed };
  const discretized = await discretizeModel(model, settings, images, hooks);
  const recorded = { options: recordedOptions({ ...point, images, seed }) };
  const { total, ...packed } = packedSize(discretized.model, recorded);
  const weights = discretized.layers.reduce((sum, { count }) => sum + count, 0);
  return {
    model: discretized.model,
    point: {
      correlation: totalCorrelation(discretized.layers),
      packedBytes: total,
      packed,
      bitsPerWeight: (8 * (packed.codes + packed.levels)) / Math.max(1, weights),
      entropyBits: meanCodeEntropy(discretized.model),
      compressedBytes: packedSize(discretized.model, { ...recorded, compress: true }).total,
      onnxBytes: onnxBytesOf(discretized.model),
      layers: layerFits(discretized),
    },
  };
}

/** Bytes of the file of standard operators; null where a node of the model has no meaning in the operator set that it needs. */
function onnxBytesOf(model: Model): number | null {
  try {
    return exportModel(model, { to: 'onnx' }).length;
  } catch (thrown) {
    if (thrown instanceof BnnqError) return null;
    throw thrown;
  }
}

function layerFits({ layers, calibration }: DiscretizedModel): LayerFit[] {
  const calibrated = new Map(calibration.map((one) => [one.name, one]));
  return layers.map(({ name, scheme, bits, granularity, count, correlation, mse }) => {
    const { lossRatio = null, notes = [] } = calibrated.get(name) ?? {};
    return {
      ...{ name, scheme, bits, granularity, count, correlation, mse },
      ...(lossRatio !== null && { lossRatio }),
      ...(notes.length > 0 && { notes }),
    };
  });
}

/** ρ = Σ w·ŵ / √(Σ w²·Σ ŵ²) over the weights of all layers. */
export function totalCorrelation(
  layers: readonly Pick<LayerReport, 'energy' | 'power' | 'mse' | 'count'>[],
): number {
  let [energy, power, error] = [0, 0, 0];
  for (const layer of layers) {
    energy += layer.energy;
    power += layer.power;
    error += layer.mse * layer.count;
  }
  if (error === 0) return 1;
  // Σ (w − ŵ)² = Σ w² − 2 Σ w·ŵ + Σ ŵ²
  return energy > 0 && power > 0 ? (energy + power - error) / 2 / Math.sqrt(energy * power) : 0;
}
