import type { Dim } from '../../../ir/graph.ts';
import { isArray } from '../config.ts';
import type { Json } from '../contract.ts';
import type { LayerCall, LayerConverter, LayerTable } from '../layer-call.ts';
import type { KerasTensor } from '../tensor.ts';
import { channelsOf, imageOf, spatialSizes } from '../window.ts';

type Pair = readonly [begin: number, end: number];
type Known = KerasTensor & { readonly shape: readonly Dim[] };

/** The first element of a Slice that goes to the end: INT32_MAX is beyond any axis. */
const TO_END: number = 2 ** 31 - 1;

/** `2`, `[2, 3]` or `[[1, 2], [3, 4]]`: what is added or cut off at both ends of each spatial axis. */
function pairsOf(call: LayerCall, key: string, spatial: number, otherwise: number): readonly Pair[] {
  const json: Json = call.config.get(key) ?? otherwise;
  const isPair = (item: Json): boolean => isArray(item) && item.length === 2 && item.every(isCount);
  if (isCount(json)) return Array.from({ length: spatial }, () => [json, json] as const);
  if (spatial === 1 && isPair(json)) return [json as unknown as Pair];
  if (isArray(json) && json.length === spatial) {
    if (json.every(isCount)) return json.map((count) => [count, count] as const);
    if (json.every(isPair)) return json as unknown as Pair[];
  }
  throw call.malformed(`its ${key} is no pair of whole numbers for each of ${spatial} axes`);
}

function isCount(json: Json): json is number {
  return Number.isSafeInteger(json) && (json as number) >= 0 && (json as number) < TO_END;
}

/** An image with channels first in memory; a sequence as it lies. */
function inputOf(call: LayerCall, spatial: number): Known {
  if (spatial > 1) return call.channelsFirstInput(spatial + 2);
  return call.float(call.inputOfRank(3)) as Known;
}

/** Physical axes of the spatial axes, in order. */
function spatialAxes(call: LayerCall, x: Known): number[] {
  const first = call.dataFormat === 'channels_last' ? 1 : 2;
  return spatialSizes(x.shape, call.dataFormat).map((_, i) => x.physicalAxis(first + i));
}

function zeroPadding(spatial: number): LayerConverter {
  return (call) => {
    const x = inputOf(call, spatial);
    const pairs = pairsOf(call, 'padding', spatial, 1);
    const axes = spatialAxes(call, x);
    const ends = (end: 0 | 1): number[] => x.shape.map((_, axis) => pairs[axes.indexOf(axis)]?.[end] ?? 0);
    const value = call.node('Pad', [x.value, call.integers('pads', [...ends(0), ...ends(1)])]);
    const sizes = spatialSizes(x.shape, call.dataFormat).map((size, i) =>
      typeof size === 'number' ? size + pairs[i]![0] + pairs[i]![1] : null,
    );
    return imageOf(x, value, channelsOf(x.shape, call.dataFormat), sizes, call.dataFormat);
  };
}

function cropping(spatial: number): LayerConverter {
  return (call) => cropped(call, inputOf(call, spatial), pairsOf(call, 'cropping', spatial, 0));
}

/** An image without some rows and columns at its ends. @throws malformed where nothing is left */
export function cropped(call: LayerCall, x: Known, pairs: readonly Pair[]): KerasTensor {
  const sizes = spatialSizes(x.shape, call.dataFormat).map((size, i) => {
    if (typeof size !== 'number') return null;
    const left = size - pairs[i]![0] - pairs[i]![1];
    if (left < 1) throw call.malformed(`crops ${pairs[i]} of ${size} elements`);
    return left;
  });
  const value = call.node('Slice', [
    x.value,
    call.integers(
      'starts',
      pairs.map(([begin]) => begin),
    ),
    call.integers(
      'ends',
      pairs.map(([, end]) => (end === 0 ? TO_END : -end)),
    ),
    call.integers('axes', spatialAxes(call, x)),
  ]);
  return imageOf(x, value, channelsOf(x.shape, call.dataFormat), sizes, call.dataFormat);
}

export const PADDING_LAYERS: LayerTable = {
  ZeroPadding1D: zeroPadding(1),
  ZeroPadding2D: zeroPadding(2),
  ZeroPadding3D: zeroPadding(3),
  Cropping1D: cropping(1),
  Cropping2D: cropping(2),
  Cropping3D: cropping(3),
};
