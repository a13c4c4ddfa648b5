import type { Descent, DescentOptions, RowProblem } from '../contract.ts';
import { checkPlaces, checkRows } from './check.ts';
import { listStart, nearestPlace } from './levels.ts';

/** The definition of `roundRows`. */
export function roundRowsReference(
  problem: RowProblem,
  upper: Float64Array,
  places: Uint8Array,
  order?: Uint32Array,
): Float64Array {
  checkRows(problem, upper, places, order);
  const { rows, columns: n, weights, lists } = problem;
  const losses = new Float64Array(rows);
  const w = new Float64Array(n);
  for (let row = 0; row < rows; row++) {
    for (let p = 0; p < n; p++) w[p] = weights[row * n + (order?.[p] ?? p)];
    for (let p = 0; p < n; p++) {
      const column = order?.[p] ?? p;
      const list = listStart(lists, row, column);
      const place = nearestPlace(lists, list, w[p]);
      places[row * n + column] = place;
      const error = (w[p] - lists.levels[list + place]) / upper[p * n + p];
      losses[row] += error * error;
      for (let s = p + 1; s < n; s++) w[s] -= error * upper[p * n + s];
    }
  }
  return losses;
}

/** What is left of the loss before a change counts, where the caller does not say. */
export const DEFAULT_TOLERANCE = 1e-9;

/** The definition of `descendRows`. g starts as 0 − Σ_k (w_k − v_k)·H_kj, the products subtracted in ascending k. */
export function descendRowsReference(
  problem: RowProblem,
  hessian: Float64Array,
  places: Uint8Array,
  { sweeps, tolerance = DEFAULT_TOLERANCE, order }: DescentOptions,
): Descent {
  checkRows(problem, hessian, places, order);
  checkPlaces(problem, places);
  const { rows, columns: n, weights, lists } = problem;
  const losses = new Float64Array(rows);
  const decreases = new Float64Array(rows);
  let changes = 0;
  for (let row = 0; row < rows; row++) {
    const w = weights.subarray(row * n, (row + 1) * n);
    const own = places.subarray(row * n, (row + 1) * n);
    const v = Float64Array.from(own, (place, j) => lists.levels[listStart(lists, row, j) + place]);
    const g = new Float64Array(n);
    for (let k = 0; k < n; k++) {
      const difference = w[k] - v[k];
      for (let j = 0; j < n; j++) g[j] -= difference * hessian[k * n + j];
    }
    for (let sweep = 0; sweep < sweeps; sweep++) {
      const before = changes;
      for (let p = 0; p < n; p++) {
        const j = order?.[p] ?? p;
        const curvature = hessian[j * n + j];
        if (!(curvature > 0)) continue;
        const list = listStart(lists, row, j);
        const place = nearestPlace(lists, list, v[j] - g[j] / curvature);
        const step = lists.levels[list + place] - v[j];
        const bend = step * curvature;
        const change = step * (2 * g[j] + bend);
        if (!(change < -tolerance * (step * bend))) continue;
        for (let s = 0; s < n; s++) g[s] += step * hessian[j * n + s];
        v[j] = lists.levels[list + place];
        own[j] = place;
        decreases[row] -= change;
        changes++;
      }
      if (changes === before) break;
    }
    for (let j = 0; j < n; j++) losses[row] += (v[j] - w[j]) * g[j];
  }
  return { changes, losses, decreases };
}
