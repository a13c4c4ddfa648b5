/** A rate in percent, two digits: `91.73 %`. */
export function percent(rate: number): string {
  return `${rate.toFixed(2)} %`;
}

/** A difference in percentage points with its sign, a real minus: `−0.78`, `+0.05`, `0.00`. */
export function signed(points: number, digits = 2): string {
  const text = Math.abs(points).toFixed(digits);
  if (Number(text) === 0) return text;
  return points < 0 ? `−${text}` : `+${text}`;
}

/** `[91.17, 92.25]`. */
export function interval([low, high]: readonly [number, number]): string {
  return `[${low.toFixed(2)}, ${high.toFixed(2)}]`;
}

/** A whole number with thousands separators: `10,000`. */
export function grouped(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A size in binary units with three digits: `512 B`, `68.9 KiB`, `1.04 MiB`. */
export function bytes(byteLength: number | null | undefined): string {
  if (byteLength === null || byteLength === undefined) return '–';
  if (byteLength < 1024) return `${Math.round(byteLength)} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let size = byteLength / 1024;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${size.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0)} ${units[unit]}`;
}

/** How many times smaller: `7.1×`. */
export function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : 1)}×`;
}

/** A count and its noun: `1 bit`, `3 bits`. */
export function plural(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Arguments as one line that a POSIX shell reads back as the same arguments. */
export function shellLine(args: readonly string[]): string {
  return args
    .map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}

/** The last part of a path, whichever way its slashes lean. */
export function baseName(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== '') ?? path;
}
