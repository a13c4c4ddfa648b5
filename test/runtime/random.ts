/** Reproducible numbers: a 32-bit xorshift generator (Marsaglia, 2003), uniform in [low, high). */
export function randomFloats(count: number, seed = 1, low = -1, high = 1): Float32Array {
  const next = generator(seed);
  return Float32Array.from({ length: count }, () => low + (high - low) * next());
}

/** Uniform in [0, 1). */
export function generator(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 4294967296;
  };
}
