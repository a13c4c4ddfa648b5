import type { Report, SweepPoint } from '../../eval/types.ts';
import { widthToken } from '../filters.ts';
import type { Headline } from '../series.ts';
import { BOTTOM, HEIGHT, LEFT, type Plane, RIGHT, type Scale, WIDTH } from './frame.ts';
import { element, label } from './svg.ts';

/** The points that a vertical scale shows. */
export function inside(points: readonly SweepPoint[], headline: Headline, y: Scale): SweepPoint[] {
  const [low] = y.domain();
  return points.filter(
    (point) => (headline.of(point) ?? Number.NEGATIVE_INFINITY) >= low! && point.packedBytes > 0,
  );
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Bit widths along the front, at the highest point of each: at the first of a few places (above left first, where a front has nothing) where
 * it touches neither a marker, nor another label, nor the edge; a label that fits nowhere is left out.
 */
export function frontLabels(
  plane: Plane,
  report: Report,
  headline: Headline,
  front: readonly SweepPoint[],
): string {
  const at = (point: SweepPoint): [number, number] => [
    plane.x(point.packedBytes),
    plane.y(headline.of(point)!),
  ];
  const shown = inside(report.points, headline, plane.y);
  const taken: Box[] = shown.map((point) => ({
    x: at(point)[0] - 6,
    y: at(point)[1] - 6,
    width: 12,
    height: 12,
  }));
  for (const [level, x] of [
    [headline.float, LEFT],
    [headline.chance ?? -1, WIDTH - RIGHT - 130],
  ] as const)
    taken.push({ x, y: plane.y(level) - 18, width: 130, height: 19 });
  const texts: string[] = [];
  const tops = new Map(front.filter((point) => shown.includes(point)).map((point) => [point.bits, point]));
  for (const point of tops.values()) {
    const text = String(point.bits);
    const [x, y] = at(point);
    const width = text.length * 9;
    const places = [
      { x: x - 4 - width, y: y - 21 },
      { x: x - 9 - width, y: y - 12 },
      { x: x - width / 2, y: y - 23 },
      { x: x + 9, y: y + 2 },
      { x: x - width / 2, y: y + 8 },
    ].map((corner): Box => ({ ...corner, width, height: 15 }));
    const place = places.find(
      (box) =>
        box.x > LEFT &&
        box.x + box.width < WIDTH - RIGHT &&
        box.y + box.height < HEIGHT - BOTTOM &&
        !taken.some((other) => touch(box, other)),
    );
    if (place === undefined) continue;
    taken.push(place);
    texts.push(label(place.x, place.y + 12, text, { class: widthToken(point.bits) }));
  }
  return element('g', { class: 'names' }, ...texts);
}

function touch(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
