/** One allocation of a recorded run: alive from event `birth` up to, not including, event `death`. */
export interface Lifetime {
  readonly byteLength: number;
  readonly birth: number;
  death: number;
}

export interface ArenaLayout {
  /** Offset of every allocation within the arena, in order of birth. */
  readonly offsets: readonly number[];
  readonly byteLength: number;
}

/** Blocks start at multiples of this, as those of the heap do. */
const HEAP_ALIGNMENT = 64;

type Order = (a: Lifetime, b: Lifetime) => number;

const lasting = ({ birth, death }: Lifetime): number => death - birth;

/**
 * Orders that are tried, as which one ends lowest differs from network to network: the largest first; what blocks most, bytes times
 * events; what lives longest; and those of the middle of the run, where most is alive, by size.
 */
const ORDERS: readonly Order[] = [
  (a, b) => b.byteLength - a.byteLength,
  (a, b) => b.byteLength * lasting(b) - a.byteLength * lasting(a),
  (a, b) => lasting(b) - lasting(a) || b.byteLength - a.byteLength,
  (a, b) => a.birth - b.birth,
  (a, b) => b.death - a.death,
];

/**
 * Places allocations so that those alive at the same time do not overlap: one after the other, each at the lowest offset
 * that is free during its whole life. Greedy by size stays within a few percent of the lower bound on convolutional
 * networks (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020, section 5); where it
 * does not reach it, other orders are tried.
 */
export function placeInArena(
  lifetimes: readonly Lifetime[],
  alignment: number = HEAP_ALIGNMENT,
): ArenaLayout {
  const bound = mostAlive(lifetimes, alignment);
  let best: ArenaLayout | undefined;
  for (const order of ORDERS) {
    const layout = placedBy(lifetimes, order, alignment);
    if (best === undefined || layout.byteLength < best.byteLength) best = layout;
    if (best.byteLength <= bound) break;
  }
  return best!;
}

function aligned(byteLength: number, alignment: number): number {
  return Math.ceil(byteLength / alignment) * alignment;
}

/** Most bytes that are alive at once, in whole units of the alignment: no layout needs less. */
function mostAlive(lifetimes: readonly Lifetime[], alignment: number): number {
  const changes = lifetimes.flatMap(({ byteLength, birth, death }) => [
    { time: birth, bytes: aligned(byteLength, alignment) },
    { time: death, bytes: -aligned(byteLength, alignment) },
  ]);
  // What dies at an event makes room before what is born at it.
  changes.sort((a, b) => a.time - b.time || a.bytes - b.bytes);

  let alive = 0;
  let most = 0;
  for (const { bytes } of changes) {
    alive += bytes;
    most = Math.max(most, alive);
  }
  return most;
}

function placedBy(lifetimes: readonly Lifetime[], compare: Order, alignment: number): ArenaLayout {
  const order = lifetimes.map((_, i) => i);
  order.sort((a, b) => compare(lifetimes[a]!, lifetimes[b]!) || a - b);
  const offsets = new Array<number>(lifetimes.length).fill(0);
  const placed: number[] = []; // by ascending offset
  let total = 0;
  for (const i of order) {
    const mine = lifetimes[i]!;
    const need = aligned(mine.byteLength, alignment);
    let offset = 0;
    for (const j of placed) {
      const other = lifetimes[j]!;
      if (other.death <= mine.birth || mine.death <= other.birth) continue;
      if (offsets[j]! - offset >= need) break;
      offset = Math.max(offset, offsets[j]! + aligned(other.byteLength, alignment));
    }
    offsets[i] = offset;
    total = Math.max(total, offset + need);
    let at = placed.length;
    while (at > 0 && offsets[placed[at - 1]!]! > offset) at--;
    placed.splice(at, 0, i);
  }
  return { offsets, byteLength: total };
}
