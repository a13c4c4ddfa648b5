/**
 * Candidates of a layer that are measured where it is known how far each moves the layer's outputs. How far the network's outputs
 * move is nearly a function of that, whatever the levels: on ResNet-8, with 64 images and 20 candidates a layer, the losses of the
 * 14 others came out within a factor of 1.3 for half of them and of 1.9 for nine in ten, too large as often as too small.
 */
export const MOST_MEASURED = 6;

/**
 * Which candidates are to be measured: those of the least and the largest error, then always the one whose error is farthest from
 * those of all that were taken, as a ratio. All of them where an error is not known, or is no positive number.
 * @param errors by candidate
 */
export function toMeasure(errors: readonly (number | undefined)[]): number[] {
  const all = errors.map((_, i) => i);
  if (
    all.length <= MOST_MEASURED ||
    !errors.every((error) => error !== undefined && error > 0 && error < Infinity)
  )
    return all;
  const logs = errors.map((error) => Math.log(error!));
  const gaps = logs.map(() => Number.POSITIVE_INFINITY);
  const taken: number[] = [];
  let next = logs.indexOf(Math.min(...logs));
  while (taken.length < MOST_MEASURED && gaps[next]! > 0) {
    taken.push(next);
    for (const [i, log] of logs.entries()) gaps[i] = Math.min(gaps[i]!, Math.abs(log - logs[next]!));
    next = gaps.indexOf(Math.max(...gaps));
  }
  return taken.toSorted((a, b) => a - b);
}

/** Losses below count as this one: nothing moves, and its logarithm is to be finite. */
const LEAST_LOSS = 1e-12;

/**
 * Losses of all candidates: those measured, and for each other one what lies on the line through its neighbours by error, both
 * taken as logarithms.
 * @param errors by candidate; @param measured losses by place of the candidate, those of the extremes among them
 */
export function interpolated(
  errors: readonly (number | undefined)[],
  measured: ReadonlyMap<number, number>,
): number[] {
  const points = [...measured]
    .map(([i, loss]) => ({ error: errors[i]!, loss }))
    .toSorted((a, b) => a.error - b.error || a.loss - b.loss);
  return errors.map((error, i) => {
    const own = measured.get(i);
    if (own !== undefined) return own;
    const above = points.findIndex((point) => point.error >= error!);
    const [low, high] = [points[Math.max(0, above - 1)]!, points[above]!];
    if (high.error === low.error || high.error === error) return high.loss;
    if (!Number.isFinite(low.loss + high.loss)) return Number.POSITIVE_INFINITY;
    const [from, to] = [low, high].map(({ loss }) => Math.log(Math.max(LEAST_LOSS, loss))) as [
      number,
      number,
    ];
    const part = Math.log(error! / low.error) / Math.log(high.error / low.error);
    return Math.exp(from + part * (to - from));
  });
}
