import { arch, availableParallelism, cpus, platform } from 'node:os';
import type { Dataset } from '../../formats/datasets/dataset.ts';
import type { Model } from '../../ir/graph.ts';
import { VERSION } from '../../version.ts';
import { pointCosts } from '../cost/discretized-cost.ts';
import { classNamesOf } from '../outcomes.ts';
import type { WeightOptions } from '../point.ts';
import type { Setup } from '../setup.ts';
import type {
  CostSummary,
  FailedPoint,
  FloatScores,
  MeasuredSensitivity,
  PointSettings,
  Report,
  ReportCalibration,
  SweepPoint,
} from '../types.ts';
import { weightHistograms } from '../weights/histograms.ts';

/** What a report is asked to hold beside results. */
export interface ReportOptions extends WeightOptions {
  /** The command line that asked for it. */
  readonly command?: readonly string[];
  /** Losses of single layers of the same model. */
  readonly sensitivity?: MeasuredSensitivity;
}

/** What a sweep ended with. */
export interface SweepOutcome {
  readonly model: Model;
  readonly description: Report['model'];
  readonly dataset: Dataset;
  readonly setup: Setup;
  /** Of the bytes of the data. */
  readonly fingerprint: string;
  readonly calibration: ReportCalibration | undefined;
  /** All that was asked for. */
  readonly wanted: readonly PointSettings[];
  readonly float: FloatScores;
  readonly points: readonly SweepPoint[];
  readonly failures: readonly FailedPoint[];
}

/** Results with what follows from model and settings alone: costs, histograms of the weights, where it was done. */
export function sweepReport(outcome: SweepOutcome, options: ReportOptions): Report {
  const { model, description, dataset, setup, fingerprint, calibration, wanted, float, points, failures } =
    outcome;
  const costOf = pointCosts(model, options);
  return {
    schema: 'bnn-quantize/report@1',
    tool: { name: 'bnn-quantize', version: VERSION },
    command: options.command ?? null,
    created: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      platform: `${platform()} ${arch()}`,
      node: process.version,
    },
    model: description,
    dataset: {
      spec: dataset.spec,
      count: setup.count,
      fingerprint,
      labelled: dataset.labels !== undefined,
      classes: setup.kind === 'index' ? null : setup.width,
      ...classNamesOf(dataset, setup),
      preprocess: setup.preprocess ?? null,
    },
    ...(calibration && { calibration }),
    weights: weightHistograms(model, options, wanted),
    ...(options.sensitivity && { sensitivity: options.sensitivity }),
    float: withCost(float, costOf({ layers: [] })),
    points: points.map((point) => withCost(point, costOf(point))),
    ...(failures.length > 0 && { failures }),
  };
}

function withCost<T extends object>(scored: T, cost: CostSummary | undefined): T {
  return { ...scored, ...(cost && { cost }) };
}
