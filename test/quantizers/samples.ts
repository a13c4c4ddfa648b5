/** Uniform numbers in (0, 1) from a seed: xorshift32. */
export function random(seed: number): () => number {
  let state = (seed * 2654435761) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) + 0.5) / 2 ** 32;
  };
}

export type Distribution = 'gauss' | 'laplace' | 'uniform' | 'student' | 'outliers';

export const DISTRIBUTIONS: readonly Distribution[] = ['gauss', 'laplace', 'uniform', 'student', 'outliers'];

/** `count` values of a distribution; `student` has three degrees of freedom, `outliers` a tenth of its values 20 times as wide. */
export function sampleOf(distribution: Distribution, count: number, seed: number): Float32Array {
  const uniform = random(seed + count);
  const gauss = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const draw = {
    gauss,
    laplace: () => Math.sign(uniform() - 0.5) * Math.log(uniform()),
    uniform: () => 2 * uniform() - 1,
    student: () => gauss() / Math.sqrt((gauss() ** 2 + gauss() ** 2 + gauss() ** 2) / 3),
    outliers: () => gauss() * (uniform() < 0.1 ? 20 : 1),
  }[distribution];
  return Float32Array.from({ length: count }, draw);
}

/** One row. */
export function rowLayout(columns: number) {
  return { split: [1, columns], perm: [0, 1], rowAxes: 1 };
}
