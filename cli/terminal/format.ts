/** Text from a file, safe to print: control characters, which could move the cursor or worse, become U+FFFD. */
export function printable(text: string): string {
  return text.replace(/\p{Control}|\p{Surrogate}/gu, '\ufffd');
}

/** A size in binary units with three digits: `512 B`, `68.9 KiB`, `1.04 MiB`. */
export function formatBytes(byteLength: number): string {
  if (byteLength < 1024) return `${byteLength} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let size = byteLength / 1024;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${size.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0)} ${units[unit]}`;
}

/** A whole number with thousands separators: `10,000`. */
export function grouped(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A count with its noun: `1 layer`, `20 layers`. */
export function plural(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `91.73 %`, or a dash where there is no number. */
export function percent(rate: number | null): string {
  return rate === null ? '–' : `${rate.toFixed(2)} %`;
}

/** `[91.17, 92.25]`, or nothing. */
export function interval(range: readonly [number, number] | null): string {
  return range === null ? '' : `[${range[0].toFixed(2)}, ${range[1].toFixed(2)}]`;
}

/** A difference with its sign, a real minus: `−0.78`. */
export function signed(points: number, digits = 2): string {
  const text = Math.abs(points).toFixed(digits);
  if (Number(text) === 0) return text;
  return points < 0 ? `−${text}` : `+${text}`;
}

/** A number with fixed digits, or a dash where there is none. */
export function fixed(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(digits);
}

/** `3.2 s`, `4 min 10 s`, `2 h 05 min`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** `[64,3,3,3]`. */
export function shape(dims: readonly (number | string | null)[]): string {
  return `[${dims.map((dim) => dim ?? '?').join(',')}]`;
}
