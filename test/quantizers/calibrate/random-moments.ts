import type { LayerMoments } from '../../../src/quantizers/calibrate/moments.ts';
import type { QuantizeSettings } from '../../../src/quantizers/options.ts';
import { SCHEMES } from '../../../src/quantizers/registry.ts';
import type { Random } from '../../kernels/support/random.ts';

export interface Sampling {
  readonly rows: number;
  readonly columns: number;
  readonly groups?: number;
  readonly samples: number;
  readonly centred?: boolean;
  readonly blockEnds?: readonly number[];
  /** Columns whose inputs never vary, in every group. */
  readonly dead?: readonly number[];
  /** How far the inputs of the discretized network are from those of the float one. */
  readonly noise?: number;
}

/** Samples of what a layer sees: x [groups][sample][column] of the discretized network, y [row][sample] of the float one. */
export interface Samples {
  readonly x: Float64Array[][];
  readonly y: Float64Array[];
}

/** Inputs that have much in common with each other, and the outputs of the weights [rows, columns] on cleaner ones. */
export function randomSamples(random: Random, weights: ArrayLike<number>, sampling: Sampling): Samples {
  const { rows, columns, groups = 1, samples, dead = [], noise = 0 } = sampling;
  const offsets = Array.from({ length: groups * columns }, () => random.unit() - 0.3);
  const x: Float64Array[][] = [];
  const y = Array.from({ length: rows }, () => new Float64Array(samples));
  for (let g = 0; g < groups; g++) {
    x.push([]);
    for (let s = 0; s < samples; s++) {
      const common = random.unit() - 0.5;
      const clean = Float64Array.from({ length: columns }, (_, j) =>
        dead.includes(j) ? 0 : offsets[g * columns + j]! + common + random.unit() - 0.5,
      );
      x[g]!.push(
        clean.map((v, j) => (dead.includes(j) ? 0 : v + noise * (random.unit() - 0.5 + (j % 2) * common))),
      );
      for (let r = (g * rows) / groups; r < ((g + 1) * rows) / groups; r++)
        for (let j = 0; j < columns; j++) y[r]![s]! += weights[r * columns + j]! * clean[j]!;
    }
  }
  return { x, y };
}

const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** The moments of samples, as they are defined. */
export function momentsOf({ x, y }: Samples, sampling: Sampling): LayerMoments {
  const { rows, columns, groups = 1, samples, centred = true, blockEnds = [columns] } = sampling;
  const inputMean = new Float64Array(groups * columns);
  for (const [g, group] of x.entries())
    for (let j = 0; j < columns; j++) inputMean[g * columns + j] = meanOf(group.map((row) => row[j]!));
  const outputMean = Float64Array.from(y, (row) => meanOf([...row]));
  const about = (mean: number): number => (centred ? mean : 0);
  const inputs: Float64Array[] = [];
  for (const [g, group] of x.entries()) {
    const deviation = (s: number, j: number): number => group[s]![j]! - about(inputMean[g * columns + j]!);
    for (const [b, end] of blockEnds.entries()) {
      const from = blockEnds[b - 1] ?? 0;
      const matrix = new Float64Array((end - from) ** 2);
      for (let i = from, at = 0; i < end; i++)
        for (let j = from; j < end; j++, at++)
          for (let s = 0; s < samples; s++) matrix[at]! += (deviation(s, i) * deviation(s, j)) / samples;
      inputs.push(matrix);
    }
  }
  const cross = new Float64Array(blockEnds.length > 1 ? 0 : rows * columns);
  const outputVariance = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    const g = Math.floor((r * groups) / rows);
    for (let s = 0; s < samples; s++) {
      const out = y[r]![s]! - about(outputMean[r]!);
      outputVariance[r]! += (out * out) / samples;
      for (let j = 0; j < columns && cross.length > 0; j++)
        cross[r * columns + j]! += (out * (x[g]![s]![j]! - about(inputMean[g * columns + j]!))) / samples;
    }
  }
  return {
    ...{ rows, columns, groups, samples, centred, blockEnds },
    ...{ inputMean, inputs, cross, outputMean, outputVariance },
  };
}

/** Moments of inputs that are independent of each other and of that variance, the same in both networks. */
export function whiteMoments(
  weights: Float32Array,
  rows: number,
  columns: number,
  groups: number,
  variance: number,
): LayerMoments {
  const inputs = Array.from({ length: groups }, () => {
    const matrix = new Float64Array(columns * columns);
    for (let i = 0; i < columns; i++) matrix[i * columns + i] = variance;
    return matrix;
  });
  return {
    ...{ rows, columns, groups, samples: 1000, centred: false, blockEnds: [columns], inputs },
    inputMean: new Float64Array(groups * columns),
    cross: Float64Array.from(weights, (w) => w * variance),
    outputMean: new Float64Array(rows),
    outputVariance: new Float64Array(rows).fill(1),
  };
}

/** Every scheme at every width with every choice that it has, for schemes that stand for no others. */
export const ALL_SETTINGS: readonly QuantizeSettings[] = SCHEMES.flatMap((scheme) => {
  const { name, bits, fits, choices } = scheme;
  const settings: QuantizeSettings[] = [];
  for (let width = bits.from; width <= bits.to && scheme.candidates === undefined; width++) {
    for (const fit of fits) settings.push({ scheme: name, bits: width, fit });
    if (choices.includes('zero') && width > 1)
      for (const fit of fits) settings.push({ scheme: name, bits: width, fit, zero: true });
    if (choices.includes('levels')) settings.push({ scheme: name, bits: width, levels: 'cells' });
    if (choices.includes('bases')) settings.push({ scheme: name, bits: width, bases: 'greedy' });
  }
  return settings;
});
