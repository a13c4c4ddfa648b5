import type { LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';
import type { LayerMoments } from './moments.ts';
import { secondMoments } from './second-moments.ts';

/**
 * What is done about the statistics of a layer's outputs once its weights are discretized.
 *
 * | repair       | what it does, with y of the float network and ŷ of the discretized one on the same images            |
 * | ------------ | ----------------------------------------------------------------------------------------------------- |
 * | `equalize`   | before anything: rows and columns of weights are scaled against each other across layers               |
 * | `bias`       | ŷ gets the mean of y                                                                                    |
 * | `batch-norm` | ŷ gets mean and variance of y: the statistics of the BatchNormalization relative to the float network   |
 * | `scale`      | ŷ becomes s·ŷ + t with the least squared difference from y                                              |
 * | `auto`       | `batch-norm` for layers of one and two bits, `bias` for others                                          |
 *
 * A scale goes into the BatchNormalization behind a layer, or into its levels where each row has its own.
 */
export type Repair = 'equalize' | 'bias' | 'batch-norm' | 'scale' | 'auto';

export const REPAIRS: readonly Repair[] = ['equalize', 'bias', 'batch-norm', 'scale', 'auto'];

/** Those that nothing but images can tell; the others can do without. */
export const REPAIRS_WITH_IMAGES: readonly Repair[] = ['batch-norm', 'scale', 'auto'];

/**
 * Widths up to which `auto` gives outputs their variance back. Weights that are fitted to noisy inputs give outputs that
 * vary less, at few bits by much: of MobileNetV2 at 2 bits 36 % of 800 images were right with `batch-norm`, 24 % with `bias`; at
 * 3 bits 75 % and 76 %.
 */
const MOST_BITS_TO_SCALE = 2;

/** What `auto` stands for in a layer of so many bits; others stand for themselves. */
export function repairsAt(repairs: readonly Repair[], bits: number): readonly Repair[] {
  return repairs.map((repair) =>
    repair !== 'auto' ? repair : bits <= MOST_BITS_TO_SCALE ? 'batch-norm' : 'bias',
  );
}

const SCALING: readonly Repair[] = ['batch-norm', 'scale', 'auto'];

/** Why some repairs cannot be asked for together; undefined where they can. */
export function repairConflict(repairs: readonly Repair[]): string | undefined {
  const scaling = repairs.filter((repair) => SCALING.includes(repair));
  return scaling.length < 2
    ? undefined
    : `expected one of ${SCALING.join(', ')}, as each sets the scale of a layer, got ${scaling.join(', ')}`;
}

/** Factors outside of this range come of channels that hardly ever vary: these keep their scale. */
const SCALES = { least: 0.1, most: 10 };

/**
 * The affine that takes the outputs of a discretized layer, as the moments foretell them, to those of the float one.
 * @param values discretized weights [rows, columns]
 * @param bias of the layer, by row
 * @param takesScale whether there is a place for a scale behind the layer
 */
export function layerRepair(
  values: Float64Array,
  moments: LayerMoments,
  repairs: readonly Repair[],
  bias: Float64Array | undefined,
  takesScale: boolean,
  algebra: LinearAlgebra,
): { readonly scale: Float64Array; readonly shift: Float64Array } {
  const { rows, columns, groups, inputMean, outputMean, outputVariance } = moments;
  const scale = new Float64Array(rows).fill(1);
  const shift = new Float64Array(rows);
  const wantsScale = takesScale && (repairs.includes('batch-norm') || repairs.includes('scale'));
  const seen = wantsScale ? secondMoments(values, moments, algebra) : undefined;
  for (let r = 0; r < rows; r++) {
    const first = Math.floor((r * groups) / rows) * columns;
    let mean = bias?.[r] ?? 0;
    for (let j = 0; j < columns; j++) mean += values[r * columns + j]! * inputMean[first + j]!;
    if (seen !== undefined) {
      const variance = seen.variance[r]!;
      const found = repairs.includes('batch-norm')
        ? Math.sqrt(outputVariance[r]! / variance)
        : seen.together[r]! / variance;
      if (found >= SCALES.least && found <= SCALES.most) scale[r] = found;
    }
    shift[r] = outputMean[r]! - scale[r]! * mean;
  }
  return { scale, shift };
}
