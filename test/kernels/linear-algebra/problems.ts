import type { LevelLists, RowProblem } from '../../../src/kernels/linear-algebra/contract.ts';
import type { Random } from '../support/random.ts';
import { randomDoubles } from './support.ts';

/** Rows with random lists, shared or not, one for all columns or several; some lists are not full. */
export function randomProblem(random: Random, rows: number, columns: number, size: number): RowProblem {
  const count = random.whole(1, 3);
  const listOf =
    count === 1 ? undefined : Uint32Array.from({ length: columns }, () => random.whole(0, count - 1));
  const stride = random.pick([0, count]);
  const levels = Array.from({ length: Math.max(1, stride === 0 ? 1 : rows) * count }, () => {
    const kept = random.whole(1, size);
    const list = Float64Array.from({ length: size }, (_, i) =>
      i < kept ? Math.fround((random.unit() - 0.5) * 4) : Number.POSITIVE_INFINITY,
    );
    return [...list.sort()];
  });
  const lists: LevelLists = { levels: Float64Array.from(levels.flat()), size, stride, listOf };
  return { rows, columns, weights: randomDoubles(random, rows * columns), lists };
}

export function shuffled(random: Random, length: number): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = random.whole(0, i);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** (v − w)·H·(v − w)ᵀ of one row, with v the levels at the places. */
export function lossOf(problem: RowProblem, hessian: Float64Array, places: Uint8Array, row: number): number {
  const { columns: n, weights, lists } = problem;
  const difference = Float64Array.from({ length: n }, (_, j) => {
    const list = lists.stride * row + (lists.listOf?.[j] ?? 0);
    return lists.levels[list * lists.size + places[row * n + j]!]! - weights[row * n + j]!;
  });
  let loss = 0;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) loss += difference[i]! * hessian[i * n + j]! * difference[j]!;
  return loss;
}
