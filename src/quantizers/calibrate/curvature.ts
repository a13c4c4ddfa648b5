import type { LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';
import type { Block } from './moments.ts';

/** The quadratic loss of the rows of one block, (v − t)·H·(v − t)ᵀ, ready to be lowered. */
export interface Curvature {
  /** H: the second moments of the inputs, the diagonal raised by ridge and damping; [width, width]. */
  readonly hessian: Float64Array;
  /** The order in which columns are rounded: those that weigh most first. */
  readonly order: Uint32Array;
  /** U upper triangular, H⁻¹ = UᵀU for columns in that order. */
  readonly upper: Float64Array;
  /** What was added to the diagonal, as a part of its mean. */
  readonly damping: number;
  /** Columns whose input never varies. */
  readonly deadColumns: number;
}

/** Where H has no factor with the damping asked for, this factor more is tried, up to MOST_DAMPING. */
const MORE_DAMPING = 10;
const MOST_DAMPING = 100;

/**
 * The curvature of a block of columns; undefined where no input varies (or moments are not finite), so that every rounding is
 * as good as any.
 * @param isDiagonal whether inputs count as independent of each other, so that each weight has a weight of its own and no more
 * @param damping part of the mean diagonal that is added to the diagonal; GPTQ takes 0.01
 * @param ridge part of each element of the diagonal that is added to it
 */
export function curvatureOf(
  block: Block,
  damping: number,
  algebra: LinearAlgebra,
  { isDiagonal = false, ridge = 0 }: { readonly isDiagonal?: boolean; readonly ridge?: number } = {},
): Curvature | undefined {
  const { width: n } = block;
  const inputs = isDiagonal ? diagonalOf(block.inputs, n) : block.inputs;
  let trace = 0;
  let deadColumns = 0;
  for (let i = 0; i < n; i++) {
    trace += inputs[i * n + i]!;
    if (!(inputs[i * n + i]! > 0)) deadColumns++;
  }
  const mean = trace / n;
  if (!(mean > 0 && Number.isFinite(mean))) return undefined;
  for (let part = damping; part <= MOST_DAMPING; part = Math.max(part * MORE_DAMPING, 1e-6)) {
    const hessian = inputs.slice();
    for (let i = 0; i < n * n; i += n + 1) hessian[i] = hessian[i]! * (1 + ridge) + part * mean;
    const order = Uint32Array.from(
      Array.from({ length: n }, (_, i) => i).sort(
        (a, b) => hessian[b * n + b]! - hessian[a * n + a]! || a - b,
      ),
    );
    const upper = new Float64Array(n * n);
    if (algebra.upperCholeskyOfInverse(permuted(hessian, n, order), n, upper) < 0)
      return { hessian, order, upper, damping: part, deadColumns };
  }
  return undefined;
}

/**
 * Whether the inputs are white: of one variance, and independent of each other. Then the loss is the squared error of the
 * weights, which the fits of the schemes minimise already.
 */
export function isWhite({ width: n, inputs }: Block): boolean {
  const first = inputs[0]!;
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++)
      if (!(Math.abs(inputs[i * n + j]! - (i === j ? first : 0)) <= WHITE_TOLERANCE * first)) return false;
  return first > 0;
}

/** What the rounding of sums may leave: those of a Gram are 2e-7 of Σ |a · b| off in the worst case. */
const WHITE_TOLERANCE = 1e-6;

/** The matrix with nothing but its diagonal. */
function diagonalOf(matrix: Float64Array, n: number): Float64Array {
  const result = new Float64Array(n * n);
  for (let i = 0; i < n * n; i += n + 1) result[i] = matrix[i]!;
  return result;
}

function permuted(matrix: Float64Array, n: number, order: Uint32Array): Float64Array {
  const result = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const from = order[i]! * n;
    for (let j = 0; j < n; j++) result[i * n + j] = matrix[from + order[j]!]!;
  }
  return result;
}
