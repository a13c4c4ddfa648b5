import {
  type SymbolType,
  symbol,
  symbolCircle,
  symbolDiamond,
  symbolSquare,
  symbolStar,
  symbolTriangle,
  symbolWye,
} from 'd3-shape';
import { html } from '../escape.ts';

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An SVG element as text; `content` is markup, attribute values are escaped, coordinates cut to hundredths. */
export function element(name: string, attributes: Attributes, ...content: string[]): string {
  const text = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? short(value) : html(String(value))}"`)
    .join('');
  return content.length === 0 ? `<${name}${text}/>` : `<${name}${text}>${content.join('')}</${name}>`;
}

/** A line of text. */
export function label(x: number, y: number, text: string, attributes: Attributes = {}): string {
  return element('text', { x, y, ...attributes }, html(text));
}

/** A straight line. */
export function line(x1: number, y1: number, x2: number, y2: number, attributes: Attributes = {}): string {
  return element('line', { x1, y1, x2, y2, ...attributes });
}

/** A number with at most two decimals. */
export function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Coordinates of a d3 path cut to hundredths. */
export function shortPath(path: string): string {
  return path.replace(/-?\d+\.\d+(e-?\d+)?/g, (digits) => short(Number(digits)));
}

const SHAPES: readonly SymbolType[] = [
  symbolCircle,
  symbolSquare,
  symbolTriangle,
  symbolDiamond,
  symbolStar,
  symbolWye,
];

/** Markers, a shape a scheme; the area grows for shapes that look small. */
export function marker(x: number, y: number, shape: number, attributes: Attributes = {}, area = 52): string {
  const type = SHAPES[shape % SHAPES.length]!;
  const path = symbol(type, area * (type === symbolTriangle ? 0.92 : 1))() ?? '';
  return element('path', {
    d: shortPath(path),
    transform: `translate(${short(x)},${short(y)})`,
    ...attributes,
  });
}
