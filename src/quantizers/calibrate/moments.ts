/**
 * What the rows of a layer see on the calibration images, in second moments over sampled positions. `x` are the inputs of
 * a row in the order of its columns, from the network that is discretized so far; `y` what the float network's layer gives
 * at the same positions. Row r belongs to group ⌊r·groups/rows⌋. Where `centred`, a constant behind the layer can make up
 * for any shift of the mean, so only what varies counts; else the moments are about 0.
 */
export interface LayerMoments {
  readonly rows: number;
  readonly columns: number;
  readonly groups: number;
  /** Number of sampled positions. */
  readonly samples: number;
  readonly centred: boolean;
  /** Where the blocks of columns end that have a matrix of their own; one block of all columns unless these are very many. */
  readonly blockEnds: readonly number[];
  /** E[x], [groups, columns]. */
  readonly inputMean: Float64Array;
  /** cov(x, x) within each block of each group: group g, block b at g·blocks + b, [width, width]. */
  readonly inputs: readonly Float64Array[];
  /** cov(y, x), [rows, columns], about 0 with the layer's bias taken off y; empty where that or several blocks hide it. */
  readonly cross: Float64Array;
  /** E[y] and var(y), [rows]. */
  readonly outputMean: Float64Array;
  readonly outputVariance: Float64Array;
  /** The same of two halves of the images; absent where these cannot be told apart. */
  readonly halves?: readonly [LayerMoments, LayerMoments] | undefined;
}

/** A block of columns of one group. */
export interface Block {
  readonly group: number;
  readonly from: number;
  readonly width: number;
  /** cov(x, x), [width, width]. */
  readonly inputs: Float64Array;
}

/** All blocks of all groups. */
export function blocksOf({ groups, blockEnds, inputs }: LayerMoments): Block[] {
  return Array.from({ length: groups * blockEnds.length }, (_, i) => {
    const b = i % blockEnds.length;
    const from = b === 0 ? 0 : blockEnds[b - 1]!;
    return { group: Math.floor(i / blockEnds.length), from, width: blockEnds[b]! - from, inputs: inputs[i]! };
  });
}

/** Whether all moments are finite: not where values are NaN or infinite, or too large for the square of a float32. */
export function areFinite({ inputMean, inputs, cross, outputMean, outputVariance }: LayerMoments): boolean {
  return [inputMean, ...inputs, cross, outputMean, outputVariance].every((part) =>
    part.every(Number.isFinite),
  );
}
