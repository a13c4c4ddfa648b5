import { printable } from './format.ts';

/** One line of a chart: a value, or null, at each position of the axis. */
export interface ChartSeries {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

export interface ChartOptions {
  /** What is drawn against what: `top-1 in percent, against bits a weight`. */
  readonly title: string;
  /** Names of the positions along the bottom. */
  readonly ticks: readonly string[];
  readonly series: readonly ChartSeries[];
  /** A line to compare with, over the whole width. */
  readonly reference?: { readonly name: string; readonly value: number };
  /** Columns and lines that the picture may take, its legend not counted. */
  readonly width: number;
  readonly height: number;
}

/** Told apart without colour; where there are more series, letters follow. */
const MARKERS: readonly string[] = [...'●▲■◆○△□◇abcdefghijklmnopqrstuvwxyz'];

/** Rows under the plane: the axis and its names. */
const BELOW = 2;

/**
 * Markers over a few positions, those of one position side by side so that equal values stay visible. Undefined where
 * there is too little room for a marker of each series at each position, or nothing to draw.
 */
export function chart(options: ChartOptions): string[] | undefined {
  const { title, ticks, series, reference, width, height } = options;
  const known = series.flatMap(({ values }) => values.filter((value) => value !== null));
  if (known.length === 0 || series.length > MARKERS.length) return undefined;
  const all = reference === undefined ? known : [...known, reference.value];
  const scale = niceScale(Math.min(...all), Math.max(...all));
  const names = scale.ticks.map((tick) => String(tick));
  const left = Math.max(...names.map((name) => name.length)) + 2;
  const slot = Math.floor((width - left) / ticks.length);
  // Whole rows from tick to tick, so that none stands beside its place.
  const rowsATick = Math.floor((height - BELOW - 1) / (names.length - 1));
  if (slot < series.length + 1 || rowsATick < 1) return undefined;
  const rows = rowsATick * (names.length - 1) + 1;
  const plane = new Plane(slot * ticks.length, rows);
  const rowOf = (value: number): number =>
    Math.round(((scale.high - value) / (scale.high - scale.low)) * (rows - 1));

  if (reference !== undefined) {
    const row = rowOf(reference.value);
    plane.text(row, 0, '┄'.repeat(plane.width));
    plane.text(row, 1, ` ${reference.name} `);
  }
  const first = Math.floor((slot - series.length) / 2);
  series.forEach(({ values }, s) => {
    values.forEach((value, x) => {
      if (value !== null) plane.text(rowOf(value), x * slot + first + s, MARKERS[s]!);
    });
  });

  const named = new Map(scale.ticks.map((tick, i) => [rowOf(tick), names[i]!]));
  const lines = plane.lines.map((line, row) => {
    const name = named.get(row);
    return `${(name ?? '').padStart(left - 2)} ${name === undefined ? '│' : '┤'}${line}`.trimEnd();
  });
  const bottom = new Plane(plane.width, BELOW);
  bottom.text(0, 0, '─'.repeat(plane.width));
  ticks.forEach((tick, x) => {
    const centre = x * slot + Math.floor((slot - 1) / 2);
    bottom.text(0, centre, '┴');
    bottom.text(1, centre - Math.floor((tick.length - 1) / 2), tick);
  });
  return [
    title,
    ...lines,
    `${' '.repeat(left - 1)}└${bottom.lines[0]}`,
    `${' '.repeat(left)}${bottom.lines[1]!.trimEnd()}`,
    ...legend(series, width),
  ];
}

/** Markers and names, as many a line as fit. */
function legend(series: readonly ChartSeries[], width: number): string[] {
  const lines: string[] = [];
  for (const [s, { name }] of series.entries()) {
    const entry = `${MARKERS[s]} ${printable(name)}`;
    const last = lines.at(-1);
    if (last !== undefined && last.length + 3 + entry.length <= width)
      lines[lines.length - 1] = `${last}   ${entry}`;
    else lines.push(entry);
  }
  return lines;
}

/** Bounds and ticks of round numbers (1, 2 or 5 times a power of ten apart) around a range. */
function niceScale(least: number, most: number): { low: number; high: number; ticks: number[] } {
  const range = Math.max(most - least, 1);
  const rough = range / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const from = Math.floor(least / step);
  const to = Math.max(Math.ceil(most / step), from + 1);
  const ticks = Array.from({ length: to - from + 1 }, (_, i) => Number(((from + i) * step).toPrecision(12)));
  return { low: ticks[0]!, high: ticks.at(-1)!, ticks };
}

/** Characters by row and column. */
class Plane {
  readonly width: number;
  readonly #cells: string[][];

  constructor(width: number, height: number) {
    this.width = width;
    this.#cells = Array.from({ length: height }, () => new Array<string>(width).fill(' '));
  }

  /** What would fall outside is left out. */
  text(row: number, column: number, text: string): void {
    for (const [i, character] of [...text].entries())
      if (column + i >= 0 && column + i < this.width) this.#cells[row]![column + i] = character;
  }

  get lines(): string[] {
    return this.#cells.map((cells) => cells.join(''));
  }
}
