/** One way to discretize a layer. */
export interface Choice {
  readonly bytes: number;
  /** Finite, or Infinity for a choice that is only taken where the budget leaves no other. */
  readonly loss: number;
}

/** States that are kept after each layer; beyond that the better ones of each stretch of bytes are kept. */
const MOST_STATES = 1 << 14;

/** A choice that stays in play: no other of its layer is both as small and as good. */
interface Item extends Choice {
  /** Place among the choices of the layer. */
  readonly index: number;
}

/**
 * Multiple-choice knapsack: one choice of every layer, so that the sum of losses is least and the sum of bytes is at most
 * `capacity`. Dynamic programming over the layers: a state is a pair (bytes, loss) that no other state beats in both, and
 * is dropped when even the relaxed problem of the remaining layers (a fraction of a choice allowed; its solution follows
 * the convex hulls, Sinha and Zoltners 1979) does not bring it below the best solution known. Exact as long as no more
 * than `mostStates` are alive at once, which for networks is the usual case; beyond that near, and never over the budget.
 * @returns the place of the choice of each layer; undefined when even the smallest ones do not fit
 */
export function chooseWithin(
  layers: readonly (readonly Choice[])[],
  capacity: number,
  mostStates: number = MOST_STATES,
): number[] | undefined {
  const items = withFiniteLosses(layers).map(undominated);
  const smallest = items.map(([first]) => first!);
  if (sum(smallest, 'bytes') > capacity) return undefined;
  // Layers with much to choose from first: what is left then changes little, and its bound is tight.
  const order = [...items.keys()].toSorted((a, b) => spread(items[b]!) - spread(items[a]!) || a - b);
  const ordered = order.map((layer) => items[layer]!);
  const bounds = ordered.map((_, k) => new Relaxation(ordered.slice(k)));
  const greedy = greedily(ordered, capacity);
  const solved = solve(ordered, [...bounds, new Relaxation([])], capacity, sum(greedy, 'loss'), mostStates);
  const chosen = new Array<number>(layers.length);
  for (const [k, item] of (solved ?? greedy).entries()) chosen[order[k]!] = item.index;
  return chosen;
}

/** Infinite losses made larger than any sum of finite ones. */
function withFiniteLosses(layers: readonly (readonly Choice[])[]): Choice[][] {
  let worst = 1;
  for (const choices of layers)
    for (const { loss } of choices) if (Number.isFinite(loss)) worst += Math.abs(loss);
  return layers.map((choices) =>
    choices.map(({ bytes, loss }) => ({ bytes, loss: Number.isFinite(loss) ? loss : 2 * worst })),
  );
}

/** The choices that no other beats, by bytes ascending and loss descending; the first of equal ones. */
function undominated(choices: readonly Choice[]): Item[] {
  const sorted = choices
    .map((choice, index) => ({ ...choice, index }))
    .toSorted((a, b) => a.bytes - b.bytes || a.loss - b.loss || a.index - b.index);
  const kept: Item[] = [];
  for (const item of sorted) if (kept.length === 0 || item.loss < kept.at(-1)!.loss) kept.push(item);
  return kept;
}

function spread(items: readonly Item[]): number {
  return items.at(-1)!.bytes - items[0]!.bytes;
}

function sum(items: readonly Choice[], of: keyof Choice): number {
  return items.reduce((total, item) => total + item[of], 0);
}

/** A step to the next larger choice on the convex hull of a layer. */
interface Step {
  readonly layer: number;
  readonly to: Item;
  readonly bytes: number;
  readonly gain: number;
}

/** The steps along the lower convex hulls of all layers, the most gain a byte first. */
function hullSteps(layers: readonly (readonly Item[])[]): Step[] {
  const steps: Step[] = [];
  for (const [layer, items] of layers.entries()) {
    const hull: Item[] = [];
    for (const item of items) {
      while (hull.length > 1 && slope(hull.at(-2)!, hull.at(-1)!) <= slope(hull.at(-2)!, item)) hull.pop();
      hull.push(item);
    }
    for (let i = 1; i < hull.length; i++)
      steps.push({
        layer,
        to: hull[i]!,
        bytes: hull[i]!.bytes - hull[i - 1]!.bytes,
        gain: hull[i - 1]!.loss - hull[i]!.loss,
      });
  }
  // A sort that keeps equal ones in order, so that the steps of a layer stay in theirs.
  return steps.toSorted((a, b) => b.gain / b.bytes - a.gain / a.bytes);
}

