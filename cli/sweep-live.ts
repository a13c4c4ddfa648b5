import type { PointSettings, SweepPoint, SweepProgress } from '../src/index.ts';
import { bestOf, matrix, pointName, type Value } from './sweep-points.ts';
import { fixed, formatBytes } from './terminal/format.ts';

/** Lines that a block in a terminal should not take: the bar, a line between, and the prompt. */
const SPARE_LINES = 4;

/** Points of accuracy under the float model within which a smaller network is worth naming while a sweep runs. */
const NEAR = 1;

/**
 * What a sweep has found so far: a table that fills up, and the best points.
 * @param room columns and lines of the terminal; where the table takes more lines it is left out
 */
export function sweepSoFar(
  wanted: readonly PointSettings[],
  { results, float }: Pick<SweepProgress, 'results' | 'float'>,
  room: { readonly columns: number; readonly rows: number },
): string[] {
  const labelled = results.every(({ top1 }) => top1 !== null);
  const of: Value = (point) => (labelled ? point.top1 : point.agreement);
  const done = new Map(results.map((point) => [pointName(point), point]));
  const find = (point: PointSettings): number | null | undefined => {
    const result = done.get(pointName(point));
    return result && of(result);
  };
  const name = labelled ? 'top-1, %' : 'agreement, %';
  const grid = matrix(wanted, find, { name, missing: '·', width: room.columns }).split('\n');
  const best = bestOf(results, of);
  const near = smallestNear(results, of, labelled ? float?.top1 : 100);
  return [
    ...(grid.length + SPARE_LINES <= room.rows ? [...grid, ''] : []),
    ...(best === undefined ? [] : [`best so far: ${describe(best, of)}`]),
    ...(near === undefined || near === best ? [] : [`smallest within ${NEAR} point: ${describe(near, of)}`]),
  ];
}

function smallestNear(
  points: readonly SweepPoint[],
  of: Value,
  float: number | null | undefined,
): SweepPoint | undefined {
  if (float === null || float === undefined) return undefined;
  return points
    .filter((point) => (of(point) ?? 0) >= float - NEAR)
    .toSorted((a, b) => a.packedBytes - b.packedBytes)[0];
}

function describe(point: SweepPoint, of: Value): string {
  return `${pointName(point)}: ${fixed(of(point), 2)} %, ${formatBytes(point.packedBytes)}`;
}
