/** Energy with three digits: `812 pJ`, `3.29 nJ`, `376 µJ`. */
export function energyText(microjoules: number): string {
  const units = ['pJ', 'nJ', 'µJ', 'mJ', 'J'];
  let [value, unit] = [microjoules * 1e6, 0];
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  if (value === 0) return '0';
  return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${units[unit]}`;
}
