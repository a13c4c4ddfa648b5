import { sizeOf, type Tensor } from '../../tensor/tensor.ts';

/** Channels whose scale is below this part of the largest cannot make up for anything. */
const LEAST_SCALE = 1e-3;

/**
 * What a layer should give so that the residual sum behind it comes out as in the float network: y + (s − ŝ)/scale[c], where
 * s and ŝ are what is added in the float network and in the one discretized so far. So the errors that a residual stream
 * has gathered are made up for again and again on its way. y itself where the shapes differ.
 * @param axis of the channels
 */
export function residualAim(
  y: Tensor,
  float: Tensor,
  coded: Tensor,
  scale: Float64Array,
  axis: number,
): Tensor {
  const sameShape = (other: Tensor): boolean =>
    other.shape.length === y.shape.length && other.shape.every((dim, i) => dim === y.shape[i]);
  const isFloat = [y, float, coded].every(({ data }) => data instanceof Float32Array);
  if (!isFloat || !sameShape(float) || !sameShape(coded) || y.shape[axis] !== scale.length) return y;
  const largest = scale.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const inner = sizeOf(y.shape.slice(axis + 1));
  const aim = (y.data as Float32Array).slice();
  const [s, now] = [float.data as Float32Array, coded.data as Float32Array];
  for (let from = 0; from < aim.length; from += inner) {
    const factor = scale[(from / inner) % scale.length]!;
    if (Math.abs(factor) < LEAST_SCALE * largest || factor === 0) continue;
    for (let i = from; i < from + inner; i++) aim[i]! += (s[i]! - now[i]!) / factor;
  }
  return { ...y, data: aim };
}
