const GOLDEN = 0.6180339887498949;
/**
 * The argument of the greatest value that was seen: all of `tried` (monotone), then golden sections between the
 * neighbours of the best few. For functions of one variable that are cheap and have several maxima.
 * @param refined how many of the best are refined, by so many sections of the interval each
 */
export function maximise(
  value: (argument: number) => number,
  tried: readonly number[],
  refined: number,
  sections: number,
): number {
  const values = tried.map(value);
  const order = tried.map((_, i) => i).sort((one, other) => values[other]! - values[one]!);
  let best = tried[order[0]!]!;
  let most = values[order[0]!]!;
  const evaluate = (argument: number): number => {
    const found = value(argument);
    if (found > most) {
      most = found;
      best = argument;
    }
    return found;
  };
  for (const i of order.slice(0, refined)) {
    let low = tried[Math.max(i - 1, 0)]!;
    let high = tried[Math.min(i + 1, tried.length - 1)]!;
    let left = high - GOLDEN * (high - low);
    let right = low + GOLDEN * (high - low);
    let atLeft = evaluate(left);
    let atRight = evaluate(right);
    for (let section = 0; section < sections; section++)
      if (atLeft > atRight) {
        high = right;
        right = left;
        atRight = atLeft;
        left = high - GOLDEN * (high - low);
        atLeft = evaluate(left);
      } else {
        low = left;
        left = right;
        atLeft = atRight;
        right = low + GOLDEN * (high - low);
        atRight = evaluate(right);
      }
  }
  return best;
}
