import { BnnqError } from '../errors.ts';
import type { Model } from '../ir/graph.ts';
import type { Granularity } from '../ir/quantized-tensor.ts';
import { type LayerReport, quantizeModel } from '../quantizers/quantize-model.ts';
import type { BasesKind, Fit, LevelKind } from '../quantizers/scheme.ts';
import { packedSize, recordedOptions } from './save.ts';
import type { PointSettings, SweepPoint } from './types.ts';

/** Which weights are discretized: globs on the names of initializers and nodes. */
export interface WeightOptions {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

/** What discretizing gives, before anything is scored. */
export type DiscretizedPoint = Pick<
  SweepPoint,
  'correlation' | 'packedBytes' | 'packed' | 'bitsPerWeight' | 'layers'
>;

/** Discretizes a model as a point of a sweep asks, and measures weights and packed size. */
export function discretize(
  model: Model,
  settings: PointSettings & WeightOptions,
): { model: Model; point: DiscretizedPoint } {
  const { scheme, bits, granularity, fit, levels, zero, bases, method, include, exclude } = settings;
  if (method !== 'rtn') throw new BnnqError('option', `method: expected rtn, got "${method}"`);
  const quantized = quantizeModel(model, {
    scheme,
    bits,
    granularity: granularity as Granularity,
    fit: fit as Fit,
    levels: levels as LevelKind,
    zero,
    bases: bases as BasesKind | undefined,
    include,
    exclude,
  });
  const { total, ...packed } = packedSize(quantized.model, { options: recordedOptions(settings) });
  const weights = quantized.layers.reduce((sum, { count }) => sum + count, 0);
  return {
    model: quantized.model,
    point: {
      correlation: totalCorrelation(quantized.layers),
      packedBytes: total,
      packed,
      bitsPerWeight: (8 * (packed.codes + packed.levels)) / Math.max(1, weights),
      layers: quantized.layers.map((layer) => ({
        name: layer.name,
        scheme: layer.scheme,
        bits: layer.bits,
        granularity: layer.granularity,
        count: layer.count,
        correlation: layer.correlation,
        mse: layer.mse,
      })),
    },
  };
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
