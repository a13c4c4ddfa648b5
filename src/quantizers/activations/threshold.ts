/** Two levels for the values of a channel, and how well they do. */
export interface ThresholdFit {
  /** float32: values from it on become `high`, those below `low`. */
  readonly threshold: number;
  readonly low: number;
  readonly high: number;
  /** Σ x² and Σ (x − x̂)² of the values, before the levels are rounded to float32. */
  readonly energy: number;
  readonly error: number;
}

/**
 * The two levels with the smallest squared error: of all splits of the sorted values the one whose means explain the
 * most, Σ² / n of either part. The threshold lies half-way between the means, where a value is as near to the one as to the
 * other. Values that are all equal, or none at all, give two equal levels.
 * @param values finite; sorted in place
 */
export function fitThreshold(values: Float32Array): ThresholdFit {
  const count = values.length;
  if (count === 0) return { threshold: 0, low: 0, high: 0, energy: 0, error: 0 };
  values.sort();
  let total = 0;
  let energy = 0;
  for (let i = 0; i < count; i++) {
    total += values[i]!;
    energy += values[i]! * values[i]!;
  }
  let explained = (total * total) / count;
  let split = 0;
  let sum = 0;
  let lowSum = 0;
  for (let i = 1; i < count; i++) {
    sum += values[i - 1]!;
    if (values[i] === values[i - 1]) continue;
    const rest = total - sum;
    const gain = (sum * sum) / i + (rest * rest) / (count - i);
    if (gain > explained) {
      explained = gain;
      split = i;
      lowSum = sum;
    }
  }
  const error = Math.max(0, energy - explained);
  if (split === 0) {
    const level = Math.fround(total / count);
    return { threshold: level, low: level, high: level, energy, error };
  }
  const low = lowSum / split;
  const high = (total - lowSum) / (count - split);
  const middle = Math.fround((low + high) / 2);
  // Rounding must not move a value that was counted to the other side.
  const threshold = middle > values[split - 1]! && middle <= values[split]! ? middle : values[split]!;
  return { threshold, low: Math.fround(low), high: Math.fround(high), energy, error };
}
