import type { Dataset } from '../../formats/datasets/dataset.ts';
import { readModel } from '../../formats/read-model.ts';
import type { Model } from '../../ir/graph.ts';
import { VERSION } from '../../version.ts';
import { openBatches } from '../calibration/batches.ts';
import { describeModel } from '../describe-model.ts';
import type { PointRange } from '../points.ts';
import type { Preprocess } from '../types.ts';
import { allocate, allocateBest, allocateUniformly } from './allocate.ts';
import { candidatesOf } from './candidates.ts';
import { imagesWithin } from './cost.ts';
import { measureSensitivity, type SensitivityHooks, type SensitivityOptions } from './measure-sensitivity.ts';
import type { SensitivityReport, SensitivityTable } from './table.ts';

export interface SensitivityRunOptions extends SensitivityOptions, PointRange {
  /** A preset's name, the path of a JSON file, or the steps themselves; absent: as scoring chooses. */
  readonly preprocess?: string | Preprocess | undefined;
  /** For the report: the command line that asked for it. */
  readonly command?: readonly string[] | undefined;
}

export interface SensitivityRunHooks extends SensitivityHooks {
  /** Remarks for a person. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** Sizes of which the least loss is told, from the smallest to the largest. */
const FRONTIER_POINTS = 33;

/**
 * Measures every layer of a network with every candidate of a range (see `measureSensitivity`), on images from all over a
 * dataset, whose labels are not looked at; and what choosing a candidate for each layer would bring.
 * @param source path of the float model, or the model
 * @param data spec as for `openDataset`, or a dataset
 * @throws option, dataset, mismatch, unsupported, weight, interrupted
 */
export async function sensitivity(
  source: string | Model,
  data: string | Dataset,
  options: SensitivityRunOptions,
  hooks: SensitivityRunHooks = {},
): Promise<SensitivityReport> {
  const { candidates, left } = candidatesOf(options);
  for (const note of left) hooks.onNote?.(`left out: ${note}`);
  const model = typeof source === 'string' ? await readModel(source) : source;
  const { include, exclude, preprocess, output } = options;
  const description = describeModel(model, { ...(include && { include }), ...(exclude && { exclude }) });
  const images = options.images ?? imagesWithin(model, candidates.length, { include, exclude });
  const batches = await openBatches(model, data, { preprocess, output, samples: images });
  const table = await measureSensitivity(model, batches, candidates, { ...options, images }, hooks);
  return {
    ...table,
    tool: { name: 'bnn-quantize', version: VERSION },
    command: options.command ?? null,
    created: new Date().toISOString(),
    model: description,
    dataset: {
      spec: batches.spec,
      count: table.images,
      fingerprint: batches.fingerprint,
      preprocess: batches.preprocess ?? null,
    },
    uniform: uniformChoices(table),
    frontier: frontierOf(table),
  };
}

function uniformChoices(table: SensitivityTable): SensitivityReport['uniform'] {
  return table.candidates.map((_, candidate) => {
    const { payloadBytes, bitsPerWeight, loss } = allocateUniformly(table, candidate);
    return {
      candidate,
      payloadBytes,
      bitsPerWeight,
      loss,
      allocatedLoss: allocate(table, { payloadBytes }).loss,
    };
  });
}

function frontierOf(table: SensitivityTable): SensitivityReport['frontier'] {
  const [least, most] = [allocate(table, { payloadBytes: 0 }).payloadBytes, allocateBest(table).payloadBytes];
  const points = new Map<number, number>();
  for (let i = 0; i < FRONTIER_POINTS; i++) {
    const payloadBytes = least + ((most - least) * i) / (FRONTIER_POINTS - 1);
    const { bitsPerWeight, loss } = allocate(table, { payloadBytes });
    points.set(bitsPerWeight, loss);
  }
  return [...points].map(([bitsPerWeight, loss]) => ({ bitsPerWeight, loss }));
}
