import type { LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';
import { type Curvature, curvatureOf } from './curvature.ts';
import { blocksOf, type LayerMoments } from './moments.ts';
import { rowsTimesMatrix } from './products.ts';
import type { RowWeight } from './row-weight.ts';
import type { LossOptions } from './solve-options.ts';
import { targetsOf } from './targets.ts';

/** The rows of one group over one block of columns: what they are rounded to, and what their errors cost. */
export class BlockProblem {
  /** First row and column of the weight. */
  readonly row: number;
  readonly from: number;
  readonly rows: number;
  readonly width: number;
  /** [rows, width] */
  readonly targets: Float64Array;
  readonly curvature: Curvature;
  #pulls: Float64Array | undefined;

  constructor(
    at: { readonly row: number; readonly rows: number; readonly from: number; readonly width: number },
    targets: Float64Array,
    curvature: Curvature,
  ) {
    this.row = at.row;
    this.from = at.from;
    this.rows = at.rows;
    this.width = at.width;
    this.targets = targets;
    this.curvature = curvature;
  }

  /** t·H, [rows, width]; computed once. */
  pulls(algebra: LinearAlgebra): Float64Array {
    this.#pulls ??= rowsTimesMatrix(this.targets, this.curvature.hessian, this.width, algebra);
    return this.#pulls;
  }
}

/** The loss of a layer as a function of its weights, whatever levels these are to have. */
export interface PreparedLayer {
  readonly weight: RowWeight;
  readonly moments: LayerMoments;
  /** What the weights are rounded to, [rows, columns]. */
  readonly targets: Float32Array;
  /** Blocks whose inputs all stay the same are not among them. */
  readonly blocks: readonly BlockProblem[];
  /** Largest damping that was needed, and columns (of all groups) whose inputs never vary. */
  readonly damping: number;
  readonly deadColumns: number;
}

/** Everything that `solveWeight` needs of the images, once for all the ways that a layer may be discretized in. */
export function prepareLayer(
  weight: RowWeight,
  moments: LayerMoments,
  { damping: asked, ridge, isDiagonal, correction }: LossOptions,
  algebra: LinearAlgebra,
): PreparedLayer {
  const { rows, columns, groups } = moments;
  const perGroup = rows / groups;
  const blocks: BlockProblem[] = [];
  const targets = weight.values.slice();
  let damping = 0;
  let deadColumns = 0;
  for (const block of blocksOf(moments)) {
    const { group, from, width } = block;
    const curvature = curvatureOf(block, asked, algebra, { ridge, isDiagonal });
    if (curvature === undefined) {
      deadColumns += width;
      continue;
    }
    damping = Math.max(damping, curvature.damping);
    deadColumns += curvature.deadColumns;
    const row = group * perGroup;
    const own = new Float64Array(perGroup * width);
    for (let r = 0; r < perGroup; r++) {
      const start = (row + r) * columns + from;
      own.set(weight.values.subarray(start, start + width), r * width);
    }
    const aims = targetsOf(own, moments, group, curvature, correction, algebra);
    for (let r = 0; r < perGroup; r++)
      targets.set(aims.subarray(r * width, (r + 1) * width), (row + r) * columns + from);
    blocks.push(new BlockProblem({ row, rows: perGroup, from, width }, aims, curvature));
  }
  return { weight, moments, targets, blocks, damping, deadColumns };
}
