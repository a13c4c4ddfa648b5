/**
 * The squared error of a family of levels at one choice of its parameters, with its derivatives for fixed cells.
 * Filled in by an Objective; one object serves a whole search.
 */
export interface Point {
  /** Σ (x − level)²; Infinity where the parameters lie outside of their range. */
  error: number;
  /** Gradient. The error is the smallest over all choices of cells, so that this is its true gradient as well. */
  g1: number;
  g2: number;
  /** Gauss-Newton matrix, 2·Σ M0_k·∂g_k·∂g_kᵀ. */
  h11: number;
  h12: number;
  h22: number;
}

/** Error of the levels with parameters (first, second); a family of one parameter leaves `second` alone and g2, h12, h22 zero. */
export type Objective = (first: number, second: number, point: Point) => void;

export function newPoint(): Point {
  return { error: 0, g1: 0, g2: 0, h11: 0, h12: 0, h22: 0 };
}

export interface Minimum {
  readonly first: number;
  readonly second: number;
  readonly error: number;
}

const MOST_STEPS = 60;
const MOST_HALVINGS = 12;
/** A step that takes less than this part of the error away is the last: of a descent, and of the best one of several. */
export const ROUGH = 1e-4;
const FINE = 1e-12;
/** Part of the slope that a step must win (Armijo's condition). */
const ARMIJO = 1e-4;

/**
 * Descends to a local minimum by quasi-Newton steps (BFGS; Nocedal and Wright, Numerical Optimization, 2006, equation
 * 6.17) that start from the Gauss-Newton matrix. That matrix alone would give the Lloyd iteration, which crawls when
 * levels are many. The result is never worse than the start.
 */
export function descend(objective: Objective, first: number, second: number, enough: number = FINE): Minimum {
  const point = newPoint();
  objective(first, second, point);
  const inverse = { h11: 0, h12: 0, h22: 0 };
  invert(point, inverse);
  let error = point.error;
  let g1 = point.g1;
  let g2 = point.g2;
  for (let steps = 0; steps < MOST_STEPS && error > 0; steps++) {
    const d1 = -(inverse.h11 * g1 + inverse.h12 * g2);
    const d2 = -(inverse.h12 * g1 + inverse.h22 * g2);
    const slope = d1 * g1 + d2 * g2;
    if (!(slope < 0)) break;
    let step = 1;
    let halvings = 0;
    for (; halvings < MOST_HALVINGS; halvings++) {
      objective(first + step * d1, second + step * d2, point);
      if (point.error <= error + ARMIJO * step * slope) break;
      step /= 2;
    }
    if (halvings === MOST_HALVINGS) break;
    first += step * d1;
    second += step * d2;
    const won = error - point.error;
    error = point.error;
    if (won <= enough * error) break;
    update(inverse, point, step * d1, step * d2, point.g1 - g1, point.g2 - g2);
    g1 = point.g1;
    g2 = point.g2;
  }
  return { first, second, error };
}

/** Rounds of the last touches. */
const MOST_SETTLINGS = 50;

/**
 * The last touches on a sample: Gauss-Newton steps as long as they win anything at all. Near the minimum the cells stay,
 * and the error is a smooth function with one bottom, which these steps find exactly; the quasi-Newton matrix is marred by
 * the kinks where a value changes its cell.
 */
export function settle(objective: Objective, start: Minimum): Minimum {
  let best = start;
  const point = newPoint();
  const inverse = { h11: 0, h12: 0, h22: 0 };
  objective(best.first, best.second, point);
  for (let round = 0; round < MOST_SETTLINGS; round++) {
    invert(point, inverse);
    const first = best.first - inverse.h11 * point.g1 - inverse.h12 * point.g2;
    const second = best.second - inverse.h12 * point.g1 - inverse.h22 * point.g2;
    objective(first, second, point);
    if (!(point.error < best.error)) break;
    best = { first, second, error: point.error };
  }
  return best;
}

type Matrix = Pick<Point, 'h11' | 'h12' | 'h22'>;

/** The BFGS update of the inverse matrix for a step (s1, s2) that changed the gradient by (y1, y2). */
function update(inverse: Matrix, point: Point, s1: number, s2: number, y1: number, y2: number): void {
  const curvature = s1 * y1 + s2 * y2;
  if (!(curvature > 0)) {
    invert(point, inverse);
    return;
  }
  const v1 = inverse.h11 * y1 + inverse.h12 * y2;
  const v2 = inverse.h12 * y1 + inverse.h22 * y2;
  const weight = (1 + (y1 * v1 + y2 * v2) / curvature) / curvature;
  inverse.h11 += weight * s1 * s1 - (2 * v1 * s1) / curvature;
  inverse.h12 += weight * s1 * s2 - (v1 * s2 + s1 * v2) / curvature;
  inverse.h22 += weight * s2 * s2 - (2 * v2 * s2) / curvature;
}

/** Inverse of the Gauss-Newton matrix; of its diagonal where it is as good as singular. */
function invert({ h11, h12, h22 }: Point, inverse: Matrix): void {
  const determinant = h11 * h22 - h12 * h12;
  const regular = determinant > 1e-12 * h11 * h22;
  inverse.h11 = regular ? h22 / determinant : h11 > 0 ? 1 / h11 : 0;
  inverse.h12 = regular ? -h12 / determinant : 0;
  inverse.h22 = regular ? h11 / determinant : h22 > 0 ? 1 / h22 : 0;
}
