/** Numbers that look random and are the same in every run. */

/** Uniform in [0, 1). A generator of Lehmer's kind (Numerical Recipes' constants), the upper 24 bits. */
export function uniforms(seed = 1) {
  let state = seed | 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}

/** Nearly normal, mean 0: a sum of four uniforms, of variance 1/3, scaled to the deviation that is asked for. */
export function normals(count, deviation, seed = 1) {
  const next = uniforms(seed);
  const scale = deviation * Math.sqrt(3);
  return Float32Array.from({ length: count }, () => (next() + next() + next() + next() - 2) * scale);
}

/** +1 and −1. */
export function signs(count, seed = 1) {
  const next = uniforms(seed);
  return Float32Array.from({ length: count }, () => (next() < 0.5 ? -1 : 1));
}
