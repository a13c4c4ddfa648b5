import { BnnqError } from '../errors.ts';
import type { Model } from '../ir/graph.ts';
import { equalizeLayers } from '../passes/equalize.ts';
import { type ActivationRange, rangeConflict } from '../quantizers/activations/range.ts';
import { dataFreeBias } from '../quantizers/calibrate/data-free-bias.ts';
import { REPAIRS, REPAIRS_WITH_IMAGES, repairConflict } from '../quantizers/calibrate/repair.ts';
import { changedWeights, quantizeModel } from '../quantizers/quantize-model.ts';
import { roundByRunRange } from './activations/dynamic-ranges.ts';
import { type ActivationFit, quantizeActivations } from './activations/quantize-activations.ts';
import type { CalibrationBatches } from './calibration/batches.ts';
import {
  type CalibratedModel,
  type CalibrateHooks,
  type CalibrateSettings,
  calibrateModel,
  METHODS,
} from './calibration/calibrate.ts';
import { oneByOne } from './calibration/one-by-one.ts';

/** Everything that can be asked of a discretization. */
export interface DiscretizeSettings extends CalibrateSettings {
  /** Bits of the inputs of layers, 1 to 8; float when absent. */
  readonly actBits?: number | undefined;
  /** How their range is found; see ActivationOptions. */
  readonly actRange?: ActivationRange | undefined;
}

export interface DiscretizedModel extends CalibratedModel {
  /** Inputs of layers that were rounded to few bits. */
  readonly activations: readonly ActivationFit[];
}

/** What is wrong with settings of which some need calibration images, a sentence each. */
export function settingsProblems(
  {
    method,
    repairs = [],
    actBits,
    actRange,
    ridge,
  }: Pick<DiscretizeSettings, 'method' | 'repairs' | 'actBits' | 'actRange' | 'ridge'>,
  hasImages: boolean,
): string[] {
  const problems: string[] = [];
  if (method !== undefined && !METHODS.includes(method))
    problems.push(`method: expected ${METHODS.join(', ')}, got ${method}`);
  const unknown = repairs.filter((repair) => !REPAIRS.includes(repair));
  if (unknown.length > 0) problems.push(`repair: expected ${REPAIRS.join(', ')}, got ${unknown.join(', ')}`);
  const conflict = repairConflict(repairs);
  if (conflict !== undefined) problems.push(`repair: ${conflict}`);
  if (ridge !== undefined && !(ridge >= 0 && Number.isFinite(ridge)))
    problems.push(`ridge: expected a number from 0 on, got ${ridge}`);
  const misfit = actBits === undefined ? undefined : rangeConflict(actRange, actBits);
  if (misfit !== undefined) problems.push(misfit);
  if (hasImages) return problems;
  const needs = (what: string): string => `${what} needs calibration images`;
  if (method !== undefined && method !== 'rtn') problems.push(needs(`method ${method}`));
  if (actBits !== undefined && actRange !== 'dynamic')
    problems.push(`${needs('rounding of activations')}, or the range dynamic`);
  for (const repair of REPAIRS_WITH_IMAGES)
    if (repairs.includes(repair)) problems.push(needs(`repair ${repair}`));
  return problems;
}

/**
 * Discretizes a model in the way that the settings ask for: rounding or calibration, with repairs, and inputs of layers
 * rounded to few bits. Inputs are rounded first, so that weights are fitted to what they will see.
 * @param images to calibrate with; without them only what needs no data is done (equalization, bias correction from the
 * statistics of BatchNormalization, activations of dynamic ranges)
 * @throws option with everything wrong with the settings; what quantizeModel, calibrateModel and quantizeActivations throw
 */
export async function discretizeModel(
  model: Model,
  settings: DiscretizeSettings,
  images?: CalibrationBatches,
  hooks: CalibrateHooks = {},
): Promise<DiscretizedModel> {
  const { repairs = [], actBits, actRange, include, exclude } = settings;
  const problems = settingsProblems(settings, images !== undefined);
  if (problems.length > 0) throw new BnnqError('option', problems.join('; '));
  const float = repairs.includes('equalize')
    ? equalizeLayers(model, { only: changedWeights(model, settings) }).model
    : model;
  if (images === undefined) {
    const rounded = quantizeModel(float, settings, ({ done, total, layer }) =>
      hooks.onProgress?.({ fraction: done / total, layers: 0, totalLayers: 0, layer: layer.name }),
    );
    const repaired = repairs.includes('bias') ? dataFreeBias(float, rounded) : rounded.model;
    const { model: done, activations } =
      actBits === undefined
        ? { model: repaired, activations: [] }
        : roundByRunRange(repaired, { include, exclude });
    return { ...rounded, model: done, calibration: [], activations };
  }
  if (actBits === undefined)
    return { ...(await calibrateModel(float, images, settings, hooks)), activations: [] };
  // Ranges of a run are those of all images of a batch; a layer shall be fitted to what it sees of one.
  const fed = actRange === 'dynamic' ? oneByOne(model, images) : images;
  const { model: start, activations } = await quantizeActivations(
    float,
    fed,
    { bits: actBits, range: actRange, include, exclude },
    { signal: hooks.signal },
  );
  return { ...(await calibrateModel(float, fed, { ...settings, start }, hooks)), activations };
}
