/**
 * Exact k-means in one dimension: the partition of sorted points into `cells` runs with the smallest squared distance
 * from their means.
 *
 * The least error D(k) of k cells is convex in k, because the cost of a run satisfies the quadrangle inequality. So for
 * some price λ on a cell the cheapest partition of any number of cells has just the number wanted, and for a given λ
 * that partition takes O(n log n). λ is searched for; where D has equal steps, no λ gives the number, and the two
 * partitions on either side are spliced into one (Aggarwal, Schieber, Tokuyama, Finding a minimum-weight k-link path in
 * graphs with the concave Monge property, 1994; Grønlund et al., Fast exact k-means in 1D, arXiv 1701.07204).
 */
export function kMeans(points: Points, cells: number): Float64Array {
  const { values } = points;
  if (values.length <= cells) return values.slice();
  const cost = new Costs(points);
  return cost.means(partition(cost, cells));
}

/** Distinct ascending values with positive weights. */
export interface Points {
  readonly values: Float64Array;
  readonly weights: Float64Array;
}

/** Rounds of the search for λ. Past them, λ is known so well that a splice is as good. */
const MOST_ROUNDS = 60;

/** Ends of the runs, from 0 to n. */
function partition(cost: Costs, cells: number): readonly number[] {
  let few: readonly number[] = [0, cost.count]; // at price `high`
  let many: readonly number[] | undefined; // at price `low`
  let low = 0;
  let high = cost.of(0, cost.count);
  // With many cells D(k) falls as k^−2, so that λ = −D'(k) goes as D·2/k and as k^−3.
  let price = (2 * high) / (cells * cells * cells);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const found = cost.cheapest(price);
    const got = found.length - 1;
    if (got === cells) return found;
    if (got < cells) {
      few = found;
      high = price;
    } else {
      many = found;
      low = price;
    }
    const ratio = got / cells;
    price *= ratio * ratio * ratio;
    if (round > 8 || !(price > low && price < high))
      price = low > 0 ? Math.sqrt(low) * Math.sqrt(high) : high / 64;
    if (!(price > low && price < high)) break;
  }
  many ??= Array.from({ length: cost.count + 1 }, (_, i) => i);
  return splice(few, many, cells);
}

/**
 * A path with `cells` edges out of one with fewer and one with more: where an edge of the second lies within the edge of
 * the first that comes as many places earlier as edges are too many, the paths change over, at no cost by the
 * quadrangle inequality.
 */
function splice(few: readonly number[], many: readonly number[], cells: number): readonly number[] {
  const shift = many.length - 1 - cells;
  let i = 0;
  while (many[i + shift + 1]! > few[i + 1]!) i++;
  return [...few.slice(0, i + 1), ...many.slice(i + shift + 1)];
}

/** Costs of runs by prefix sums about the mean (to lose no digits where the values lie far from zero). */
class Costs {
  readonly count: number;
  private readonly mean: number;
  private readonly mass: Float64Array;
  private readonly sum: Float64Array;
  private readonly square: Float64Array;
  private readonly least: Float64Array;
  private readonly from: Int32Array;
  private readonly queue: Int32Array;
  private readonly begins: Int32Array;

  constructor({ values, weights }: Points) {
    const count = values.length;
    let mass = 0;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      mass += weights[i]!;
      sum += weights[i]! * values[i]!;
    }
    this.count = count;
    this.mean = sum / mass;
    this.mass = new Float64Array(count + 1);
    this.sum = new Float64Array(count + 1);
    this.square = new Float64Array(count + 1);
    for (let i = 0; i < count; i++) {
      const value = values[i]! - this.mean;
      this.mass[i + 1] = this.mass[i]! + weights[i]!;
      this.sum[i + 1] = this.sum[i]! + weights[i]! * value;
      this.square[i + 1] = this.square[i]! + weights[i]! * value * value;
    }
    this.least = new Float64Array(count + 1);
    this.from = new Int32Array(count + 1);
    this.queue = new Int32Array(count + 1);
    this.begins = new Int32Array(count + 1);
  }

  /** Squared distances of the points i … j−1 from their mean. */
  of(i: number, j: number): number {
    const sum = this.sum[j]! - this.sum[i]!;
    return this.square[j]! - this.square[i]! - (sum * sum) / (this.mass[j]! - this.mass[i]!);
  }

  /**
   * The cheapest partition when each cell costs `price` besides: least(j) = min over i < j of least(i) + of(i, j) +
   * price. The best i grows with j; the queue holds the i that are still best for some j, with the j where that begins.
   */
  cheapest(price: number): number[] {
    const { count, least, from, queue, begins } = this;
    let head = 0;
    let tail = 0;
    queue[0] = 0;
    begins[0] = 1;
    least[0] = 0;
    for (let j = 1; j <= count; j++) {
      while (head < tail && begins[head + 1]! <= j) head++;
      const i = queue[head]!;
      least[j] = least[i]! + this.of(i, j) + price;
      from[j] = i;
      if (j === count) break;
      while (tail > head && begins[tail]! > j && this.beats(j, queue[tail]!, begins[tail]!)) tail--;
      const rival = queue[tail]!;
      let low = Math.max(begins[tail]!, j) + 1;
      let high = count + 1;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.beats(j, rival, middle)) high = middle;
        else low = middle + 1;
      }
      if (low > count) continue;
      tail++;
      queue[tail] = j;
      begins[tail] = low;
    }
    const ends = [count];
    for (let j = count; j > 0; j = from[j]!) ends.push(from[j]!);
    return ends.reverse();
  }

  /** Whether the last cell of the points before `end` had better begin at `late` than at `early`. */
  private beats(late: number, early: number, end: number): boolean {
    return this.least[late]! + this.of(late, end) < this.least[early]! + this.of(early, end);
  }

  means(ends: readonly number[]): Float64Array {
    return Float64Array.from({ length: ends.length - 1 }, (_, k) => {
      const [i, j] = [ends[k]!, ends[k + 1]!];
      return this.mean + (this.sum[j]! - this.sum[i]!) / (this.mass[j]! - this.mass[i]!);
    });
  }
}
