import { BnnqError } from '../errors.ts';
import { PRESETS } from './presets.ts';
import type { Preprocess } from './types.ts';

const FIELDS = ['preset', 'resize', 'crop', 'size', 'channelOrder', 'scale', 'mean', 'std', 'labelOffset'];

/**
 * Preprocessing from an object with the fields of `Preprocess`, all of them optional; what is absent comes from
 * `preset`, which is `raw` when absent. `crop` and `size` may be one number for a square.
 * @param where what messages call it
 * @throws option, with every problem there is
 */
export function checkPreprocess(value: unknown, where: string): Preprocess {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new BnnqError('option', `preprocessing "${where}": expected an object with ${FIELDS.join(', ')}`);
  const given = value as Record<string, unknown>;
  const problems: string[] = [];
  const got = (field: string): string => `got ${JSON.stringify(given[field])}`;
  const numberOf = (
    field: string,
    fits: (number: number) => boolean,
    expected: string,
  ): number | undefined => {
    const number = given[field];
    if (number === undefined) return undefined;
    if (typeof number === 'number' && fits(number)) return number;
    problems.push(`"${field}": expected ${expected}, ${got(field)}`);
    return undefined;
  };
  const pairOf = (field: string): readonly [number, number] | undefined => {
    const size = given[field];
    if (size === undefined) return undefined;
    const [height, width, ...more]: unknown[] =
      typeof size === 'number' ? [size, size] : Array.isArray(size) ? size : [];
    if (isSize(height) && isSize(width) && more.length === 0) return [height, width];
    problems.push(`"${field}": expected [height, width] in pixels, ${got(field)}`);
    return undefined;
  };
  const channelsOf = (field: 'mean' | 'std'): readonly number[] | undefined => {
    const numbers = given[field];
    if (numbers === undefined) return undefined;
    const list: unknown[] = typeof numbers === 'number' ? [numbers] : Array.isArray(numbers) ? numbers : [];
    const fits = (x: unknown): boolean =>
      Number.isFinite(x) && (field === 'mean' || Math.fround(x as number) !== 0);
    if ((list.length === 1 || list.length === 3) && list.every(fits)) return list as number[];
    problems.push(
      `"${field}": expected a number a channel${field === 'std' ? ', none of them 0' : ''}, ${got(field)}`,
    );
    return undefined;
  };

  for (const field of Object.keys(given))
    if (!FIELDS.includes(field)) problems.push(`"${field}" is unknown, there are ${FIELDS.join(', ')}`);
  const presetName = given.preset ?? 'raw';
  const known = typeof presetName === 'string' && Object.hasOwn(PRESETS, presetName);
  if (!known) problems.push(`"preset": expected one of ${Object.keys(PRESETS).join(', ')}, ${got('preset')}`);
  const { preset: _, ...base } = PRESETS[known ? presetName : 'raw']!;
  const order = given.channelOrder ?? base.channelOrder;
  if (order !== 'rgb' && order !== 'bgr')
    problems.push(`"channelOrder": expected "rgb" or "bgr", ${got('channelOrder')}`);
  const resize = numberOf('resize', isSize, 'a length in pixels');
  const crop = pairOf('crop');
  const size = pairOf('size');
  const result: Preprocess = {
    ...base,
    ...(resize !== undefined && { resize }),
    ...(crop && { crop }),
    ...(size && { size }),
    channelOrder: order as 'rgb' | 'bgr',
    scale: numberOf('scale', Number.isFinite, 'a number') ?? base.scale,
    mean: channelsOf('mean') ?? base.mean,
    std: channelsOf('std') ?? base.std,
    labelOffset: numberOf('labelOffset', Number.isInteger, 'a whole number') ?? base.labelOffset,
  };
  if (problems.length > 0)
    throw new BnnqError(
      'option',
      `preprocessing "${where}": ${problems.length === 1 ? '' : `${problems.length} problems:\n  `}${problems.join('\n  ')}`,
    );
  return result;
}

/** Sides of pictures; the bound keeps a slip from asking for all memory. */
function isSize(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 16_384;
}
