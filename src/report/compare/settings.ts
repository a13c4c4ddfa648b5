import type { PointSettings } from '../../eval/types.ts';

/** Every setting, in one order. */
export const SETTING_NAMES: readonly (keyof PointSettings)[] = [
  ...(['scheme', 'bits', 'granularity', 'method', 'fit', 'levels', 'zero'] as const),
  ...(['bases', 'repairs', 'ridge', 'actBits', 'actRange'] as const),
];

/** The settings of a point alone, those that it is without left out; equal points have equal ones, in the same order. */
export function settingsOf(point: PointSettings): PointSettings {
  const entries = SETTING_NAMES.flatMap((name) =>
    point[name] === undefined ? [] : [[name, point[name]] as const],
  );
  return Object.fromEntries(entries) as unknown as PointSettings;
}
