import { descend, type Minimum, newPoint, type Objective, ROUGH, settle } from './descend.ts';

/** The best of the points that a scan has come by, from which descents start. */
export class Starts {
  private readonly kept: Minimum[] = [];
  private readonly most: number;
  private readonly point = newPoint();

  constructor(most: number) {
    this.most = most;
  }

  /**
   * Tries the scales from `lowest` to `highest`, each `ratio` times the last, with one second parameter. What is kept of
   * a scale is where its best rescale leads, which is a Newton step: for fixed cells the error is a parabola of the scale.
   */
  scan(objective: Objective, second: number, lowest: number, highest: number, ratio: number): void {
    const point = this.point;
    let scale = lowest;
    for (;;) {
      const last = !(scale < highest);
      if (last && highest > lowest) scale = highest;
      objective(scale, second, point);
      const step = point.h11 > 0 ? point.g1 / point.h11 : 0;
      this.offer(scale - step, second, point.error - (step * point.g1) / 2);
      if (last) return;
      scale *= ratio;
    }
  }

  private offer(first: number, second: number, error: number): void {
    const kept = this.kept;
    let at = kept.length;
    if (at === this.most && !(error < kept[at - 1]!.error)) return;
    while (at > 0 && kept[at - 1]!.error > error) at--;
    kept.splice(at, 0, { first, second, error });
    if (kept.length > this.most) kept.pop();
  }

  /** The best of the local minima that lie below the points kept. */
  descend(objective: Objective): Minimum {
    let found: Minimum | undefined;
    for (const start of this.kept) {
      const minimum = descend(objective, start.first, start.second, ROUGH);
      if (found === undefined || minimum.error < found.error) found = minimum;
    }
    return settle(objective, descend(objective, found!.first, found!.second));
  }
}
