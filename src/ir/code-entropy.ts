import type { Model } from './graph.ts';
import { codesOf, type QuantizedTensor } from './quantized-tensor.ts';

/**
 * Entropy of a weight's codes in bits a code: H = −Σ p·log₂ p over how often each code is there (Shannon 1948, order 0). No coder that
 * takes the codes one by one by the same probabilities needs less; one that sees what is beside a code may.
 */
export function codeEntropy(q: QuantizedTensor): number {
  const counts = new Uint32Array(2 ** q.bits);
  const codes = codesOf(q);
  for (const code of codes) counts[code]!++;
  let bits = 0;
  for (const count of counts) if (count > 0) bits += count * Math.log2(codes.length / count);
  return bits / codes.length;
}

/** Bits a weight over all discretized weights of a model, each by its own statistics; 0 where there are none. */
export function meanCodeEntropy({ graph }: Model): number {
  let [bits, count] = [0, 0];
  for (const { quantized: q } of graph.initializers.values()) {
    if (q === undefined) continue;
    bits += codeEntropy(q) * q.rows * q.columns;
    count += q.rows * q.columns;
  }
  return count === 0 ? 0 : bits / count;
}
