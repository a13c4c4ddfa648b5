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
const ALIGNMENT = 64;

/**
 * Places allocations so that those alive at the same time do not overlap: the largest first, each at the lowest offset
 * that is free during its whole life. Greedy by size stays within a few percent of the lower bound on convolutional
 * networks (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020, section 5).
 */
export function placeInArena(lifetimes: readonly Lifetime[]): ArenaLayout {
  const order = lifetimes.map((_, i) => i);
  order.sort((a, b) => lifetimes[b]!.byteLength - lifetimes[a]!.byteLength || a - b);
  const offsets = new Array<number>(lifetimes.length).fill(0);
  const placed: number[] = []; // by ascending offset
  let total = 0;
  for (const i of order) {
    const mine = lifetimes[i]!;
    const need = Math.ceil(mine.byteLength / ALIGNMENT) * ALIGNMENT;
    let offset = 0;
    for (const j of placed) {
      const other = lifetimes[j]!;
      if (other.death <= mine.birth || mine.death <= other.birth) continue;
      if (offsets[j]! - offset >= need) break;
      const end = offsets[j]! + Math.ceil(other.byteLength / ALIGNMENT) * ALIGNMENT;
      if (end > offset) offset = end;
    }
    offsets[i] = offset;
    total = Math.max(total, offset + need);
    let at = placed.length;
    while (at > 0 && offsets[placed[at - 1]!]! > offset) at--;
    placed.splice(at, 0, i);
  }
  return { offsets, byteLength: total };
}