/** Loss saved a byte; on a hull it falls. */
function slope(from: Item, to: Item): number {
  return (from.loss - to.loss) / (to.bytes - from.bytes);
}

/** The relaxed problem of some layers: its least loss for any number of bytes. */
class Relaxation {
  readonly #smallestBytes: number;
  readonly #smallestLoss: number;
  readonly #bytes: Float64Array;
  readonly #gains: Float64Array;

  constructor(layers: readonly (readonly Item[])[]) {
    const smallest = layers.map(([first]) => first!);
    const steps = hullSteps(layers);
    this.#smallestBytes = sum(smallest, 'bytes');
    this.#smallestLoss = sum(smallest, 'loss');
    this.#bytes = new Float64Array(steps.length + 1);
    this.#gains = new Float64Array(steps.length + 1);
    for (const [i, { bytes, gain }] of steps.entries()) {
      this.#bytes[i + 1] = this.#bytes[i]! + bytes;
      this.#gains[i + 1] = this.#gains[i]! + gain;
    }
  }

  /** No choices within `bytes` have less loss than this; Infinity where none fit. */
  boundOf(bytes: number): number {
    const room = bytes - this.#smallestBytes;
    if (room < 0) return Number.POSITIVE_INFINITY;
    let [low, high] = [0, this.#bytes.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#bytes[middle]! <= room) low = middle;
      else high = middle - 1;
    }
    const next = low + 1;
    const part =
      next < this.#bytes.length
        ? ((room - this.#bytes[low]!) / (this.#bytes[next]! - this.#bytes[low]!)) *
          (this.#gains[next]! - this.#gains[low]!)
        : 0;
    return this.#smallestLoss - this.#gains[low]! - part;
  }
}

/** A solution to begin with: the steps in order, those that do not fit left out together with what follows in their layer. */
function greedily(layers: readonly (readonly Item[])[], capacity: number): Item[] {
  const chosen = layers.map(([first]) => first!);
  const stuck = new Set<number>();
  let left = capacity - sum(chosen, 'bytes');
  for (const { layer, to, bytes } of hullSteps(layers)) {
    if (stuck.has(layer)) continue;
    if (bytes > left) stuck.add(layer);
    else {
      chosen[layer] = to;
      left -= bytes;
    }
  }
  return chosen;
}

/** What has been chosen so far, up to some layer. */
interface State {
  readonly bytes: number;
  readonly loss: number;
  readonly item: Item | undefined;
  readonly before: State | undefined;
}

/** The items of the best solution; undefined when none is better than `best`. */
function solve(
  layers: readonly (readonly Item[])[],
  bounds: readonly Relaxation[],
  capacity: number,
  best: number,
  mostStates: number,
): Item[] | undefined {
  let states: State[] = [{ bytes: 0, loss: 0, item: undefined, before: undefined }];
  for (const [k, items] of layers.entries()) {
    const rest = bounds[k + 1]!;
    const next: State[] = [];
    for (const before of states)
      for (const item of items) {
        const [bytes, loss] = [before.bytes + item.bytes, before.loss + item.loss];
        if (loss + rest.boundOf(capacity - bytes) < best) next.push({ bytes, loss, item, before });
      }
    next.sort((a, b) => a.bytes - b.bytes || a.loss - b.loss);
    states = thinned(next, mostStates);
  }
  const items: Item[] = [];
  for (let state = states.at(-1); state?.item !== undefined; state = state.before) items.push(state.item);
  return items.length < layers.length || layers.length === 0 ? undefined : items.toReversed();
}

/** States that no other beats in both bytes and loss, the best of each stretch of bytes where they are too many. Sorted by bytes. */
function thinned(states: readonly State[], most: number): State[] {
  const kept: State[] = [];
  for (const state of states) if (kept.length === 0 || state.loss < kept.at(-1)!.loss) kept.push(state);
  if (kept.length <= most) return kept;
  const [from, width] = [kept[0]!.bytes, (kept.at(-1)!.bytes - kept[0]!.bytes + 1) / most];
  const stretchOf = ({ bytes }: State): number => Math.floor((bytes - from) / width);
  return kept.filter((state, i) => i + 1 === kept.length || stretchOf(state) !== stretchOf(kept[i + 1]!));
}
