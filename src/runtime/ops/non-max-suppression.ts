import { BnnqError } from '../../errors.ts';
import type { Operator } from '../call.ts';
import { int64s, numberOf, shapeText } from '../shapes.ts';
import type { OperatorTable } from './operator-table.ts';

/** A rectangle as its lower and upper bounds. */
type Box = readonly [x0: number, y0: number, x1: number, y1: number];

const { fround } = Math;

/** Box `i` of [.., 4]: any two opposite corners [y, x, y, x], or [x, y, width, height] about the centre. */
function boxAt(boxes: Float32Array, i: number, isCentred: boolean): Box {
  const [a, b, c, d] = boxes.subarray(4 * i, 4 * i + 4) as unknown as [number, number, number, number];
  if (!isCentred) return [Math.min(b, d), Math.min(a, c), Math.max(b, d), Math.max(a, c)];
  return [fround(a - c / 2), fround(b - d / 2), fround(a + c / 2), fround(b + d / 2)];
}

function area([x0, y0, x1, y1]: Box): number {
  return fround(fround(x1 - x0) * fround(y1 - y0));
}

/** Whether intersection over union is above the threshold, float32 a step at a time: a ratio of just the threshold is not. */
function overlaps(p: Box, q: Box, threshold: number): boolean {
  const shared: Box = [
    Math.max(p[0], q[0]),
    Math.max(p[1], q[1]),
    Math.min(p[2], q[2]),
    Math.min(p[3], q[3]),
  ];
  if (!(shared[2] > shared[0] && shared[3] > shared[1])) return false;
  const intersection = area(shared);
  const union = fround(fround(area(p) + area(q)) - intersection);
  return intersection > 0 && union > 0 && fround(intersection / union) > threshold;
}

/**
 * boxes [N, count, 4], scores [N, classes, count]: of every class the boxes by descending score (equal ones by index) that
 * overlap none chosen before, [chosen, 3] of image, class and box.
 */
const nonMaxSuppression: Operator = (call) => {
  const boxes = call.input(0);
  const scores = call.input(1);
  const [batch = 0, count = 0, four] = boxes.shape;
  const [scored, classes = 0, perClass] = scores.shape;
  if (
    boxes.shape.length !== 3 ||
    four !== 4 ||
    scores.shape.length !== 3 ||
    scored !== batch ||
    perClass !== count
  )
    throw new BnnqError(
      'mismatch',
      `boxes ${shapeText(boxes.shape)} and scores ${shapeText(scores.shape)}, expected [N,count,4] and [N,classes,count]`,
    );
  const [most, overlap, least] = [2, 3, 4].map((i) => call.optional(i));
  const limit = most === undefined ? 0 : numberOf(most);
  const threshold = overlap === undefined ? 0 : numberOf(overlap);
  const floor = least === undefined ? undefined : numberOf(least);
  const isCentred = call.int('center_point_box', 0) !== 0;
  const [boxData, scoreData] = [boxes.data as Float32Array, scores.data as Float32Array];
  const chosen: number[] = [];
  for (let n = 0; n < batch && limit > 0; n++) {
    const all = Array.from({ length: count }, (_, i) => boxAt(boxData, n * count + i, isCentred));
    for (let c = 0; c < classes; c++) {
      const start = (n * classes + c) * count;
      const score = (i: number): number => scoreData[start + i]!;
      const order = all.flatMap((_, i) => (floor === undefined || score(i) > floor ? [i] : []));
      order.sort((p, q) => score(q) - score(p) || p - q);
      const kept: Box[] = [];
      for (const i of order) {
        if (kept.length >= limit) break;
        if (kept.some((box) => overlaps(all[i]!, box, threshold))) continue;
        kept.push(all[i]!);
        chosen.push(n, c, i);
      }
    }
  }
  return int64s(chosen, [chosen.length / 3, 3]);
};

export const BOX_SELECTIONS: OperatorTable = { NonMaxSuppression: { 10: nonMaxSuppression } };
