/**
 * McNemar's test (1947) of paired outcomes, exact: of `lost + gained` images with different outcomes each is lost with
 * probability ½ where nothing has changed, so lost ~ Binomial(lost + gained, ½). Two-sided: twice the smaller tail, at most
 * 1. Exact for any number of images, for few discordant ones the χ² of the paper is not; it never says too small a p.
 * @param lost images right before and wrong after
 * @param gained images wrong before and right after
 */
export function mcnemar(lost: number, gained: number): number {
  const n = lost + gained;
  const k = Math.min(lost, gained);
  if (2 * k >= n) return 1;
  // The largest term of the tail in logarithms, for 2^−n is 0 in float64 from n = 1,075 on; the others relative to it:
  // C(n, i − 1) = C(n, i) · i / (n − i + 1).
  let log = -n * Math.LN2;
  for (let i = 1; i <= k; i++) log += Math.log((n - k + i) / i);
  let [sum, term] = [1, 1];
  for (let i = k; i > 0 && term > sum * Number.EPSILON; i--) {
    term *= i / (n - i + 1);
    sum += term;
  }
  return Math.min(1, 2 * Math.exp(log) * sum);
}

/**
 * Holm's correction (1979) for several tests: the smallest p times their number, the next times one less, … and none
 * smaller than one before it. An adjusted p below α keeps the chance of any false alarm at all below α.
 */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, i) => i).toSorted((a, b) => pValues[a]! - pValues[b]!);
  const adjusted = new Array<number>(pValues.length);
  let largest = 0;
  for (const [rank, i] of order.entries()) {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * pValues[i]!));
    adjusted[i] = largest;
  }
  return adjusted;
}
