import type { CostSummary, Energy, Report } from '../../src/eval/types.ts';
import { sampleReport } from './fixture.ts';

/** A network that takes `total` µJ, a quarter of it in float parts. */
export function costOf(total: number): CostSummary {
  const part = (share: number): Energy => ({
    compute: (share * total) / 2,
    sram: (share * total) / 4,
    dram: (share * total) / 4,
    total: share * total,
  });
  return {
    macs: 40_551_040,
    energy: part(1),
    parts: { binary: part(0), lowBit: part(0.75), float: part(0.25) },
    shares: { binary: 0, lowBit: 75, float: 25 },
    operations: [],
    traffic: { weights: 1024, dram: 512, sram: 1536 },
    peakBytes: 4096,
    sramBytes: 4096,
  };
}

/** A report with costs. */
export function costedReport(report: Report = sampleReport()): Report {
  return {
    ...report,
    float: { ...report.float, cost: costOf(400) },
    points: report.points.map((point) => ({ ...point, cost: costOf(40 * point.bits) })),
  };
}
