import type { Report, SweepPoint } from '../src/index.ts';
import { EXIT } from './exit.ts';
import { checkGates, type Gate, gateText, hasGates } from './gates.ts';
import type { GateOptions } from './options.ts';
import { pointName } from './sweep-points.ts';

/** The gates of one point of a report. @throws usage where there are no labels to judge by */
export function pointGates(point: SweepPoint, { float }: Report, options: GateOptions): Gate[] {
  return checkGates(options, { scores: point, floatTop1: float.top1, bytes: point.packedBytes });
}

/**
 * The exit code of a sweep: its gates hold when one point at least meets all of them. Where none does, stderr tells what the point
 * misses that meets most of them, of these the most accurate.
 */
export function sweepGates(report: Report, options: GateOptions): number {
  if (!hasGates(options)) return EXIT.done;
  const judged = report.points.map((point) => {
    const gates = pointGates(point, report, options);
    return { point, gates, missed: gates.filter(({ met }) => !met).length };
  });
  if (judged.some(({ missed }) => missed === 0)) return EXIT.done;
  const accuracy = ({ top1, agreement }: SweepPoint): number => top1 ?? agreement ?? 0;
  const [nearest] = judged.toSorted(
    (a, b) =>
      a.missed - b.missed ||
      accuracy(b.point) - accuracy(a.point) ||
      a.point.packedBytes - b.point.packedBytes,
  );
  process.stderr.write(gateText(nearest!.gates, `the nearest point (${pointName(nearest!.point)})`));
  return EXIT.gate;
}
